package gazelle

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// header is the beginning of a Mach-O file of a type.
func header(order binary.AppendByteOrder, magic, filetype uint32) []byte {
	var b []byte
	for _, n := range []uint32{magic, 0x0100000c, 0, filetype, 0, 0, 0, 0} {
		b = order.AppendUint32(b, n)
	}
	return b
}

// member is one of an ar archive.
func member(name, content string) string {
	pad := strings.Repeat("\n", len(content)%2)
	return fmt.Sprintf("%-16s%-12s%-6s%-6s%-8s%-10d`\n%s%s", name, "0", "0", "0", "644", len(content), content, pad)
}

func TestIsMachO(t *testing.T) {
	object := string(header(binary.LittleEndian, magic64, 1))
	tests := []struct {
		name string
		file []byte
		want bool
	}{
		{"dylib", header(binary.LittleEndian, magic64, 6), true},
		{"32 bits", header(binary.LittleEndian, magic32, 6), true},
		{"big endian", header(binary.BigEndian, magic32, 6), true},
		{"debug information", header(binary.LittleEndian, magic64, fileDSYM), false},
		{"universal", header(binary.BigEndian, magicFat, 0)[:4], false},
		{"universal of two", append([]byte{0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 2}, make([]byte, 40)...), true},
		{"universal of two, 64 bits", append([]byte{0xca, 0xfe, 0xba, 0xbf, 0, 0, 0, 2}, make([]byte, 64)...), true},
		{"universal of none", append([]byte{0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 0}, make([]byte, 40)...), false},
		{"class file", append([]byte{0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 45}, make([]byte, 40)...), false},
		{"empty", nil, false},
		{"cut", []byte(object[:15]), false},
		{"archive", []byte(archiveSign + member("a.o/", object)), true},
		{"archive with an odd index", []byte(archiveSign + member("/", "abc") + member("a.o/", object)), true},
		{"archive with a long name", []byte(archiveSign + member("#1/8", "a.o\x00\x00\x00\x00\x00"+object)), true},
		{"archive of text", []byte(archiveSign + member("a.txt/", "nothing of the kind here")), false},
		{"archive, empty", []byte(archiveSign), false},
		{"archive, cut", []byte(archiveSign + "a.o/"), false},
		{"archive, size wrong", []byte(archiveSign + strings.Replace(member("a.o/", object), "32 ", "-2 ", 1)), false},
		{"archive, name too long", []byte(archiveSign + member("#1/99", object)), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(name, test.file, 0o666); err != nil {
				t.Fatal(err)
			}
			if got := isMachO(name); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
		})
	}
	if isMachO(filepath.Join(t.TempDir(), "absent")) {
		t.Error("a file that is not there")
	}
}

func FuzzMachO(f *testing.F) {
	object := string(header(binary.LittleEndian, magic64, 1))
	f.Add([]byte(object))
	f.Add([]byte(archiveSign + member("#1/8", "a.o\x00\x00\x00\x00\x00"+object)))
	f.Fuzz(func(t *testing.T, file []byte) {
		r := bytes.NewReader(file)
		if machO(r, 0) && archiveOfMachO(r) {
			t.Error("both")
		}
	})
}
