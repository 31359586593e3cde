// operator new is mimalloc's too.
#include <mimalloc.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

int main() {
  auto* n = new int(1);
  auto* s = new std::string(1000, 'x');
  std::vector<std::unique_ptr<int>> v;
  for (int i = 0; i < 1000; i++) v.push_back(std::make_unique<int>(i));
  const bool ours = mi_is_in_heap_region(n) && mi_is_in_heap_region(s->data()) && mi_is_in_heap_region(v[999].get());
  if (!ours) std::fprintf(stderr, "operator new is not mimalloc's\n");
  delete n;
  delete s;
  return ours ? 0 : 1;
}
