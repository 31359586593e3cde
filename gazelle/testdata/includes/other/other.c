#include <mimalloc.h>
#include <stdlib.h>

void* other(void) { return 0; }
