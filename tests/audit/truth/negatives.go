package truth

import (
	"fmt"
	"path/filepath"
)

// A negative is a source without mimalloc that shares something with it.
type negative struct{ name, extension, text string }

// negatives are what others do that an auditor may take for mimalloc's doings.
var negatives = []negative{
	// A thread-local that points at a static object which starts with a run of equal pointers.
	{"thread_local_of_pointers", "c", `
struct page { void* free; long used; };
static const struct page empty;
#define E8 &empty, &empty, &empty, &empty, &empty, &empty, &empty, &empty
struct table { const struct page* direct[136]; long last; };
static const struct table none = {{E8, E8, E8, E8, E8, E8, E8, E8, E8, E8, E8, E8, E8, E8, E8, E8, E8}, 1};
__thread const struct table* current = &none;
static __thread int depth;
const void* lookup(int i) { depth++; return current->direct[i]; }
void use(const struct table* t) { current = t; }
int main(int argc, char** argv) { use(argc > 1 ? 0 : &none); return lookup(argc) == 0; }
`},
	// The size classes as others have them: a table of numbers, at several strides.
	{"size_classes", "c", `
struct bin { void* first; void* last; unsigned long size; unsigned long count; };
#define B(n) {0, 0, (n) * sizeof(void*), 0}
struct bin bins[] = {B(1), B(1), B(2), B(3), B(4), B(5), B(6), B(7), B(8), B(10), B(12), B(14), B(16), B(20), B(24), B(28), B(32)};
unsigned long sizes[] = {8, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160};
int main(int argc, char** argv) { bins[argc].count++; return (int)(bins[argc % 17].size + sizes[argc % 14]); }
`},
	// A heap pointer behind a pthread key, of another allocator.
	{"pthread_key", "c", `
#include <pthread.h>
#include <stdlib.h>
struct heap { void* pages[64]; };
static struct heap first;
static pthread_key_t key;
static struct heap* heap(void) { struct heap* h = pthread_getspecific(key); return h ? h : &first; }
void* get(int i) { return heap()->pages[i]; }
void set(int i, void* p) { struct heap* h = pthread_getspecific(key); if (!h) { h = calloc(1, sizeof *h); pthread_setspecific(key, h); } h->pages[i] = p; }
int main(int argc, char** argv) { pthread_key_create(&key, free); set(argc, argv); return get(argc) == 0; }
`},
	// The word, and the format of the version, in a client of mimalloc.
	{"word", "c", `
#include <stdio.h>
#include <dlfcn.h>
int main(int argc, char** argv) {
  void* p = dlsym(RTLD_DEFAULT, "mi_malloc");
  printf("%s v%i.%i.%i%s%s: mi_heap_default, MIMALLOC_VERBOSE, mimalloc: warning\n", "mimalloc", 3, 3, 2, "", "");
  return p == 0;
}
`},
	// Slots of the thread control block: the thread id as everybody reads it, and slots as Swift's runtime uses them.
	{"slots_of_others", "c", `
typedef void* slot_t;
#if defined(__aarch64__)
static inline slot_t* tcb(void) { slot_t* p; __asm__("mrs %0, tpidrro_el0\n\tbic %0, %0, #7" : "=r"(p)); return p; }
#define GET(n) (tcb()[n])
#define SET(n, v) (tcb()[n] = (v))
#else
#define GET(n) ({ slot_t v; __asm__("movq %%gs:%c1, %0" : "=r"(v) : "i"((n) * 8)); v; })
#define SET(n, v) ({ slot_t x = (v); __asm__ volatile("movq %0, %%gs:%c1" : : "r"(x), "i"((n) * 8) : "memory"); })
#endif
unsigned long id(void) { return (unsigned long)GET(0); }
void* swift_get(void) { return GET(100); }
void swift_set(void* p) { SET(100, p); SET(101, p); }
void* swift_get2(void) { return GET(101); }
void* go_tls(void) { return GET(6); }
int main(int argc, char** argv) { swift_set(argv); return id() == 0 || swift_get() == swift_get2() || go_tls() == 0; }
`},
	{"cxx_thread_local", "cc", `
#include <cstdlib>
struct Arena { void* blocks[32]; int n; Arena() : blocks(), n(1) {} ~Arena() { std::free(blocks[0]); } void* take() { return blocks[n++ % 32] = std::malloc(8); } };
thread_local Arena arena;
thread_local Arena* current = &arena;
void* operator new(std::size_t n) { return n > 8 ? std::malloc(n) : current->take(); }
void operator delete(void* p) noexcept { std::free(p); }
int main(int argc, char** argv) { return *(new int(argc)) == 0; }
`},
}

// Negatives makes files without mimalloc: an object, a program and a stripped program of each kind.
func (b *Builder) Negatives() ([]Artefact, error) {
	var all []Artefact
	for _, arch := range Archs {
		for _, n := range negatives {
			args := options("-O2")
			link := []string{}
			if n.extension == "cc" {
				args = append(args, "-x", "c++", "-std=c++17", "-fno-exceptions")
				link = append(link, "-lc++")
			}
			object, err := b.compileText(arch, n.name, n.extension, n.text, args...)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", n.name, err)
			}
			all = append(all, Artefact{Path: object, Arch: arch, Kind: "negative"})
			path := filepath.Join(filepath.Dir(object), "program")
			if err := b.Compiler.Link(target(arch), path, append([]string{object, "-Wl,-dead_strip"}, link...)...); err != nil {
				return nil, fmt.Errorf("%s: %w", n.name, err)
			}
			if err := strip(path, path+".stripped", false); err != nil {
				return nil, err
			}
			all = append(all,
				Artefact{Path: path, Arch: arch, Kind: "negative"},
				Artefact{Path: path + ".stripped", Arch: arch, Kind: "negative"})
		}
	}
	sortArtefacts(all)
	return all, nil
}
