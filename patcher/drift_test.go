package patcher

import (
	"go/ast"
	goparser "go/parser"
	gotoken "go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestDriftErrorIsOneLine(t *testing.T) {
	tests := []struct {
		err  DriftError
		want string
	}{
		{
			DriftError{Header: "mimalloc/prim.h", Line: 7, Expected: "a thing", Found: `"another"`, Version: "3.7.0", Known: "3.2.6 to 3.6.0", Hint: "read docs/drift.md"},
			`mimalloc/prim.h:7: expected a thing, found "another"; this is mimalloc 3.7.0; known to work: 3.2.6 to 3.6.0; read docs/drift.md`,
		},
		{
			DriftError{Header: "mimalloc/prim.h", Expected: "a thing", Found: "none", Known: "3.2.6 to 3.6.0", Hint: "read docs/drift.md"},
			`mimalloc/prim.h: expected a thing, found none; known to work: 3.2.6 to 3.6.0; read docs/drift.md`,
		},
	}
	for _, tt := range tests {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestDetails(t *testing.T) {
	long := strings.Repeat("é", 200)
	src := []byte("one\ntwo\tand\x1b[31m three\n" + long + "\nfour")
	for _, tt := range []struct {
		line int
		hint string
		want string
	}{
		{0, "elsewhere", ""},
		{1, "elsewhere", ">    1 | one\n     2 | two and[31m three\n     3 | " + strings.Repeat("é", maxQuote) + "…\n     4 | four\n"},
		{4, driftHint, "     1 | one\n     2 | two and[31m three\n     3 | " + strings.Repeat("é", maxQuote) + "…\n>    4 | four\n" + advice},
		{9, driftHint, advice},
	} {
		e := DriftError{Line: tt.line, Hint: tt.hint}
		e.context = e.around(src)
		if got := e.Details(); got != tt.want {
			t.Errorf("line %d:\n%s\nwant\n%s", tt.line, got, tt.want)
		}
	}
}

func TestDriftNamesEveryKnownGeneration(t *testing.T) {
	_, err := NewPlan(nil)
	for _, g := range generations {
		if !strings.Contains(err.Error(), g.releases) {
			t.Errorf("generation %s, releases %s, is not in: %v", g.id, g.releases, err)
		}
	}
}

func TestQuotesAreShort(t *testing.T) {
	if got, want := quote("a\n\"b\"\x00"), `"a\n\"b\"\x00"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := quote(strings.Repeat("é", maxQuote)); len(got) > maxQuote+10 || !strings.Contains(got, "…") {
		t.Errorf("a long text is quoted in %d bytes: %s", len(got), got)
	}
}

// TestEveryDriftTextIsRead shows that each text with which the patcher refuses
// a header occurs in a case of testdata or in another test of this package.
func TestEveryDriftTextIsRead(t *testing.T) {
	var read strings.Builder
	for _, pattern := range []string{filepath.Join("testdata", "*.txtar"), "*_test.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %d files, error %v", pattern, len(names), err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			read.Write(text)
		}
	}
	// In tests and goldens a text stands as it is, or as a quoted string.
	found := func(text string) bool {
		return strings.Contains(read.String(), text) || strings.Contains(read.String(), strings.Trim(strconv.Quote(text), `"`))
	}
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := goparser.ParseFile(gotoken.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			var texts []ast.Expr
			switch n := n.(type) {
			case *ast.CallExpr:
				if calledName(n) == "drift" || calledName(n) == "refuse" {
					texts = n.Args
				}
			case *ast.CompositeLit:
				if id, ok := n.Type.(*ast.Ident); ok && id.Name == "lexError" {
					texts = n.Elts
				}
			}
			if texts != nil {
				calls++
			}
			for _, text := range texts {
				for _, literal := range literals(text) {
					if !found(literal) {
						t.Errorf("%s: no test reads %q", name, literal)
					}
				}
			}
			return true
		})
	}
	if calls < 20 {
		t.Errorf("%d places that refuse a header: this test looks for other names than the package uses", calls)
	}
}

func calledName(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// literals returns the string constants in an expression, cut at the verbs of
// their formats.
func literals(e ast.Expr) []string {
	var list []string
	ast.Inspect(e, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != gotoken.STRING {
			return true
		}
		text, err := strconv.Unquote(lit.Value)
		if err != nil {
			panic(err)
		}
		for _, verb := range []string{"%s", "%d", "%q", "%v"} {
			text = strings.ReplaceAll(text, verb, "\x00")
		}
		list = append(list, slices.DeleteFunc(strings.Split(text, "\x00"), func(s string) bool { return len(s) < 4 })...)
		return true
	})
	return list
}
