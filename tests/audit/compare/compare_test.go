package compare

import (
	"strings"
	"testing"

	"github.com/rules-mimalloc/rules_mimalloc/machotls"
)

func fixed(version string, slots ...int) machotls.Finding {
	return machotls.Finding{Mimalloc: true, Model: machotls.FixedSlot, Slots: slots, Version: version}
}

func TestFindings(t *testing.T) {
	none := []machotls.Finding{{Model: machotls.None}}
	local := machotls.Finding{Mimalloc: true, Model: machotls.ThreadLocal}
	unknown := machotls.Finding{Mimalloc: true, Model: machotls.Unknown}
	slots := Known{Model: machotls.FixedSlot, Slots: []int{108, 109}, Version: "3.3.2"}
	variable := Known{Model: machotls.ThreadLocal}
	for _, test := range []struct {
		name  string
		known []Known
		found []machotls.Finding
		want  Outcome
	}{
		{"none", nil, none, Right},
		{"nothing said", nil, nil, Wrong},
		{"false alarm", nil, []machotls.Finding{unknown}, Wrong},
		{"missed", []Known{slots}, none, Wrong},
		{"right", []Known{slots}, []machotls.Finding{fixed("3.3.2", 108, 109)}, Right},
		{"right without a version", []Known{slots}, []machotls.Finding{fixed("", 108, 109)}, Right},
		{"another version", []Known{slots}, []machotls.Finding{fixed("3.3.1", 108, 109)}, Wrong},
		{"other slots", []Known{slots}, []machotls.Finding{fixed("", 108)}, Wrong},
		{"any slots", []Known{{Model: machotls.FixedSlot, AnySlots: true}}, []machotls.Finding{fixed("", 108)}, Right},
		{"another model", []Known{slots}, []machotls.Finding{local}, Wrong},
		{"cannot tell", []Known{slots}, []machotls.Finding{unknown}, Unknown},
		{"two", []Known{slots, variable}, []machotls.Finding{local, fixed("", 108, 109)}, Right},
		{"one of two", []Known{slots, variable}, []machotls.Finding{local}, Wrong},
		{"two, one unknown", []Known{slots, variable}, []machotls.Finding{local, unknown}, Unknown},
		{"two, one wrong", []Known{slots, variable}, []machotls.Finding{local, local}, Wrong},
	} {
		if got, text := Findings(test.known, test.found); got != test.want {
			t.Errorf("%s: %s (%s), want %s", test.name, got, text, test.want)
		}
	}
}

func TestTable(t *testing.T) {
	var table Table
	for range 2 {
		table.Add([]Known{{Model: machotls.FixedSlot}}, []machotls.Finding{fixed("3.3.2", 108)}, Right)
	}
	table.Add(nil, []machotls.Finding{{Mimalloc: true, Model: machotls.Unknown}}, Wrong)
	var b strings.Builder
	if _, err := table.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	want := `  known \ found  fixed-slot  unknown
     fixed-slot           2        0
           none           0        1
2 right, 0 unknown, 1 wrong; 2 of 3 mimallocs with a version
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}
