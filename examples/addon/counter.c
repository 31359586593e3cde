#include "counter.h"

#include <mimalloc.h>
#include <string.h>

struct word {
  struct word* next;
  char* text;
  size_t seen;
};

struct counter {
  struct word* words;
};

struct counter* counter_new(void) { return mi_zalloc(sizeof(struct counter)); }

size_t counter_add(struct counter* c, const char* word) {
  for (struct word* w = c->words; w != NULL; w = w->next) {
    if (strcmp(w->text, word) == 0) return ++w->seen;
  }
  struct word* w = mi_malloc(sizeof *w);
  char* text = mi_strdup(word);
  if (w == NULL || text == NULL) {
    mi_free(w);
    mi_free(text);
    return 0;
  }
  *w = (struct word){c->words, text, 1};
  c->words = w;
  return 1;
}

void counter_free(struct counter* c) {
  while (c->words != NULL) {
    struct word* w = c->words;
    c->words = w->next;
    mi_free(w->text);
    mi_free(w);
  }
  mi_free(c);
}
