package patcher

import "slices"

// A vocabulary is the set of macro names in which a header speaks of models.
type vocabulary struct {
	local, fixed, pthreads, win32 string
	slots                         [2]string // values of the fixed slots: default, cached
}

var (
	// From 3.2.6 on.
	longNames = vocabulary{
		local:    "MI_TLS_MODEL_THREAD_LOCAL",
		fixed:    "MI_TLS_MODEL_FIXED_SLOT",
		pthreads: "MI_TLS_MODEL_DYNAMIC_PTHREADS",
		win32:    "MI_TLS_MODEL_DYNAMIC_WIN32",
		slots:    [2]string{"MI_TLS_MODEL_FIXED_SLOT_DEFAULT", "MI_TLS_MODEL_FIXED_SLOT_CACHED"},
	}
	// From 3.5.0 on.
	shortNames = vocabulary{
		local:    "MI_TLS_MODEL_LOCAL",
		fixed:    "MI_TLS_MODEL_FIXED",
		pthreads: "MI_TLS_MODEL_PTHREADS",
		win32:    "MI_TLS_MODEL_WIN32",
		slots:    [2]string{"MI_TLS_MODEL_FIXED_DEFAULT", "MI_TLS_MODEL_FIXED_CACHED"},
	}
)

// modelPrefix begins every macro of every vocabulary.
const modelPrefix = "MI_TLS_MODEL_"

func (v *vocabulary) models() []struct {
	macro string
	model Model
} {
	return []struct {
		macro string
		model Model
	}{
		{v.local, ThreadLocal},
		{v.fixed, FixedSlot},
		{v.pthreads, PthreadKey},
		{v.win32, Win32},
	}
}

// A generation is one shape of the selector: the conditional in which upstream
// chooses a model. Adding one is adding a row; docs/new-generation.md says how.
// Conditions are written as spell writes them.
type generation struct {
	id       string
	releases string // those it was seen in, "" for none
	header   string // the file that holds it, from the include directory
	names    *vocabulary
	outer    string // condition around the choice, "" where there is none
	apple    string // condition of the branch that 64-bit Apple systems take
	before   Model  // what that branch chooses
}

// UpstreamModel returns what upstream chooses on 64-bit Apple systems in headers
// of a generation, "" for a generation that is not known.
func UpstreamModel(generation string) Model {
	if generation == "A" {
		return ThreadLocal
	}
	for i := range generations {
		if generations[i].id == generation {
			return generations[i].before
		}
	}
	return ""
}

// shortNamesUnset lets -D choose, since 3.5.0.
const shortNamesUnset = "! defined ( MI_TLS_MODEL_LOCAL ) && ! defined ( MI_TLS_MODEL_PTHREADS ) && ! defined ( MI_TLS_MODEL_FIXED ) && ! defined ( MI_TLS_MODEL_WIN32 )"

