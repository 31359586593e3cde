#include "lib/lib.h"

int main(void) { return lib(); }
