/* Ends and beginnings that meet: termination beside threads that begin, keys that change hands, a first thread that
   goes, a thread that begins with realloc. */
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "subjects.h"

static const struct addon *addon;
static atomic_long nulls;

static void use(void) {
  for (int i = 0; i < 20; i++) {
    char *block = addon->allocate(16 << (i % 10));
    if (!block)
      nulls++;
    else
      *block = 1;
    addon->release(block);
  }
}

static void *user(void *unused) {
  use();
  return unused;
}

static atomic_bool stop;
static atomic_long begun;
static void *spawner(void *unused) {
  while (!stop) {
    host_thread_join(host_thread_start(user, NULL));
    begun++;
  }
  return unused;
}

/* An image is terminated while threads begin, use it and end. */
static void terminate(const char *path) {
  enum { IMAGES = 8, THREADS = 20 };
  for (int n = 0; n < IMAGES; n++) {
    struct library *library = open_library(path);
    addon = host_addon(library);
    begun = 0, stop = false;
    struct thread *spawners[2];
    for (int i = 0; i < 2; i++) spawners[i] = host_thread_start(spawner, NULL);
    while (begun < THREADS) use();
    host_terminate(library);
    const long then = begun;
    while (begun < then + THREADS) use();
    stop = true;
    for (int i = 0; i < 2; i++) host_thread_join(spawners[i]);
  }
  report("null", nulls);
}

/* Keys of another component, made after the image's termination: one of them may have the number of a key that mimalloc
   has given back. Its values are this component's alone. */
enum { KEYS = 8 };
static unsigned long keys[KEYS];
static int values[KEYS];
static atomic_long strange_values, strange_destructions;

static void destroy(void *value) {
  if ((int *)value < values || (int *)value >= values + KEYS) strange_destructions++;
}

static void *neighbour(void *unused) {
  use(); /* first of all: now mimalloc ties the thread to its exit handler */
  for (int i = 0; i < KEYS; i++)
    if (host_key_get(keys[i])) strange_values++;
  for (int i = 1; i < KEYS; i += 2) host_key_set(keys[i], &values[i]);
  use();
  for (int i = 1; i < KEYS; i += 2)
    if (host_key_get(keys[i]) != &values[i]) strange_values++;
  return unused;
}

static void recycle(const char *path) {
  struct library *library = open_library(path);
  addon = host_addon(library);
  use();
  host_thread_join(host_thread_start(user, NULL));
  host_terminate(library);
  for (int i = 0; i < KEYS; i++) keys[i] = host_key_create(destroy);
  for (int i = 0; i < 100; i++) host_thread_join(host_thread_start(neighbour, NULL));
  report("null", nulls);
  report("strange_values", strange_values);
  report("strange_destructions", strange_destructions);
}

/* An image is loaded and first used by a worker that ends, as a plugin may be. */
static char *left_behind;
static void *loader(void *path) {
  addon = host_addon(open_library(path));
  use();
  left_behind = addon->allocate(1000);
  memset(left_behind, 7, 1000);
  return NULL;
}

static void worker(char *path) {
  host_thread_join(host_thread_start(loader, path));
  use();
  for (int i = 0; i < 100; i++) host_thread_join(host_thread_start(user, NULL));
  long wrong = 0;
  for (int i = 0; i < 1000; i++) wrong += left_behind[i] != 7;
  char *block = addon->allocate(1000);
  addon->release(left_behind);
  addon->release(block);
  use();
  report("null", nulls);
  report("wrong", wrong);
}

/* A thread's first call is realloc, of another thread's block. */
static void *grow(void *block) {
  char *grown = addon->reallocate(block, 90); /* fits */
  const long kept = grown && !strcmp(grown, "contents");
  addon->release(grown);
  return (void *)kept;
}

static void reallocate(const char *path) {
  addon = host_addon(open_library(path));
  char *block = addon->allocate(100);
  strcpy(block, "contents");
  report("kept", host_thread_join(host_thread_start(grow, block)) != NULL);
}

bool races(int count, char **arguments) {
  if (count != 2) return false;
  if (!strcmp(arguments[1], "terminate"))
    terminate(arguments[0]);
  else if (!strcmp(arguments[1], "recycle"))
    recycle(arguments[0]);
  else if (!strcmp(arguments[1], "worker"))
    worker(arguments[0]);
  else if (!strcmp(arguments[1], "realloc"))
    reallocate(arguments[0]);
  else
    return false;
  return true;
}
