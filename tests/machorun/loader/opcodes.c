/* LC_DYLD_INFO: rebases and binds as programs for a small machine (opcodes in <mach-o/loader.h>). zig's linker writes
   these, and Apple's for systems before macOS 12 and iOS 14. */
#include <string.h>

#include "fatal.h"
#include "image.h"
#include "imports.h"
#include "macho.h"

enum { OPCODE = 0xf0, IMMEDIATE = 0x0f };

struct stream {
  const struct image *image;
  const uint8_t *at, *end;
};

static struct stream open_stream(const struct image *image, uint32_t offset, uint32_t size) {
  const uint8_t *bytes = image_bytes(image, offset, size);
  return (struct stream){image, bytes, bytes + size};
}

static uint8_t next_byte(struct stream *s) {
  if (s->at == s->end) fatal("%s: fixups end in the middle of an opcode", s->image->path);
  return *s->at++;
}

static uint64_t next_uleb(struct stream *s) {
  uint64_t value = 0;
  uint8_t byte;
  int shift = 0;
  do {
    byte = next_byte(s);
    if (shift < 64) value |= (uint64_t)(byte & 0x7f) << shift;
    shift += 7;
  } while (byte & 0x80);
  return value;
}

static int64_t next_sleb(struct stream *s) {
  uint64_t value = 0;
  uint8_t byte;
  int shift = 0;
  do {
    byte = next_byte(s);
    if (shift < 64) value |= (uint64_t)(byte & 0x7f) << shift;
    shift += 7;
  } while (byte & 0x80);
  if (shift < 64 && (byte & 0x40)) value |= UINT64_MAX << shift;
  return (int64_t)value;
}

static const char *next_string(struct stream *s) {
  const char *string = (const char *)s->at;
  while (next_byte(s)) {
  }
  return string;
}

static uint8_t *segment_at(struct stream *s, unsigned segment) {
  if (segment >= (unsigned)s->image->segment_count) fatal("%s: fixup in segment %u", s->image->path, segment);
  return image_at(s->image, s->image->segments[segment].address);
}

/* The 64-bit word at a fixup. */
static uint64_t *word(struct stream *s, uint8_t *at) {
  if ((uintptr_t)at - (uintptr_t)s->image->memory > s->image->memory_size - sizeof(uint64_t))
    fatal("%s: fixup outside the image", s->image->path);
  return (uint64_t *)at;
}

static void rebase(struct stream s) {
  enum {
    DONE = 0x00,
    SET_TYPE_IMM = 0x10,
    SET_SEGMENT_AND_OFFSET_ULEB = 0x20,
    ADD_ADDR_ULEB = 0x30,
    ADD_ADDR_IMM_SCALED = 0x40,
    DO_REBASE_IMM_TIMES = 0x50,
    DO_REBASE_ULEB_TIMES = 0x60,
    DO_REBASE_ADD_ADDR_ULEB = 0x70,
    DO_REBASE_ULEB_TIMES_SKIPPING_ULEB = 0x80,
  };
  uint8_t *at = s.image->memory;
  while (s.at < s.end) {
    const uint8_t byte = next_byte(&s), immediate = byte & IMMEDIATE;
    uint64_t times = 0, skip = 0;
    switch (byte & OPCODE) {
      case DONE:
        return;
      case SET_TYPE_IMM:
        break;
      case SET_SEGMENT_AND_OFFSET_ULEB:
        at = segment_at(&s, immediate);
        at += next_uleb(&s);
        break;
      case ADD_ADDR_ULEB:
        at += next_uleb(&s);
        break;
      case ADD_ADDR_IMM_SCALED:
        at += immediate * sizeof(uint64_t);
        break;
      case DO_REBASE_IMM_TIMES:
        times = immediate;
        break;
      case DO_REBASE_ULEB_TIMES:
        times = next_uleb(&s);
        break;
      case DO_REBASE_ADD_ADDR_ULEB:
        times = 1;
        skip = next_uleb(&s);
        break;
      case DO_REBASE_ULEB_TIMES_SKIPPING_ULEB:
        times = next_uleb(&s);
        skip = next_uleb(&s);
        break;
      default:
        fatal("%s: unknown rebase opcode %#x", s.image->path, byte);
    }
    for (; times; times--, at += sizeof(uint64_t) + skip) *word(&s, at) += s.image->slide;
  }
}

