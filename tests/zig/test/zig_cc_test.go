package zig_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// zigCC returns the absolute path of @zig_sdk//:zig_cc.
func zigCC(t *testing.T) string {
	t.Helper()
	tool := os.Getenv("ZIG_CC")
	if tool == "" {
		t.Skip("ZIG_CC is not set: bazel test //tests/zig/test:zig_cc_test sets it")
	}
	tool, err := filepath.Abs(tool)
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

func run(t *testing.T, dir, tool string, args ...string) []byte {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(tool, args...)
	cmd.Dir = dir
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", tool, args, err, &stderr)
	}
	return out
}

// Tests ask zig-cc, from anywhere, which macros a target has.
func TestPreprocessing(t *testing.T) {
	tool := zigCC(t)
	for target, macro := range map[string]string{
		"aarch64-ios.15.0":          "#define __ENVIRONMENT_IPHONE_OS_VERSION_MIN_REQUIRED__ 150000\n",
		"aarch64-linux-musl":        "#define __aarch64__ 1\n",
		"aarch64-macos.11.0":        "#define __ENVIRONMENT_MAC_OS_X_VERSION_MIN_REQUIRED__ 110000\n",
		"x86_64-linux-gnu.2.28":     "#define __gnu_linux__ 1\n",
		"x86_64-windows-gnu":        "#define _WIN64 1\n",
		"x86_64-freebsd":            "#define __FreeBSD__ 14\n",
		"aarch64-linux-android":     "#define __ANDROID__ 1\n",
		"x86_64-openbsd":            "#define __OpenBSD__ 1\n",
		"wasm32-wasi":               "#define __wasi__ 1\n",
		"x86_64-macos.11.0":         "#define __APPLE__ 1\n",
		"aarch64-watchos.26.0":      "#define __ENVIRONMENT_WATCH_OS_VERSION_MIN_REQUIRED__ 260000\n",
		"aarch64-visionos.1.0":      "#define __APPLE__ 1\n",
		"aarch64-tvos.15.0":         "#define __ENVIRONMENT_TV_OS_VERSION_MIN_REQUIRED__ 150000\n",
		"x86_64-ios.15.0-simulator": "#define __x86_64__ 1\n",
	} {
		out := run(t, t.TempDir(), tool, "-target", target, "-E", "-dM", "-x", "c", os.DevNull)
		if !strings.Contains(string(out), macro) {
			t.Errorf("-target %s: %q is not among its %d macros", target, macro, bytes.Count(out, []byte("\n")))
		}
	}
}

func TestFailure(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bad.c"), []byte("#error on purpose\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(zigCC(t), "-target", "aarch64-macos.11.0", "-c", "bad.c", "-o", "bad.o")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "on purpose") {
		t.Errorf("got %v and %q, want a failure that tells the #error", err, out)
	}
}

// Runs at the same time, in different directories, give the same bytes, and what the file holds now: zig's cache of
// objects must not come between.
func TestCompiling(t *testing.T) {
	tool := zigCC(t)
	compile := func(dir, code string) []byte {
		if err := os.WriteFile(filepath.Join(dir, "some file.c"), []byte(code), 0o666); err != nil {
			t.Error(err)
		}
		run(t, dir, tool, "-target", "aarch64-macos.11.0", "-g", "-ffile-compilation-dir=.", "-c", "some file.c", "-o", "an object.o")
		object, err := os.ReadFile(filepath.Join(dir, "an object.o"))
		if err != nil {
			t.Error(err)
		}
		return object
	}
	var objects [4][]byte
	var wait sync.WaitGroup
	for i := range objects {
		dir := filepath.Join(t.TempDir(), "with a space")
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		wait.Add(1)
		go func() {
			defer wait.Done()
			objects[i] = compile(dir, "int value = 1;\n")
		}()
	}
	wait.Wait()
	for _, object := range objects {
		if len(object) == 0 || !bytes.Equal(object, objects[0]) {
			t.Errorf("got objects of %d and %d bytes that differ", len(objects[0]), len(object))
		}
	}
	if bytes.Equal(compile(t.TempDir(), "int value = 2;\n"), objects[0]) {
		t.Error("another source gave the same object")
	}
}
