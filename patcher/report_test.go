package patcher

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReportIsTheContract reads the bytes that other people's scripts read.
// The case is padded so that its lines are those of mimalloc 3.3.2.
func TestReportIsTheContract(t *testing.T) {
	tree := readGolden(t, "gen_c").tree
	pad := func(before string, line int) {
		src := tree[primH]
		at := bytes.Index(src, []byte(before))
		if at < 0 {
			t.Fatalf("no %q", before)
		}
		blank := bytes.Repeat([]byte("\n"), line-lineAt(src, at))
		tree[primH] = bytes.Replace(src, []byte(before), append(blank, before...), 1)
	}
	pad("#if defined(_WIN32)\n  #define MI_TLS_MODEL_", 371)
	pad("  #if defined(MI_TLS_RECURSE_GUARD)", 406)
	plan, err := NewPlan(tree)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(plan.Report)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"schema":1,"header":"mimalloc/prim.h","version":"3.3.2","generation":"C","status":"patched","apple_model_before":"fixed-slot","apple_model_after":"thread-local","slots":[108,109],"edits":[{"kind":"selector","line":373},{"kind":"guard","line":406}]}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	if got, want := plan.Report.Summary(), "mimalloc 3.3.2: Apple TLS model fixed-slot (108/109) -> thread-local, mimalloc/prim.h:373"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDriftReportIsTheContract(t *testing.T) {
	_, err := NewPlan(readGolden(t, "branch_unknown").tree)
	d, ok := err.(*DriftError)
	if !ok {
		t.Fatal(err)
	}
	got, err := json.Marshal(DriftReport(d))
	if err != nil {
		t.Fatal(err)
	}
	text := func(s string) string {
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	want := `{"schema":1,"header":"mimalloc/prim.h","version":"3.7.0","generation":"","status":"drift","apple_model_before":"","apple_model_after":"","slots":[],"edits":[],` +
		`"error":{"line":22,"expected":` + text(d.Expected) + `,"found":` + text(d.Found) + `,"message":` + text(d.Error()) + `,"hint":` + text(driftHint) + `}}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestSummary(t *testing.T) {
	r := Report{Header: "mimalloc/prim.h", Version: "3.4.5", Status: NeedsPatch, Before: PthreadKey, After: ThreadLocal, Edits: []ReportEdit{{"selector", 9}}}
	if got, want := r.Summary(), "mimalloc 3.4.5: Apple TLS model pthread-key -> thread-local, mimalloc/prim.h:9"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	r.Version = ""
	if got := r.Summary(); !strings.HasPrefix(got, "mimalloc: Apple") {
		t.Errorf("without a version: %s", got)
	}
	for _, s := range []Status{AlreadyPatched, NotNeeded, Drifted} {
		if r.Status = s; r.Summary() != "" {
			t.Errorf("%s: %s", s, r.Summary())
		}
	}
}

func TestVersion(t *testing.T) {
	tests := []struct{ src, want string }{
		{"#define MI_MALLOC_VERSION 212   // major + 2 digits minor\n", "2.1.2"},
		{"#define MI_MALLOC_VERSION 316\n", "3.1.6"},
		{"#define MI_MALLOC_VERSION 3010\n", "3.0.10"},
		{"#define MI_MALLOC_VERSION 3206\n", "3.2.6"},
		{"#define MI_MALLOC_VERSION 20302\n", "2.3.2"},
		{"#define MI_MALLOC_VERSION 30302\n", "3.3.2"},
		{"#pragma once\n#define MI_MALLOC_VERSION\t31215", "3.12.15"},
		{"#define MI_MALLOC_VERSION /* no */ 30600\r\n", "3.6.0"},
		{"", ""},
		{"#define MI_MALLOC_VERSION", ""},
		{"#define MI_MALLOC_VERSION 12\n", ""},
		{"#define MI_MALLOC_VERSION 100000\n", ""},
		{"#define MI_MALLOC_VERSION 99999999999999999999\n", ""},
		{"#define MI_MALLOC_VERSION \"3.3.2\"\n", ""},
		{"#define MI_MALLOC_VERSION (30302)\n", ""},
		{"#define MI_MALLOC_VERSION /* 30302\n", ""},
		{"\x00\xff", ""},
	}
	for _, tt := range tests {
		if got := Version([]byte(tt.src)); got != tt.want {
			t.Errorf("Version(%q) = %q, want %q", tt.src, got, tt.want)
		}
	}
}

func TestWitness(t *testing.T) {
	const want = `#include "mimalloc.h"
#include "mimalloc/types.h"
#include "mimalloc/prim.h"
#if !defined(RULES_MIMALLOC_TLS)
#error "rules_mimalloc: mimalloc/prim.h is not the patched one; look for another include directory of mimalloc on the command line"
#endif
typedef int rules_mimalloc_witness; // a source may not be empty
`
	tests := []struct {
		name    string
		written bool
		want    string
	}{
		{"gen_c", true, want},
		{"patched_c", true, want},
		{"owner_guarded", true, "typedef int rules_mimalloc_witness; // a source may not be empty\n"},
		{"gen_c", false, "typedef int rules_mimalloc_witness; // a source may not be empty\n"},
	}
	for _, tt := range tests {
		plan, err := NewPlan(readGolden(t, tt.name).tree)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, plan.Witness(tt.written)); diff != "" {
			t.Errorf("%s, written %t:\n%s", tt.name, tt.written, diff)
		}
		if tt.written && plan.Report.Status != NotNeeded && !bytes.Contains(plan.Content, []byte("#define "+witnessTree+"  1\n")) {
			t.Errorf("%s: the witness asks for a macro that the header does not define", tt.name)
		}
	}
}

func TestTargets(t *testing.T) {
	apple := 0
	for i := range targets {
		target := &targets[i]
		if target.apple {
			apple++
		}
		for _, name := range strings.Fields(target.defined) {
			if startOf(name).predefined(i) != yes {
				t.Errorf("%s does not define %s", target.name, name)
			}
		}
		for name, want := range map[string]tri{"__sun": no, "MI_TLS_RECURSE_GUARD": no, "MI_TLS_MODEL_OTHER": no, "RULES_MIMALLOC_X": no, "NDEBUG": unknown} {
			if got := startOf(name).predefined(i); got != want {
				t.Errorf("%s: %s is %s, want %s", target.name, name, got, want)
			}
		}
	}
	if apple < 2 {
		t.Errorf("%d Apple targets", apple)
	}
}
