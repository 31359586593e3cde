#include "greet.h"

int main(void) { return greet_count() == 1 ? 0 : 1; }
