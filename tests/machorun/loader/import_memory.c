/* libSystem: memory and strings. Numbers are those of Darwin's <sys/mman.h>. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "imports.h"
#include "resident.h"

static void *shim_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset) {
  enum { SAME = 0x0001 | 0x0002 | 0x0010, NORESERVE = 0x0040, ANON = 0x1000 }; /* MAP_SHARED, _PRIVATE and _FIXED */
  int linux_flags = flags & SAME;
  if (flags & NORESERVE) linux_flags |= MAP_NORESERVE;
  if (flags & ANON) {
    linux_flags |= MAP_ANONYMOUS;
    fd = -1; /* there a tag, VM_MAKE_TAG, that tools show */
  }
  void *memory = mmap(address, size, protection, linux_flags, fd, offset);
  if (memory != MAP_FAILED) resident_add(memory, size);
  return memory;
}

static int shim_munmap(void *address, size_t size) {
  resident_remove(address, size);
  return munmap(address, size);
}

static int shim_madvise(void *address, size_t size, int advice) {
  enum { DONTNEED = 4, FREE = 5, FREE_REUSABLE = 7, FREE_REUSE = 8 };
  switch (advice) {
    case DONTNEED: /* on Darwin the contents stay until memory is short */
    case FREE:
    case FREE_REUSABLE:
      return madvise(address, size, MADV_DONTNEED); /* as if memory were short at once: what the tests can see */
    case FREE_REUSE:
      return 0;
    default: /* 0 to 3 are the same */
      return madvise(address, size, advice);
  }
}

static void shim_bzero(void *p, size_t n) { memset(p, 0, n); }

/* What clang makes of memcpy, … with _FORTIFY_SOURCE; the last argument is the size of the object. */
static void *shim_memset_chk(void *p, int c, size_t n, size_t object) { return n > object ? NULL : memset(p, c, n); }
static void *shim_memcpy_chk(void *p, const void *q, size_t n, size_t object) {
  return n > object ? NULL : memcpy(p, q, n);
}
static void *shim_memmove_chk(void *p, const void *q, size_t n, size_t object) {
  return n > object ? NULL : memmove(p, q, n);
}

/* Darwin's malloc is not mimalloc's business; these are here for what calls it by name. */
const struct import memory_imports[] = {
    {"_mmap", shim_mmap},
    {"_munmap", shim_munmap},
    {"_mprotect", mprotect},
    {"_madvise", shim_madvise},
    {"_malloc", malloc},
    {"_calloc", calloc},
    {"_realloc", realloc},
    {"_free", free},
    {"_bzero", shim_bzero},
    {"___bzero", shim_bzero},
    {"_memset", memset},
    {"_memcpy", memcpy},
    {"_memmove", memmove},
    {"_memcmp", memcmp},
    {"_memchr", memchr},
    {"___memset_chk", shim_memset_chk},
    {"___memcpy_chk", shim_memcpy_chk},
    {"___memmove_chk", shim_memmove_chk},
    {"_strlen", strlen},
    {"_strcmp", strcmp},
    {"_strncmp", strncmp},
    {"_strchr", strchr},
    {"_strstr", strstr},
    {"_strtol", strtol},
    {NULL, NULL},
};