// generations lists what upstream has released. Generation A, which has no
// model macros, is recognised by plainThreadLocal.
var generations = []generation{
	{
		id: "B", releases: "3.2.6 to 3.3.0",
		header: "mimalloc/prim.h", names: &longNames,
		apple:  "defined ( __APPLE__ )",
		before: FixedSlot,
	},
	{
		id: "C", releases: "3.3.1 to 3.3.2",
		header: "mimalloc/prim.h", names: &longNames,
		apple:  "defined ( __APPLE__ ) && MI_HAS_TLS_SLOT && ! defined ( __POWERPC__ )",
		before: FixedSlot,
	},
	{
		id: "D", releases: "3.4.0 to 3.4.3",
		header: "mimalloc/prim.h", names: &longNames,
		outer:  "! defined ( MI_TLS_MODEL_THREAD_LOCAL ) && ! defined ( MI_TLS_MODEL_DYNAMIC_PTHREADS )",
		apple:  "defined ( __APPLE__ ) && MI_HAS_TLS_SLOT && ! defined ( __POWERPC__ )",
		before: FixedSlot,
	},
	{
		id:     "E", // upstream's development between 3.4.3 and 3.5.0, before the header was split
		header: "mimalloc/prim.h", names: &shortNames,
		outer:  shortNamesUnset,
		apple:  "defined ( __APPLE__ ) || defined ( __OpenBSD__ ) || defined ( __ANDROID__ )",
		before: PthreadKey,
	},
	{
		id: "E", releases: "3.5.0 to 3.5.2",
		header: "mimalloc/prim-tls.h", names: &shortNames,
		outer:  shortNamesUnset,
		apple:  "defined ( __APPLE__ ) || defined ( __OpenBSD__ ) || defined ( __ANDROID__ )",
		before: PthreadKey,
	},
	{
		id: "F", releases: "3.6.0",
		header: "mimalloc/prim/prim-tls.h", names: &shortNames,
		outer:  shortNamesUnset,
		apple:  "defined ( __APPLE__ ) || defined ( __OpenBSD__ ) || defined ( __ANDROID__ )",
		before: PthreadKey,
	},
}

// Headers lists the places where a selector may stand, from the include
// directory, with slashes: the files that a patch can change.
func Headers() []string { return slices.Clone(headers) }

var headers = []string{"mimalloc/prim.h", "mimalloc/prim-tls.h", "mimalloc/prim/prim-tls.h"}

// An accessor is the function behind the selector that reads the thread-local
// variable, as upstream writes it in every generation with model macros. Where
// it differs, what the patch would do to it has not been shown.
const (
	guardCondition  = "defined ( MI_TLS_RECURSE_GUARD )"
	accessorBefore  = "static inline mi_theap_t * _mi_theap_default ( void ) {"
	accessorBehind  = "return __mi_theap_default ; }"
	accessorCached  = "static inline mi_theap_t * _mi_theap_cached ( void ) { return __mi_theap_cached ; }"
	variableDefault = "extern mi_decl_hidden mi_decl_thread mi_theap_t * __mi_theap_default ;"
	variableCached  = "extern mi_decl_hidden mi_decl_thread mi_theap_t * __mi_theap_cached ;"
	variableStarted = "extern mi_decl_hidden bool _mi_process_is_initialized ;"

	// The function whose empty asm keeps a compiler from loading the
	// thread-local before the test.
	barrierBefore = "static inline mi_theap_t * __mi_theap_empty ( void ) {"
	barrierIf     = "__GNUC__"
	barrierBody   = `__asm ( "" ) ; return ( mi_theap_t * ) & _mi_theap_empty ;`
)

// guardStatements maps the spellings of upstream's guard to what the patch
// puts in its place: the same test, returning through the barrier.
var guardStatements = map[string]string{
	"if ( mi_unlikely ( ! _mi_process_is_initialized ) ) return _mi_theap_empty_get ( ) ;": "if (mi_unlikely(!_mi_process_is_initialized)) return __mi_theap_empty();",
	"if mi_unlikely ( ! _mi_process_is_initialized ) return _mi_theap_empty_get ( ) ;":     "if mi_unlikely(!_mi_process_is_initialized) return __mi_theap_empty();",
}

// protectedNames are identifiers whose meaning the patch relies on and which
// no known header redefines beside the selector.
var protectedNames = fields(`
	MI_TLS_RECURSE_GUARD mi_decl_thread mi_decl_hidden mi_unlikely mi_theap_t
	_mi_theap_default _mi_theap_cached __mi_theap_default __mi_theap_cached
	_mi_heap_default mi_prim_get_default_heap mi_heap_t
	_mi_theap_empty _mi_theap_empty_get __mi_theap_empty _mi_process_is_initialized
	__thread _Thread_local thread_local __builtin_expect
	defined static inline extern void bool if return __asm __APPLE__ __GNUC__ __aarch64__ __x86_64__`)
