/* The subjects of the tests: each a command of machorun. It prints what it saw as lines "NAME NUMBER" and leaves the
   judgement to the test. An argument that is missing or wrong is the caller's usage error: false. */
#ifndef MACHORUN_SUBJECTS_H
#define MACHORUN_SUBJECTS_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "host.h"

bool ownership(int count, char **arguments);
bool interleave(int count, char **arguments);
bool termination(int count, char **arguments);
bool exits(int count, char **arguments);
bool races(int count, char **arguments);
bool early(int count, char **arguments);
bool timing(int count, char **arguments);

/* Prints at once: the process may crash next. */
static inline void report(const char *name, long value) {
  printf("%s %ld\n", name, value);
  fflush(stdout);
}

/* Loads and initialises. */
static inline struct library *open_library(const char *path) {
  struct library *library = host_load(path);
  host_initialize(library);
  return library;
}

/* A number of 1 or more, or 0. */
static inline long positive(const char *text) {
  char *end;
  const long value = strtol(text, &end, 10);
  return *text && !*end && value > 0 ? value : 0;
}

#endif
