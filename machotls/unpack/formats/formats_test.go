package formats

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/rules-mimalloc/rules_mimalloc/machotls/unpack"
)

func contents(data []byte) (visited []string, err error) {
	w := unpack.Walker{
		Want: func(head []byte) bool { return bytes.HasPrefix(head, []byte("want")) },
		Visit: func(member string, r io.ReaderAt, size int64) error {
			b := make([]byte, size)
			_, err := io.ReadFull(io.NewSectionReader(r, 0, size), b)
			visited = append(visited, member+"="+string(b))
			return err
		},
	}
	return visited, w.Walk(bytes.NewReader(data), int64(len(data)))
}

// What the tools of the formats make of a text.
func TestFormats(t *testing.T) {
	for _, name := range []string{"want.xz", "want.zst"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if !unpack.Is(data) {
			t.Errorf("%s is no archive", name)
		}
		got, err := contents(data)
		if err != nil || len(got) != 1 || got[0] != "=want one\n" {
			t.Errorf("%s: %q, error %v", name, got, err)
		}
		if _, err := contents(data[:len(data)-9]); err == nil {
			t.Errorf("%s, cut: no error", name)
		}
	}
}

func TestTar(t *testing.T) {
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(z)
	if err := w.WriteHeader(&tar.Header{Name: "a/one", Mode: 0o644, Size: 4}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "want"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := contents(b.Bytes())
	if err != nil || strings.Join(got, " ") != "a/one=want" {
		t.Errorf("%q, error %v", got, err)
	}
}
