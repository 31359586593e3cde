// A workload for the tests beside it: threads that allocate, resize, hand
// blocks to each other and check what is in them.
#ifndef TESTS_NATIVE_THREADS_H_
#define TESTS_NATIVE_THREADS_H_

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                     \
  do {                                                                       \
    if (!(condition)) {                                                      \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      exit(1);                                                               \
    }                                                                        \
  } while (0)

enum { kThreads = 64, kRounds = 2000, kSlots = 256 };

struct allocator {
  void* (*allocate)(size_t);
  void* (*resize)(void*, size_t);
  void (*release)(void*);
};

struct block {
  size_t size;
  unsigned char bytes[];
};

static const struct allocator* threads_allocator;
static struct block* threads_slots[kSlots];

static void fill(struct block* b, size_t size) {
  b->size = size;
  memset(b->bytes, (int)(size & 0xff), size);
}

static void verify(const struct block* b) {
  for (size_t i = 0; i < b->size; i++) CHECK(b->bytes[i] == (b->size & 0xff));
}

static void* thread_main(void* arg) {
  const struct allocator* a = threads_allocator;
  unsigned seed = (unsigned)(size_t)arg * 2654435761u + 1;
  for (int i = 0; i < kRounds; i++) {
    seed = seed * 1664525u + 1013904223u;
    const size_t size = (seed >> 8) % (i % 100 == 0 ? 100000 : 600) + 1;
    struct block* b = a->allocate(sizeof(struct block) + size);
    CHECK(b != NULL);
    fill(b, size);
    if (seed & 1) {
      b = a->resize(b, sizeof(struct block) + size * 2);
      CHECK(b != NULL);
      verify(b);
      fill(b, size * 2);
    }
    // Somebody else's block comes back in exchange.
    struct block* old = __atomic_exchange_n(&threads_slots[(seed >> 16) % kSlots], b, __ATOMIC_ACQ_REL);
    if (old != NULL) {
      verify(old);
      a->release(old);
    }
  }
  return NULL;
}

static void run_threads(const struct allocator* a) {
  threads_allocator = a;
  pthread_t threads[kThreads];
  for (size_t i = 0; i < kThreads; i++) CHECK(pthread_create(&threads[i], NULL, thread_main, (void*)i) == 0);
  for (size_t i = 0; i < kThreads; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  for (size_t i = 0; i < kSlots; i++) {
    struct block* b = threads_slots[i];
    if (b != NULL) {
      verify(b);
      a->release(b);
    }
  }
}

#endif  // TESTS_NATIVE_THREADS_H_
