package zig_test

import (
	"bytes"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// expected of all objects and images for a platform. It repeats what //tests/platforms:table.bzl says on purpose, in
// the words of the file formats.
type expected struct {
	format   string
	cpu      string
	platform uint32 // of LC_BUILD_VERSION; 0 elsewhere
}

var platforms = map[string]expected{
	"ios_arm64":          {"macho", "arm64", 2},
	"ios_sim_arm64":      {"macho", "arm64", 7},
	"ios_sim_x86_64":     {"macho", "x86_64", 7},
	"linux_aarch64":      {"elf", "arm64", 0},
	"linux_aarch64_musl": {"elf", "arm64", 0},
	"linux_x86_64":       {"elf", "x86_64", 0},
	"linux_x86_64_musl":  {"elf", "x86_64", 0},
	"macos_arm64":        {"macho", "arm64", 1},
	"macos_x86_64":       {"macho", "x86_64", 1},
	"tvos_arm64":         {"macho", "arm64", 3},
	"tvos_sim_arm64":     {"macho", "arm64", 8},
	"visionos_arm64":     {"macho", "arm64", 11},
	"visionos_sim_arm64": {"macho", "arm64", 12},
	"watchos_arm64":      {"macho", "arm64", 4},
	"watchos_sim_arm64":  {"macho", "arm64", 9},
	"windows_x86_64":     {"pe", "x86_64", 0},
}

// outputs returns the files that the BUILD file names in the arguments, by platform.
func outputs(t *testing.T) map[string][]string {
	t.Helper()
	files := map[string][]string{}
	platform := ""
	for _, arg := range flag.Args() {
		if name, ok := strings.CutSuffix(arg, ":"); ok {
			platform = name
		} else {
			files[platform] = append(files[platform], arg)
		}
	}
	if len(files) == 0 {
		t.Skip("no files on the command line: bazel test //tests/zig/test:outputs_test builds and names them")
	}
	return files
}

func TestObjectsAreForThePlatform(t *testing.T) {
	files := outputs(t)
	for name, want := range platforms {
		t.Run(name, func(t *testing.T) {
			libraries := 0
			for _, file := range files[name] {
				for member, data := range objects(t, file) {
					got, err := identify(data)
					if err != nil {
						t.Errorf("%s: %v", member, err)
					} else if got != want {
						t.Errorf("%s: got %+v, want %+v", member, got, want)
					}
				}
				if strings.HasSuffix(file, ".a") {
					libraries++
				}
			}
			if libraries < 2 { // one of C, one of C++
				t.Errorf("got %d static libraries, want 2 or more: %q", libraries, files[name])
			}
		})
		delete(files, name)
	}
	if len(files) > 0 {
		t.Errorf("platforms that this test does not know: %v", files)
	}
}

// Outputs are the same on every machine, also with debug information, only if they don't tell where and when they
// were made.
func TestNothingTellsOfTheMachine(t *testing.T) {
	for name, files := range outputs(t) {
		redacted := false
		for _, file := range files {
			for member, data := range objects(t, file) {
				for _, trace := range []string{"execroot", "sandbox", "/tmp/"} {
					if i := bytes.Index(data, []byte(trace)); i >= 0 {
						t.Errorf("%s: %s contains %q", name, member, data[max(0, i-80):min(len(data), i+80)])
					}
				}
				redacted = redacted || bytes.Contains(data, []byte("redacted"))
			}
		}
		if !redacted {
			t.Errorf("%s: no file contains what __DATE__ should have become", name)
		}
	}
}

func TestImages(t *testing.T) {
	for name, files := range outputs(t) {
		if !slices.ContainsFunc(files, func(file string) bool { return strings.HasSuffix(file, "/static_exe") }) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			for _, file := range files {
				switch base := path.Base(file); {
				case strings.HasSuffix(base, ".dylib"):
					checkDylib(t, file)
				case strings.HasSuffix(base, "_exe") && strings.HasPrefix(name, "linux_"):
					runExecutable(t, file, platforms[name].cpu)
				}
				if strings.Contains(file, "libaddon.") && !hasSymbol(t, file, "greet_registered") {
					t.Errorf("%s lacks greet_registered, whose library says alwayslink", file)
				}
			}
		})
	}
}

