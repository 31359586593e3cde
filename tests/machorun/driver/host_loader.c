/* host.h by the loader, on Linux. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "host.h"
#include "tests/machorun/loader/fatal.h"
#include "tests/machorun/loader/image.h"
#include "tests/machorun/loader/keys.h"
#include "tests/machorun/loader/resident.h"
#include "tests/machorun/loader/slots.h"
#include "tests/machorun/loader/tlv.h"

void host_start(unsigned seconds) {
  alarm(seconds);
  slots_enter();
  tlv_start();
}

struct library *host_load(const char *path) { return (struct library *)image_map(path); }
void host_initialize(struct library *library) { image_initialize((struct image *)library); }
void host_terminate(struct library *library) { image_terminate((struct image *)library); }

const struct addon *host_addon(struct library *library) {
  struct image *image = (struct image *)library;
  const struct addon *(*function)(void) = (const struct addon *(*)(void))image_symbol(image, "machorun_addon");
  if (!function) fatal("%s: has no machorun_addon", image->path);
  return function();
}

struct thread {
  pthread_t id;
  void *(*function)(void *);
  void *argument;
};

static void *run(void *argument) {
  struct thread *thread = argument;
  slots_enter();
  void *result = thread->function(thread->argument);
  keys_destroy();
  slots_leave();
  return result;
}

struct thread *host_thread_start(void *(*function)(void *), void *argument) {
  struct thread *thread = malloc(sizeof *thread);
  *thread = (struct thread){.function = function, .argument = argument};
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 256 << 10);
  if (pthread_create(&thread->id, &attributes, run, thread)) fatal("cannot start a thread");
  pthread_attr_destroy(&attributes);
  return thread;
}

void *host_thread_join(struct thread *thread) {
  void *result;
  pthread_join(thread->id, &result);
  free(thread);
  return result;
}

unsigned long host_key_create(void (*destructor)(void *)) {
  unsigned long key;
  if (key_create(&key, destructor)) fatal("out of keys");
  return key;
}

void host_key_delete(unsigned long key) {
  if (key_delete(key)) fatal("%lu is no key", key);
}

void *host_key_get(unsigned long key) { return key_get(key); }

void host_key_set(unsigned long key, const void *value) {
  if (key_set(key, value)) fatal("%lu is no key", key);
}

long host_resident(void) { return (long)resident_bytes(); }
