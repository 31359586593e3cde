/* The part of the Mach-O format that the loader reads, named as in Apple's <mach-o/loader.h>, <mach-o/nlist.h>
   and <mach-o/fixup-chains.h>, which Linux does not have. All files are little-endian and 64-bit. */
#ifndef MACHORUN_MACHO_H
#define MACHORUN_MACHO_H

#include <stdint.h>

enum {
  MH_MAGIC_64 = 0xfeedfacf,
  CPU_TYPE_X86_64 = 0x01000007,
  CPU_TYPE_ARM64 = 0x0100000c,
  MH_DYLIB = 6,
  MH_BUNDLE = 8,
};

struct mach_header_64 {
  uint32_t magic, cputype, cpusubtype, filetype, ncmds, sizeofcmds, flags, reserved;
};

#define LC_REQ_DYLD 0x80000000u
#define LC_SYMTAB 0x02u
#define LC_SEGMENT_64 0x19u
#define LC_DYLD_INFO 0x22u
#define LC_DYLD_INFO_ONLY (0x22u | LC_REQ_DYLD)
#define LC_DYLD_CHAINED_FIXUPS (0x34u | LC_REQ_DYLD)

struct load_command {
  uint32_t cmd, cmdsize;
};

struct segment_command_64 {
  uint32_t cmd, cmdsize;
  char segname[16];
  uint64_t vmaddr, vmsize, fileoff, filesize;
  uint32_t maxprot, initprot, nsects, flags;
};

struct section_64 {
  char sectname[16], segname[16];
  uint64_t addr, size;
  uint32_t offset, align, reloff, nreloc, flags, reserved1, reserved2, reserved3;
};

/* section_64.flags & SECTION_TYPE */
enum {
  SECTION_TYPE = 0xff,
  S_ZEROFILL = 0x01,
  S_MOD_INIT_FUNC_POINTERS = 0x09,
  S_MOD_TERM_FUNC_POINTERS = 0x0a,
  S_THREAD_LOCAL_REGULAR = 0x11,
  S_THREAD_LOCAL_ZEROFILL = 0x12,
  S_THREAD_LOCAL_VARIABLES = 0x13,
  S_INIT_FUNC_OFFSETS = 0x16,
};

struct symtab_command {
  uint32_t cmd, cmdsize, symoff, nsyms, stroff, strsize;
};

struct nlist_64 {
  uint32_t n_strx;
  uint8_t n_type, n_sect;
  uint16_t n_desc;
  uint64_t n_value;
};

enum { N_STAB = 0xe0, N_TYPE = 0x0e, N_SECT = 0x0e };

struct dyld_info_command {
  uint32_t cmd, cmdsize;
  uint32_t rebase_off, rebase_size, bind_off, bind_size, weak_bind_off, weak_bind_size, lazy_bind_off, lazy_bind_size,
      export_off, export_size;
};

struct linkedit_data_command {
  uint32_t cmd, cmdsize, dataoff, datasize;
};

struct dyld_chained_fixups_header {
  uint32_t fixups_version, starts_offset, imports_offset, symbols_offset, imports_count, imports_format, symbols_format;
};

struct dyld_chained_starts_in_image {
  uint32_t seg_count, seg_info_offset[];
};

struct dyld_chained_starts_in_segment {
  uint32_t size;
  uint16_t page_size, pointer_format;
  uint64_t segment_offset;
  uint32_t max_valid_pointer;
  uint16_t page_count, page_start[];
};

enum {
  DYLD_CHAINED_PTR_64 = 2,        /* rebase targets are addresses */
  DYLD_CHAINED_PTR_64_OFFSET = 6, /* rebase targets are offsets from the header */
  DYLD_CHAINED_PTR_START_NONE = 0xffff,
  DYLD_CHAINED_PTR_START_MULTI = 0x8000,
  DYLD_CHAINED_IMPORT = 1,
  DYLD_CHAINED_IMPORT_ADDEND = 2,
  DYLD_CHAINED_IMPORT_ADDEND64 = 3,
};

/* What the compiler emits for a thread-local variable, after the loader has filled in its parts. */
struct tlv_descriptor {
  void *(*thunk)(struct tlv_descriptor *);
  uint64_t key;
  uint64_t offset;
};

#endif
