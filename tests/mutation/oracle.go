package mutation

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A platform is a set of macros under which a header is preprocessed. They are
// given by name, not by asking the compiler for a target, so that any compiler
// will do.
type platform struct {
	name    string
	defines string // blank-separated NAME or NAME=VALUE
	apple   bool   // 64-bit: the patch is for it

	// Where apple, how a compiler proper is asked for the same.
	triple string
	args   string
}

const (
	appleMacros = "__APPLE__ __MACH__ __GNUC__=4 __GNUC_MINOR__=2 __clang__ __clang_major__=18 "
	gccMacros   = "__GNUC__=13 __GNUC_MINOR__=2 __unix__ "
	wide        = "__LP64__ MI_INTPTR_SIZE=8 MI_SIZE_SIZE=8 MI_SIZE_BITS=64 "
	narrow      = "MI_INTPTR_SIZE=4 MI_SIZE_SIZE=4 MI_SIZE_BITS=32 "
	// What a build may define besides, or the headers before this one.
	variant = "MI_X MI_DEBUG=3 MI_SECURE=4 NDEBUG __cplusplus=202002L TARGET_OS_IPHONE TARGET_OS_OSX=0 "
)

var platforms = []platform{
	{"macos-arm64", appleMacros + wide + "__aarch64__ __arm64__ __ARM_ARCH=8", true, "arm64-apple-macos11", ""},
	{"macos-x86_64", appleMacros + wide + "__x86_64__ __amd64__", true, "x86_64-apple-macos11", ""},
	{"ios-arm64-variant", appleMacros + wide + variant + "__aarch64__ __arm64__ __ARM_ARCH=8", true, "arm64-apple-ios14", "-DMI_X -DMI_DEBUG=3 -DMI_SECURE=4 -DNDEBUG"},
	{"macos-x86_64-override", appleMacros + wide + "__x86_64__ __amd64__ MI_MALLOC_OVERRIDE", true, "x86_64-apple-macos11", "-DMI_MALLOC_OVERRIDE"},
	{"watchos-armv7k", appleMacros + narrow + "__arm__ __ARM_ARCH=7", false, "", ""},
	{"apple-i386", appleMacros + narrow + "__i386__", false, "", ""},
	{"linux-x86_64", gccMacros + wide + "__linux__ __x86_64__ __amd64__", false, "", ""},
	{"linux-aarch64-variant", gccMacros + wide + variant + "__linux__ __aarch64__", false, "", ""},
	{"windows-x86_64", wide + "_WIN32 _WIN64 _M_X64=100 _M_AMD64=100 _MSC_VER=1939", false, "", ""},
	{"freebsd-x86_64", gccMacros + wide + "__FreeBSD__=14 __clang__ __x86_64__", false, "", ""},
	{"openbsd-x86_64", gccMacros + wide + "__OpenBSD__ __clang__ __x86_64__", false, "", ""},
	{"android-aarch64", gccMacros + wide + "__ANDROID__ __BIONIC__ __linux__ __clang__ __aarch64__", false, "", ""},
}

// models are the macros that say which model is in force, in both vocabularies.
var models = []string{
	"MI_TLS_MODEL_THREAD_LOCAL", "MI_TLS_MODEL_LOCAL",
	"MI_TLS_MODEL_FIXED_SLOT", "MI_TLS_MODEL_FIXED", "MI_TLS_MODEL_DYNAMIC_PTHREADS", "MI_TLS_MODEL_PTHREADS",
	"MI_TLS_MODEL_DYNAMIC_WIN32", "MI_TLS_MODEL_WIN32",
}

// plainOthers are the macros by which releases without model macros choose
// anything but a thread-local variable, in the header and in sources.
var plainOthers = []string{"MI_TLS_SLOT", "MI_TLS_PTHREAD", "MI_TLS_PTHREAD_SLOT_OFS"}

// users are names by which sources use what the header declares: a macro of
// that name left behind would change every use.
var users = []string{"_mi_theap_default", "__mi_theap_default", "__mi_theap_empty", "_mi_process_is_initialized", "mi_prim_get_default_heap", "_mi_heap_default", "_mi_theap_empty", "mi_theap_t"}

// A view is what a compiler's preprocessor makes of a header on one platform.
type view struct {
	text   string   // as printed; #define and #undef among it
	state  string   // behind the header: for each macro that the state file finds on, a line
	use    string   // what users and mi_decl_thread expand to
	errors []string // messages of errors in it
}

// on reports whether a macro is on behind the header.
func (v *view) on(macro string) bool { return strings.Contains(v.state, "@@on \""+macro+"\"") }

// An Oracle runs a compiler's preprocessor, clang's or GCC's.
type Oracle struct {
	Compiler []string // command line of a C compiler
	Dir      string   // a scratch directory of this oracle alone

	stubs   map[string]bool   // include names that have an empty file
	written map[string]string // what the last run left: contents by path
	clock   int64             // of the files, in minutes
}

// source is a header to look at: the files of a tree that are not empty.
type source struct {
	header string
	files  map[string][]byte
	skip   func(p platform) bool // platforms of no interest; nil: none
}