func checkDylib(t *testing.T, file string) {
	t.Helper()
	image, err := macho.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer image.Close()
	const loadIDDylib = 0xd
	want := "@rpath/" + path.Base(file)
	for _, load := range image.Loads {
		raw := load.Raw()
		if image.ByteOrder.Uint32(raw) == loadIDDylib {
			name := raw[image.ByteOrder.Uint32(raw[8:]):]
			if got := string(bytes.TrimRight(name, "\x00")); got != want {
				t.Errorf("%s: install name %q, want %q", file, got, want)
			}
			return
		}
	}
	t.Errorf("%s: no install name, want %q", file, want)
}

// runExecutable runs what this machine can run; the shared library of dynamic_exe is found where the run path says.
func runExecutable(t *testing.T, file, cpu string) {
	t.Helper()
	if runtime.GOOS != "linux" || map[string]string{"x86_64": "amd64"}[cpu] != runtime.GOARCH {
		return
	}
	if out, err := exec.Command("./" + file).CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", file, err, out)
	}
}

func hasSymbol(t *testing.T, file, symbol string) bool {
	t.Helper()
	if image, err := macho.Open(file); err == nil {
		defer image.Close()
		return slices.ContainsFunc(image.Symtab.Syms, func(s macho.Symbol) bool { return s.Name == "_"+symbol })
	}
	image, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer image.Close()
	symbols, err := image.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(symbols, func(s elf.Symbol) bool { return s.Name == symbol })
}

// identify tells what an object or image is for.
func identify(data []byte) (expected, error) {
	r := bytes.NewReader(data)
	if file, err := elf.NewFile(r); err == nil {
		cpu := map[elf.Machine]string{elf.EM_AARCH64: "arm64", elf.EM_X86_64: "x86_64"}[file.Machine]
		return expected{"elf", cpu, 0}, nil
	}
	if file, err := macho.NewFile(r); err == nil {
		cpu := map[macho.Cpu]string{macho.CpuArm64: "arm64", macho.CpuAmd64: "x86_64"}[file.Cpu]
		const loadBuildVersion = 0x32
		for _, load := range file.Loads {
			if raw := load.Raw(); file.ByteOrder.Uint32(raw) == loadBuildVersion {
				return expected{"macho", cpu, file.ByteOrder.Uint32(raw[8:])}, nil
			}
		}
		return expected{}, fmt.Errorf("Mach-O for %s without LC_BUILD_VERSION", cpu)
	}
	if len(data) > 2 && binary.LittleEndian.Uint16(data) == pe.IMAGE_FILE_MACHINE_AMD64 {
		return expected{"pe", "x86_64", 0}, nil
	}
	return expected{}, fmt.Errorf("unknown format: % x", data[:min(len(data), 16)])
}

// objects returns what a file consists of, by name: the members of an archive, else the file itself.
func objects(t *testing.T, file string) map[string][]byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rest, archive := bytes.CutPrefix(data, []byte("!<arch>\n"))
	if !archive {
		return map[string][]byte{file: data}
	}
	members := map[string][]byte{}
	for len(rest) > 0 {
		const header = 60
		if len(rest) < header {
			t.Fatalf("%s: cut off", file)
		}
		name := strings.TrimSpace(string(rest[:16]))
		size, err := strconv.Atoi(strings.TrimSpace(string(rest[48:58])))
		if err != nil || header+size > len(rest) {
			t.Fatalf("%s: member %q: bad size %q", file, name, rest[48:58])
		}
		member := rest[header : header+size]
		rest = rest[min(len(rest), header+size+size%2):]
		if length, ok := strings.CutPrefix(name, "#1/"); ok { // BSD: the name is in front of the contents
			n, err := strconv.Atoi(length)
			if err != nil || n > len(member) {
				t.Fatalf("%s: member %q: bad length of the name", file, name)
			}
			name, member = string(bytes.TrimRight(member[:n], "\x00")), member[n:]
		}
		if index := name == "/" || name == "//" || strings.HasPrefix(name, "__.SYMDEF"); !index {
			members[file+"("+name+")"] = member
		}
	}
	if len(members) == 0 {
		t.Errorf("%s: an archive of nothing", file)
	}
	return members
}
