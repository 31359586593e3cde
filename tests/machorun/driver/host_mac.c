/* host.h by dyld and libpthread, on a Mac. The image's own memory, threads and thread-locals are Apple's here. */
#include <dlfcn.h>
#include <fcntl.h>
#include <mach/mach.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "host.h"

static _Noreturn void fail(const char *what, const char *why) {
  fprintf(stderr, "machorun: %s: %s\n", what, why);
  exit(70);
}

void host_start(unsigned seconds) { alarm(seconds); }

struct library {
  const struct addon *(*addon)(void);
};

/* A copy, because dyld hands out the same image again for the same file. */
static void copy(const char *from, int to) {
  static char buffer[1 << 16];
  const int source = open(from, O_RDONLY);
  ssize_t n;
  if (source < 0) fail(from, "cannot be read");
  while ((n = read(source, buffer, sizeof buffer)) > 0)
    if (write(to, buffer, n) != n) fail(from, "cannot be copied");
  close(source);
}

struct library *host_load(const char *path) {
  char name[] = "/tmp/machorun-XXXXXX";
  const int file = mkstemp(name);
  if (file < 0) fail(name, "cannot be made");
  copy(path, file);
  close(file);
  void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (!handle) fail(path, dlerror());
  unlink(name);
  struct library *library = malloc(sizeof *library);
  library->addon = (const struct addon *(*)(void))dlsym(handle, "machorun_addon");
  if (!library->addon) fail(path, "has no machorun_addon");
  return library;
}

void host_initialize(struct library *library) { (void)library; }
const struct addon *host_addon(struct library *library) { return library->addon(); }

/* As dyld calls it before it unmaps an image; images with thread-locals it never unmaps. */
extern void __cxa_finalize(void *dso_handle);

void host_terminate(struct library *library) {
  Dl_info info;
  if (!dladdr((void *)library->addon, &info)) fail("dladdr", "finds no image");
  __cxa_finalize(info.dli_fbase);
}

struct thread {
  pthread_t id;
};

struct thread *host_thread_start(void *(*function)(void *), void *argument) {
  struct thread *thread = malloc(sizeof *thread);
  if (pthread_create(&thread->id, NULL, function, argument)) fail("pthread_create", "cannot start a thread");
  return thread;
}

void *host_thread_join(struct thread *thread) {
  void *result;
  pthread_join(thread->id, &result);
  free(thread);
  return result;
}

unsigned long host_key_create(void (*destructor)(void *)) {
  pthread_key_t key;
  if (pthread_key_create(&key, destructor)) fail("pthread_key_create", "out of keys");
  return key;
}

void host_key_delete(unsigned long key) {
  if (pthread_key_delete(key)) fail("pthread_key_delete", "no key");
}

void *host_key_get(unsigned long key) { return pthread_getspecific(key); }

void host_key_set(unsigned long key, const void *value) {
  if (pthread_setspecific(key, value)) fail("pthread_setspecific", "no key");
}

long host_resident(void) {
  struct mach_task_basic_info info;
  mach_msg_type_number_t count = MACH_TASK_BASIC_INFO_COUNT;
  if (task_info(mach_task_self(), MACH_TASK_BASIC_INFO, (task_info_t)&info, &count)) fail("task_info", "fails");
  return (long)info.resident_size;
}
