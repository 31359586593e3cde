/* libSystem: the process, the machine, and dyld itself. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "fatal.h"
#include "image.h"
#include "imports.h"
#include "macho.h"
#include "tlv.h"

#if defined(__x86_64__)
enum { PAGE_SIZE_OF_MACS = 4096 };
#else
enum { PAGE_SIZE_OF_MACS = 16384 };
#endif

static int shim_cxa_atexit(void (*function)(void *), void *argument, void *dso_handle) {
  struct image *image = image_of(dso_handle);
  if (!image) fatal("__cxa_atexit from no image");
  if (image->terminator_count == MAX_TERMINATORS)
    fatal("%s: more than %d calls of __cxa_atexit", image->path, MAX_TERMINATORS);
  image->terminators[image->terminator_count++] = (struct terminator){function, argument};
  return 0;
}

/* Errors have Darwin's numbers up to 34 on Linux too, but for EDEADLK and EAGAIN (there 11 and 35). */
static int *shim_error(void) {
  if (errno == EAGAIN) errno = 35;
  return &errno;
}

static int shim_random(void *bytes, size_t size) {
  for (uint8_t *at = bytes; size;) {
    const size_t part = size > 256 ? 256 : size;
    if (getentropy(at, part)) return -1;
    at += part;
    size -= part;
  }
  return 0; /* kCCSuccess */
}

static int shim_clock_gettime(int darwin_clock, struct timespec *time) {
  return clock_gettime(darwin_clock == 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC, time); /* 6: _CLOCK_MONOTONIC */
}

static long shim_sysconf(int name) {
  enum { SC_PAGESIZE = 29, SC_NPROCESSORS_CONF = 57, SC_NPROCESSORS_ONLN = 58 };
  switch (name) {
    case SC_PAGESIZE:
      return PAGE_SIZE_OF_MACS;
    case SC_NPROCESSORS_CONF:
    case SC_NPROCESSORS_ONLN:
      return 2;
  }
  errno = EINVAL;
  return -1;
}

/* mimalloc asks for numbers of nodes and the size of memory, and does without an answer. */
static int no_such_sysctl(void) {
  errno = ENOENT;
  return -1;
}

static int shim_getrusage(int who, void *usage) {
  (void)who;
  memset(usage, 0, 144); /* Darwin's struct rusage */
  return 0;
}

static char **environment_of_images;
static char ***shim_environ(void) {
  environment_of_images = environ;
  return &environment_of_images;
}

static int shim_fputs(const char *text, void *stream) {
  (void)stream; /* one of `streams`: messages of mimalloc */
  return fputs(text, stderr);
}

static int shim_issetugid(void) { return 0; }
static int task_info_fails(void) { return 5; } /* KERN_FAILURE */
static _Noreturn void stack_smashed(void) { fatal("___stack_chk_fail: a stack was smashed"); }
static _Noreturn void unbound(void) { fatal("dyld_stub_binder: a lazy pointer was left unbound"); }
static _Noreturn void bootstrap(void) { fatal("_tlv_bootstrap: a thread-local was left unprepared"); }

static const uintptr_t stack_guard = 0x5bd1e995a7c3f100;
static const uint32_t task_self = 0x103;
static void *streams[2];

const struct import system_imports[] = {
    {"___cxa_atexit", shim_cxa_atexit},
    {"___error", shim_error},
    {"___stack_chk_fail", stack_smashed},
    {"___stack_chk_guard", &stack_guard},
    {"___stderrp", &streams[0]},
    {"___stdoutp", &streams[1]},
    {"__NSGetEnviron", shim_environ},
    {"__tlv_atexit", tlv_atexit},
    {"__tlv_bootstrap", bootstrap},
    {"_CCRandomGenerateBytes", shim_random},
    {"_abort", abort},
    {"_clock", clock},
    {"_clock_gettime", shim_clock_gettime},
    {"_fputs", shim_fputs},
    {"_getenv", getenv},
    {"_getrusage", shim_getrusage},
    {"_issetugid", shim_issetugid},
    {"_mach_task_self_", &task_self},
    {"_realpath$DARWIN_EXTSN", realpath},
    {"_sleep", sleep},
    {"_sysconf", shim_sysconf},
    {"_sysctl", no_such_sysctl},
    {"_sysctlbyname", no_such_sysctl},
    {"_task_info", task_info_fails},
    {"_usleep", usleep},
    {"dyld_stub_binder", unbound},
    {NULL, NULL},
};
