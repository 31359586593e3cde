// Many threads allocate from an embedded mimalloc, free each other's blocks and
// exit, while malloc stays the system's.
#include <mimalloc.h>

#include "tests/native/threads.h"

int main(void) {
  void* p = mi_malloc(100);
  void* q = malloc(100);
  CHECK(mi_is_in_heap_region(p));
  CHECK(!mi_is_in_heap_region(q));
  CHECK(mi_usable_size(p) >= 100);
  free(q);
  mi_free(p);
  const struct allocator a = {mi_malloc, mi_realloc, mi_free};
  run_threads(&a);
  return 0;
}
