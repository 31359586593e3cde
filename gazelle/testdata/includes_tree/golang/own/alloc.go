package own

// #include <mimalloc.h>
import "C"

// Version is that of the allocator.
const Version = C.MI_MALLOC_VERSION
