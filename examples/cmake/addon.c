#include <mimalloc.h>
#include <string.h>

char* addon_copy(const char* text) {
  char* copy = mi_strdup(text);
  return copy != NULL && mi_is_in_heap_region(copy) ? copy : NULL;
}

void addon_free(char* text) { mi_free(text); }
