/* Mode B: the image's termination while threads go on. */
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "subjects.h"

static const struct addon *addon;

/* Steps that the threads of a test take together: a thread waits until the number is reached. */
static atomic_int step;
static void wait_for(int number) {
  while (step < number) sched_yield();
}

static bool allocates(size_t size) {
  char *block = addon->allocate(size);
  if (!block) return false;
  memset(block, 1, size);
  addon->release(block);
  return true;
}

static void *old_worker(void *unused) {
  void *block = addon->allocate(64);
  report("worker_before", block != NULL);
  step = 1;
  wait_for(2);
  report("worker_after", allocates(64));
  report("worker_large_after", allocates(100000));
  addon->release(block);
  return unused;
}

static void *fresh_worker(void *unused) {
  report("fresh_thread_after", allocates(64));
  report("fresh_thread_large_after", allocates(100000));
  return unused;
}

/* Workers that never stop for the termination. */
static atomic_bool terminated, stop;
static atomic_long nulls, rounds_after;
static void *busy_worker(void *unused) {
  for (long i = 0; !stop; i++) {
    const bool after = terminated;
    if (!allocates(16 + i % 2000)) nulls++;
    if (after) rounds_after++;
  }
  return unused;
}

/* Ends after a number of rounds, not after a time. */
static void busy(struct library *library) {
  enum { ROUNDS = 2000 };
  struct thread *workers[2];
  for (int i = 0; i < 2; i++) workers[i] = host_thread_start(busy_worker, NULL);
  for (int i = 0; i < ROUNDS; i++) allocates(64);
  host_terminate(library);
  terminated = true;
  while (rounds_after < ROUNDS) sched_yield();
  stop = true;
  for (int i = 0; i < 2; i++) host_thread_join(workers[i]);
  report("busy_workers_null", nulls);
}

bool termination(int count, char **arguments) {
  enum { PAIRS = 2000 };
  if (count != 1) return false;
  struct library *library = open_library(arguments[0]);
  addon = host_addon(library);
  struct thread *worker = host_thread_start(old_worker, NULL);
  wait_for(1);
  report("main_before", allocates(64));
  host_terminate(library);
  step = 2;
  host_thread_join(worker);
  host_thread_join(host_thread_start(fresh_worker, NULL));
  report("main_after", allocates(64));
  const long before = host_resident();
  for (int i = 0; i < PAIRS; i++) allocates(64);
  report("grown_bytes", host_resident() - before);

  struct library *second = open_library(arguments[0]);
  addon = host_addon(second);
  busy(second);
  return true;
}
