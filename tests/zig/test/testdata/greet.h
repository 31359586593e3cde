#ifndef GREET_H_
#define GREET_H_

#ifdef __cplusplus
extern "C" {
#endif

// Counts the calls of this thread.
int greet_count(void);

#ifdef __cplusplus
}
#endif

#endif  // GREET_H_
