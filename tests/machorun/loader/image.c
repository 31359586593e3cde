#include "image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fatal.h"
#include "macho.h"
#include "tlv.h"

enum { MAX_IMAGES = 16 };
static struct image images[MAX_IMAGES];
static int image_count;

const void *image_bytes(const struct image *image, uint64_t offset, uint64_t size) {
  if (offset > image->file_size || size > image->file_size - offset)
    fatal("%s: ends before offset %llu + %llu", image->path, (unsigned long long)offset, (unsigned long long)size);
  return image->file + offset;
}

static void read_file(struct image *image) {
  FILE *f = fopen(image->path, "rb");
  if (!f) fatal("cannot open %s", image->path);
  fseek(f, 0, SEEK_END);
  long size = ftell(f);
  rewind(f);
  image->file = malloc(size > 0 ? size : 1);
  image->file_size = fread(image->file, 1, size > 0 ? size : 0, f);
  fclose(f);
  if (!image->file_size || image->file_size != (size_t)size) fatal("cannot read %s", image->path);
}

static const struct mach_header_64 *header_of(const struct image *image) {
#if defined(__x86_64__)
  const uint32_t cpu = CPU_TYPE_X86_64;
#else
  const uint32_t cpu = CPU_TYPE_ARM64;
#endif
  const struct mach_header_64 *header = image_bytes(image, 0, sizeof *header);
  if (header->magic != MH_MAGIC_64) fatal("%s: not a 64-bit Mach-O file", image->path);
  if (header->cputype != cpu) fatal("%s: for CPU type %#x, this loader runs %#x", image->path, header->cputype, cpu);
  if (header->filetype != MH_DYLIB && header->filetype != MH_BUNDLE)
    fatal("%s: file type %u, expected a dylib (6) or a bundle (8)", image->path, header->filetype);
  image_bytes(image, sizeof *header, header->sizeofcmds);
  return header;
}

/* The load command after COMMAND, or the first one; null at the end. */
static const struct load_command *next_command(const struct image *image, const struct load_command *command) {
  const struct mach_header_64 *header = (const void *)image->file;
  const uint8_t *first = image->file + sizeof *header, *end = first + header->sizeofcmds;
  const uint8_t *at = command ? (const uint8_t *)command + command->cmdsize : first;
  if (at >= end) return NULL;
  command = (const void *)at;
  if (end - at < (long)sizeof *command || command->cmdsize < sizeof *command || command->cmdsize > (uint64_t)(end - at))
    fatal("%s: malformed load command", image->path);
  return command;
}

static void add_section(const struct image *image, struct range *sections, int *count, struct range section) {
  if (*count == MAX_SECTIONS) fatal("%s: more than %d sections of a kind", image->path, MAX_SECTIONS);
  sections[(*count)++] = section;
}

static void note_section(struct image *image, const struct section_64 *section) {
  const struct range range = {section->addr, section->size};
  switch (section->flags & SECTION_TYPE) {
    case S_MOD_INIT_FUNC_POINTERS:
      add_section(image, image->initializers, &image->initializers_count, range);
      break;
    case S_MOD_TERM_FUNC_POINTERS:
      add_section(image, image->terminator_pointers, &image->terminator_pointers_count, range);
      break;
    case S_INIT_FUNC_OFFSETS:
      fatal("%s: has its initialisers as offsets (__init_offsets), which this loader does not know", image->path);
    case S_THREAD_LOCAL_VARIABLES:
      add_section(image, image->tlv_descriptors, &image->tlv_descriptors_count, range);
      break;
    case S_THREAD_LOCAL_REGULAR:
    case S_THREAD_LOCAL_ZEROFILL: {
      struct range *template = &image->tlv_template;
      if (!template->size) template->address = range.address;
      template->size = range.address + range.size - template->address;
      if ((section->flags & SECTION_TYPE) == S_THREAD_LOCAL_REGULAR) image->tlv_template_filled = template->size;
      break;
    }
  }
}

