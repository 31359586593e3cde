/* Mode A under load: two images used in turn by many threads. */
#include <stdatomic.h>
#include <stdint.h>

#include "subjects.h"

/* Blocks that wait for whichever thread comes next, so that most are released by another thread. */
struct block {
  uint32_t size, image, tag;
  unsigned char contents[];
};
enum { TABLE = 4096 };
static struct block *_Atomic table[TABLE];
static const struct addon *images[2];
static long operations;
static atomic_long nulls, foreign, lost;

static void check_and_release(struct block *block, bool grow) {
  const struct addon *own = images[block->image];
  for (uint32_t i = 0; i < block->size; i++)
    if (block->contents[i] != (unsigned char)(block->tag + i)) {
      lost++;
      break;
    }
  if (grow) {
    const uint32_t size = block->size, tag = block->tag;
    struct block *grown = own->reallocate(block, sizeof *block + 2 * size);
    if (!grown)
      nulls++;
    else if (grown->size != size || grown->tag != tag ||
             (size && grown->contents[size - 1] != (unsigned char)(tag + size - 1)))
      lost++;
    block = grown;
  }
  own->release(block);
}

static void *interleaved(void *argument) {
  uint32_t random = (uint32_t)(uintptr_t)argument * 2654435761u + 1;
  /* 3.3.2 with fixed slots or pthread keys crashes where a thread's first call is realloc: see races.c. */
  for (int i = 0; i < 2; i++) images[i]->release(images[i]->allocate(1));
  for (long i = 0; i < operations; i++) {
    random = random * 1664525u + 1013904223u;
    const uint32_t image = random >> 31, size = (random >> 16) % ((random & 0x700) ? 300 : 20000);
    struct block *block = images[image]->allocate(sizeof *block + size);
    if (!block) {
      nulls++;
      continue;
    }
    if (!images[image]->owns(block) || images[!image]->owns(block)) foreign++;
    *block = (struct block){size, image, random};
    for (uint32_t n = 0; n < size; n++) block->contents[n] = (unsigned char)(random + n);
    block = atomic_exchange(&table[random % TABLE], block);
    if (block) check_and_release(block, i % 8 == 0);
  }
  return NULL;
}

bool interleave(int count, char **arguments) {
  enum { MOST = 256 };
  struct thread *threads[MOST];
  if (count != 4) return false;
  const long thread_count = positive(arguments[2]);
  operations = positive(arguments[3]) / (thread_count ? thread_count : 1);
  if (!thread_count || thread_count > MOST || !operations) return false;
  for (int i = 0; i < 2; i++) images[i] = host_addon(open_library(arguments[i]));
  for (long i = 0; i < thread_count; i++) threads[i] = host_thread_start(interleaved, (void *)i);
  for (long i = 0; i < thread_count; i++) host_thread_join(threads[i]);
  for (int i = 0; i < TABLE; i++)
    if (table[i]) check_and_release(table[i], false);
  report("operations", operations * thread_count);
  report("null", nulls);
  report("foreign", foreign);
  report("lost", lost);
  return true;
}
