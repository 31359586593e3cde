/* What an image under test offers: the functions of the mimalloc inside it, behind one exported symbol. */
#ifndef MACHORUN_ADDON_H
#define MACHORUN_ADDON_H

#include <stdbool.h>
#include <stddef.h>

struct addon {
  int version; /* MI_MALLOC_VERSION */

  void *(*allocate)(size_t size);
  void *(*reallocate)(void *block, size_t size);
  void (*release)(void *block);
  size_t (*usable_size)(const void *block);
  bool (*owns)(const void *block); /* mi_is_in_heap_region: in memory that this mimalloc has from the system */

  void *(*heap_new)(void); /* a mi_heap_t */
  void *(*heap_allocate)(void *heap, size_t size);
  void (*heap_delete)(void *heap); /* its blocks go on living */

  /* Loops for benchmarks; in the image, because calls into it are no part of what is measured. */
  void (*pairs)(size_t size, long count); /* allocate and release, one at a time */
  void (*mix)(unsigned seed, long count); /* like larson: in a set of 1,024 blocks of 8 to 1,000 bytes, replace one */
};

/* The exported symbol: returns the table. */
const struct addon *machorun_addon(void);

#endif
