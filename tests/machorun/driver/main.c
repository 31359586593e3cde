/* machorun: runs Apple images and shows what mimalloc's ways to keep a heap pointer per thread do to them. */
#include <string.h>
#include <sys/resource.h>

#include "subjects.h"

static const struct {
  const char *name;
  bool (*run)(int, char **);
  const char *arguments, *what;
} commands[] = {
    {"ownership", ownership, "A B", "two images in one process: whose memory does each one hand out?"},
    {"interleave", interleave, "A B THREADS OPERATIONS", "the same from many threads, checking all contents"},
    {"termination", termination, "A", "threads go on after the image's termination"},
    {"exits", exits, "A THREADS HEAPS none|before|between|after allocate|release",
     "threads end that have HEAPS heaps of their own, beside a pthread key whose destructor allocates or releases"},
    {"races", races, "A terminate|recycle|worker|realloc",
     "termination beside new threads; keys in other hands; initialised on a worker; a thread that begins with realloc"},
#ifdef __linux__
    {"early", early, "A", "the blocks of thread-locals come from the image's own malloc, as in an override build"},
#endif
    {"timing", timing, "ROUNDS A...", "processor time per operation, the images alternating"},
};

static int usage(void) {
  fprintf(stderr, "usage: machorun [-alarm SECONDS] COMMAND ...\n\n");
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
    fprintf(stderr, "  %s %s\n      %s\n", commands[i].name, commands[i].arguments, commands[i].what);
  fprintf(stderr, "\nPrints lines NAME NUMBER. Ends by SIGALRM after 60 s, or SECONDS.\n");
  return 2;
}

int main(int count, char **arguments) {
  long seconds = 60;
  count--, arguments++;
  if (count >= 2 && !strcmp(arguments[0], "-alarm")) {
    seconds = positive(arguments[1]);
    count -= 2, arguments += 2;
  }
  if (!count || !seconds) return usage();
  const struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none); /* crashes are among what is shown */
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
    if (strcmp(arguments[0], commands[i].name)) continue;
    host_start((unsigned)seconds);
    return commands[i].run(count - 1, arguments + 1) ? 0 : usage();
  }
  return usage();
}
