/* Early life: malloc is the image's own, also for dyld, which allocates the blocks of thread-locals with it. That is so
   in every override build: dyld's calls of malloc are interposed as all others are. */
#include "tests/machorun/loader/tlv.h"
#include "subjects.h"

static const struct addon *addon;

static void *on_thread(void *unused) {
  void *block = addon->allocate(100);
  report("thread", block != NULL);
  addon->release(block);
  return unused;
}

bool early(int count, char **arguments) {
  if (count != 1) return false;
  struct library *library = host_load(arguments[0]);
  addon = host_addon(library);
  report("version", addon->version);
  tlv_allocate_by(addon->allocate, addon->release);
  host_initialize(library);
  report("initialized", 1);
  void *block = addon->allocate(100);
  report("main", block != NULL);
  addon->release(block);
  host_thread_join(host_thread_start(on_thread, NULL));
  report("deepest", tlv_deepest());
  return true;
}
