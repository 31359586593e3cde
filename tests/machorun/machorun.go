// Package machorun runs Apple images, and the program that shows what
// mimalloc does in them, on each architecture of Macs: on Linux under the
// loader of tests/machorun/loader, where the architecture is not the machine's
// in user-mode emulation; on a Mac by its own dyld.
//
// It reads what machorun_test in images.bzl sets: MACHORUN names the program
// for each architecture, IMAGES the file of each image.
package machorun

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// A Machine runs images of one architecture.
type Machine struct {
	Arch    string   // "arm64" or "x86_64"
	Native  bool     // not emulated
	command []string // the program, with the emulator before it
}

// goArch has Go's names of the architectures.
var goArch = map[string]string{"arm64": "arm64", "x86_64": "amd64"}

// emulators has the names that distributions give to the emulator of an
// architecture.
var emulators = map[string][]string{
	"arm64":  {"qemu-aarch64", "qemu-aarch64-static"},
	"x86_64": {"qemu-x86_64", "qemu-x86_64-static"},
}

// EachMachine runs f as a subtest for each architecture: both on Linux, the
// machine's own on a Mac.
func EachMachine(t *testing.T, f func(t *testing.T, m Machine)) {
	t.Helper()
	programs := variable(t, "MACHORUN")
	for _, arch := range []string{"x86_64", "arm64"} {
		native := goArch[arch] == runtime.GOARCH
		if runtime.GOOS == "darwin" && !native {
			continue // another Mac's
		}
		t.Run(arch, func(t *testing.T) {
			m := Machine{Arch: arch, Native: native, command: []string{programs[arch]}}
			if programs[arch] == "" {
				t.Fatalf("MACHORUN names no program for %s", arch)
			}
			if !native {
				m.command = []string{emulator(t, arch), programs[arch]}
			}
			f(t, m)
		})
	}
}

func emulator(t *testing.T, arch string) string {
	t.Helper()
	for _, name := range emulators[arch] {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatalf("%s images need %s on PATH (Debian and Ubuntu: apt install qemu-user; Fedora: dnf install qemu-user; "+
		"under Bazel --test_env=PATH hands a PATH on)", arch, strings.Join(emulators[arch], " or "))
	return ""
}

// variable reads NAME=PATH pairs, and makes the paths absolute.
func variable(t *testing.T, name string) map[string]string {
	t.Helper()
	pairs := map[string]string{}
	for _, pair := range strings.Fields(os.Getenv(name)) {
		key, path, _ := strings.Cut(pair, "=")
		abs, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		pairs[key] = abs
	}
	if len(pairs) == 0 {
		t.Fatalf("%s is empty: this test is to be run by Bazel", name)
	}
	return pairs
}

// Image returns the path of an image, such as "patched_3_3_2".
func (m Machine) Image(t *testing.T, name string) string {
	t.Helper()
	path := variable(t, "IMAGES")[name+"_"+m.Arch]
	if path == "" {
		t.Fatalf("the test has no image %s for %s", name, m.Arch)
	}
	return path
}

// A Result is what a run of the program said, and how it ended.
type Result struct {
	Numbers map[string]int64 // the last number of each name
	End     string           // "" for success, else as os.ProcessState has it: "exit status 77", "signal: segmentation fault"
	Stderr  string
}

// String lists the numbers, for messages.
func (r Result) String() string {
	return fmt.Sprintf("%v, end %q, stderr:\n%s", r.Numbers, r.End, r.Stderr)
}

// Run runs a command of the program. It fails the test when the output is not
// what the program's usage says.
func (m Machine) Run(t *testing.T, arguments ...string) Result {
	t.Helper()
	command := exec.Command(m.command[0], append(m.command[1:len(m.command):len(m.command)], arguments...)...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	r := Result{Numbers: map[string]int64{}}
	if err := command.Run(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			t.Fatal(err)
		}
		r.End = strings.TrimSuffix(exit.String(), " (core dumped)")
	}
	r.Stderr = stderr.String()
	for line := range strings.Lines(stdout.String()) {
		name, number, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			t.Fatalf("%s: unexpected line %q", strings.Join(arguments, " "), line)
		}
		r.Numbers[name] = n
	}
	return r
}
