package mutation

import "strings"

// conditions are what generated conditionals ask. MI_X, MI_DEBUG and the like
// are macros that a build may or may not define: the judge tries both.
var conditions = []string{
	"0", "1", "MI_X", "!MI_X", "defined(MI_X)", "!defined(MI_X)", "MI_DEBUG>1", "MI_SECURE", "NDEBUG",
	"defined(__APPLE__)", "!defined(__APPLE__)", "__APPLE__", "defined __APPLE__", "defined(__APPLE__) && defined(__aarch64__)",
	"defined(__APPLE__) && defined(__x86_64__)", "defined(__APPLE__) && !defined(__arm64__)", "defined(__APPLE__) || MI_X",
	"defined(__APPLE__) && MI_HAS_TLS_SLOT", "defined(__MACH__)", "__aarch64__", "defined(__x86_64__)", "__clang__", "__GNUC__ > 4",
	"defined(__APPLE__) == 1", "defined(__APPLE__) + 0", "defined(_WIN32)", "!defined(_WIN32)", "defined(__linux__)",
	"!defined(__linux__) && !defined(_WIN32)", "defined(__unix__)", "defined(__ANDROID__)", "defined(__OpenBSD__)",
	"defined(__cplusplus)", "!defined(__cplusplus)", "__STDC__", "__STDC_VERSION__ >= 201112L", "__has_include(\"mimalloc/types.h\")",
	"defined(__has_include)", "__has_attribute(used)", "TARGET_OS_IPHONE", "defined(TARGET_OS_OSX)", "MI_INTPTR_SIZE == 8",
	"MI_SIZE_SIZE==4", "MI_MALLOC_OVERRIDE", "MI_HAS_TLS_SLOT", "!MI_HAS_TLS_SLOT", "MI_HAS_TLS_SLOT == 1", "MI_HAS_TLS_SLOT > 1",
	"defined(MI_TLS_RECURSE_GUARD)", "!defined(MI_TLS_RECURSE_GUARD)", "MI_TLS_MODEL_FIXED_SLOT_DEFAULT == 108",
	"MI_TLS_MODEL_THREAD_LOCAL", "!MI_TLS_MODEL_THREAD_LOCAL", "MI_TLS_MODEL_FIXED_SLOT", "MI_TLS_MODEL_LOCAL", "MI_TLS_MODEL_PTHREADS",
	"defined(RULES_MIMALLOC_TLS)", "RULES_MIMALLOC_TLS_GUARD",
	"1 ? 0 : 1", "(1 - 1) || (2 > 1)", "-1 > 0u", "-1 > 0", "0x10 == 16", "010 == 8", "0b11 == 3", "'a' == 97", "1 << 62 > 0",
	"1 << 63 < 0", "~0u > 0", "-1/2 == 0", "-7 % 3 == -1", "(0, 1)", "!0 == 1", "1 || 1/0", "0 && 1/0", "1u - 2 > 0", "0x7fffffffffffffff + 1 < 0",
	"1'0 == 10", "true", "false", "not_a_macro", "2 - 1 - 1", "1 == 1 == 1", "3 & 4 | 1", "5 ^ 5", "1 ? 2 ? 0 : 1 : 1", "'\\n' == 10", "L'a'",
	"18446744073709551615 > 0", "-9223372036854775807 - 1 < 0", "1 && defined MI_TLS_SLOT", "__COUNTER__ == 0", "__INCLUDE_LEVEL__",
}

// names are macros that the header, the patch or the accessor rely on.
func (e *editor) name() string {
	models := []string{"MI_TLS_MODEL_LOCAL", "MI_TLS_MODEL_FIXED", "MI_TLS_MODEL_PTHREADS", "MI_TLS_MODEL_WIN32", "MI_TLS_MODEL_FIXED_DEFAULT", "MI_TLS_MODEL_FIXED_CACHED"}
	if e.long != e.chance(5) {
		models = []string{"MI_TLS_MODEL_THREAD_LOCAL", "MI_TLS_MODEL_FIXED_SLOT", "MI_TLS_MODEL_DYNAMIC_PTHREADS", "MI_TLS_MODEL_DYNAMIC_WIN32",
			"MI_TLS_MODEL_FIXED_SLOT_DEFAULT", "MI_TLS_MODEL_FIXED_SLOT_CACHED"}
	}
	switch n := e.IntN(100); {
	case n < 45:
		return e.pick(models)
	case n < 75:
		return e.pick([]string{"MI_TLS_RECURSE_GUARD", "MI_HAS_TLS_SLOT", "mi_decl_thread", "MI_TLS_SLOT", "MI_X"})
	}
	return e.pick([]string{
		"mi_decl_hidden", "mi_unlikely", "mi_theap_t", "_mi_theap_default", "__mi_theap_default", "_mi_theap_cached", "__mi_theap_cached",
		"_mi_theap_empty", "_mi_theap_empty_get", "__mi_theap_empty", "_mi_process_is_initialized", "__APPLE__", "__aarch64__", "__x86_64__",
		"__GNUC__", "return", "static", "inline", "if", "extern", "__asm", "void", "RULES_MIMALLOC_TLS", "RULES_MIMALLOC_TLS_GUARD",
		"MI_TLS_MODEL_NEW", "MI_TLS_MODEL", "MI_MALLOC_OVERRIDE", "_mi_heap_default", "mi_heap_t", "mi_prim_get_default_heap", "MI_TLS_PTHREAD",
		"__arm64__", "__LP64__", "_WIN32", "MI_PRIM_THREAD_ID", "MI_NO_THREAD_POINTER", "MI_PRIM_H", "MIMALLOC_PRIM_H", "bool", "__thread",
		"mi_prim_tls_slot", "MI_DEBUG", "defined", "mi_decl_noinline", "mi_decl_cold", "extern_", "MI_SIZE_SIZE", "__POWERPC__", "__ANDROID__",
	})
}