/* The lazy stream has one "done" after each entry; names in the weak one may be the image's own. */
enum kind { BIND, BIND_LAZY, BIND_WEAK };

static void bind(struct stream s, enum kind kind) {
  enum {
    DONE = 0x00,
    SET_DYLIB_ORDINAL_IMM = 0x10,
    SET_DYLIB_ORDINAL_ULEB = 0x20,
    SET_DYLIB_SPECIAL_IMM = 0x30,
    SET_SYMBOL_TRAILING_FLAGS_IMM = 0x40,
    SET_TYPE_IMM = 0x50,
    SET_ADDEND_SLEB = 0x60,
    SET_SEGMENT_AND_OFFSET_ULEB = 0x70,
    ADD_ADDR_ULEB = 0x80,
    DO_BIND = 0x90,
    DO_BIND_ADD_ADDR_ULEB = 0xa0,
    DO_BIND_ADD_ADDR_IMM_SCALED = 0xb0,
    DO_BIND_ULEB_TIMES_SKIPPING_ULEB = 0xc0,
    WEAK_IMPORT = 1,
  };
  uint8_t *at = s.image->memory;
  const char *name = "";
  bool weak = false;
  int64_t addend = 0;
  while (s.at < s.end) {
    const uint8_t byte = next_byte(&s), immediate = byte & IMMEDIATE;
    uint64_t times = 0, skip = 0;
    switch (byte & OPCODE) {
      case DONE:
        if (kind != BIND_LAZY) return;
        break;
      case SET_DYLIB_ORDINAL_IMM: /* one library, libSystem, is all there is */
      case SET_DYLIB_SPECIAL_IMM:
      case SET_TYPE_IMM:
        break;
      case SET_DYLIB_ORDINAL_ULEB:
        next_uleb(&s);
        break;
      case SET_SYMBOL_TRAILING_FLAGS_IMM:
        name = next_string(&s);
        weak = kind != BIND_WEAK && (immediate & WEAK_IMPORT);
        break;
      case SET_ADDEND_SLEB:
        addend = next_sleb(&s);
        break;
      case SET_SEGMENT_AND_OFFSET_ULEB:
        at = segment_at(&s, immediate);
        at += next_uleb(&s);
        break;
      case ADD_ADDR_ULEB:
        at += next_uleb(&s);
        break;
      case DO_BIND:
        times = 1;
        break;
      case DO_BIND_ADD_ADDR_ULEB:
        times = 1;
        skip = next_uleb(&s);
        break;
      case DO_BIND_ADD_ADDR_IMM_SCALED:
        times = 1;
        skip = immediate * sizeof(uint64_t);
        break;
      case DO_BIND_ULEB_TIMES_SKIPPING_ULEB:
        times = next_uleb(&s);
        skip = next_uleb(&s);
        break;
      default:
        fatal("%s: unknown bind opcode %#x", s.image->path, byte);
    }
    for (; times; times--, at += sizeof(uint64_t) + skip)
      *word(&s, at) = (uintptr_t)import_resolve(s.image, name, weak) + (uint64_t)addend;
  }
}

void fixups_by_opcodes(struct image *image, const struct dyld_info_command *info) {
  rebase(open_stream(image, info->rebase_off, info->rebase_size));
  bind(open_stream(image, info->bind_off, info->bind_size), BIND);
  bind(open_stream(image, info->weak_bind_off, info->weak_bind_size), BIND_WEAK);
  bind(open_stream(image, info->lazy_bind_off, info->lazy_bind_size), BIND_LAZY);
}
