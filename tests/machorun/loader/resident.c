#include "resident.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fatal.h"

enum { MAX_RANGES = 4096 };
static struct {
  uintptr_t start, end;
} ranges[MAX_RANGES];
static int range_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void add(uintptr_t start, uintptr_t end) {
  if (start == end) return;
  if (range_count == MAX_RANGES) fatal("more than %d mappings", MAX_RANGES);
  ranges[range_count].start = start;
  ranges[range_count++].end = end;
}

static void remove_range(uintptr_t start, uintptr_t end) {
  for (int i = range_count - 1; i >= 0; i--) {
    const uintptr_t from = ranges[i].start, to = ranges[i].end;
    if (to <= start || end <= from) continue;
    ranges[i] = ranges[--range_count];
    if (from < start) add(from, start);
    if (end < to) add(end, to);
  }
}

void resident_add(void *address, size_t size) {
  pthread_mutex_lock(&lock);
  remove_range((uintptr_t)address, (uintptr_t)address + size); /* MAP_FIXED */
  add((uintptr_t)address, (uintptr_t)address + size);
  pthread_mutex_unlock(&lock);
}

void resident_remove(void *address, size_t size) {
  pthread_mutex_lock(&lock);
  remove_range((uintptr_t)address, (uintptr_t)address + size);
  pthread_mutex_unlock(&lock);
}

size_t resident_bytes(void) {
  enum { AT_ONCE = 1 << 16 };
  static unsigned char in_core[AT_ONCE];
  const size_t page = sysconf(_SC_PAGESIZE);
  size_t pages = 0;
  pthread_mutex_lock(&lock);
  for (int i = 0; i < range_count; i++) {
    for (uintptr_t at = ranges[i].start & ~(page - 1); at < ranges[i].end; at += AT_ONCE * page) {
      size_t n = (ranges[i].end - at + page - 1) / page;
      if (n > AT_ONCE) n = AT_ONCE;
      if (mincore((void *)at, n * page, in_core)) fatal("mincore failed");
      for (size_t k = 0; k < n; k++) pages += in_core[k] & 1;
    }
  }
  pthread_mutex_unlock(&lock);
  return pages * page;
}
