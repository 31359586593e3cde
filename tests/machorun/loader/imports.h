/* What an image imports: functions and variables of libSystem, with Darwin's ABI. The constants that they take are
   Darwin's and differ from Linux's; so do the objects (a pthread_mutex_t has 64 bytes). Only what mimalloc calls is here. On
   arm64 Darwin passes variadic arguments on the stack, where Linux's functions do not look: nothing here is variadic. */
#ifndef MACHORUN_IMPORTS_H
#define MACHORUN_IMPORTS_H

#include <stdbool.h>

struct image;

struct import {
  const char *name; /* with C's underscore in front */
  const void *value;
};

/* By subject, each with a null name at the end. */
extern const struct import memory_imports[], thread_imports[], system_imports[];

/* The value of an import: ours, or the image's own if it defines the name (a weak definition). Null for a weak import
   that is unknown. Any other unknown one becomes code that ends the process and says its name when it is called: many
   imports are never called. */
const void *import_resolve(const struct image *image, const char *name, bool weak);

#endif
