/* Images: Mach-O dylibs and bundles for this architecture, in this process. Not to be loaded by two threads at once. An
   image stays until the process ends, as real dyld never unloads one that has thread-locals. Every open makes an image
   of its own, where dyld would hand out the same again for the same file. */
#ifndef MACHORUN_IMAGE_H
#define MACHORUN_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MAX_SEGMENTS = 16, MAX_SECTIONS = 4, MAX_TERMINATORS = 64 };

struct range {
  uint64_t address, size; /* as the file says; add the image's slide */
};

struct symbol {
  const char *name; /* with C's underscore in front */
  uint64_t address;
};

struct terminator {
  void (*function)(void *);
  void *argument;
};

struct image {
  const char *path;
  uint8_t *file; /* as it is on disk */
  size_t file_size;
  uint8_t *memory; /* as it is mapped */
  size_t memory_size;
  uintptr_t slide; /* what to add to an address of the file */

  struct range segments[MAX_SEGMENTS];
  int segment_count;
  struct range initializers[MAX_SECTIONS], terminator_pointers[MAX_SECTIONS], tlv_descriptors[MAX_SECTIONS];
  int initializers_count, terminator_pointers_count, tlv_descriptors_count;
  struct range tlv_template;    /* initialised thread-locals, then zeroed ones */
  uint64_t tlv_template_filled; /* the part that the file holds */

  struct symbol *symbols; /* those with an address in this image, local ones too */
  uint32_t symbol_count;

  /* What was handed to __cxa_atexit. clang registers destructors there, and not in __mod_term_func. */
  struct terminator terminators[MAX_TERMINATORS];
  int terminator_count;
};

/* Maps, rebases and binds an image and sets up its thread-locals. Runs no code of it. Ends the process with a message
   when the file is no image for this architecture, or holds what the loader does not know. */
struct image *image_map(const char *path);

/* Runs the initialisers, in order. */
void image_initialize(struct image *image);

/* Runs what the image has registered with __cxa_atexit, last first, and its terminators, as dlclose or exit would.
   Returns how many ran. */
int image_terminate(struct image *image);

/* The address of a function or variable by its name in C, or null. */
void *image_symbol(struct image *image, const char *c_name);

/* The image that an address lies in, or null. */
struct image *image_of(const void *address);

/* A pointer to what the file says is at an address of the mapped image. */
static inline void *image_at(const struct image *image, uint64_t address) {
  return (void *)(uintptr_t)(address + image->slide);
}

/* Applies the image's rebases and binds, in whichever of the two forms its linker wrote. opcodes.c is for the older
   LC_DYLD_INFO, chained.c for LC_DYLD_CHAINED_FIXUPS. */
struct dyld_info_command;
struct linkedit_data_command;
void fixups_by_opcodes(struct image *image, const struct dyld_info_command *info);
void fixups_by_chains(struct image *image, const struct linkedit_data_command *data);

/* SIZE bytes of the file, or the end of the process when it is shorter. */
const void *image_bytes(const struct image *image, uint64_t offset, uint64_t size);

#endif
