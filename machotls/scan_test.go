package machotls

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rules-mimalloc/rules_mimalloc/machotls/machotest"
)

func scanBytes(t testing.TB, b []byte) []Finding {
	t.Helper()
	var s Scanner
	found, err := s.Scan(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// brief is a finding without its evidence.
func brief(f Finding) string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s %s", f.Arch, f.Platform, f.Kind, f.Model, SlotList(f.Slots), f.Version))
}

func briefs(found []Finding) (all []string) {
	for _, f := range found {
		all = append(all, brief(f))
	}
	return all
}

func TestModels(t *testing.T) {
	tests := []struct {
		name string
		spec machotest.Spec
		want string
	}{
		{"fixed slot", machotest.Spec{Model: "fixed-slot", Slots: []int{108, 109}, Version: [3]int{3, 3, 2}}, "macos dylib fixed-slot 108/109 3.3.2"},
		{"slots of 3.4.0", machotest.Spec{Model: "fixed-slot", Slots: []int{126, 127}, Version: [3]int{3, 4, 0}}, "macos dylib fixed-slot 126/127 3.4.0"},
		{"slots of a fork", machotest.Spec{Model: "fixed-slot", Slots: []int{96, 97}}, "macos dylib fixed-slot 96/97"},
		{"slot 89 beside an unused variable", machotest.Spec{Model: "fixed-slot", Slots: []int{89}, Words: 3, Unused: true, Version: [3]int{2, 2, 4}}, "macos dylib fixed-slot 89 2.2.4"},
		{"thread-local", machotest.Spec{Model: "thread-local", Version: [3]int{3, 3, 2}}, "macos dylib thread-local  3.3.2"},
		{"thread-local, 3 words", machotest.Spec{Model: "thread-local", Words: 3, Version: [3]int{2, 1, 7}}, "macos dylib thread-local  2.1.7"},
		{"thread-local, 5 words", machotest.Spec{Model: "thread-local", Words: 5, Version: [3]int{3, 6, 0}}, "macos dylib thread-local  3.6.0"},
		{"pthread key", machotest.Spec{Model: "pthread-key", Version: [3]int{3, 5, 3}}, "macos dylib pthread-key  3.5.3"},
		{"nothing that tells", machotest.Spec{}, "macos dylib unknown"},
		{"a variable that no code uses", machotest.Spec{Unused: true}, "macos dylib unknown"},
		{"a variable that is only read", machotest.Spec{Model: "thread-local", ReadOnly: true}, "macos dylib unknown"},
		{"no mimalloc", machotest.Spec{Model: "none"}, "macos dylib none"},
		{"a mimalloc without a heap that is known", machotest.Spec{Model: "messages", Version: [3]int{4, 0, 0}}, "macos dylib unknown  4.0.0"},
		{"messages alone", machotest.Spec{Model: "messages"}, "macos dylib none"},
		{"an iOS bundle", machotest.Spec{Model: "thread-local", Platform: 2, Filetype: 8}, "ios bundle thread-local"},
		{"a simulator's executable", machotest.Spec{Model: "thread-local", Platform: 7, Filetype: 2}, "ios-simulator executable thread-local"},
		{"visionOS", machotest.Spec{Model: "thread-local", Platform: 11}, "visionos dylib thread-local"},
		{"Catalyst", machotest.Spec{Model: "thread-local", Platform: 6}, "maccatalyst dylib thread-local"},
		{"a platform of the future", machotest.Spec{Model: "thread-local", Platform: 77}, "platform-77 dylib thread-local"},
	}
	for _, test := range tests {
		for _, amd64 := range []bool{false, true} {
			test.spec.Amd64 = amd64
			arch := map[bool]string{false: "arm64", true: "x86_64"}[amd64]
			t.Run(test.name+" "+arch, func(t *testing.T) {
				found := scanBytes(t, machotest.Image(test.spec))
				if diff := cmp.Diff([]string{arch + " " + test.want}, briefs(found)); diff != "" {
					t.Errorf("-want +got:\n%s\nevidence: %q", diff, found[0].Evidence)
				}
			})
		}
	}
}

// Two mimallocs in one image are told apart by where their code is.
func TestSeveral(t *testing.T) {
	for _, test := range []struct {
		model string
		slots []int
		want  []string
	}{
		{"fixed-slot", []int{108, 109}, []string{"arm64 macos dylib fixed-slot 108/109", "arm64 macos dylib fixed-slot 108/109"}},
		{"thread-local", nil, []string{"arm64 macos dylib thread-local", "arm64 macos dylib thread-local"}},
		{"pthread-key", nil, []string{"arm64 macos dylib pthread-key", "arm64 macos dylib pthread-key"}},
	} {
		found := scanBytes(t, machotest.Image(machotest.Spec{Model: test.model, Slots: test.slots, Heaps: 2, Apart: 0x400}))
		if diff := cmp.Diff(test.want, briefs(found)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", test.model, diff)
		}
		if found[0].Index != 0 || found[1].Index != 1 {
			t.Errorf("%s: indices %d and %d", test.model, found[0].Index, found[1].Index)
		}
	}
}

func TestEvidence(t *testing.T) {
	found := scanBytes(t, machotest.Image(machotest.Spec{Model: "fixed-slot", Slots: []int{108}, Version: [3]int{3, 3, 2}}))
	want := []string{
		"empty heap: size classes 32 bytes apart, __DATA,__const at file offset 0x15a0, behind 129 pointers to one page, __DATA,__const at file offset 0x1180",
		"slot 108 of the thread control block; read in 1 places, first __TEXT,__text at file offset 0x410; written in 1 places, first __TEXT,__text at file offset 0x418",
		"version 3.3.2 in the call that prints it, __TEXT,__text at file offset 0x434",
	}
	if diff := cmp.Diff(want, found[0].Evidence); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	found = scanBytes(t, machotest.Image(machotest.Spec{Model: "thread-local"}))
	if got := found[0].Evidence[1]; got != "thread-local variable starts with the empty heap: __DATA,__thread_data at file offset 0x1c18; 1 uses in code, of which 1 set it, first __TEXT,__text at file offset 0x40c" {
		t.Errorf("thread-local: %s", got)
	}
}

// Offsets in a universal file are from its start.
func TestFat(t *testing.T) {
	arm := machotest.Image(machotest.Spec{Model: "thread-local"})
	amd := machotest.Image(machotest.Spec{Model: "fixed-slot", Slots: []int{108, 109}, Amd64: true})
	found := scanBytes(t, machotest.Fat(arm, amd))
	want := []string{"arm64 macos dylib thread-local", "x86_64 macos dylib fixed-slot 108/109"}
	if diff := cmp.Diff(want, briefs(found)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if want := "__DATA,__const at file offset 0x45a0,"; !strings.Contains(found[1].Evidence[0], want) {
		t.Errorf("evidence %q, want %q in it", found[1].Evidence[0], want)
	}
}

func TestArchive(t *testing.T) {
	object := machotest.Image(machotest.Spec{Model: "none", Filetype: typeObject})
	found := scanBytes(t, machotest.Archive(
		machotest.Member{Name: "other.o", Data: object},
		machotest.Member{Name: "a long name of a text.txt", Data: []byte("text of odd size")[:15]},
		machotest.Member{Name: "again.o", Data: object},
	))
	if diff := cmp.Diff([]string{"arm64 macos archive none"}, briefs(found)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if found := scanBytes(t, machotest.Archive(machotest.Member{Name: "debian-binary", Data: []byte("2.0\n")})); len(found) > 0 {
		t.Errorf("an archive of texts: %v", briefs(found))
	}
}

func TestBitcode(t *testing.T) {
	code := append([]byte("BC\xc0\xde"), bytes.Repeat([]byte{7}, 300<<10)...)
	with := append(bytes.Clone(code), "memcpy_mi_theap_emptymi_free"...)
	for _, test := range []struct {
		data []byte
		want string
	}{{code, "bitcode none"}, {with, "bitcode unknown"}} {
		found := scanBytes(t, test.data)
		if got := strings.Join(strings.Fields(brief(found[0])), " "); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
	found := scanBytes(t, machotest.Archive(machotest.Member{Name: "x.o", Data: code}, machotest.Member{Name: "mimalloc.o", Data: with}))
	if len(found) != 1 || found[0].Model != Unknown || !strings.HasSuffix(found[0].Evidence[0], " of mimalloc.o") {
		t.Errorf("in an archive: %+v", found)
	}
}

func TestRecognise(t *testing.T) {
	for _, test := range []struct {
		head string
		want bool
	}{
		{"\xcf\xfa\xed\xfe\x0c\x00\x00\x01", true},
		{"\xfe\xed\xfa\xce\x00\x00\x00\x12", true}, // big-endian
		{"\xca\xfe\xba\xbe\x00\x00\x00\x02", true},
		{"\xca\xfe\xba\xbe\x00\x00\x00\x34", false}, // a class of Java 8
		{"\xca\xfe\xba\xbf\x00\x00\x00\x02", true},
		{"!<arch>\n", true},
		{"\x7fELF\x02\x01\x01\x00", false},
		{"\xcf\xfa\xed\xfe", false}, // too short to be anything
		{"", false},
	} {
		if got := Recognise([]byte(test.head)); got != test.want {
			t.Errorf("%q: %v", test.head, got)
		}
	}
}

// An image that was encrypted, or is for another CPU, is not guessed at.
func TestUnreadable(t *testing.T) {
	encrypted := machotest.Image(machotest.Spec{Model: "thread-local"})
	replaceCommand(t, encrypted, 0x32, func(c []byte) { // LC_BUILD_VERSION becomes LC_ENCRYPTION_INFO_64, as large
		c[0], c[16] = 0x2c, 1
	})
	ppc := machotest.Image(machotest.Spec{Model: "thread-local"})
	ppc[4], ppc[7] = 18, 0
	for _, test := range []struct {
		data []byte
		want string
	}{{encrypted, "the code is encrypted"}, {ppc, "code for ppc is not read"}} {
		found := scanBytes(t, test.data)
		if f := found[0]; !f.Mimalloc || f.Model != Unknown || f.Evidence[1] != test.want {
			t.Errorf("got %s, evidence %q, want unknown because %q", brief(f), f.Evidence, test.want)
		}
	}
}

// What cannot be looked into is unknown, even whether there is a mimalloc.
func TestOpaque(t *testing.T) {
	packed := machotest.Image(machotest.Spec{Model: "none"})
	copy(packed[0x3f0:], "UPX!")
	for _, test := range []struct {
		data []byte
		want string
	}{
		{packed, "packed by UPX: what is inside cannot be seen"},
		{[]byte("\xfe\xed\xfa\xce\x00\x00\x00\x12 and more"), "images for PowerPC are not read"},
	} {
		found := scanBytes(t, test.data)
		if f := found[0]; f.Mimalloc || f.Model != Unknown || f.Evidence[0] != test.want {
			t.Errorf("got %s, evidence %q, want %q", brief(f), f.Evidence, test.want)
		}
	}
}

func replaceCommand(t *testing.T, b []byte, kind byte, f func([]byte)) {
	t.Helper()
	for at := 32; at < 0x400; at += int(b[at+4]) | int(b[at+5])<<8 {
		if b[at] == kind {
			f(b[at:])
			return
		}
		if b[at+4] == 0 && b[at+5] == 0 {
			break
		}
	}
	t.Fatalf("no load command %#x", kind)
}

func TestErrors(t *testing.T) {
	image := machotest.Image(machotest.Spec{Model: "thread-local"})
	change := func(at int, bytes ...byte) []byte {
		b := append([]byte(nil), image...)
		copy(b[at:], bytes)
		return b
	}
	for _, test := range []struct {
		name string
		data []byte
		want string
	}{
		{"a text", []byte("neither this nor that"), "damaged at offset 0x0: neither Mach-O nor an archive"},
		{"the magic alone", image[:8], "damaged at offset 0x0: the file ends 8 bytes into something of 28"},
		{"commands beyond the end", change(20, 0xff, 0xff, 0xff), "damaged at offset 0x14: 16777215 bytes of load commands in an image of"},
		{"a command without a size", change(36, 0, 0), "load command 1 has a size of 0 bytes"},
		{"too many sections", change(32+64, 0xff, 0xff), "says it has"},
		{"more commands than fit", change(16, 99), "load command 5 of 99 lies outside of the commands"},
		{"a section beyond the end", change(32+72+40, 0, 0, 0, 0x10), "lies outside of the image"},
		{"a thin archive", []byte("!<thin>\nfile.o/         "), "a thin archive: its members are files of their own; scan those"},
		{"a member without a header", []byte("!<arch>\n" + strings.Repeat("x", 60)), "no header of an archive's member"},
		{"a member beyond the end", machotest.Archive(machotest.Member{Name: "a", Data: image})[:300], "where 232 are left"},
		{"a slice beyond the end", machotest.Fat(image)[:0x1100], "slice 1, "},
		{"a universal file in a universal file", machotest.Fat(machotest.Fat(image)), "slice 1 at 0x1000: damaged at offset 0x0: neither"},
	} {
		var s Scanner
		_, err := s.Scan(bytes.NewReader(test.data), int64(len(test.data)))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q in it", test.name, err, test.want)
			continue
		}
		if !errors.As(err, new(*FormatError)) {
			t.Errorf("%s: %T is no *FormatError", test.name, err)
		}
	}
}

// What is damaged does not keep the rest from being found.
func TestPartlyDamaged(t *testing.T) {
	good := machotest.Image(machotest.Spec{Model: "fixed-slot", Slots: []int{108, 109}})
	bad := bytes.Clone(good)
	bad[20], bad[21], bad[22] = 0xff, 0xff, 0xff
	var s Scanner
	fat := machotest.Fat(bad, good)
	found, err := s.Scan(bytes.NewReader(fat), int64(len(fat)))
	if err == nil || len(found) != 1 || found[0].Model != FixedSlot {
		t.Errorf("found %v, error %v", briefs(found), err)
	}
}