// Names of the files that a run of the preprocessor reads.
const (
	mainFile     = "main.c"
	platformFile = "platform" // in a directory of the platform
	stateFile    = "state"
	// Where the compiler looks for what is not beside the including file; deep
	// enough for names with "..".
	stubDir = "stub/a/b"
)

// See preprocesses sources for platforms: views[i][j] is source i on platform
// j, nil where it skips that. There is one process a platform, so that each
// file is written once and read once by each of them.
func (o *Oracle) See(sources []source, on []platform) ([][]*view, error) {
	sections := make([]string, len(sources))
	wanted := map[string]string{}
	for i, s := range sources {
		var err error
		if sections[i], err = o.section(wanted, i, s); err != nil {
			return nil, err
		}
	}
	views := make([][]*view, len(sources))
	for i := range views {
		views[i] = make([]*view, len(on))
	}
	wanted[filepath.Join(stubDir, stateFile)] = stateText
	for j, p := range on {
		dir := fmt.Sprint("p", j)
		wanted[filepath.Join(dir, platformFile)] = p.text()
		var main strings.Builder
		for i, s := range sources {
			if s.skip == nil || !s.skip(p) {
				main.WriteString(sections[i])
				views[i][j] = &view{}
			}
		}
		main.WriteString("@@end\n")
		wanted[filepath.Join(dir, mainFile)] = main.String()
	}
	if err := o.write(wanted); err != nil {
		return nil, err
	}
	for j := range on {
		dir := filepath.Join(o.Dir, fmt.Sprint("p", j))
		// mi_assert prints places, which a patch moves.
		args := []string{"-D__LINE__=0", "-D__FILE__=\"\"", "-E", "-P", "-dD", "-undef", "-nostdinc", "-w", "-std=gnu11",
			"-I" + dir, "-I" + o.Dir, "-I" + filepath.Join(o.Dir, stubDir), "-x", "c", filepath.Join(dir, mainFile)}
		cmd := exec.Command(o.Compiler[0], append(slices.Clone(o.Compiler[1:]), args...)...)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			if _, failed := err.(*exec.ExitError); !failed {
				return nil, err
			}
		}
		if err := read(stdout.String(), stderr.String(), views, j); err != nil {
			return nil, err
		}
	}
	return views, nil
}

// text is what a section begins with: the platform's macros, whatever the
// section before it did to them.
func (p *platform) text() string {
	var b strings.Builder
	for _, n := range platformNames {
		fmt.Fprintf(&b, "#undef %s\n", n)
	}
	for d := range strings.FieldsSeq(p.defines) {
		name, value, ok := strings.Cut(d, "=")
		if !ok {
			value = "1"
		}
		fmt.Fprintf(&b, "#define %s %s\n", name, value)
	}
	b.WriteString("#undef mi_decl_thread\n#define mi_decl_thread __thread\n")
	return b.String()
}

