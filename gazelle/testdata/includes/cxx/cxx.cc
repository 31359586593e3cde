#include <mimalloc-new-delete.h>
#include <stdlib.h>

void* cxx(void) { return 0; }
