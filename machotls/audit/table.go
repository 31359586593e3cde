package audit

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/rules-mimalloc/rules_mimalloc/machotls"
)

// WriteTable writes results for people: a line for each mimalloc, and where
// evidence is wanted what was seen.
func WriteTable(w io.Writer, results []*Result, evidence bool) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := "%s\t%s\t%s\t%s\t%s\t%s\t%s\n"
	if len(results) > 0 {
		fmt.Fprintf(t, row, "VERDICT", "MODEL", "SLOTS", "MIMALLOC", "ARCH", "PLATFORM", "FILE")
	}
	for _, r := range results {
		fmt.Fprintf(t, row, r.Verdict, r.Model, orDash(machotls.SlotList(r.Slots)), orDash(r.Version), orDash(r.Arch), orDash(r.Platform), r.Place())
		if evidence {
			// A line without tabs ends the columns of tabwriter, so they are set anew behind it.
			for _, e := range r.Evidence {
				fmt.Fprintf(t, "    %s\n", e)
			}
		}
	}
	return t.Flush()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// WriteConflict writes a conflict for people.
func WriteConflict(w io.Writer, c *Conflict) error {
	_, err := fmt.Fprintf(w, "conflict: slot %s of every thread (%s) is used by both\n  %s (mimalloc %s)\n  %s (mimalloc %s)\n",
		machotls.SlotList(c.Slots), c.A.Arch, c.A.Place(), version(c.A), c.B.Place(), version(c.B))
	return err
}

func version(r *Result) string {
	if r.Version == "" {
		return "of unknown version"
	}
	return r.Version
}
