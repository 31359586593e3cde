#include "counter.h"

#include <stdio.h>

int main(void) {
  struct counter* c = counter_new();
  counter_add(c, "heap");
  counter_add(c, "slot");
  const size_t seen = counter_add(c, "heap");
  counter_free(c);
  if (seen != 2) {
    fprintf(stderr, "seen %zu times, want 2\n", seen);
    return 1;
  }
  return 0;
}
