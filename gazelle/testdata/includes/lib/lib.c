#include <mimalloc.h>
#include <stdlib.h>

void* lib(void) { return 0; }
