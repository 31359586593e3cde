// malloc is mimalloc's in an executable that is linked with
// malloc = "@mimalloc", and many threads live on it.
#include <mimalloc.h>

#include "tests/native/threads.h"

int main(void) {
  char* p = malloc(100);
  CHECK(mi_is_in_heap_region(p));
  strcpy(p, "allocated by malloc");
  char* copy = strdup(p);  // the C library's own calls too
  CHECK(mi_is_in_heap_region(copy));
  free(p);
  mi_free(copy);  // the same heap
  const struct allocator a = {malloc, realloc, free};
  run_threads(&a);
  return 0;
}
