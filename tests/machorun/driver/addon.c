/* The images under test: each is this file and a mimalloc, as an addon or extension would be. */
#include "addon.h"

#include <mimalloc.h>
#include <string.h>

static void *heap_new(void) { return mi_heap_new(); }
static void *heap_allocate(void *heap, size_t size) { return mi_heap_malloc(heap, size); }
static void heap_delete(void *heap) { mi_heap_delete(heap); }

static void pairs(size_t size, long count) {
  for (long i = 0; i < count; i++) {
    char *volatile block = mi_malloc(size); /* volatile: or the pair could go */
    *block = 1;
    mi_free(block);
  }
}

static void mix(unsigned seed, long count) {
  enum { SET = 1024 };
  void *set[SET] = {0};
  for (long i = 0; i < count; i++) {
    seed = seed * 1664525u + 1013904223u;
    void **place = &set[seed >> 22];
    mi_free(*place);
    *place = mi_malloc(8 + (seed >> 8) % 993);
    if (*place) *(char *)*place = 1;
  }
  for (int i = 0; i < SET; i++) mi_free(set[i]);
}

const struct addon *machorun_addon(void) {
  static const struct addon table = {
      .version = MI_MALLOC_VERSION,
      .allocate = mi_malloc,
      .reallocate = mi_realloc,
      .release = mi_free,
      .usable_size = mi_usable_size,
      .owns = mi_is_in_heap_region,
      .heap_new = heap_new,
      .heap_allocate = heap_allocate,
      .heap_delete = heap_delete,
      .pairs = pairs,
      .mix = mix,
  };
  return &table;
}
