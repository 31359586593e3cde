#include "slots.h"

#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fatal.h"

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static void **threads; /* the slots of the first thread in the list */

static void list_add(void **slots) {
  pthread_mutex_lock(&list_lock);
  slots[SLOT_NEXT] = threads;
  slots[SLOT_PREVIOUS] = NULL;
  if (threads) threads[SLOT_PREVIOUS] = slots;
  threads = slots;
  pthread_mutex_unlock(&list_lock);
}

static void list_remove(void **slots) {
  pthread_mutex_lock(&list_lock);
  void **next = slots[SLOT_NEXT], **previous = slots[SLOT_PREVIOUS];
  if (next) next[SLOT_PREVIOUS] = previous;
  if (previous)
    previous[SLOT_NEXT] = next;
  else
    threads = next;
  pthread_mutex_unlock(&list_lock);
}

void slots_clear(uintptr_t slot) {
  pthread_mutex_lock(&list_lock);
  for (void **slots = threads; slots; slots = slots[SLOT_NEXT]) slots[slot] = NULL;
  pthread_mutex_unlock(&list_lock);
}

#if defined(__x86_64__)

enum { ARCH_SET_GS = 0x1001 }; /* asm/prctl.h */

void slots_enter(void) {
  void **slots = mmap(NULL, SLOTS * sizeof *slots, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (slots == MAP_FAILED) fatal("no memory for a thread's slots");
  slots[SLOT_SELF] = slots;
  if (syscall(SYS_arch_prctl, ARCH_SET_GS, slots)) fatal("arch_prctl(ARCH_SET_GS) failed");
  list_add(slots);
}

void slots_leave(void) {
  void **slots = slot_get(SLOT_SELF);
  list_remove(slots);
  syscall(SYS_arch_prctl, ARCH_SET_GS, NULL);
  munmap(slots, SLOTS * sizeof *slots);
}

#else

static _Thread_local void *slots_from_2[SLOTS - 2];

void slots_enter(void) {
  void **slots = slot_base();
  if ((void *)slots_from_2 != (void *)(slots + 2))
    fatal("the thread's slots are at %td bytes from the thread pointer, not at 16: is there another thread-local?",
          (char *)slots_from_2 - (char *)slots);
  memset(slots_from_2, 0, sizeof slots_from_2);
  slots[SLOT_SELF] = slots;
  list_add(slots);
}

void slots_leave(void) { list_remove(slot_base()); }

#endif
