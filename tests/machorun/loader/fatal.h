/* The end of the process when the loader meets what it cannot do: one line, and an exit status that no test takes for
   anything else. */
#ifndef MACHORUN_FATAL_H
#define MACHORUN_FATAL_H

enum {
  STATUS_LOADER = 70,        /* a broken or unknown image, or a call that has no shim */
  STATUS_TLV_RECURSION = 77, /* see tlv.h */
};

/* Prints "machorun: " and the message to stderr, and ends the process with STATUS_LOADER. */
_Noreturn void fatal(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
