/* Benchmarks. One run times all images in turn, and each round begins with another, so that what disturbs the machine
   disturbs all. Prints raw numbers, "IMAGE_OPERATION PICOSECONDS" with the index of the image, once per round. */
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "subjects.h"

enum { MOST = 16, THREADS = 64 };

/* Time of a processor, of this thread or of all: other processes' turns on it do not count. */
static long now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec * 1000000000L + time.tv_nsec;
}

static void print(int image, const char *operation, double nanoseconds) {
  printf("%d_%s %ld\n", image, operation, (long)(nanoseconds * 1000));
}

static void pairs(int image, const struct addon *addon, const char *operation, size_t size, long count) {
  const long start = now(CLOCK_THREAD_CPUTIME_ID);
  addon->pairs(size, count);
  print(image, operation, (double)(now(CLOCK_THREAD_CPUTIME_ID) - start) / (double)count);
}

static const long mixed = 200000;
static void *mix(void *argument) {
  const struct addon *addon = argument;
  addon->mix((unsigned)(uintptr_t)&argument, mixed);
  return NULL;
}

static void mixes(int image, const struct addon *addon) {
  enum { WORKERS = 4 };
  struct thread *workers[WORKERS];
  const long start = now(CLOCK_PROCESS_CPUTIME_ID);
  for (int i = 0; i < WORKERS; i++) workers[i] = host_thread_start(mix, (void *)addon);
  for (int i = 0; i < WORKERS; i++) host_thread_join(workers[i]);
  print(image, "mix", (double)(now(CLOCK_PROCESS_CPUTIME_ID) - start) / (double)(mixed * WORKERS));
}

/* The first allocation of threads that are all alive until the last has had its turn. */
static atomic_int done;
static atomic_long spent;
static void *first(void *argument) {
  const struct addon *addon = argument;
  const long start = now(CLOCK_THREAD_CPUTIME_ID);
  void *block = addon->allocate(64);
  spent += now(CLOCK_THREAD_CPUTIME_ID) - start;
  done++;
  while (done < THREADS) sched_yield();
  addon->release(block);
  return NULL;
}

static void firsts(int image, const struct addon *addon) {
  struct thread *threads[THREADS];
  done = 0, spent = 0;
  for (int i = 0; i < THREADS; i++) threads[i] = host_thread_start(first, (void *)addon);
  for (int i = 0; i < THREADS; i++) host_thread_join(threads[i]);
  print(image, "first", (double)spent / THREADS);
}

bool timing(int count, char **arguments) {
  const struct addon *addons[MOST];
  const long rounds = count > 1 ? positive(arguments[0]) : 0;
  count--, arguments++;
  if (!rounds || count > MOST) return false;
  for (int i = 0; i < count; i++) {
    addons[i] = host_addon(open_library(arguments[i]));
    addons[i]->pairs(64, 100000);
  }
  for (long round = 0; round < rounds; round++) {
    for (int n = 0; n < count; n++) {
      const int i = (int)((n + round) % count);
      pairs(i, addons[i], "16", 16, 1000000);
      pairs(i, addons[i], "64", 64, 1000000);
      pairs(i, addons[i], "1024", 1024, 1000000);
      pairs(i, addons[i], "65536", 65536, 100000);
    }
    for (int n = 0; n < count; n++) mixes((int)((n + round) % count), addons[(n + round) % count]);
    for (int n = 0; n < count; n++) firsts((int)((n + round) % count), addons[(n + round) % count]);
    fprintf(stderr, "round %ld of %ld\n", round + 1, rounds);
  }
  return true;
}
