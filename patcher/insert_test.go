package patcher

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// block is a marked block with a text in it.
func block(text string) string { return marker("k", []byte(text)) + "\n" + text + markerEnd + "\n" }

func TestRevert(t *testing.T) {
	chomp := func(s string) string { return strings.TrimRight(s, "\r\n") }
	tests := []struct{ name, src, want string }{
		{"a block", "a\n" + block("x\n") + "b\n", "a\nb\n"},
		{"an empty block", "a\n" + block("") + "b\n", "a\nb\n"},
		{"blocks side by side", block("") + block("x\n") + "a\n", "a\n"},
		{"a block first", block("x\n") + "a", "a"},
		{"a block last", "a\n" + block("x\n"), "a\n"},
		{"a block last, with a borrowed newline", "a\n" + chomp(block("x\n")), "a"},
		{"a block last, with a borrowed CRLF", chomp(string(crlf([]byte("a\n" + block("x\n"))))), "a"},
		{"a block last behind an empty line", "a\n\n" + chomp(block("")), "a\n"},
		{"a block last behind nothing but an empty line", "\n" + chomp(block("x\n")), ""},
		{"nothing but a block", block(""), ""},
		{"nothing but a block without a newline", chomp(block("")), ""},
		{"CRLF", string(crlf([]byte("a\n" + block("x\ny\n") + "b\n"))), "a\r\nb\r\n"},
		{"our name inside a block", block("// rules_mimalloc: x\n") + "a\n", "a\n"},
		{"a byte order mark", "\xef\xbb\xbf" + block("x\n") + "a\n", "\xef\xbb\xbfa\n"},
	}
	for _, tt := range tests {
		got, marked, err := Revert(primH, []byte(tt.src))
		if err != nil || !marked {
			t.Errorf("%s: marked %t, error %v", tt.name, marked, err)
		}
		if diff := cmp.Diff(tt.want, string(got)); diff != "" {
			t.Errorf("%s:\n%s", tt.name, diff)
		}
	}
	for _, src := range []string{"", "a", "a\nb\n", "// rules_mimalloc patches this\n"} {
		got, marked, err := Revert(primH, []byte(src))
		if err != nil || marked || string(got) != src {
			t.Errorf("Revert(%q) = %q, %t, %v", src, got, marked, err)
		}
	}
}

func TestRevertRefusesDamagedMarkers(t *testing.T) {
	x := block("x\n")
	open, _, _ := strings.Cut(x, "\n")
	edited := DriftError{Line: 2, Expected: "a marked block as mimalloc-tls wrote it", Found: "an edited one: restore the file from where it came"}
	other := func(line int, found string) DriftError {
		return DriftError{Line: line, Expected: "marker comments as mimalloc-tls writes them", Found: found}
	}
	tests := []struct {
		name, src string
		want      DriftError // Line, Expected and Found of it
	}{
		{"begin without end", "a\n" + open + "\nb\n", DriftError{
			Line: 2, Expected: "the end of this marked block: " + markerEnd, Found: "the end of the file"}},
		{"end without begin", "a\nb\n" + markerEnd + "\n", DriftError{
			Line: 3, Expected: "a marked block to begin before it ends", Found: markerEnd}},
		{"a second end", x + markerEnd + "\n", DriftError{
			Line: 4, Expected: "a marked block to begin before it ends", Found: markerEnd}},
		{"begin twice", open + "\n" + x, DriftError{
			Line: 2, Expected: "the end of a marked block: " + markerEnd, Found: "the begin of another one"}},
		{"an edited text", "a\n" + strings.Replace(x, "\nx\n", "\ny\n", 1), edited},
		{"a line less", "a\n" + strings.Replace(x, "\nx\n", "\n", 1), edited},
		{"text behind the begin", "a\n" + strings.Replace(x, "*/\nx", "*/ y\nx", 1), edited},
		{"text behind the end", "a\n" + strings.TrimSuffix(x, "\n") + " int y;\n", edited},
		{"two blocks and what was between them as one", "a\n" + strings.TrimSuffix(x, markerEnd+"\n") + "b\n" + strings.TrimPrefix(x, open+"\n"), edited},
		{"a marker without a sum", "a\n/* rules_mimalloc:begin k */\n" + markerEnd + "\n", edited},
		{"no line between the blocks to borrow an end from", x + strings.TrimSuffix(x, "\n"), DriftError{
			Line: 6, Expected: "text between two marked blocks", Found: "none"}},
		{"an indented marker", "a\n  " + x, other(2, quote(open))},
		{"a marker of another kind", "/* rules_mimalloc:start */\n", other(1, `"/* rules_mimalloc:start */"`)},
	}
	for _, tt := range tests {
		got, marked, err := Revert("some/file.h", []byte(tt.src))
		var d *DriftError
		if !errors.As(err, &d) || got != nil || marked {
			t.Errorf("%s: %q, %t, %v", tt.name, got, marked, err)
			continue
		}
		want := tt.want
		want.Header, want.Known, want.Hint = "some/file.h", knownReleases(), driftHint
		if diff := cmp.Diff(want.Error(), d.Error()); diff != "" {
			t.Errorf("%s:\n%s", tt.name, diff)
		}
	}
}

func TestInsertedLinesEndAsTheirSurroundings(t *testing.T) {
	tests := []struct{ name, src, at, want string }{
		{"LF", "a\nb\n", "b", "\n"},
		{"CRLF", "a\r\nb\r\n", "b", "\r\n"},
		{"the line itself", "a\nb\r\n", "b", "\r\n"},
		{"the line itself, not the first", "a\r\nb\n", "b", "\n"},
		{"no line end: the first line's", "a\r\nb\nc", "c", "\r\n"},
		{"no line at all", "a", "a", "\n"},
		{"an empty first line", "\na", "a", "\n"},
	}
	for _, tt := range tests {
		pos := len(tt.src) - len(tt.at)
		for i := range tt.src {
			if tt.src[i:i+1] == tt.at {
				pos = i
			}
		}
		if got := lineEnding([]byte(tt.src), pos); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	if got := lineEnding([]byte("a\r\n"), 3); got != "\r\n" {
		t.Errorf("at the end of the file: %q, want the first line's", got)
	}
	if got := lineEnding(nil, 0); got != "\n" {
		t.Errorf("in an empty file: %q", got)
	}
}

func TestInsert(t *testing.T) {
	for _, src := range []string{"a\nb\n", "a\r\nb\r\n"} {
		list := []insertion{{0, "k", "x\n"}, {len(src) / 2, "k", "y\n"}, {len(src), "k", ""}}
		want := block("x\n") + "a\n" + block("y\n") + "b\n" + block("")
		if strings.Contains(src, "\r") {
			want = string(crlf([]byte(want)))
		}
		got := insert([]byte(src), list)
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%q:\n%s", src, diff)
		}
		if original, marked, err := Revert(primH, got); err != nil || !marked || string(original) != src {
			t.Errorf("taken back: %q, %t, %v", original, marked, err)
		}
	}
}