func (e *editor) value() string {
	return e.pick([]string{"1", "1", "1", "0", "", "2", "108", "(1)", "(0)", "1 // one", "1 /* one */", "/* none */", "0x1", "1u", "-1", "!0", "MI_X", "MI_HAS_TLS_SLOT",
		"MI_TLS_MODEL_FIXED_SLOT", "defined(__APPLE__)", "(1-1)", "1 - 1", "2-2", "'a'", "x", "\\\n  1", "1 \\\n - 1", "__APPLE__"})
}

// statement returns directives that define or undefine one name.
func (e *editor) statement() []string {
	name := e.name()
	switch e.IntN(12) {
	case 0, 1, 2, 3:
		return []string{"#define " + name + " " + e.value()}
	case 4, 5, 6:
		return []string{"#undef " + name}
	case 7:
		return []string{"#undef " + name, "#define " + name + " " + e.value()}
	case 8:
		return []string{"#ifndef " + name, "#define " + name + " " + e.value(), "#endif"}
	case 9:
		return []string{"#ifdef " + name, "#undef " + name, "#endif"}
	case 10:
		return []string{"#define " + name + "(x) x"}
	}
	return []string{"#undef " + name, "#undef " + e.name(), "#define " + e.name() + " " + e.value()}
}

// snippet returns directives in one of the forms that a compiler reads.
func (e *editor) snippet() []string {
	lines := e.statement()
	if e.chance(45) {
		lines = append(append([]string{"#if " + e.pick(conditions)}, lines...), "#endif")
	}
	switch e.IntN(24) {
	case 0:
		lines[0] = strings.Replace(lines[0], "#", "%:", 1)
	case 1:
		lines[0] = strings.Replace(lines[0], "#", "/* # */ #", 1)
	case 2:
		lines[0] = strings.Replace(lines[0], "#", "#/**/ ", 1)
	case 3:
		at := 1 + e.IntN(len(lines[0]))
		lines[0] = lines[0][:at] + "\\\n" + lines[0][at:]
	case 4:
		lines[0] = "\\\n" + lines[0]
	case 5:
		lines[0] = "\f" + lines[0]
	case 6:
		lines = append([]string{"#pragma push_macro(\"" + e.name() + "\")"}, lines...)
		if e.chance(50) {
			lines = append(lines, "#pragma pop_macro(\""+e.name()+"\")")
		}
	case 7:
		lines = append([]string{"/*"}, append(lines, "*/")...)
	case 8:
		lines = append([]string{"// \\"}, lines...)
	case 9:
		lines = append([]string{"static const char* mi_s = R\"(\" /*)\";"}, append(lines, "/* )\" */")...)
	case 10:
		lines = append([]string{"#define MI_Y '/*'"}, lines...)
	case 11:
		lines = append([]string{"#if 0", "#error isn't", "#endif"}, lines...)
	case 12:
		lines = append([]string{"/* // */"}, lines...)
	}
	return lines
}

// harmless are lines that change nothing for a compiler, or nothing of ours.
var harmless = []string{
	"", "// a comment", "/* a comment */", "  ", "/* two", "   lines */", "#define MI_SOMETHING_ELSE 1", "#undef MI_SOMETHING_ELSE", "#if 0\nnot this\n#endif",
	"extern int mi_other;", "static inline int mi_f(void) { return 1; }", "#pragma once", "#line 7", "#error \"stop\"", "#warning \"go on\"", "#",
	"#ident \"x\"", "#if 1\n#else\n#error no\n#endif", "#ifdef __cplusplus\nextern \"C\" {\n#endif", "#ifdef __cplusplus\n}\n#endif", "??=define MI_Q 1",
	"_Pragma(\"pop_macro(\\\"MI_HAS_TLS_SLOT\\\")\")", "#include <stddef.h>", "#include \"track.h\"", "/*", "*/", "// ??/", "\"", "'", "#pragma GCC diagnostic push",
	"#if defined(__APPLE__)\n#error \"no\"\n#endif", "#elif 1", "#else", "#endif", "#if 1", "#if 0", "#ifdef MI_X", "return 0;", "#define MI_THEAP_INITASNULL 1",
	"/* rules_mimalloc:end */", "// rules_mimalloc: note",
}
