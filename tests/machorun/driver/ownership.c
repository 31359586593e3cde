/* Mode A: two images, each with a mimalloc of its own. */
#include <string.h>

#include "subjects.h"

struct pair {
  const struct addon *first, *second;
};

/* Allocates with one image, then with the other, on the calling thread. */
static void both(const char *where, const struct pair *pair) {
  char name[64];
#define REPORT(text, value) (snprintf(name, sizeof name, "%s_" text, where), report(name, value))
  char *a = pair->first->allocate(100), *b = pair->second->allocate(100);
  strcpy(a, "first's contents");
  strcpy(b, "second's contents");
  REPORT("first_in_first", pair->first->owns(a));
  REPORT("first_in_second", pair->second->owns(a));
  REPORT("second_in_first", pair->first->owns(b));
  REPORT("second_in_second", pair->second->owns(b));
  REPORT("second_usable_size_fits", pair->second->usable_size(b) >= 100);
  REPORT("second_usable_size_is_0", pair->second->usable_size(b) == 0);
  char *grown = pair->second->reallocate(b, 5000);
  REPORT("second_contents_kept", grown && !strcmp(grown, "second's contents"));
  char *grown_first = pair->first->reallocate(a, 5000);
  REPORT("first_contents_kept", grown_first && !strcmp(grown_first, "first's contents"));
  pair->second->release(grown);
  pair->first->release(grown_first);
#undef REPORT
}

static void *on_thread(void *pair) {
  both("thread", pair);
  return NULL;
}

bool ownership(int count, char **arguments) {
  if (count != 2) return false;
  const struct addon *a = host_addon(open_library(arguments[0])), *b = host_addon(open_library(arguments[1]));
  struct pair straight = {a, b}, reversed = {b, a};
  both("main", &straight);
  host_thread_join(host_thread_start(on_thread, &reversed)); /* a thread that the second image saw first */
  return true;
}
