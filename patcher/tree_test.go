package patcher

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// outline writes a document's items, one a line and indented, with the bytes
// that each of them holds.
func outline(d *document) string {
	var b strings.Builder
	var walk func(items []item, indent string)
	walk = func(items []item, indent string) {
		for i := range items {
			it := &items[i]
			text := fmt.Sprintf("%q", d.src[it.pos:it.end])
			switch {
			case it.group != nil:
				g := it.group
				for j := range g.branches {
					br := &g.branches[j]
					condition := "else"
					if br.cond != nil {
						condition = "if " + spell(br.tokens)
					}
					fmt.Fprintf(&b, "%s%s %q\n", indent, condition, d.src[br.pos:br.body])
					walk(br.items, indent+"  ")
				}
				fmt.Fprintf(&b, "%send %q\n", indent, d.src[g.endif:g.end])
			case it.dir != nil:
				name := it.dir.name
				if it.dir.symbol >= 0 {
					name += " " + d.names[it.dir.symbol]
				}
				if it.dir.function {
					name += "()"
				}
				fmt.Fprintf(&b, "%s%s %s\n", indent, name, text)
			default:
				fmt.Fprintf(&b, "%stext %s\n", indent, text)
			}
		}
	}
	walk(d.items, "")
	return b.String()
}

