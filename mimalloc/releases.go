// Package mimalloc holds the table of mimalloc releases that rules_mimalloc
// knows: releases.json, which the module extension reads too.
package mimalloc

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

//go:embed releases.json
var table []byte

// A Table is releases.json.
type Table struct {
	Schema      int       `json:"schema"`       // 1
	URLs        []string  `json:"urls"`         // of a release's archive, with {tag} and {version}
	StripPrefix string    `json:"strip_prefix"` // the directory in the archive, with {version}
	Releases    []Release `json:"releases"`     // by version, lowest first
}

// A Release is one release of upstream.
type Release struct {
	Version    string `json:"version"`              // such as "3.3.2"
	Tag        string `json:"tag"`                  // such as "v3.3.2"
	SHA256     string `json:"sha256"`               // of the archive of the tag, in hexadecimal
	Generation string `json:"generation,omitempty"` // of its TLS selector; "" where it is not known

	// What upstream chooses on Apple in an embedded build, and what the patch
	// does: "patched" or "not-needed", as the patcher's reports spell them; ""
	// where the release was not seen. The generation of such a row is a guess.
	AppleModel string `json:"apple_model,omitempty"`
	Patch      string `json:"patch,omitempty"`

	// Why an embedded build with a thread-local model is refused on Apple,
	// although the header can be patched; "" for nearly all.
	RefuseThreadLocal string `json:"refuse_thread_local,omitempty"`
	// What whoever picks the release should know.
	Note string `json:"note,omitempty"`
}

// Releases returns the table. Its error means that the program was built from
// a damaged one.
func Releases() (*Table, error) {
	var t Table
	if err := json.Unmarshal(table, &t); err != nil {
		return nil, fmt.Errorf("releases.json: %w", err)
	}
	return &t, nil
}
