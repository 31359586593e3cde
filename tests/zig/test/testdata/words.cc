#include <string>
#include <vector>

#include "greet.h"

int greet_words(const std::string& word) {
  std::vector<std::string> words(greet_count(), word);
  return static_cast<int>(words.size());
}
