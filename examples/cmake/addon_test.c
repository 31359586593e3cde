#include <string.h>

char* addon_copy(const char* text);
void addon_free(char* text);

int main(void) {
  char* copy = addon_copy("mimalloc");
  if (copy == NULL || strcmp(copy, "mimalloc") != 0) return 1;
  addon_free(copy);
  return 0;
}
