/* What the tests ask of whatever loads the images: the loader of this folder (host_loader.c), or a Mac's own dyld and
   libpthread (host_mac.c). */
#ifndef MACHORUN_HOST_H
#define MACHORUN_HOST_H

#include "addon.h"

struct library;

/* To be called first, on the main thread. The process ends by SIGALRM after SECONDS. */
void host_start(unsigned seconds);

/* Loads an image of its own, even for the same file. On a Mac this runs the initialisers, else host_initialize does. */
struct library *host_load(const char *path);
void host_initialize(struct library *library);
const struct addon *host_addon(struct library *library);

/* What dlclose or exit does to an image: runs what it has registered for that. */
void host_terminate(struct library *library);

/* A thread whose end is that of a thread on Darwin: the destructors of pthread keys run. */
struct thread;
struct thread *host_thread_start(void *(*function)(void *), void *argument);
void *host_thread_join(struct thread *thread);

/* pthread keys of Darwin. They end the process where they fail. */
unsigned long host_key_create(void (*destructor)(void *));
void host_key_delete(unsigned long key);
void *host_key_get(unsigned long key);
void host_key_set(unsigned long key, const void *value);

/* Memory that is resident, in bytes: what images have mapped, on a Mac all of the process. */
long host_resident(void);

#endif
