/* The ends of threads: what does each leave behind? */
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "subjects.h"

static const struct addon *addon;
static long heaps;
static bool has_key, key_allocates;
static unsigned long key;
static atomic_long nulls, destructors;

/* The destructor of another component's pthread key, which uses the image at the end of a thread. The value is a block
   of the image. */
static void destroy(void *value) {
  destructors++;
  if (key_allocates) {
    char *block = addon->allocate(200);
    if (!block)
      nulls++;
    else
      memset(block, 2, 200);
    addon->release(block);
  }
  addon->release(value);
}

static void *worker(void *unused) {
  void *blocks[32];
  for (int i = 0; i < 32; i++)
    if (!(blocks[i] = addon->allocate(16 + 40 * i))) nulls++;
  for (long i = 0; i < heaps; i++) {
    void *heap = addon->heap_new();
    void *block = heap ? addon->heap_allocate(heap, 100) : NULL;
    if (!block) nulls++;
    addon->release(block);
    if (heap) addon->heap_delete(heap);
  }
  if (has_key) host_key_set(key, addon->allocate(100));
  for (int i = 0; i < 32; i++) addon->release(blocks[i]);
  return unused;
}

static void run(long threads) {
  enum { AT_ONCE = 4 };
  struct thread *started[AT_ONCE];
  for (long n = 0; n < threads; n += AT_ONCE) {
    for (int i = 0; i < AT_ONCE; i++) started[i] = host_thread_start(worker, NULL);
    for (int i = 0; i < AT_ONCE; i++) host_thread_join(started[i]);
  }
}

/* Is TEXT one of two words? Sets VALUE to whether it is the first. */
static bool choose(const char *text, const char *yes, const char *no, bool *value) {
  *value = !strcmp(text, yes);
  return *value || !strcmp(text, no);
}

bool exits(int count, char **arguments) {
  if (count != 5) return false;
  const long threads = positive(arguments[1]);
  const char *when = arguments[3];
  heaps = positive(arguments[2]);
  has_key = strcmp(when, "none") != 0;
  if (!threads || !choose(arguments[4], "allocate", "release", &key_allocates)) return false;

  /* When the key is made decides when it is destroyed: before the image's thread-locals and mimalloc's own key, between
     the two, or after. */
  const bool before = !strcmp(when, "before"), between = !strcmp(when, "between"), after = !strcmp(when, "after");
  if (has_key && !before && !between && !after) return false;
  if (before) key = host_key_create(destroy);
  struct library *library = host_load(arguments[0]);
  if (between) key = host_key_create(destroy);
  host_initialize(library);
  addon = host_addon(library);
  addon->release(addon->allocate(1));
  if (after) key = host_key_create(destroy);

  run(threads / 10); /* until memory that is used again and again has been touched once */
  const long memory = host_resident();
  run(threads);
  report("threads", threads);
  report("grown_bytes_per_thread", (host_resident() - memory) / threads);
  report("null", nulls);
  report("destructors", destructors);
  return true;
}
