#include <mimalloc.h>
#include <stdlib.h>

void* own(void) { return 0; }
