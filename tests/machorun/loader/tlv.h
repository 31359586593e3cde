/* Thread-local variables, as dyld does them (libdyld/ThreadLocalVariables.cpp).

   Compiled code gets a variable's address by calling the first word of its descriptor, and takes it that the call
   changes no register but the one with the result: the thunk (tlv_thunk_*.S) keeps the others even when it allocates.
   Each image has one pthread key, made when it is loaded. The value is the thread's block with all the image's
   variables. It is made at the thread's first touch, by malloc, and freed by the key's destructor, free.

   Where malloc is the image's own, its first touch of a variable calls malloc, which touches the variable. As with dyld,
   the outer call then replaces the block of the inner one. A nesting of TLV_DEEPEST ends the process with
   STATUS_TLV_RECURSION: a real thread would run out of stack.

   Unless told otherwise the blocks come from memory of their own: no address is used twice, and a block that has been
   freed cannot be touched. */
#ifndef MACHORUN_TLV_H
#define MACHORUN_TLV_H

#include <stddef.h>

struct image;

enum { TLV_DEEPEST = 50 };

/* To be called before any image is mapped or any key made, as libSystem is initialised first. */
void tlv_start(void);

/* Makes the key and fills in the descriptors. */
void tlv_set_up(struct image *image);

/* libSystem's _tlv_atexit: has a function run when the calling thread ends, before any block of thread-locals is freed,
   because the key for these is older (compilers call it for destructors of C++'s thread_local variables). */
void tlv_atexit(void (*function)(void *), void *argument);

/* The process's malloc and free, as far as dyld's calls of them go: for all images, to be set before any first touch. */
void tlv_allocate_by(void *(*allocate)(size_t), void (*release)(void *));

/* The deepest nesting of first touches so far, in any thread: 1 is none. */
int tlv_deepest(void);

#endif
