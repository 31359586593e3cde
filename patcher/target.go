package patcher

import "strings"

// A target is a platform for which a header is evaluated: the macros its
// compilers predefine, as far as mimalloc's headers ask for them.
type target struct {
	name    string
	defined string // blank-separated
	apple   bool   // a target whose model the patch decides
}

// targets are the platforms every plan is verified for. iOS, tvOS, watchOS and
// visionOS, their simulators and Catalyst predefine what macOS does, as far as
// any mimalloc header looks (measured with clang -E -dM); arm64e and arm64_32
// do too. On 32-bit Apple systems upstream has no fixed slot in any release,
// and a patched header must leave them alone like every other platform.
var targets = []target{
	{"macos-arm64", "__APPLE__ __MACH__ __aarch64__ __arm64__ __GNUC__ __clang__", true},
	{"macos-x86_64", "__APPLE__ __MACH__ __x86_64__ __GNUC__ __clang__", true},
	{"apple-armv7k", "__APPLE__ __MACH__ __arm__ __GNUC__ __clang__", false},
	{"apple-i386", "__APPLE__ __MACH__ __i386__ __GNUC__ __clang__", false},
	{"linux-x86_64", "__linux__ __unix__ __x86_64__ __GNUC__", false},
	{"linux-aarch64", "__linux__ __unix__ __aarch64__ __GNUC__", false},
	{"windows-x86_64", "_WIN32 _WIN64 _M_X64 _M_AMD64", false},
	{"freebsd-x86_64", "__FreeBSD__ __unix__ __x86_64__ __GNUC__ __clang__", false},
	{"openbsd-x86_64", "__OpenBSD__ __unix__ __x86_64__ __GNUC__ __clang__", false},
	{"android-aarch64", "__ANDROID__ __BIONIC__ __linux__ __unix__ __aarch64__ __GNUC__ __clang__", false},
}

// platformMacros are the macros that tell platforms apart: undefined on every
// target that does not list them.
var platformMacros = fields(`
	__APPLE__ __MACH__ __linux__ __unix__ _WIN32 _WIN64 __FreeBSD__ __OpenBSD__ __NetBSD__ __DragonFly__
	__ANDROID__ __BIONIC__ __CYGWIN__ __MINGW32__ __sun __HAIKU__ __wasi__ __EMSCRIPTEN__ __PROSPERO__
	__aarch64__ __arm64__ __arm__ __x86_64__ __i386__ __POWERPC__ __ppc__ __riscv
	_M_X64 _M_AMD64 _M_IX86 _M_ARM64 _M_ARM64EC _M_ARM`)

// overrideMacros are undefined unless whoever builds mimalloc defines them.
// The patcher assumes they are not; a patched header checks those that matter
// again in every compile.
var overrideMacros = fields(`
	MI_TLS_RECURSE_GUARD MI_HAS_TLS_SLOT MI_TLS_SLOT MI_TLS_PTHREAD MI_TLS_PTHREAD_SLOT_OFS
	MI_PRIM_THREAD_ID MI_PRIM_THREAD_POINTER MI_NO_THREAD_POINTER MI_USE_PTHREADS
	MI_USE_BUILTIN_THREAD_POINTER MI_WIN_USE_FIXED_TLS MI_MALLOC_OVERRIDE`)

// Macros with one of these prefixes count as overrideMacros.
var overridePrefixes = []string{"MI_TLS_MODEL_", witnessPrefix}

func fields(s string) map[string]bool {
	set := make(map[string]bool)
	for _, f := range strings.Fields(s) {
		set[f] = true
	}
	return set
}

// A startState is what is known of a macro where a header begins.
type startState struct {
	defined uint32 // by target: the bits of targets that predefine it
	known   bool   // for the other targets: it is not defined
}

// predefinedBy holds the targets that predefine a macro, as bits.
var predefinedBy = func() map[string]uint32 {
	bits := make(map[string]uint32)
	for i, t := range targets {
		for _, name := range strings.Fields(t.defined) {
			bits[name] |= 1 << i
		}
	}
	return bits
}()

func startOf(name string) startState {
	s := startState{defined: predefinedBy[name], known: platformMacros[name] || overrideMacros[name]}
	for _, p := range overridePrefixes {
		s.known = s.known || strings.HasPrefix(name, p)
	}
	return s
}

// predefined returns the state on the target with that number.
func (s startState) predefined(target int) tri {
	switch {
	case s.defined>>target&1 != 0:
		return yes
	case s.known:
		return no
	}
	return unknown
}

// A tri is a truth value that can be unknown.
type tri uint8

const (
	unknown tri = iota
	no
	yes
)

func known(b bool) tri {
	if b {
		return yes
	}
	return no
}

func (t tri) String() string { return [...]string{"undecided", "off", "on"}[t] }
