// Package oracle asks a C compiler, and the object files it makes, which TLS
// model a mimalloc uses. It shares nothing with the patcher, so that it can
// tell whether the patcher is right.
//
// It is for tests and for the demo. The compiler is zig's clang, which can
// compile for every target from any host.
package oracle

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A Target is what the compiler is asked about.
type Target struct {
	Triple string // as zig spells it
	Apple  bool   // 64-bit: a target that the patch is for
}

// Targets are the systems that a patched header is compared for.
var Targets = []Target{
	{"aarch64-macos", true},
	{"x86_64-macos", true},
	{"aarch64-ios", true},
	{"aarch64-ios-simulator", true},
	{"x86_64-ios-simulator", true},
	{"aarch64-tvos", true},
	{"aarch64-tvos-simulator", true},
	{"aarch64-watchos", true},
	{"aarch64-watchos-simulator", true},
	{"aarch64-visionos", true},
	{"aarch64-visionos-simulator", true},
	{"x86_64-linux-gnu", false},
	{"aarch64-linux-gnu", false},
	{"riscv64-linux-gnu", false},
	{"x86_64-linux-musl", false},
	{"aarch64-linux-musl", false},
	{"x86_64-windows-gnu", false},
	{"aarch64-windows-gnu", false},
	{"x86_64-freebsd", false},
	{"x86_64-openbsd", false},
	{"x86_64-netbsd", false},
}

// ClangTargets are those that clang knows and zig has no name for. Their
// triples are clang's; C only.
var ClangTargets = []Target{
	{"arm64e-apple-macos12", true},
	{"arm64_32-apple-watchos9", true},
	{"arm64-apple-ios14-macabi", true},
	{"x86_64h-apple-macos11", true},
	{"armv7k-apple-watchos7", false},
	{"i386-apple-macos10.13", false},
}

// A Compiler is a `zig cc`.
type Compiler struct {
	Zig string // path of the zig-cc of @zig_sdk
}

// headers are what a source includes to see the macros of a model: all that
// exist in the include directory.
var headers = []string{"mimalloc.h", "mimalloc/types.h", "mimalloc/internal.h", "mimalloc/prim.h", "mimalloc/prim-tls.h", "mimalloc/prim/prim-tls.h"}

// source is a translation unit that includes the headers.
func source() string {
	var b strings.Builder
	for _, h := range headers {
		fmt.Fprintf(&b, "#if __has_include(\"%s\")\n#include \"%s\"\n#endif\n", h, h)
	}
	return b.String()
}

// command makes a command line for a target: of zig cc, or of the clang in zig.
func (c Compiler) command(t Target, include string, args ...string) *exec.Cmd {
	if slices.Contains(ClangTargets, t) {
		return c.clang(t, include, args...)
	}
	line := []string{"-target", t.Triple, "-isystem", include, "-lc++"} // with libc++'s headers, for C++
	if t.Apple && !strings.HasSuffix(t.Triple, "-macos") {
		// zig adds Darwin's headers for macOS alone.
		line = append(line, "-isystem", c.darwin())
	}
	return exec.Command(c.Zig, append(line, args...)...)
}

// clang makes a command line of the clang in zig, for an Apple system.
func (c Compiler) clang(t Target, include string, args ...string) *exec.Cmd {
	line := append(c.Clang(), "-target", t.Triple, "-nostdinc", "-isystem", include,
		"-isystem", filepath.Join(c.sdk(), "lib", "include"), "-isystem", c.darwin())
	return exec.Command(line[0], append(line[1:], args...)...)
}

// Clang returns a command line of the clang in zig, without target and headers.
func (c Compiler) Clang() []string { return []string{c.tool(), "clang"} }

// darwin is the directory of the headers of Apple's systems.
func (c Compiler) darwin() string {
	return filepath.Join(c.sdk(), "lib", "libc", "include", "any-darwin-any")
}

// A CompileError is what a compiler said when it failed.
type CompileError struct {
	Target string
	Output string
}

func (e *CompileError) Error() string { return e.Target + ": " + e.Output }

func run(t Target, cmd *exec.Cmd) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	if cmd.Stdin == nil {
		cmd.Stdin = strings.NewReader(source())
	}
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if _, failed := err.(*exec.ExitError); !failed {
			return nil, err
		}
		return stdout.Bytes(), &CompileError{t.Triple, stderr.String()}
	}
	return stdout.Bytes(), nil
}

// Macros returns the macros that hold behind mimalloc's headers, by name; the
// language is "c" or "c++". Its error is a *CompileError where the compiler
// refused the headers.
func (c Compiler) Macros(t Target, include, language string, args ...string) (map[string]string, error) {
	out, err := run(t, c.command(t, include, append(args, "-x", language, "-E", "-dM", "-")...))
	if err != nil {
		return nil, err
	}
	macros := make(map[string]string)
	for _, line := range strings.Split(string(out), "\n") {
		name, body, _ := strings.Cut(strings.TrimPrefix(line, "#define "), " ")
		macros[name] = body
	}
	return macros, nil
}