func TestOutline(t *testing.T) {
	tests := []struct{ name, src, want string }{
		{"nothing", "", ""},
		{"blanks and comments only", "\n /* a\n */ // b\n\n", ""},
		{"text", "int a;\n\nint b;\n", `text "int a;\n\nint b;\n"`},
		{"text between blanks", "\n\nint a;\n\n#pragma x\n", `
			text "int a;\n\n"
			pragma "#pragma x\n"`},
		{"text without a newline", "int a;", `text "int a;"`},
		{"text behind a byte order mark", "\xef\xbb\xbfint a;\n", `text "int a;\n"`},
		{"a directive behind a byte order mark", "\xef\xbb\xbf#pragma once\n", `pragma "#pragma once\n"`},
		{"directives", "#define A 1\n#define B(x) x\n#undef A\n#include <a.h>\n#error it is so\n#odd\n", `
			define A "#define A 1\n"
			define B() "#define B(x) x\n"
			undef A "#undef A\n"
			include "#include <a.h>\n"
			error "#error it is so\n"
			odd "#odd\n"`},
		{"a directive without a newline", "#define A", `define A "#define A"`},
		{"a line number", "# 7 \"x\"\n#\nint a;\n", `
			line "# 7 \"x\"\n"
			text "int a;\n"`},
		{"a hash inside a line", "int a; #define B\n", `text "int a; #define B\n"`},
		{"a hash behind a comment", "/* a */ #define B\n", `define B "/* a */ #define B\n"`},
		{"a hash behind a comment over lines", "/* a\n\n*/ #define B\n", `define B "/* a\n\n*/ #define B\n"`},
		{"a hash behind text and a comment over lines", "int a; /*\n*/ #define B\n", `text "int a; /*\n*/ #define B\n"`},
		{"a hash in a comment", "// a \\\n#define B\n/*\n#define C\n*/\n", ``},
		{"a hash in a string", "\"\\\n#define B\"\n", `text "\"\\\n#define B\"\n"`},
		{"a hash in a continued line", "int \\\n#define B\n", `text "int \\\n#define B\n"`},
		{"a directive over lines", "#\\\ndefine \\\n A /*\n*/ 1\n", `define A "#\\\ndefine \\\n A /*\n*/ 1\n"`},
		{"form feeds", "\f#define A\n\v#undef A\n", `
			define A "\f#define A\n"
			undef A "\v#undef A\n"`},
		{"a conditional", "#if A\nx\n#elif B\ny\n#else\nz\n#endif\n", `
			if A "#if A\n"
			  text "x\n"
			if B "#elif B\n"
			  text "y\n"
			else "#else\n"
			  text "z\n"
			end "#endif\n"`},
		{"all the words of conditionals", "#ifdef A\n#elif B\n#endif\n#ifndef D\n#endif", `
			if defined ( A ) "#ifdef A\n"
			if B "#elif B\n"
			end "#endif\n"
			if ! defined ( D ) "#ifndef D\n"
			end "#endif"`},
		{"one in another", "#if A\n#if B\nx\n#endif\n#pragma y\n#endif // A\n", `
			if A "#if A\n"
			  if B "#if B\n"
			    text "x\n"
			  end "#endif\n"
			  pragma "#pragma y\n"
			end "#endif // A\n"`},
		{"CRLF", "#if A\r\nx\r\n#endif\r\n", `
			if A "#if A\r\n"
			  text "x\r\n"
			end "#endif\r\n"`},
		{"a conditional behind a comment over lines", "x\n/*\n*/ #if A\n/*\n*/ #endif\n", `
			text "x\n"
			if A "/*\n*/ #if A\n"
			end "/*\n*/ #endif\n"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := parse([]byte(tt.src))
			if err != nil {
				t.Fatal(err)
			}
			want := strings.TrimSpace(strings.ReplaceAll(tt.want, "\n\t\t\t", "\n"))
			if diff := cmp.Diff(want, strings.TrimSpace(outline(d))); diff != "" {
				t.Errorf("%q:\n%s", tt.src, diff)
			}
		})
	}
}

func TestParseErrorsHaveTheirPlace(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("#if 1\n", n) + strings.Repeat("#endif\n", n) }
	tests := []struct {
		src  string
		pos  int
		want string
	}{
		{"a\n#endif\n", 2, "#endif without #if"},
		{"a\n#else\n", 2, "#else without #if"},
		{"a\n#elif 1\n", 2, "#elif without #if"},
		{"#if 1\n#elifdef A\n", 6, "#elifdef, which compilers before C23 ignore"},
		{"#if 1\n#elifndef A\n", 6, "#elifndef, which compilers before C23 ignore"},
		{"#if 1\n#else\n#else\n#endif\n", 12, "#else behind #else"},
		{"#if 1\n#else\n#elif 1\n#endif\n", 12, "#elif behind #else"},
		{"a\n#if 1\n#if 1\n#endif\n", 2, "a conditional without #endif"},
		{"#if 1\n#else 2\n#endif\n", 6, "text behind #else"},
		{"#if 1\n#endif A\n", 6, "text behind #endif"},
		{"#define\n", 0, "#define without a macro name"},
		{"#define 1\n", 0, "#define without a macro name"},
		{"#undef \"A\"\n", 0, "#undef without a macro name"},
		{"#ifdef\n#endif\n", 0, `a condition that cannot be read: "defined ( )"`},
		{"#ifndef A B\n#endif\n", 0, `a condition that cannot be read: "! defined ( A B )"`},
		{"a\x00b", 1, "a NUL byte"},
		{"a\rb", 1, "a carriage return inside a line"},
		{"a\r\n\r", 3, "a carriage return inside a line"},
		{"a\r\r\n", 1, "a carriage return inside a line"},
		{"a??=b", 1, "the trigraph ??="},
		{"a??/\nb", 1, "the trigraph ??/"},
		{"é\xff", 2, "a byte that is not UTF-8"},
		{"\xed\xa0\x80", 0, "a byte that is not UTF-8"},
		{"a\n#define A /*\n", 12, "a comment that does not end"},
		{"#if 1 /*\n", 6, "a comment that does not end"},
		{"#include <a> /*\n", 13, "a comment that does not end"},
		{"#pragma /*\n", 8, "a comment that does not end"},
		{"#error R\"(x)\"\n", 6, "a raw string literal"},
		{"#error x /* y */\n", 6, "what may be a comment in the text of #error"},
		{"#warning x /*\n*/\n", 8, "what may be a comment in the text of #warning"},
		{"#warning /* x\n*/\n", 8, "what may be a comment in the text of #warning"},
		{"#warning x /\\\n*\n*/\n", 8, "what may be a comment in the text of #warning"},
		{"x = 1L'0';\n", 6, "a quote behind a number or a name"},
		{"#include <x/*y>\n*/\n", 8, "what may be a comment in the text of #include"},
		{"/*\n", 0, "a comment that does not end"},
		{"x /*\n", 2, "a comment that does not end"},
		{nested(maxDepth + 1), 6 * (maxDepth + 1), "conditionals nested deeper than 64"},
	}
	for _, tt := range tests {
		_, err := parse([]byte(tt.src))
		checkLexError(t, tt.src, err, tt.pos, tt.want)
	}
	if _, err := parse([]byte(nested(maxDepth))); err != nil {
		t.Errorf("%d nested conditionals: %v", maxDepth, err)
	}
}

func TestIncludeGuard(t *testing.T) {
	tests := []struct {
		name, src string
		want      bool
	}{
		{"ifndef", "#ifndef G\n#define G\n#endif\n", true},
		{"with a value", "#ifndef G\n#define G 1\nint a;\n#endif\n", true},
		{"if not defined", "#if !defined(G)\n#define G\n#endif\n", true},
		{"if not defined without parentheses", "#if !defined G\n#define G\n#endif\n", true},
		{"pragma, include and comments around", "// a\n#pragma once\n#include <a>\n#ifndef G\n#define G\n#endif // G\n#include <b>\n", true},
		{"no header at all", "", false},
		{"no conditional", "#define G\n", false},
		{"pragma once alone", "#pragma once\nint a;\n", false},
		{"text before", "int a;\n#ifndef G\n#define G\n#endif\n", false},
		{"text behind", "#ifndef G\n#define G\n#endif\nint a;\n", false},
		{"a definition before", "#define A\n#ifndef G\n#define G\n#endif\n", false},
		{"another conditional", "#ifndef G\n#define G\n#endif\n#if 1\n#endif\n", false},
		{"an else", "#ifndef G\n#define G\n#else\n#endif\n", false},
		{"another name", "#ifndef G\n#define H\n#endif\n", false},
		{"text before the definition", "#ifndef G\nint a;\n#define G\n#endif\n", false},
		{"undef in place of define", "#ifndef G\n#undef G\n#endif\n", false},
		{"empty", "#ifndef G\n#endif\n", false},
		{"the opposite", "#ifdef G\n#define G\n#endif\n", false},
		{"more than the name", "#if !defined(G) && 1\n#define G\n#endif\n", false},
	}
	for _, tt := range tests {
		d, err := parse([]byte(tt.src))
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if got := d.guard != nil; got != tt.want {
			t.Errorf("%s: include guard %t, want %t", tt.name, got, tt.want)
		}
		if e := d.evaluate(testTarget); tt.want && e.macro("G").defined != yes {
			t.Errorf("%s: the header counts as included already", tt.name)
		}
	}
}

func TestPlaces(t *testing.T) {
	src := []byte("a\nbc\n\nd")
	for pos, want := range []int{1, 1, 2, 2, 2, 3, 4, 4} {
		if got := lineAt(src, pos); got != want {
			t.Errorf("lineAt(%d) = %d, want %d", pos, got, want)
		}
	}
}
