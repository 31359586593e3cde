#include "lib/lib.h"
#include <mimalloc.h>

int lib(void) { return MI_MALLOC_VERSION; }
