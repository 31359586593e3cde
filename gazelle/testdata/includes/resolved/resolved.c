#include <mimalloc.h>
#include <stdlib.h>

void* resolved(void) { return 0; }
