/* pthread keys as Darwin's libpthread has them (src/pthread_tsd.c): a key is the number of a slot, the lowest free one.
   Images call these through the imports; the tests call them for what stands beside an image in a process. */
#ifndef MACHORUN_KEYS_H
#define MACHORUN_KEYS_H

/* 0, or Linux's EAGAIN when all keys are taken. */
int key_create(unsigned long *key, void (*destructor)(void *));
/* 0, or EINVAL for what is no key. The value is gone in all threads; no destructor runs. */
int key_delete(unsigned long key);
/* What is in the slot, whether it is a key or not. */
void *key_get(unsigned long key);
int key_set(unsigned long key, const void *value);

/* The end of a thread: four rounds over the keys, ascending; a value is set to null, then handed to its destructor. */
void keys_destroy(void);

#endif
