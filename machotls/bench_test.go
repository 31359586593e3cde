package machotls

import (
	"os"
	"testing"
)

// BenchmarkScan scans the file that MACHO names, for example
//
//	MACHO=libtorch_cpu.dylib go test -run '^$' -bench Scan ./machotls
//
// Without one it scans a small image.
func BenchmarkScan(b *testing.B) {
	name := os.Getenv("MACHO")
	if name == "" {
		name = b.TempDir() + "/image"
		if err := os.WriteFile(name, small()["arm64"], 0o666); err != nil {
			b.Fatal(err)
		}
	}
	f, err := os.Open(name)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(info.Size())
	b.ReportAllocs()
	var s Scanner
	for b.Loop() {
		if _, err := s.Scan(f, info.Size()); err != nil {
			b.Fatal(err)
		}
	}
}
