package truth

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rules-mimalloc/rules_mimalloc/patcher"
	"github.com/rules-mimalloc/rules_mimalloc/patcher/includedir"
)

// A Tree is the sources of one mimalloc.
type Tree struct {
	dir        string // holds include and src
	version    string
	needsPatch bool
	selector   selector
	headers    patcher.Tree
	plan       *patcher.Plan
}

// selector says by which macros a header lets itself be told the TLS model.
type selector int

const (
	noMacros selector = iota // MI_TLS_SLOT and MI_TLS_PTHREAD, generation A
	long                     // MI_HAS_TLS_SLOT, MI_TLS_MODEL_DYNAMIC_PTHREADS
	short                    // MI_TLS_MODEL_PTHREADS
	fixed                    // none: patched by hand
)

// ReadTrees reads the trees that a table lists (//tests/crates:crates.tsv) and
// that a directory holds (@mimalloc_trees//:trees).
func ReadTrees(table, dir string) (map[string]*Tree, error) {
	text, err := os.ReadFile(table)
	if err != nil {
		return nil, err
	}
	trees := make(map[string]*Tree)
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		name, _, _ := strings.Cut(line, "\t")
		if trees[name], err = readTree(filepath.Join(dir, name)); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if len(trees) == 0 {
		return nil, fmt.Errorf("%s: no trees in it", table)
	}
	return trees, nil
}

func readTree(dir string) (*Tree, error) {
	headers, err := includedir.ReadTree(filepath.Join(dir, "include"))
	if err != nil {
		return nil, err
	}
	plan, err := patcher.NewPlan(headers)
	if err != nil {
		return nil, err
	}
	t := &Tree{
		dir:        dir,
		version:    plan.Report.Version,
		needsPatch: plan.Report.Status == patcher.Patched,
		headers:    headers,
		plan:       plan,
	}
	text := string(headers[plan.Report.Header])
	switch {
	case !t.needsPatch && strings.Contains(text, "MI_TLS_MODEL_"):
		t.selector = fixed
	case strings.Contains(text, "MI_TLS_MODEL_DYNAMIC_PTHREADS"):
		t.selector = long
	case strings.Contains(text, "MI_TLS_MODEL_PTHREADS"):
		t.selector = short
	}
	return t, nil
}

// The slots of the variant slot, in place of upstream's.
const otherDefault, otherCached = "200", "201"

// variant returns the headers of a variant where they are not the tree's own,
// and the options that choose it.
func (t *Tree) variant(name string) (patcher.Tree, []string, error) {
	switch {
	case name == "patched":
		return t.with(string(t.plan.Content)), nil, nil
	case name == "pthread" && t.selector == noMacros:
		return nil, []string{"-DMI_TLS_PTHREAD=1"}, nil
	case name == "pthread":
		// With the short names, where pthread keys are upstream's choice, they are then used without the short cut.
		return nil, []string{"-DMI_HAS_TLS_SLOT=0"}, nil
	case name == "local":
		return nil, []string{"-DMI_TLS_MODEL_LOCAL=1"}, nil
	case name == "slot" && t.selector == noMacros:
		return nil, []string{"-DMI_TLS_SLOT=" + otherDefault}, nil
	case name == "slot" && t.selector == short:
		return nil, []string{"-DMI_TLS_MODEL_FIXED=1", "-DMI_TLS_MODEL_FIXED_DEFAULT=" + otherDefault, "-DMI_TLS_MODEL_FIXED_CACHED=" + otherCached}, nil
	case name == "slot":
		text := string(t.headers[t.plan.Report.Header])
		for _, r := range [][2]string{{"MI_TLS_MODEL_FIXED_SLOT_DEFAULT   108", otherDefault}, {"MI_TLS_MODEL_FIXED_SLOT_CACHED    109", otherCached}} {
			if strings.Count(text, r[0]) != 1 {
				return nil, nil, fmt.Errorf("%s: no %q in it", t.plan.Report.Header, r[0])
			}
			text = strings.Replace(text, r[0], strings.TrimRight(r[0], "0123456789")+r[1], 1)
		}
		return t.with(text), nil, nil
	}
	return nil, nil, nil
}

// with returns the headers with another text of the one that chooses the model.
func (t *Tree) with(text string) patcher.Tree {
	headers := maps.Clone(t.headers)
	headers[t.plan.Report.Header] = []byte(text)
	return headers
}

// sources are the files that static.c includes, by their path from src.
func (t *Tree) sources() ([]string, error) {
	text, err := os.ReadFile(filepath.Join(t.dir, "src", "static.c"))
	if err != nil {
		return nil, err
	}
	var all []string
	for line := range strings.Lines(string(text)) {
		name, ok := strings.CutPrefix(strings.TrimSpace(line), `#include "`)
		name, _, _ = strings.Cut(name, `"`)
		if ok && strings.HasSuffix(name, ".c") {
			all = append(all, name)
		}
	}
	if len(all) < 5 {
		return nil, fmt.Errorf("%s: static.c includes %d sources, which is too few", t.dir, len(all))
	}
	return all, nil
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
