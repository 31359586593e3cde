// Counts words; a stand-in for an addon that allocates.
#ifndef COUNTER_H_
#define COUNTER_H_

#include <stddef.h>

struct counter;

struct counter* counter_new(void);
// counter_add counts a word and returns how often it was seen, 0 when out of memory.
size_t counter_add(struct counter* c, const char* word);
void counter_free(struct counter* c);

#endif  // COUNTER_H_