// Text returns the preprocessed text of mimalloc's headers, without the places
// of lines: line markers, __FILE__ and __LINE__. Its error is as that of Macros.
func (c Compiler) Text(t Target, include, language string, args ...string) (string, error) {
	args = append(args, "-Wno-builtin-macro-redefined", "-D__FILE__=\"\"", "-D__LINE__=0", "-x", language, "-E", "-P", "-")
	out, err := run(t, c.command(t, include, args...))
	return string(out), err
}

// Preprocess returns what Macros and Text return, at the price of one of them;
// the text lacks empty lines. Its error is as that of Macros.
func (c Compiler) Preprocess(t Target, include, language string, args ...string) (map[string]string, string, error) {
	args = append(args, "-Wno-builtin-macro-redefined", "-D__FILE__=\"\"", "-D__LINE__=0", "-x", language, "-E", "-P", "-dD", "-")
	out, err := run(t, c.command(t, include, args...))
	if err != nil {
		return nil, "", err
	}
	macros := make(map[string]string)
	var text strings.Builder
	for line := range strings.Lines(string(out)) {
		line = strings.TrimRight(line, "\r\n")
		if definition, ok := strings.CutPrefix(line, "#define "); ok {
			name, body, _ := strings.Cut(definition, " ")
			if i := strings.IndexByte(name, '('); i >= 0 {
				name, body = name[:i], definition[i:]
			}
			macros[name] = body
		} else if name, ok := strings.CutPrefix(line, "#undef "); ok {
			delete(macros, name)
		} else if strings.TrimSpace(line) != "" {
			text.WriteString(line + "\n")
		}
	}
	return macros, text.String(), nil
}

// Compile compiles a file of C to an object file. Its error is as that of Macros.
func (c Compiler) Compile(t Target, include, source, object string, args ...string) error {
	// zig makes __DATE__ an error where it optimises; mimalloc prints it.
	args = append([]string{"-Wno-date-time"}, args...)
	_, err := run(t, c.command(t, include, append(args, "-c", source, "-o", object)...))
	return err
}

// Check has clang read mimalloc's headers for a target, by clang's name for it,
// and make no code. A function of theirs that is used and not there is an
// error. Its error is as that of Macros.
func (c Compiler) Check(triple, include string, args ...string) error {
	t := Target{Triple: triple}
	args = append(args, "-fsyntax-only", "-w", "-Werror=undefined-internal", "-x", "c", "-")
	_, err := run(t, c.clang(t, include, args...))
	return err
}

// CompileMerged compiles two files of C to one object file, for a target by
// clang's name: to bitcode, which is merged and then optimised as one program,
// as in full link-time optimisation. Its error is as that of Macros.
func (c Compiler) CompileMerged(triple, include, program, library, object string, args ...string) error {
	t := Target{Triple: triple}
	bitcode := object + ".bc"
	args = append([]string{"-Wno-date-time", "-c"}, args...)
	if _, err := run(t, c.clang(t, include, append(slices.Clone(args), "-emit-llvm", library, "-o", bitcode)...)); err != nil {
		return err
	}
	_, err := run(t, c.clang(t, include, append(args, "-Xclang", "-mlink-bitcode-file", "-Xclang", bitcode, program, "-o", object)...))
	return err
}

// Behind returns the preprocessed text of mimalloc's headers and of what stands
// behind them, for a target by clang's name. With a *CompileError it returns
// the text all the same.
func (c Compiler) Behind(triple, include, behind string, args ...string) (string, error) {
	t := Target{Triple: triple}
	cmd := c.clang(t, include, append(args, "-E", "-P", "-x", "c", "-")...)
	cmd.Stdin = strings.NewReader(source() + behind)
	out, err := run(t, cmd)
	return string(out), err
}

// models are the macros of both vocabularies behind MI_TLS_MODEL_.
var models = []struct{ macro, model string }{
	{"THREAD_LOCAL", "thread-local"}, {"LOCAL", "thread-local"},
	{"FIXED_SLOT", "fixed-slot"}, {"FIXED", "fixed-slot"},
	{"DYNAMIC_PTHREADS", "pthread-key"}, {"PTHREADS", "pthread-key"},
	{"DYNAMIC_WIN32", "win32"}, {"WIN32", "win32"},
}

// Model returns the model that macros mean, as the patcher's reports spell it;
// several are joined by "+", none is "none".
func Model(macros map[string]string) string {
	var found []string
	for _, m := range models {
		if v, ok := macros["MI_TLS_MODEL_"+m.macro]; ok && v != "0" {
			found = append(found, m.model)
		}
	}
	if found == nil {
		return "none"
	}
	return strings.Join(found, "+")
}

// WriteHeaders writes headers, by their path from dir with slashes, for a
// compiler to read.
func WriteHeaders(dir string, headers map[string][]byte) error {
	for rel, text := range headers {
		name := filepath.Join(dir, filepath.FromSlash(rel))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
