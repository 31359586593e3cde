package audit

import (
	"encoding/json"
	"io"

	"github.com/rules-mimalloc/rules_mimalloc/machotls"
)

// schema is the version of the JSON that reports are written in.
const schema = 1

// record is a Result as JSON. Scripts read it: fields are added, never changed.
type record struct {
	Schema   int            `json:"schema"`
	Path     string         `json:"path"`
	Member   string         `json:"member"`
	Arch     string         `json:"arch"`
	Platform string         `json:"platform"`
	Kind     machotls.Kind  `json:"kind"`
	Mimalloc bool           `json:"mimalloc"`
	Version  string         `json:"version"`
	Model    machotls.Model `json:"tls_model"`
	Slots    []int          `json:"slots"`
	Evidence []string       `json:"evidence"`
	Verdict  Verdict        `json:"verdict"`
}

// WriteJSON writes a result as one line.
func WriteJSON(w io.Writer, r *Result) error {
	rec := record{schema, r.Path, r.Member, r.Arch, r.Platform, r.Kind, r.Mimalloc, r.Version, r.Model, r.Slots, r.Evidence, r.Verdict}
	if rec.Slots == nil {
		rec.Slots = []int{}
	}
	if rec.Evidence == nil {
		rec.Evidence = []string{}
	}
	return json.NewEncoder(w).Encode(rec)
}

// conflictRecord is a Conflict as JSON.
type conflictRecord struct {
	Schema   int     `json:"schema"`
	Conflict bool    `json:"conflict"`
	Arch     string  `json:"arch"`
	Platform string  `json:"platform"`
	Slots    []int   `json:"slots"`
	Images   []image `json:"images"`
}

type image struct {
	Path    string `json:"path"`
	Member  string `json:"member"`
	Version string `json:"version"`
}

// WriteConflictJSON writes a conflict as one line.
func WriteConflictJSON(w io.Writer, c *Conflict) error {
	rec := conflictRecord{Schema: schema, Conflict: true, Arch: c.A.Arch, Platform: c.A.Platform, Slots: c.Slots}
	for _, r := range []*Result{c.A, c.B} {
		rec.Images = append(rec.Images, image{r.Path, r.Member, r.Version})
	}
	return json.NewEncoder(w).Encode(rec)
}
