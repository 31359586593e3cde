#include "tlv.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fatal.h"
#include "image.h"
#include "keys.h"
#include "macho.h"
#include "slots.h"

void *tlv_thunk(struct tlv_descriptor *descriptor); /* tlv_thunk_*.S */

static struct image *image_of_key[END_KEY];
static atomic_int deepest;

/* Memory of which nothing is used twice: a reservation that is handed out from its start. */
enum { PAGE = 4096, HEADER = 64 };
static const size_t reservation_size = (size_t)16 << 30;
static uint8_t *reservation;
static atomic_size_t reservation_used;

static void *allocate_once(size_t size) {
  const size_t mapped = (size + HEADER + PAGE - 1) / PAGE * PAGE;
  const size_t offset = atomic_fetch_add(&reservation_used, mapped);
  if (offset + mapped > reservation_size) fatal("out of addresses for thread-locals");
  size_t *block = (size_t *)(reservation + offset);
  if (mprotect(block, mapped, PROT_READ | PROT_WRITE)) fatal("no memory for thread-locals");
  *block = mapped;
  return (uint8_t *)block + HEADER;
}

static void release_once(void *variables) {
  size_t *block = (size_t *)((uint8_t *)variables - HEADER);
  if (mmap(block, *block, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
    fatal("cannot take the memory of thread-locals away");
}

static void *(*allocate)(size_t) = allocate_once;
static void (*release)(void *) = release_once;

void tlv_allocate_by(void *(*allocate_function)(size_t), void (*release_function)(void *)) {
  allocate = allocate_function;
  release = release_function;
}

int tlv_deepest(void) { return deepest; }

static void destroy(void *variables) { release(variables); }

void tlv_set_up(struct image *image) {
  unsigned long key;
  if (!image->tlv_descriptors_count) return;
  if (!reservation) {
    reservation = mmap(NULL, reservation_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reservation == MAP_FAILED) fatal("no addresses for thread-locals");
  }
  if (key_create(&key, destroy)) fatal("%s: no key for its thread-locals", image->path);
  image_of_key[key] = image;
  for (int i = 0; i < image->tlv_descriptors_count; i++) {
    struct tlv_descriptor *descriptors = image_at(image, image->tlv_descriptors[i].address);
    for (uint64_t n = 0; n < image->tlv_descriptors[i].size / sizeof *descriptors; n++) {
      if (descriptors[n].offset > image->tlv_template.size) fatal("%s: malformed thread-local", image->path);
      descriptors[n].thunk = tlv_thunk;
      descriptors[n].key = key;
    }
  }
}

struct terminator_list {
  struct terminator_list *next;
  void (*function)(void *);
  void *argument;
};

static unsigned long terminators_key;

/* Runs the last one first, and those that they add. */
static void run_terminators(void *list) {
  for (struct terminator_list *at = list, *next; at; at = next) {
    next = at->next;
    at->function(at->argument);
    free(at);
    struct terminator_list *added = key_get(terminators_key);
    if (!added) continue;
    key_set(terminators_key, NULL);
    run_terminators(added);
  }
}

void tlv_start(void) {
  if (key_create(&terminators_key, run_terminators)) fatal("no key for the destructors of thread-locals");
}

void tlv_atexit(void (*function)(void *), void *argument) {
  struct terminator_list *entry = malloc(sizeof *entry);
  if (!entry) fatal("no memory for a destructor of a thread-local");
  *entry = (struct terminator_list){key_get(terminators_key), function, argument};
  key_set(terminators_key, entry);
}

/* Makes the calling thread's block for the image of a descriptor. The thunk calls it. */
__attribute__((used)) void *tlv_first_touch(const struct tlv_descriptor *descriptor) {
  const struct image *image = image_of_key[descriptor->key];
  const size_t size = image->tlv_template.size, filled = image->tlv_template_filled;
  const uintptr_t depth = (uintptr_t)slot_get(SLOT_TLV_DEPTH) + 1;
  int before = deepest;
  while (before < (int)depth && !atomic_compare_exchange_weak(&deepest, &before, (int)depth)) {
  }
  if (depth >= TLV_DEEPEST) {
    static const char line[] = "tlv_recursion 1\n"; /* as a driver would say it (../driver/subjects.h) */
    fflush(stdout);
    if (write(STDOUT_FILENO, line, sizeof line - 1) < 0) _exit(STATUS_LOADER);
    _exit(STATUS_TLV_RECURSION);
  }
  slot_set(SLOT_TLV_DEPTH, (void *)depth);
  uint8_t *block = allocate(size);
  slot_set(SLOT_TLV_DEPTH, (void *)(depth - 1));
  if (!block) fatal("%s: malloc returned NULL for its thread-locals", image->path);
  memcpy(block, image_at(image, image->tlv_template.address), filled);
  memset(block + filled, 0, size - filled);
  slot_set(descriptor->key, block);
  return block + descriptor->offset;
}
