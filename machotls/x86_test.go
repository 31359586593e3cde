package machotls

import (
	"debug/elf"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/arch/x86/x86asm"
)

// The decoder agrees with golang.org/x/arch about the lengths of instructions:
// of real code, this program and the C library's, and of random bytes.
func TestX86Lengths(t *testing.T) {
	var all [][]byte
	if self, err := os.Executable(); err == nil && runtime.GOOS == "linux" && runtime.GOARCH == "amd64" {
		for _, name := range append([]string{self}, libraries()...) {
			f, err := elf.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			code, err := f.Section(".text").Data()
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, code[:min(len(code), 4<<20)])
			f.Close()
		}
	}
	r := rand.New(rand.NewPCG(3, 4))
	random := make([]byte, 1<<20)
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	all = append(all, random)
	compared := 0
	for _, code := range all {
		for at := 0; at < len(code); {
			b := code[at:min(len(code), at+15)]
			want, err := x86asm.Decode(b, 64)
			got, ok := decodeX86(b)
			// It does not know VEX, and takes prefixes alone for instructions.
			if err != nil || want.Len == 0 || want.Op == 0 || got.op == vex || lonePrefix(b, want.Len) {
				at++
				continue
			}
			compared++
			if !ok || got.length != want.Len {
				t.Fatalf("% x: %d bytes (%v), want %d: %v", b, got.length, ok, want.Len, want)
			}
			at += want.Len
		}
	}
	if compared < 100_000 {
		t.Errorf("only %d instructions were compared", compared)
	}
}

func lonePrefix(b []byte, n int) bool {
	for _, c := range b[:n] {
		switch c {
		case 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3:
		default:
			return c&0xf0 == 0x40 && n == 1
		}
	}
	return true
}

func libraries() []string {
	names, _ := filepath.Glob("/lib/x86_64-linux-gnu/libc.so.6")
	return names
}
