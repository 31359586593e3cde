#define MI_MALLOC_VERSION 224  // major + 2 digits minor
