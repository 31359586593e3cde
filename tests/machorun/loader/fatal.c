#include "fatal.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void fatal(const char *format, ...) {
  va_list args;
  fflush(stdout);
  fputs("machorun: ", stderr);
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fputc('\n', stderr);
  _exit(STATUS_LOADER);
}
