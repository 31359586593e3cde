// All of mimalloc, which is not here: this file stands for it.
#include "mimalloc.h"
