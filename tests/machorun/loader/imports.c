#include "imports.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "fatal.h"
#include "image.h"

struct missing {
  const char *name, *path;
};

static _Noreturn void call_of_missing(const struct missing *import) {
  fatal("%s called %s, for which there is no shim", import->path, import->name);
}

/* Code that calls call_of_missing with a name. */
static const void *missing_import(const struct image *image, const char *name) {
  static uint8_t *page, *end;
  enum { STUB = 32, PAGE = 65536 };
  if (page == end) {
    page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) fatal("no memory for stubs");
    end = page + PAGE;
  }
  struct missing *import = malloc(sizeof *import);
  *import = (struct missing){name, image->path};
  const uint64_t argument = (uintptr_t)import, target = (uintptr_t)call_of_missing;
  uint8_t *stub = page;
  page += STUB;
#if defined(__x86_64__)
  memcpy(stub, "\x48\xbf", 2); /* movabs $argument, %rdi */
  memcpy(stub + 2, &argument, 8);
  memcpy(stub + 10, "\x48\xb8", 2); /* movabs $target, %rax */
  memcpy(stub + 12, &target, 8);
  memcpy(stub + 20, "\xff\xe0", 2); /* jmp *%rax */
#else
  const uint32_t code[] = {
      0x58000080, /* ldr x0, .+16 */
      0x580000b0, /* ldr x16, .+20 */
      0xd61f0200, /* br x16 */
      0xd503201f, /* nop */
  };
  memcpy(stub, code, sizeof code);
  memcpy(stub + 16, &argument, 8);
  memcpy(stub + 24, &target, 8);
  __builtin___clear_cache((char *)stub, (char *)stub + STUB);
#endif
  return stub;
}

const void *import_resolve(const struct image *image, const char *name, bool weak) {
  const struct import *const tables[] = {memory_imports, thread_imports, system_imports};
  for (unsigned t = 0; t < sizeof tables / sizeof *tables; t++)
    for (const struct import *import = tables[t]; import->name; import++)
      if (!strcmp(import->name, name)) return import->value;
  for (uint32_t i = 0; i < image->symbol_count; i++)
    if (!strcmp(image->symbols[i].name, name)) return image_at(image, image->symbols[i].address);
  return weak ? NULL : missing_import(image, name);
}
