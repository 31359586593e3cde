/* The memory that images have mapped, and how much of it is resident. What the process as a whole has says less: under
   an emulator it is the emulator's too, which keeps some for every thread that ever was. */
#ifndef MACHORUN_RESIDENT_H
#define MACHORUN_RESIDENT_H

#include <stddef.h>

void resident_add(void *address, size_t size);
void resident_remove(void *address, size_t size);

/* In bytes. */
size_t resident_bytes(void);

#endif
