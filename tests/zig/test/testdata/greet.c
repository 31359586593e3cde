#include "greet.h"

#include <stdio.h>

static _Thread_local int count;

int greet_count(void) {
  // What differs from build to build if the toolchain lets it.
  printf("%s %s %s %s\n", __FILE__, __DATE__, __TIME__, __TIMESTAMP__);
  return ++count;
}
