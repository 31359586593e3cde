#include "keys.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "slots.h"

enum { ROUNDS = 4 }; /* PTHREAD_DESTRUCTOR_ITERATIONS */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
  atomic_bool used;
  void (*_Atomic destructor)(void *);
} keys[END_KEY];

static bool is_key(unsigned long key) { return key >= FIRST_KEY && key < END_KEY && keys[key].used; }

int key_create(unsigned long *key, void (*destructor)(void *)) {
  int result = EAGAIN;
  pthread_mutex_lock(&lock);
  for (unsigned long k = FIRST_KEY; k < END_KEY; k++) {
    if (keys[k].used) continue;
    keys[k].destructor = destructor;
    keys[k].used = true;
    *key = k;
    result = 0;
    break;
  }
  pthread_mutex_unlock(&lock);
  return result;
}

int key_delete(unsigned long key) {
  int result = EINVAL;
  pthread_mutex_lock(&lock);
  if (is_key(key)) {
    keys[key].used = false;
    slots_clear(key);
    result = 0;
  }
  pthread_mutex_unlock(&lock);
  return result;
}

void *key_get(unsigned long key) { return slot_get(key); }

int key_set(unsigned long key, const void *value) {
  if (!is_key(key)) return EINVAL;
  slot_set(key, (void *)value);
  return 0;
}

void keys_destroy(void) {
  for (int round = 0; round < ROUNDS; round++) {
    for (unsigned long k = FIRST_KEY; k < END_KEY; k++) {
      void *value = slot_get(k);
      void (*destructor)(void *) = keys[k].destructor;
      if (!value || !keys[k].used) continue;
      slot_set(k, NULL);
      if (destructor) destructor(value);
    }
  }
}
