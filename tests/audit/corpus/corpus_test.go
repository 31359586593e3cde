package corpus

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// The spread that each test fetches is what the table promises.
func TestTable(t *testing.T) {
	f, err := os.Open("../corpus.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := Read(f)
	if err != nil {
		t.Fatal(err)
	}
	var bytes int64
	files := 0
	met := make(map[string]bool)
	for _, p := range all {
		if !p.CI() {
			continue
		}
		bytes += p.Bytes
		for _, e := range p.Entries {
			if !e.CI {
				t.Errorf("%s: some of its files are fetched in each test, but not %s, which comes along", p, e.File)
			}
			files++
			met[e.Model] = true
			met[e.Arch] = true
		}
	}
	for _, want := range []string{"fixed-slot", "thread-local", "pthread-key", "none", "arm64", "x86_64"} {
		if !met[want] {
			t.Errorf("no file in each test is %s", want)
		}
	}
	if files < 25 || bytes > 600e6 {
		t.Errorf("each test fetches %d files, %d MB; want at least 25, at most 600 MB", files, bytes/1e6)
	}
}

func TestRead(t *testing.T) {
	good := strings.Join([]string{"ci", "pypi", "wheel", "1.0", "macosx_11_0_arm64", "a/b.so", "arm64", "fixed-slot", "108,109", "3.3.2", "10", "aa", "w.whl", "5", "bb"}, "\t")
	all, err := Read(strings.NewReader("# comment\n" + good + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	e := all[0].Entries[0]
	if all[0].String() != "pypi:wheel@1.0 (macosx_11_0_arm64)" || !slices.Equal(e.Slots, []int{108, 109}) || !e.CI || e.Version != "3.3.2" {
		t.Errorf("got %v, %+v", all[0], e)
	}
	for _, test := range []struct{ old, new, want string }{
		{"ci\t", "CI\t", `line 1: set: want ci or all, got "CI"`},
		{"pypi\t", "cargo\t", `line 1: registry: want npm or pypi, got "cargo"`},
		{"\tbb", "", "line 1: want 15 columns, got 14"},
		{"108", "x", `line 1: strconv.Atoi: parsing "x": invalid syntax`},
		{good, "# nothing", "no rows"},
		{good, good + "\n" + strings.Replace(good, "\tbb", "\tcc", 1), "line 2: another sum of w.whl than further up"},
	} {
		_, err := Read(strings.NewReader(strings.Replace(good, test.old, test.new, 1)))
		if err == nil || err.Error() != test.want {
			t.Errorf("%q for %q: got %v, want %s", test.new, test.old, err, test.want)
		}
	}
}