static void map_segments(struct image *image) {
  uint64_t low = UINT64_MAX, high = 0;
  for (const struct load_command *c = next_command(image, NULL); c; c = next_command(image, c)) {
    const struct segment_command_64 *segment = (const void *)c;
    if (c->cmd != LC_SEGMENT_64) continue;
    if (image->segment_count == MAX_SEGMENTS) fatal("%s: more than %d segments", image->path, MAX_SEGMENTS);
    image->segments[image->segment_count++] = (struct range){segment->vmaddr, segment->vmsize};
    if (segment->vmaddr < low) low = segment->vmaddr;
    if (segment->vmaddr + segment->vmsize > high) high = segment->vmaddr + segment->vmsize;
  }
  if (!image->segment_count) fatal("%s: has no segments", image->path);
  image->memory_size = high - low;
  image->memory = mmap(NULL, image->memory_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (image->memory == MAP_FAILED) fatal("%s: no memory for it", image->path);
  image->slide = (uintptr_t)image->memory - low;
  for (const struct load_command *c = next_command(image, NULL); c; c = next_command(image, c)) {
    const struct segment_command_64 *segment = (const void *)c;
    if (c->cmd != LC_SEGMENT_64) continue;
    if (segment->filesize > segment->vmsize) fatal("%s: malformed segment", image->path);
    memcpy(image_at(image, segment->vmaddr), image_bytes(image, segment->fileoff, segment->filesize),
           segment->filesize);
    const struct section_64 *sections = (const void *)(segment + 1);
    for (uint32_t i = 0; i < segment->nsects; i++) note_section(image, &sections[i]);
  }
}

static void read_symbols(struct image *image, const struct symtab_command *table) {
  const struct nlist_64 *list = image_bytes(image, table->symoff, (uint64_t)table->nsyms * sizeof *list);
  const char *strings = image_bytes(image, table->stroff, table->strsize);
  image->symbols = calloc(table->nsyms ? table->nsyms : 1, sizeof *image->symbols);
  for (uint32_t i = 0; i < table->nsyms; i++) {
    if ((list[i].n_type & N_STAB) || (list[i].n_type & N_TYPE) != N_SECT || list[i].n_strx >= table->strsize) continue;
    image->symbols[image->symbol_count++] = (struct symbol){strings + list[i].n_strx, list[i].n_value};
  }
}

/* On arm64: has the code find its slots where slots.h puts them. */
static void redirect_slots(struct image *image) {
#if defined(__aarch64__)
  enum { MRS_TPIDRRO_EL0 = (int)0xd53bd060, MRS_TPIDR_EL0 = (int)0xd53bd040, REGISTER = 31 };
  const uint32_t pure_instructions = 0x80000000u; /* S_ATTR_PURE_INSTRUCTIONS */
  for (const struct load_command *c = next_command(image, NULL); c; c = next_command(image, c)) {
    const struct segment_command_64 *segment = (const void *)c;
    if (c->cmd != LC_SEGMENT_64) continue;
    const struct section_64 *sections = (const void *)(segment + 1);
    for (uint32_t i = 0; i < segment->nsects; i++) {
      if (!(sections[i].flags & pure_instructions)) continue;
      uint32_t *code = image_at(image, sections[i].addr);
      for (uint64_t n = 0; n < sections[i].size / 4; n++)
        if ((code[n] & ~(uint32_t)REGISTER) == (uint32_t)MRS_TPIDRRO_EL0)
          code[n] = (uint32_t)MRS_TPIDR_EL0 | (code[n] & REGISTER);
    }
  }
  __builtin___clear_cache((char *)image->memory, (char *)image->memory + image->memory_size);
#else
  (void)image;
#endif
}

static void protect_segments(struct image *image) {
  for (const struct load_command *c = next_command(image, NULL); c; c = next_command(image, c)) {
    const struct segment_command_64 *segment = (const void *)c;
    if (c->cmd != LC_SEGMENT_64 || !segment->vmsize) continue;
    /* VM_PROT_READ, _WRITE and _EXECUTE are 1, 2 and 4 as PROT_READ, … are. */
    if (mprotect(image_at(image, segment->vmaddr), segment->vmsize, (int)segment->initprot))
      fatal("%s: cannot protect segment %.16s", image->path, segment->segname);
  }
}

struct image *image_map(const char *path) {
  if (image_count == MAX_IMAGES) fatal("%s: more than %d images", path, MAX_IMAGES);
  struct image *image = &images[image_count];
  image->path = path;
  read_file(image);
  header_of(image);
  map_segments(image);
  for (const struct load_command *c = next_command(image, NULL); c; c = next_command(image, c))
    if (c->cmd == LC_SYMTAB) read_symbols(image, (const void *)c);
  for (const struct load_command *c = next_command(image, NULL); c; c = next_command(image, c)) {
    if (c->cmd == LC_DYLD_INFO || c->cmd == LC_DYLD_INFO_ONLY) fixups_by_opcodes(image, (const void *)c);
    if (c->cmd == LC_DYLD_CHAINED_FIXUPS) fixups_by_chains(image, (const void *)c);
  }
  redirect_slots(image);
  protect_segments(image);
  tlv_set_up(image);
  image_count++;
  return image;
}

typedef void (*initializer)(int argc, char **argv, char **environment, char **apple, void *vars);

void image_initialize(struct image *image) {
  static char *argv[] = {"machorun", NULL}, *apple[] = {NULL};
  for (int i = 0; i < image->initializers_count; i++) {
    initializer *functions = image_at(image, image->initializers[i].address);
    for (uint64_t n = 0; n < image->initializers[i].size / sizeof *functions; n++)
      functions[n](1, argv, environ, apple, NULL);
  }
}

int image_terminate(struct image *image) {
  int ran = 0;
  while (image->terminator_count) {
    const struct terminator last = image->terminators[--image->terminator_count];
    last.function(last.argument);
    ran++;
  }
  for (int i = 0; i < image->terminator_pointers_count; i++) {
    void (**functions)(void) = image_at(image, image->terminator_pointers[i].address);
    for (uint64_t n = image->terminator_pointers[i].size / sizeof *functions; n > 0; n--, ran++) functions[n - 1]();
  }
  return ran;
}

void *image_symbol(struct image *image, const char *c_name) {
  for (uint32_t i = 0; i < image->symbol_count; i++)
    if (image->symbols[i].name[0] == '_' && !strcmp(image->symbols[i].name + 1, c_name))
      return image_at(image, image->symbols[i].address);
  return NULL;
}

struct image *image_of(const void *address) {
  for (int i = 0; i < image_count; i++)
    if ((uintptr_t)address - (uintptr_t)images[i].memory < images[i].memory_size) return &images[i];
  return NULL;
}
