// Package compare compares what an audit finds with what is known of a file,
// and counts.
package compare

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/rules-mimalloc/rules_mimalloc/machotls"
)

// Known is what is known of one mimalloc.
type Known struct {
	Model    machotls.Model
	Slots    []int
	AnySlots bool   // which slots is not known
	Version  string // "" if that is not known
}

// An Outcome says whether a finding is true.
type Outcome string

// The outcomes. Saying that there is no mimalloc where there is one is wrong,
// and so is a mimalloc of whatever model where there is none.
const (
	Right   Outcome = "right"
	Unknown Outcome = "unknown"
	Wrong   Outcome = "wrong"
)

// Findings compares all findings of one architecture with all mimallocs that
// are known to be there, and says in words what was found.
func Findings(known []Known, found []machotls.Finding) (Outcome, string) {
	var mimallocs []machotls.Finding
	for _, f := range found {
		if f.Mimalloc {
			mimallocs = append(mimallocs, f)
		}
	}
	text := describe(found, mimallocs)
	if len(found) == 0 || len(mimallocs) != len(known) {
		return Wrong, text
	}
	best := Wrong
	permutations(mimallocs, func(p []machotls.Finding) {
		outcome := Right
		for i, k := range known {
			outcome = worse(outcome, one(k, p[i]))
		}
		if worse(outcome, best) == best {
			best = outcome
		}
	})
	return best, text
}

func one(k Known, f machotls.Finding) Outcome {
	if k.Version != "" && f.Version != "" && k.Version != f.Version {
		return Wrong
	}
	switch {
	case f.Model == machotls.Unknown:
		return Unknown
	case f.Model != k.Model || !k.AnySlots && !slices.Equal(k.Slots, f.Slots):
		return Wrong
	}
	return Right
}

func worse(a, b Outcome) Outcome {
	order := []Outcome{Right, Unknown, Wrong}
	return order[max(slices.Index(order, a), slices.Index(order, b))]
}

// permutations calls f with each order of the findings, of which there are few.
func permutations(all []machotls.Finding, f func([]machotls.Finding)) {
	var place func(n int)
	place = func(n int) {
		if n >= len(all)-1 {
			f(all)
			return
		}
		for i := n; i < len(all); i++ {
			all[n], all[i] = all[i], all[n]
			place(n + 1)
			all[n], all[i] = all[i], all[n]
		}
	}
	place(0)
}

func describe(found, mimallocs []machotls.Finding) string {
	if len(found) == 0 {
		return "nothing"
	}
	if len(mimallocs) == 0 {
		return "no mimalloc"
	}
	var all []string
	for _, f := range mimallocs {
		s := string(f.Model)
		if len(f.Slots) > 0 {
			s += fmt.Sprint(" ", f.Slots)
		}
		all = append(all, strings.TrimSpace(s+" "+f.Version))
	}
	return strings.Join(all, " and ")
}

// A Table counts outcomes by what is known and what was found.
type Table struct {
	cells    map[[2]string]int
	rows     map[string]bool
	columns  map[string]bool
	outcomes map[Outcome]int
	versions int // that were told
	positive int // mimallocs
}

// Add counts one comparison.
func (t *Table) Add(known []Known, found []machotls.Finding, outcome Outcome) {
	if t.cells == nil {
		t.cells, t.rows, t.columns, t.outcomes = make(map[[2]string]int), make(map[string]bool), make(map[string]bool), make(map[Outcome]int)
	}
	row, column := []string{}, []string{}
	for _, k := range known {
		row = append(row, string(k.Model))
	}
	for _, f := range found {
		column = append(column, string(f.Model))
		if f.Mimalloc {
			t.positive++
			if f.Version != "" {
				t.versions++
			}
		}
	}
	r, c := joined(row), joined(column)
	t.rows[r], t.columns[c] = true, true
	t.cells[[2]string{r, c}]++
	t.outcomes[outcome]++
}

func joined(models []string) string {
	if len(models) == 0 {
		return "none"
	}
	slices.Sort(models)
	return strings.Join(models, " + ")
}

// Count is how often there was an outcome.
func (t *Table) Count(o Outcome) int { return t.outcomes[o] }

// WriteTo writes the confusion table: a row for each that is known, a column
// for each that was found.
func (t *Table) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	columns := sorted(t.columns)
	fmt.Fprintf(tw, "known \\ found\t%s\t\n", strings.Join(columns, "\t"))
	for _, row := range sorted(t.rows) {
		fmt.Fprintf(tw, "%s\t", row)
		for _, column := range columns {
			fmt.Fprintf(tw, "%d\t", t.cells[[2]string{row, column}])
		}
		fmt.Fprintln(tw)
	}
	tw.Flush()
	fmt.Fprintf(&b, "%d right, %d unknown, %d wrong; %d of %d mimallocs with a version\n",
		t.Count(Right), t.Count(Unknown), t.Count(Wrong), t.versions, t.positive)
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

func sorted(set map[string]bool) []string {
	var all []string
	for s := range set {
		all = append(all, s)
	}
	slices.SortFunc(all, cmp.Compare[string])
	return all
}
