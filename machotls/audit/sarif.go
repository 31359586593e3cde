package audit

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/rules-mimalloc/rules_mimalloc/machotls"
)

// The parts of SARIF 2.1.0 (OASIS) that a report needs.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool    sarifTool     `json:"tool"`
		Results []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name  string      `json:"name"`
		Rules []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID    string       `json:"id"`
		Short sarifMessage `json:"shortDescription"`
		Help  sarifMessage `json:"help"`
	}
	sarifMessage struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		Level     string          `json:"level"`
		Message   sarifMessage    `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifLocation struct {
		Physical struct {
			Artifact struct {
				URI string `json:"uri"`
			} `json:"artifactLocation"`
		} `json:"physicalLocation"`
	}
)

// conflictRule is the id of the rule of --process.
const conflictRule = "shared-slot"

var sarifRules = []sarifRule{
	{string(machotls.FixedSlot), sarifMessage{"mimalloc keeps its heap pointer in a fixed slot of every thread"},
		sarifMessage{"Two such mimallocs in one process corrupt each other's heap. Build mimalloc with a thread-local model, or move to a release of the package that does."}},
	{string(machotls.PthreadKey), sarifMessage{"mimalloc keeps its heap pointer under a pthread key"},
		sarifMessage{"Threads that outlive the image lose their heap when its key is deleted."}},
	{string(machotls.ThreadLocal), sarifMessage{"mimalloc keeps its heap pointer in a thread-local variable"},
		sarifMessage{"Denied by the options of this run."}},
	{string(machotls.Unknown), sarifMessage{"a mimalloc whose model cannot be told"},
		sarifMessage{"Find out how it was built, or allow it by --allow-unknown."}},
	{conflictRule, sarifMessage{"two mimallocs share a slot of every thread"},
		sarifMessage{"Loaded in one process they corrupt each other's heap. Build one of them with a thread-local model."}},
}

// WriteSARIF writes the results that a run fails for, and conflicts, as a
// SARIF 2.1.0 log, which CI systems show beside the code.
func WriteSARIF(w io.Writer, offending []*Result, conflicts []Conflict) error {
	run := sarifRun{Tool: sarifTool{sarifDriver{"mimalloc-tls", sarifRules}}, Results: []sarifResult{}}
	for _, r := range offending {
		level, text := "error", fmt.Sprintf("mimalloc %s for %s: model %s", version(r), r.Arch, r.Model)
		if r.Verdict == Unclear {
			level = "warning"
		}
		if len(r.Slots) > 0 {
			text += ", slots " + machotls.SlotList(r.Slots)
		}
		text += " in " + r.Place() + ". " + strings.Join(r.Evidence, ". ")
		run.Results = append(run.Results, sarifResult{string(r.Model), level, sarifMessage{text}, []sarifLocation{location(r)}})
	}
	for _, c := range conflicts {
		text := fmt.Sprintf("%s and %s share slot %s of every thread (%s)", c.A.Place(), c.B.Place(), machotls.SlotList(c.Slots), c.A.Arch)
		run.Results = append(run.Results, sarifResult{conflictRule, "error", sarifMessage{text}, []sarifLocation{location(c.A), location(c.B)}})
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}})
}

// location is where a result is, as a relative reference or a file URI.
func location(r *Result) (l sarifLocation) {
	u := url.URL{Path: filepath.ToSlash(r.Path)}
	if filepath.IsAbs(r.Path) {
		u.Scheme = "file"
	}
	l.Physical.Artifact.URI = u.String()
	return l
}
