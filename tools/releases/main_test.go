package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// A table out of order, with fields that no archive tells.
const before = `{"schema": 1, "urls": ["https://example.com/{tag}.tar.gz"], "strip_prefix": "mimalloc-{version}",
"releases": [
{"version": "3.10.0", "tag": "v3.10.0", "sha256": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
{"zeta": "kept", "note": "read \"a\" & <b>", "version": "3.9.1", "tag": "v3.9.1", "sha256": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}
]}
`

const after = `{
  "schema": 1,
  "urls": ["https://example.com/{tag}.tar.gz"],
  "strip_prefix": "mimalloc-{version}",
  "releases": [
    {"version": "3.3.2", "tag": "v3.3.2", "sha256": "SUM", "generation": "C", "apple_model": "fixed-slot", "patch": "patched"},
    {"version": "3.9.1", "tag": "v3.9.1", "sha256": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "note": "read \"a\" & <b>", "zeta": "kept"},
    {"version": "3.10.0", "tag": "v3.10.0", "sha256": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
  ]
}
`

// headers are those of a golden of the patcher.
func headers(t *testing.T) map[string]string {
	t.Helper()
	golden, err := txtar.ParseFile(filepath.FromSlash("../../patcher/testdata/gen_c.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range golden.Files {
		if strings.HasSuffix(f.Name, ".h") {
			files[f.Name] = string(f.Data)
		}
	}
	return files
}

// archive writes a release's archive and returns its sum.
func archive(t *testing.T, name, top string, files map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, rel := range slices.Sorted(maps.Keys(files)) {
		h := &tar.Header{Name: top + "/include/" + rel, Mode: 0o644, Size: int64(len(files[rel])), Typeflag: tar.TypeReg}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[rel])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, name, b.String())
	return fmt.Sprintf("%x", sha256.Sum256(b.Bytes()))
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestReleases(t *testing.T) {
	tmp := t.TempDir()
	at := func(name string) string { return filepath.Join(tmp, filepath.FromSlash(name)) }
	table := at("releases.json")
	call := func(want int, say string, args ...string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		got := run(append([]string{"--table", table}, args...), &stdout, &stderr)
		if all := stdout.String() + stderr.String(); got != want || !strings.Contains(all, say) {
			t.Errorf("releases %q: exit code %d, want %d, and %q in\n%s", args, got, want, say, all)
		}
	}
	is := func(want string) {
		t.Helper()
		if got, err := os.ReadFile(table); err != nil || string(got) != want {
			t.Errorf("%v, table\n%swant\n%s", err, got, want)
		}
	}

	files := headers(t)
	sum := archive(t, at("good.tar.gz"), "mimalloc-3.3.2", files)
	archive(t, at("other.tar.gz"), "mimalloc-3.3.2", map[string]string{"mimalloc.h": files["mimalloc.h"], "mimalloc/prim.h": files["mimalloc/prim.h"] + "\n"})
	archive(t, at("renamed.tar.gz"), "mimalloc-9.9.9", files)
	drifted := maps.Clone(files)
	drifted["mimalloc/prim.h"] = strings.Replace(files["mimalloc/prim.h"], "defined(__APPLE__) &&", "defined(__APPLE__) && SOMETHING_NEW &&", 1)
	archive(t, at("drifted.tar.gz"), "mimalloc-3.3.2", drifted)
	archive(t, at("empty.tar.gz"), "mimalloc-3.3.2", nil)
	write(t, at("cut.tar.gz"), "\x1f\x8b")
	for rel, text := range files {
		write(t, at("tree/include/"+rel), text)
	}
	write(t, table, before)

	// Nothing is written unless all is well.
	call(exitFinding, "not as this program writes it", "--check")
	call(exitOK, `"generation": "C"`, "--dry-run", at("good.tar.gz"))
	call(exitFinding, "expected "+strings.Repeat("0", 64), "--sha256", strings.Repeat("0", 64), at("good.tar.gz"))
	call(exitIO, "expected 64 hexadecimal digits", "--sha256", "0", at("good.tar.gz"))
	call(exitIO, "release 9.9.9, but its header says 3.3.2", at("renamed.tar.gz"))
	call(exitIO, "its directory is mimalloc-9.9.9, expected mimalloc-3.3.2", "--version", "3.3.2", at("renamed.tar.gz"))
	call(exitDrift, "mimalloc/prim.h:", at("drifted.tar.gz"))
	call(exitIO, "no include directory", at("empty.tar.gz"))
	call(exitIO, "cut.tar.gz: unexpected EOF", at("cut.tar.gz"))
	call(exitIO, "give the archive, or --sha256", at("tree"))
	call(exitIO, "missing", at("missing.tar.gz"))
	call(exitFinding, "no release 3.3.2", "--check", at("good.tar.gz"))
	call(exitUsage, "usage: releases")
	is(before)

	want := strings.Replace(after, "SUM", sum, 1)
	call(exitOK, sum, "--sha256", sum, at("good.tar.gz"))
	is(want)
	call(exitOK, sum, at("good.tar.gz"))
	call(exitOK, sum, at("tree"))
	is(want)
	call(exitOK, "", "--check", at("good.tar.gz"))
	call(exitFinding, "a tag never moves", at("other.tar.gz"))
	is(want)

	write(t, table, strings.Replace(want, `"C"`, `"B"`, 1))
	call(exitFinding, "the archive says", "--check", at("good.tar.gz"))
	write(t, table, strings.Replace(want, `"tag": "v3.9.1"`, `"tag": "3.9.1"`, 1))
	call(exitFinding, `release "3.9.1": tag "3.9.1"`, "--check")
	write(t, table, strings.Replace(want, `"schema": 1`, `"schema": 2`, 1))
	call(exitIO, "schema 2, expected 1", "--check")
}
