/* libSystem: threads. Keys are in keys.c. */
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "imports.h"
#include "keys.h"
#include "slots.h"

/* Darwin's pthread_mutex_t: 8 bytes of signature, which a static initialiser sets, and 56 that are the library's own.
   The lock is a word in there, zero at first: 0 free, 1 taken, 2 taken and waited for. */
struct mutex {
  uint64_t signature;
  atomic_uint state;
  uint32_t unused[13];
};
_Static_assert(sizeof(struct mutex) == 64, "the size of a pthread_mutex_t on Darwin");

static void futex(struct mutex *mutex, int operation, uint32_t value) {
  syscall(SYS_futex, &mutex->state, operation | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

static int shim_mutex_init(struct mutex *mutex, const void *attributes) {
  (void)attributes;
  memset(mutex, 0, sizeof *mutex);
  return 0;
}

static int shim_mutex_trylock(struct mutex *mutex) {
  unsigned expected = 0;
  return atomic_compare_exchange_strong(&mutex->state, &expected, 1) ? 0 : 16; /* Darwin's and Linux's EBUSY */
}

static int shim_mutex_lock(struct mutex *mutex) {
  if (!shim_mutex_trylock(mutex)) return 0;
  while (atomic_exchange(&mutex->state, 2)) futex(mutex, FUTEX_WAIT, 2);
  return 0;
}

static int shim_mutex_unlock(struct mutex *mutex) {
  if (atomic_exchange(&mutex->state, 0) == 2) futex(mutex, FUTEX_WAKE, 1);
  return 0;
}

static void *shim_self(void) { return slot_get(SLOT_SELF); }
static int succeed(void) { return 0; }

const struct import thread_imports[] = {
    {"_pthread_key_create", key_create},
    {"_pthread_key_delete", key_delete},
    {"_pthread_getspecific", key_get},
    {"_pthread_setspecific", key_set},
    {"_pthread_mutex_init", shim_mutex_init},
    {"_pthread_mutex_destroy", succeed},
    {"_pthread_mutex_lock", shim_mutex_lock},
    {"_pthread_mutex_trylock", shim_mutex_trylock},
    {"_pthread_mutex_unlock", shim_mutex_unlock},
    {"_pthread_self", shim_self},
    {"_pthread_atfork", succeed}, /* nothing here forks */
    {"_sched_yield", sched_yield},
    {NULL, NULL},
};
