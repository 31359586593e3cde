/* LC_DYLD_CHAINED_FIXUPS: every pointer that needs a fixup holds what it is to become and how far the next one is
   (<mach-o/fixup-chains.h>). Apple's linker writes these for macOS 12, iOS 14 and later. */
#include <stdlib.h>
#include <string.h>

#include "fatal.h"
#include "image.h"
#include "imports.h"
#include "macho.h"

struct chains {
  struct image *image;
  const uint8_t *data;
  uint64_t size, image_address;
  uint64_t *imports; /* their values, addends included */
  uint32_t import_count;
};

static const void *bytes(const struct chains *c, uint64_t offset, uint64_t size) {
  if (offset > c->size || size > c->size - offset) fatal("%s: chained fixups end early", c->image->path);
  return c->data + offset;
}

/* An entry of the table of imports, in one of its three formats. */
static uint64_t resolve(const struct chains *c, const struct dyld_chained_fixups_header *header, uint32_t i) {
  uint64_t name_offset, addend = 0;
  bool weak;
  if (header->imports_format == DYLD_CHAINED_IMPORT_ADDEND64) {
    const uint64_t *entry = bytes(c, header->imports_offset + 16ull * i, 16);
    weak = entry[0] >> 16 & 1;
    name_offset = entry[0] >> 32;
    addend = entry[1];
  } else {
    const bool has_addend = header->imports_format == DYLD_CHAINED_IMPORT_ADDEND;
    if (!has_addend && header->imports_format != DYLD_CHAINED_IMPORT)
      fatal("%s: chained imports of format %u", c->image->path, header->imports_format);
    const uint64_t size = has_addend ? 8 : 4;
    const uint32_t *entry = bytes(c, header->imports_offset + size * i, size);
    weak = entry[0] >> 8 & 1;
    name_offset = entry[0] >> 9;
    if (has_addend) addend = (uint64_t)(int64_t)(int32_t)entry[1];
  }
  const char *name = bytes(c, header->symbols_offset + name_offset, 1);
  if (!memchr(name, 0, c->size - (header->symbols_offset + name_offset)))
    fatal("%s: chained fixups: the name of import %u has no end", c->image->path, i);
  return (uintptr_t)import_resolve(c->image, name, weak) + addend;
}

/* Formats 2 and 6, from the lowest bit. A bind: 24 bits of ordinal, 8 of addend, 19 reserved. A rebase: 36 of target, 8
   for the top of the pointer, 7 reserved. Then both: 12 for the distance to the next in 4 bytes, 1 that says "bind". */
static void walk(const struct chains *c, const struct dyld_chained_starts_in_segment *segment, uint64_t at) {
  const uint64_t end = segment->segment_offset + (uint64_t)segment->page_count * segment->page_size;
  for (;;) {
    if (at > end - 8 || at > c->image->memory_size - 8) fatal("%s: fixup outside its segment", c->image->path);
    uint64_t *word = (uint64_t *)(c->image->memory + at);
    const uint64_t value = *word;
    if (value >> 63) {
      const uint32_t ordinal = value & 0xffffff;
      if (ordinal >= c->import_count) fatal("%s: chained fixup of import %u", c->image->path, ordinal);
      *word = c->imports[ordinal] + (value >> 24 & 0xff);
    } else {
      uint64_t target = value & 0xfffffffffull;
      if (segment->pointer_format == DYLD_CHAINED_PTR_64_OFFSET) target += c->image_address;
      *word = (target + c->image->slide) | (value >> 36 & 0xff) << 56;
    }
    const uint64_t next = (value >> 51 & 0xfff) * 4;
    if (!next) return;
    at += next;
  }
}

void fixups_by_chains(struct image *image, const struct linkedit_data_command *data) {
  struct chains c = {.image = image, .size = data->datasize, .image_address = (uintptr_t)image->memory - image->slide};
  c.data = image_bytes(image, data->dataoff, data->datasize);
  const struct dyld_chained_fixups_header *header = bytes(&c, 0, sizeof *header);
  if (header->symbols_format) fatal("%s: compressed names of chained imports", image->path);
  c.import_count = header->imports_count;
  c.imports = calloc(c.import_count ? c.import_count : 1, sizeof *c.imports);
  for (uint32_t i = 0; i < c.import_count; i++) c.imports[i] = resolve(&c, header, i);

  const struct dyld_chained_starts_in_image *starts = bytes(&c, header->starts_offset, sizeof *starts);
  bytes(&c, header->starts_offset, sizeof *starts + 4ull * starts->seg_count);
  for (uint32_t i = 0; i < starts->seg_count; i++) {
    if (!starts->seg_info_offset[i]) continue;
    const uint64_t offset = header->starts_offset + starts->seg_info_offset[i];
    const struct dyld_chained_starts_in_segment *segment = bytes(&c, offset, sizeof *segment);
    bytes(&c, offset, sizeof *segment + 2ull * segment->page_count);
    if (segment->pointer_format != DYLD_CHAINED_PTR_64 && segment->pointer_format != DYLD_CHAINED_PTR_64_OFFSET)
      fatal("%s: chained pointers of format %u, expected 2 or 6 (arm64e's are others)", image->path,
            segment->pointer_format);
    for (uint16_t page = 0; page < segment->page_count; page++) {
      const uint16_t start = segment->page_start[page];
      if (start == DYLD_CHAINED_PTR_START_NONE) continue;
      if (start & DYLD_CHAINED_PTR_START_MULTI) fatal("%s: a page with several chains", image->path);
      walk(&c, segment, segment->segment_offset + (uint64_t)page * segment->page_size + start);
    }
  }
  free(c.imports);
}
