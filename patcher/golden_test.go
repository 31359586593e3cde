package patcher

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/diff"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what the patcher does now into testdata/*.txtar; read the difference before you commit it")

// primH is the file that a case's edits are about.
const primH = "mimalloc/prim.h"

// A golden is a case of testdata: an include tree and what the patcher makes
// of it. Its file is a txtar archive. In the comment, after prose that says
// what the case is about, may stand
//
//	base: gen_c           the input is that of another case, then changed
//	base: patched gen_c   the input is what another case becomes, then changed
//	filter: crlf          the header's line endings
//
// and the archive's files are
//
//	replace, with      text of the header that occurs once, and other text; may repeat
//	prepend, append    text before and behind the header
//	remove             names of files that the tree lacks
//	want/report        the report, as --json prints it
//	want/diff          what the patch changes, where it changes anything
//	want/drift         the text of the DriftError
//	anything else      a file of the tree
//
// A byte that a text file cannot hold is written <0xHH>; <eof> at the end of a
// file stands for no newline there.
type golden struct {
	name string
	tree Tree
	want map[string]string
	file *txtar.Archive
}

func goldenNames(t testing.TB) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	if len(names) == 0 {
		t.Fatal("no cases in testdata")
	}
	for i, name := range names {
		names[i] = strings.TrimSuffix(filepath.Base(name), ".txtar")
	}
	return names
}

func readGolden(t testing.TB, name string) *golden {
	t.Helper()
	file, err := txtar.ParseFile(goldenFile(name))
	if err != nil {
		t.Fatal(err)
	}
	g := &golden{name: name, tree: Tree{}, want: map[string]string{}, file: file}
	keys := goldenKeys(string(file.Comment))
	if keys["base"] != "" {
		base, patched := strings.CutPrefix(keys["base"], "patched ")
		g.tree = readGolden(t, base).tree
		if patched {
			plan, err := NewPlan(g.tree)
			if err != nil {
				t.Fatal(err)
			}
			g.tree[plan.Report.Header] = plan.Content
		}
	}
	var replace []byte
	for _, f := range file.Files {
		data := decode(t, string(f.Data))
		switch {
		case f.Name == "replace":
			if n := bytes.Count(g.tree[primH], data); n != 1 {
				t.Fatalf("%s: the text to replace occurs %d times in %s:\n%s", goldenFile(name), n, primH, data)
			}
			replace = data
		case f.Name == "with":
			g.tree[primH] = bytes.Replace(g.tree[primH], replace, data, 1)
		case f.Name == "prepend":
			g.tree[primH] = append(data, g.tree[primH]...)
		case f.Name == "append":
			g.tree[primH] = append(bytes.Clone(g.tree[primH]), data...)
		case f.Name == "remove":
			for _, rel := range strings.Fields(string(data)) {
				delete(g.tree, rel)
			}
		case strings.HasPrefix(f.Name, "want/"):
			g.want[f.Name] = string(f.Data)
		default:
			g.tree[f.Name] = data
		}
	}
	switch keys["filter"] {
	case "":
	case "crlf":
		g.tree[primH] = crlf(g.tree[primH])
	default:
		t.Fatalf("%s: unknown filter %q", goldenFile(name), keys["filter"])
	}
	return g
}

func goldenFile(name string) string { return filepath.Join("testdata", name+".txtar") }

// goldenKeys reads the lines "key: value" of a comment.
func goldenKeys(comment string) map[string]string {
	keys := map[string]string{}
	for _, line := range strings.Split(comment, "\n") {
		if key, value, ok := strings.Cut(line, ": "); ok && (key == "base" || key == "filter") {
			keys[key] = value
		}
	}
	return keys
}

func crlf(text []byte) []byte { return bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")) }

func decode(t testing.TB, text string) []byte {
	t.Helper()
	text = strings.TrimSuffix(text, "<eof>\n")
	var b []byte
	for {
		before, rest, ok := strings.Cut(text, "<0x")
		b = append(b, before...)
		if !ok {
			return b
		}
		n, err := strconv.ParseUint(rest[:2], 16, 8)
		if err != nil || rest[2] != '>' {
			t.Fatalf("a byte is written <0xHH>, not <0x%.3s", rest)
		}
		b, text = append(b, byte(n)), rest[3:]
	}
}

func encode(text []byte) string {
	var b strings.Builder
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r == '\ufeff' || r == utf8.RuneError && n == 1 {
			for _, c := range text[:n] {
				fmt.Fprintf(&b, "<0x%02X>", c)
			}
		} else {
			b.Write(text[:n])
		}
		text = text[n:]
	}
	if s := b.String(); s != "" && !strings.HasSuffix(s, "\n") {
		b.WriteString("<eof>\n")
	}
	return b.String()
}

// outcome is what the patcher makes of a tree, in the form of a case's want/
// files.
func outcome(t testing.TB, tree Tree) map[string]string {
	t.Helper()
	plan, err := NewPlan(tree)
	if err != nil {
		var drift *DriftError
		if !errors.As(err, &drift) {
			t.Fatalf("NewPlan: %v, which is no *DriftError", err)
		}
		text := strings.Replace(err.Error(), "known to work: "+drift.Known+"; ", "known to work: {known}; ", 1)
		return map[string]string{"want/drift": encode([]byte(text + "\n"))}
	}
	report, err := json.Marshal(plan.Report)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{"want/report": string(report) + "\n"}
	if d := diff.Diff("before", tree[plan.Report.Header], "after", plan.Content); d != nil {
		got["want/diff"] = encode(d)
	}
	return got
}

func TestGoldens(t *testing.T) {
	for _, name := range goldenNames(t) {
		t.Run(name, func(t *testing.T) {
			g := readGolden(t, name)
			got := outcome(t, g.tree)
			if *update {
				g.write(t, got)
				return
			}
			if d := cmp.Diff(g.want, got); d != "" {
				t.Errorf("go test -run TestGoldens -update writes the new outcome (-want +got):\n%s", d)
			}
		})
	}
}

// write puts an outcome into the case's file.
func (g *golden) write(t *testing.T, got map[string]string) {
	t.Helper()
	out := &txtar.Archive{Comment: g.file.Comment}
	for _, f := range g.file.Files {
		if !strings.HasPrefix(f.Name, "want/") {
			out.Files = append(out.Files, f)
		}
	}
	for _, name := range []string{"want/report", "want/diff", "want/drift"} {
		if text, ok := got[name]; ok {
			out.Files = append(out.Files, txtar.File{Name: name, Data: []byte(text)})
		}
	}
	if err := os.WriteFile(goldenFile(g.name), txtar.Format(out), 0o644); err != nil {
		t.Fatal(err)
	}
}
