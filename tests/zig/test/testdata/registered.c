// Reached by nothing but the linker: lost unless the library is linked whole (alwayslink).
void greet_registered(void) {}
