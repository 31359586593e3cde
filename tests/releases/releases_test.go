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
	generation := map[string]string{}
	for _, r := range table.Releases {
		generation[r.Version] = r.Generation
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
		want, known := generation[r.Version]
		if !known || r.Generation != want {
			t.Errorf("%s: generation %s, the table says %q", r.Version, r.Generation, want)
		}
		status := patcher.Patched
		if want == "A" {
			status = patcher.NotNeeded
		}
		if r.Status != status || r.After != patcher.ThreadLocal {
			t.Errorf("%s: %s, %s on Apple; want %s, %s", r.Version, r.Status, r.After, status, patcher.ThreadLocal)
		}
	}
}
