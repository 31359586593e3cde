package patcher

import (
	"errors"
	"strings"
	"testing"
)

// A new shape of the selector is drift until the table has a row for it, and
// needs no more than that: what docs/new-generation.md says.
func TestNewGenerationIsARow(t *testing.T) {
	const old, made = "#elif defined(__APPLE__) && MI_HAS_TLS_SLOT && !defined(__POWERPC__)", "#elif defined(__APPLE__) && !defined(__i386__) && MI_HAS_TLS_SLOT"
	tree := Tree{}
	for name, src := range readGolden(t, "gen_c").tree {
		tree[name] = src
	}
	header := string(tree[primH])
	if strings.Count(header, old) != 1 {
		t.Fatalf("the golden does not hold %q once", old)
	}
	tree[primH] = []byte(strings.Replace(header, old, made, 1))

	var drift *DriftError
	if _, err := NewPlan(tree); !errors.As(err, &drift) || !strings.Contains(drift.Found, "__i386__") {
		t.Fatalf("without a row: %v, want drift that quotes the new condition", err)
	}
	before := generations
	defer func() { generations = before }()
	generations = append(generations[:len(generations):len(generations)], generation{
		id: "made up", releases: "9.9.9",
		header: primH, names: &longNames,
		apple:  "defined ( __APPLE__ ) && ! defined ( __i386__ ) && MI_HAS_TLS_SLOT",
		before: FixedSlot,
	})
	plan, err := NewPlan(tree)
	if err != nil {
		t.Fatal(err)
	}
	if plan.Report.Status != Patched || plan.Report.Generation != "made up" {
		t.Errorf("with a row: %s, generation %q", plan.Report.Status, plan.Report.Generation)
	}
}
