#include <mimalloc-override.h>
#include <stdlib.h>

void* over(void) { return 0; }
