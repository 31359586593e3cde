//go:build bazel

// Package releases_test checks the table of releases against what the patcher
// finds in their headers.
package releases_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/rules-mimalloc/rules_mimalloc/mimalloc"
	"github.com/rules-mimalloc/rules_mimalloc/patcher"
)

func TestTableAndHeadersAgree(t *testing.T) {
	table, err := mimalloc.Releases()
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]mimalloc.Release{}
	for _, r := range table.Releases {
		rows[r.Version] = r
	}
	reports := strings.Fields(os.Getenv("REPORTS"))
	if len(reports) == 0 {
		t.Fatal("no reports")
	}
	for _, name := range reports {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var r patcher.Report
		if err := json.Unmarshal(text, &r); err != nil {
			t.Fatal(err)
		}
		want, known := rows[r.Version]
		if !known || r.Generation != want.Generation || string(r.Status) != want.Patch || string(r.Before) != want.AppleModel {
			t.Errorf("%s: generation %s, %s on Apple, %s; the table says %q, %q, %q",
				r.Version, r.Generation, r.Before, r.Status, want.Generation, want.AppleModel, want.Patch)
		}
		if r.After != patcher.ThreadLocal {
			t.Errorf("%s: %s on Apple, want %s", r.Version, r.After, patcher.ThreadLocal)
		}
	}
}
