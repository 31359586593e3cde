package machotls

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/rules-mimalloc/rules_mimalloc/machotls/machotest"
)

// small are files of each form.
func small() map[string][]byte {
	arm := machotest.Image(machotest.Spec{Model: "fixed-slot", Slots: []int{108, 109}, Version: [3]int{3, 3, 2}})
	amd := machotest.Image(machotest.Spec{Model: "thread-local", Amd64: true, Version: [3]int{3, 3, 2}})
	keys := machotest.Image(machotest.Spec{Model: "pthread-key", Version: [3]int{3, 5, 3}})
	return map[string][]byte{
		"arm64":   arm,
		"x86_64":  amd,
		"keys":    keys,
		"fat":     machotest.Fat(arm, amd),
		"archive": machotest.Archive(machotest.Member{Name: "a.o", Data: machotest.Image(machotest.Spec{Model: "thread-local", Filetype: typeObject})}),
	}
}

// mustEnd scans damaged data: whatever comes of it, it is no panic, an error is
// of a known kind, and a verdict has its evidence.
func mustEnd(t *testing.T, s *Scanner, data []byte) {
	t.Helper()
	found, err := s.Scan(bytes.NewReader(data), int64(len(data)))
	if err != nil && !errors.As(err, new(*FormatError)) {
		t.Fatalf("%T is no *FormatError: %v", err, err)
	}
	for _, f := range found {
		if f.Mimalloc && f.Model == None || !f.Mimalloc && f.Model != None && f.Model != Unknown || (f.Model == FixedSlot) != (len(f.Slots) > 0) || f.Model != Unknown && f.Mimalloc && len(f.Evidence) < 2 {
			t.Fatalf("inconsistent: %+v", f)
		}
	}
}

func TestTruncated(t *testing.T) {
	for name, data := range small() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s Scanner
			for n := range data {
				mustEnd(t, &s, data[:n])
			}
		})
	}
}

// Every word of the headers becomes a number that lies.
func TestLies(t *testing.T) {
	for name, data := range small() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s Scanner
			for at := 0; at < 0x400 && at+8 <= len(data); at += 4 {
				for _, lie := range []uint64{0, 1, 0x7fffffff, 0xffffffff, 0xfffffff0, uint64(len(data)), 1 << 63, ^uint64(0)} {
					b := bytes.Clone(data)
					binary.LittleEndian.PutUint32(b[at:], uint32(lie))
					mustEnd(t, &s, b)
					binary.LittleEndian.PutUint64(b[at:], lie)
					mustEnd(t, &s, b)
					binary.BigEndian.PutUint32(b[at:], uint32(lie))
					mustEnd(t, &s, b)
				}
			}
		})
	}
}

func TestFlippedBits(t *testing.T) {
	for name, data := range small() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s Scanner
			r := rand.New(rand.NewPCG(1, 2))
			for range 4_000 {
				b := bytes.Clone(data)
				for range 1 + r.IntN(4) {
					at := r.IntN(len(b))
					if r.IntN(2) == 0 {
						at = r.IntN(0x400) // the headers
					}
					b[at] ^= 1 << r.IntN(8)
				}
				mustEnd(t, &s, b)
			}
		})
	}
}

// huge is a file of zeros behind some bytes, which nobody has to store.
type huge struct{ head []byte }

func (h huge) ReadAt(b []byte, at int64) (int, error) {
	clear(b)
	if at < int64(len(h.head)) {
		copy(b, h.head[at:])
	}
	return len(b), nil
}

// Memory does not grow with a file: 4 GB of data, and tables as large as they can be.
func TestMemory(t *testing.T) {
	const size = 4 << 30
	data := machotest.Image(machotest.Spec{Model: "thread-local"})
	grow := func(b []byte, section int) {
		at := 32 + 72 + section*80
		binary.LittleEndian.PutUint64(b[at+40:], size-0x20000)
	}
	whole := bytes.Clone(data)
	grow(whole, 0)                                 // code
	grow(whole, 4)                                 // constants
	replaceCommand(t, whole, 0x2, func(c []byte) { // the symbol table and its strings
		binary.LittleEndian.PutUint32(c[12:], 100<<20)
		binary.LittleEndian.PutUint32(c[20:], 0xf0000000)
	})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var s Scanner
	if _, err := s.Scan(huge{whole}, size); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 32<<20 {
		t.Errorf("%d MB allocated for a file of %d MB", grown>>20, size>>20)
	}
}

func FuzzScan(f *testing.F) {
	for _, data := range small() {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var s Scanner
		mustEnd(t, &s, data)
	})
}

// FuzzCode runs what follows registers and reads arguments over any bytes.
func FuzzCode(f *testing.F) {
	f.Add(machotest.Image(machotest.Spec{Model: "fixed-slot", Slots: []int{108}})[0x400:0x500], uint16(0))
	f.Add(machotest.Image(machotest.Spec{Model: "fixed-slot", Slots: []int{108}, Amd64: true})[0x400:0x500], uint16(16))
	f.Fuzz(func(t *testing.T, code []byte, at uint16) {
		use := new(threadUse)
		scanArm64(code, len(code), 0x1000, use)
		scanAmd64(code, len(code), 0x1000, use)
		ref := int(at) % (len(code) + 1)
		argumentsArm64(code, ref)
		if ref < len(code) {
			argumentsAmd64(code, ref)
		}
		for n, u := range use.slots {
			if n <= 0 || n >= maxSlot || u.reads.count+u.writes.count == 0 {
				t.Errorf("slot %d: %+v", n, u)
			}
		}
	})
}