// platformNames are the macros of all platforms.
var platformNames = func() []string {
	names := map[string]bool{}
	for _, p := range platforms {
		for d := range strings.FieldsSeq(p.defines) {
			name, _, _ := strings.Cut(d, "=")
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}()

// stateText asks for the state behind a header.
var stateText = func() string {
	var b strings.Builder
	for _, m := range append([]string{"MI_TLS_RECURSE_GUARD", "MI_HAS_TLS_SLOT"}, models...) {
		fmt.Fprintf(&b, "#if %s\n@@on %q\n#endif\n", m, m) // in quotes it is not expanded
	}
	for _, m := range plainOthers { // whatever their value
		fmt.Fprintf(&b, "#ifdef %s\n@@on %q\n#endif\n", m, m)
	}
	b.WriteString("@@use mi_decl_thread")
	for _, u := range users {
		b.WriteString(" " + u)
	}
	return b.String() + "\n"
}()

// order is the order in which mimalloc's sources include what may have changed.
var order = []string{"mimalloc.h", "mimalloc/types.h", "mimalloc/internal.h", "mimalloc/atomic.h"}

// section puts a source's files in a directory of their own and has the driver
// include them. Files that are as in every release are empty: the header is
// all that counts.
func (o *Oracle) section(wanted map[string]string, n int, s source) (string, error) {
	var driver strings.Builder
	dir := fmt.Sprint(n)
	names := map[string]bool{}
	for name, src := range s.files {
		for _, included := range includeNames(src) {
			if err := o.stub(included); err != nil {
				return "", err
			}
		}
		definedNames(names, src)
		wanted[filepath.Join(dir, name)] = string(src)
	}
	fmt.Fprintf(&driver, "#include <%s>\n@@begin %d\n", platformFile, n)
	first := slices.Clone(order)
	for _, name := range slices.Sorted(maps.Keys(s.files)) {
		if !slices.Contains(order, name) && name != s.header && path.Ext(name) == ".h" && !strings.Contains(name, "prim-extra") {
			first = append(first, name)
		}
	}
	for _, name := range append(first, s.header) {
		if _, ok := s.files[name]; ok {
			fmt.Fprintf(&driver, "#include <%d/%s>\n", n, name)
		}
	}
	fmt.Fprintf(&driver, "@@state %d\n#include <%s>\n", n, stateFile)
	delete(names, "defined")
	for _, name := range slices.Sorted(maps.Keys(names)) {
		driver.WriteString("#undef " + name + "\n")
	}
	return driver.String(), nil
}

// isWord reports whether a byte may be part of an identifier.
func isWord(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// definedNames adds every name that a source may define: too many do no harm.
func definedNames(names map[string]bool, src []byte) {
	if bytes.IndexByte(src, '\\') >= 0 {
		src = spliced.ReplaceAll(src, nil)
	}
	for {
		i := bytes.Index(src, []byte("define"))
		if i < 0 {
			return
		}
		src = src[i+len("define"):]
		at := 0
		for at < len(src) {
			if strings.IndexByte(" \t\v\f", src[at]) >= 0 {
				at++
			} else if bytes.HasPrefix(src[at:], []byte("/*")) {
				end := bytes.Index(src[at+2:], []byte("*/"))
				if end < 0 {
					break
				}
				at += end + 4
			} else {
				break
			}
		}
		end := at
		for end < len(src) && isWord(src[end]) {
			end++
		}
		if end > at && at > 0 && (src[at] < '0' || src[at] > '9') {
			names[string(src[at:end])] = true
		}
	}
}

var (
	spliced = regexp.MustCompile(`\\[ \t]*\r?\n`)
	include = regexp.MustCompile(`^[ \t]*#[ \t]*include[ \t]+[<"]([^>"\n]+)[>"]`)
)

// includeNames returns what the plainly written #includes of a source name.
func includeNames(src []byte) []string {
	var found []string
	for at := 0; ; {
		i := bytes.Index(src[at:], []byte("include"))
		if i < 0 {
			return found
		}
		at += i
		start := bytes.LastIndexByte(src[:at], '\n') + 1
		if m := include.FindSubmatch(src[start:min(len(src), at+200)]); m != nil {
			found = append(found, string(m[1]))
		}
		at += len("include")
	}
}

// stub makes an empty file for an include name.
func (o *Oracle) stub(name string) error {
	if o.stubs[name] || path.IsAbs(name) || strings.HasPrefix(path.Join(stubDir, name), "..") {
		return nil
	}
	if o.stubs == nil {
		o.stubs = map[string]bool{}
	}
	o.stubs[name] = true
	return writeFile(filepath.Join(o.Dir, stubDir, name), nil)
}

// write leaves exactly these files, by path from Dir, beside the stubs.
func (o *Oracle) write(wanted map[string]string) error {
	for name := range o.written {
		if _, ok := wanted[name]; !ok {
			if err := os.Remove(filepath.Join(o.Dir, name)); err != nil {
				return err
			}
		}
	}
	for name, text := range wanted {
		if old, ok := o.written[name]; ok && old == text {
			continue
		}
		file := filepath.Join(o.Dir, name)
		if err := writeFile(file, []byte(text)); err != nil {
			return err
		}
		// GCC takes files of the same size and time for one, as #pragma once goes.
		o.clock++
		if err := os.Chtimes(file, time.Time{}, time.Unix(1e9+o.clock*60, 0)); err != nil {
			return err
		}
	}
	o.written = wanted
	return nil
}

// writeFile makes a file and the directories above it.
func writeFile(name string, src []byte) error {
	err := os.WriteFile(name, src, 0o644)
	if os.IsNotExist(err) {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		return os.WriteFile(name, src, 0o644)
	}
	return err
}

var errorLine = regexp.MustCompile(`^(?:In file included from )?(?:.*/)?(\d+)/(?:mimalloc\.h|mimalloc/.*):\d+:(?:\d+:)? (?:fatal )?error: (.*)$`)

// read sorts what the compiler printed for platform j into views.
func read(stdout, stderr string, views [][]*view, j int) error {
	if i := strings.LastIndex(stdout, "@@end"); i < 0 {
		return fmt.Errorf("%w: %s", errIncomplete, stderr)
	}
	rest := stdout
	for i := range views {
		v := views[i][j]
		if v == nil {
			continue
		}
		_, section, begins := strings.Cut(rest, fmt.Sprintf("@@begin %d\n", i))
		text, behind, ends := strings.Cut(section, fmt.Sprintf("@@state %d\n", i))
		state, uses, used := strings.Cut(behind, "@@use ")
		if !begins || !ends || !used {
			return fmt.Errorf("%w: %s", errIncomplete, stderr)
		}
		use, _, _ := strings.Cut(uses, "\n")
		v.text, v.state, v.use = text, state, strings.Join(strings.Fields(use), " ")
		rest = uses
	}
	for line := range strings.SplitSeq(stderr, "\n") {
		if !strings.Contains(line, "error: ") {
			continue
		}
		if m := errorLine.FindStringSubmatch(line); m != nil {
			var n int
			fmt.Sscan(m[1], &n)
			if n < len(views) && views[n][j] != nil {
				views[n][j].errors = append(views[n][j].errors, m[2])
			}
		}
	}
	return nil
}

// errIncomplete says that the compiler gave up before the end of its input.
var errIncomplete = fmt.Errorf("the compiler stopped early")
