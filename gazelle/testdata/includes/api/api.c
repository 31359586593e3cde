#include <mimalloc.h>
#include <stdlib.h>

void* api(void) { return 0; }
