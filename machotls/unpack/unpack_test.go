package unpack

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type entry struct {
	name string
	data []byte
}

func tarOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		if err := w.WriteHeader(&tar.Header{Name: e.name, Mode: 0o644, Size: int64(len(e.data))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(e.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipOf(t testing.TB, method uint16, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		f, err := w.CreateHeader(&zip.FileHeader{Name: e.name, Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(e.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipOf(t testing.TB, name string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Name = name
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// walk returns what is visited: PATH=CONTENTS, shortened.
func walk(data []byte) (visited []string, err error) {
	w := Walker{
		Want: func(head []byte) bool { return bytes.HasPrefix(head, []byte("want")) },
		Visit: func(member string, r io.ReaderAt, size int64) error {
			b := make([]byte, size)
			if _, err := r.ReadAt(b, 0); err != nil && err != io.EOF {
				return err
			}
			if len(b) > 16 {
				b = append(b[:8:8], fmt.Sprintf("… %d", size)...)
			}
			visited = append(visited, member+"="+strings.TrimSpace(string(b)))
			return nil
		},
	}
	return visited, w.Walk(bytes.NewReader(data), int64(len(data)))
}

func TestWalk(t *testing.T) {
	one, two, other := entry{"a/one", []byte("want one")}, entry{"b/two", []byte("want two")}, entry{"other", []byte("else")}
	large := entry{"large", append([]byte("want"), make([]byte, 3<<20)...)}
	all := []string{"a/one=want one", "b/two=want two"}
	for _, test := range []struct {
		name string
		data []byte
		want []string
	}{
		{"tar", tarOf(t, one, other, two), all},
		{"tar.gz", gzipOf(t, "x.tar", tarOf(t, one, other, two)), all},
		{"zip", zipOf(t, zip.Deflate, one, other, two), all},
		{"stored zip", zipOf(t, zip.Store, one, other, two), all},
		{"empty zip", zipOf(t, zip.Store), nil},
		{"gz", gzipOf(t, "one", one.data), []string{"one=want one"}},
		{"gz without a name", gzipOf(t, "", one.data), []string{"=want one"}},
		{"gz of what is not wanted", gzipOf(t, "one", other.data), nil},
		{"larger than memory", tarOf(t, large, one), []string{"large=want\x00\x00\x00\x00… 3145732", "a/one=want one"}},
		{"zip in tar.gz", gzipOf(t, "", tarOf(t, entry{"w.whl", zipOf(t, zip.Deflate, one, two)})), []string{"w.whl!a/one=want one", "w.whl!b/two=want two"}},
		{"tgz in zip", zipOf(t, zip.Store, entry{"p.tgz", gzipOf(t, "p.tar", tarOf(t, one))}), []string{"p.tgz!a/one=want one"}},
		{"empty files", tarOf(t, entry{"empty", nil}, one), []string{"a/one=want one"}},
	} {
		got, err := walk(test.data)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", test.name, diff)
		}
	}
}

// What the tools of these formats make of the same text.
func TestFormats(t *testing.T) {
	for _, name := range []string{"want.bz2", "want.gz"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if !Is(data) {
			t.Errorf("%s is no archive", name)
		}
		got, err := walk(data)
		if err != nil || len(got) != 1 || !strings.HasSuffix(got[0], "=want one") {
			t.Errorf("%s: %q, error %v", name, got, err)
		}
	}
}

func TestErrors(t *testing.T) {
	one := entry{"one", []byte("want one")}
	whole := zipOf(t, zip.Deflate, one, entry{"two", []byte("want two")})
	deep := one.data
	for range maxDepth + 1 {
		deep = gzipOf(t, "", deep)
	}
	broken := bytes.Clone(whole)
	broken[bytes.Index(broken, []byte("one"))+3+2] ^= 0xff // in the compressed bytes of the first file
	for _, test := range []struct {
		name    string
		data    []byte
		want    string
		visited int
	}{
		{"truncated gz", gzipOf(t, "", bytes.Repeat([]byte("want"), 1000))[:30], "unexpected EOF", 0},
		{"truncated tar", tarOf(t, one, entry{"two", make([]byte, 4096)})[:2000], "unexpected EOF", 1},
		{"truncated zip", whole[:len(whole)-10], "not a valid zip file", 0},
		{"a broken file in a zip", broken, "one: ", 1},
		{"no decompressor", []byte("\xfd7zXZ\x00"), "compressed by xz, which this program does not read", 0},
		{"nested too deep", deep, "archives inside archives, more than 8 deep", 0},
	} {
		got, err := walk(test.data)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q in it", test.name, err, test.want)
		}
		if len(got) != test.visited {
			t.Errorf("%s: visited %q", test.name, got)
		}
	}
}

// zeros is a reader that never ends.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// A bomb is an error, and neither memory nor disk is filled by it.
func TestBomb(t *testing.T) {
	b := budget{left: 10 << 20, limit: 10 << 20}
	w := Walker{Want: func([]byte) bool { return true }, Visit: func(string, io.ReaderAt, int64) error { return nil }}
	err := w.walk("bomb", "", b.reader(zeros{}), 0, &b)
	if !errors.As(err, new(*ExpansionError)) {
		t.Errorf("error %v", err)
	}
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "mimalloc-tls-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, error %v", left, err)
	}
	var limited budget
	if _, err := io.Copy(io.Discard, limited.reader(zeros{})); err == nil || err.Error() != "expands to more than 0 MB: not unpacked further" {
		t.Errorf("error %v", err)
	}
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "unpack")
	if err != nil {
		panic(err)
	}
	os.Setenv("TMPDIR", dir)
	os.Setenv("TMP", dir)
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func FuzzWalk(f *testing.F) {
	one, two := entry{"one", []byte("want one")}, entry{"two", []byte("else")}
	f.Add(tarOf(f, one, two))
	f.Add(zipOf(f, zip.Deflate, one, two))
	f.Add(gzipOf(f, "x", one.data))
	f.Fuzz(func(t *testing.T, data []byte) { _, _ = walk(data) })
}
