/* Slots: Darwin keeps an array of pointers per thread, its thread-specific data, and its code reads them by number
   through a register that Linux uses otherwise. Slot 0 is the address of the thread itself; mimalloc takes it for the
   thread's number. Slots 108 and 109 are where mimalloc's fixed-slot model keeps its heaps. From 256 on they are the
   values of pthread keys (libpthread, src/pthread_tsd.c and src/types_internal.h).

   On x86_64 the array is at %gs, which Linux leaves alone. On arm64 it is at TPIDRRO_EL0, which Linux keeps zero for
   itself, so image.c rewrites the images to read TPIDR_EL0, the thread pointer of Linux. There the first words belong
   to the C library (musl leaves the two at the pointer free) and then come the thread-locals of the executable, of
   which there is therefore one only: the array from slot 2 on. slots_enter checks that it lies so. */
#ifndef MACHORUN_SLOTS_H
#define MACHORUN_SLOTS_H

#include <stdint.h>

enum {
  SLOT_SELF = 0,
  FIRST_KEY = 256,
  END_KEY = 768, /* one past the last key */
  /* No image knows of these: how deep first touches of thread-locals are nested (tlv.c), and the list of threads. */
  SLOT_TLV_DEPTH = 1019,
  SLOT_NEXT = 1020,
  SLOT_PREVIOUS = 1021,
  SLOTS = 1024,
};

#if defined(__x86_64__)
static inline void *slot_get(uintptr_t slot) {
  void *value;
  __asm__ volatile("movq %%gs:0(,%1,8), %0" : "=r"(value) : "r"(slot));
  return value;
}
static inline void slot_set(uintptr_t slot, void *value) {
  __asm__ volatile("movq %0, %%gs:0(,%1,8)" : : "r"(value), "r"(slot) : "memory");
}
#elif defined(__aarch64__)
static inline void **slot_base(void) {
  void **base;
  __asm__ volatile("mrs %0, tpidr_el0" : "=r"(base));
  return base;
}
static inline void *slot_get(uintptr_t slot) { return slot_base()[slot]; }
static inline void slot_set(uintptr_t slot, void *value) { slot_base()[slot] = value; }
#else
#error "machorun runs x86_64 and arm64 images, on the same architecture"
#endif

/* Gives the calling thread its slots, before it calls into an image; takes them back, after the last call. */
void slots_enter(void);
void slots_leave(void);

/* Sets a slot to null in all threads. */
void slots_clear(uintptr_t slot);

#endif
