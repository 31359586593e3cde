package patcher

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tokens returns the tokens of a text as their kinds' letters and texts:
// identifier, number, string, punctuation, newline.
func tokens(t *testing.T, src string) []string {
	t.Helper()
	list, err := tokenize([]byte(src), 0, len(src))
	if err != nil {
		t.Fatalf("tokenize(%q): %v", src, err)
	}
	got := []string{}
	last := 0
	for _, tok := range list {
		if tok.pos < last || tok.end <= tok.pos || tok.end > len(src) {
			t.Fatalf("tokenize(%q): a token at %d:%d behind %d", src, tok.pos, tok.end, last)
		}
		last = tok.end
		got = append(got, string("insp\n"[tok.kind])+string(tok.text))
	}
	return got
}

func TestTokens(t *testing.T) {
	tests := []struct {
		name, src, want string
	}{
		{"nothing", "", ""},
		{"blanks of every kind", " \t\v\f\r", ""},
		{"newlines", "a\n\nb", "ia \n \n ib"},
		{"identifiers", "a _b $c d1 é", "ia i_b i$c id1 ié"},
		{"numbers", "0 12ul 0x1F 1.5 .5 1e+5 0x1p-3 1e+ 1a", "n0 n12ul n0x1F n1.5 n.5 n1e+5 n0x1p-3 n1e+ n1a"},
		{"a sign behind a number", "1+2 0xa-1", "n1 p+ n2 n0xa p- n1"},
		{"strings", `"a-b" 'c' "\"" '\''`, `s"a-b" s'c' s"\"" s'\''`},
		{"a string with another's quote", `"it's" '"'`, `s"it's" s'"'`},
		{"a string with a comment", `"/*" "//"`, `s"/*" s"//"`},
		{"a string over two lines", "\"a\\\nb\"", "s\"a\\\nb\""},
		{"an escaped backslash ends no string", `"a\\" b`, `s"a\\" ib`},
		{"prefixed strings", `L"a" u8"b" x"c"`, `iL s"a" iu8 s"b" ix s"c"`},
		{"prefixed characters", `L'a' u8'b' u'c' U'd'`, `iL s'a' iu8 s'b' iu s'c' iU s'd'`},
		{"a quote without a partner takes the line", "'a/*b\nc", "s'a/*b \n ic"},
		{"and the next, behind a backslash", "\"a\\\n/*b\nc", "s\"a\\\n/*b \n ic"},
		{"operators", "a&&b||c==d!=e<=f>=g<<h>>i##j", "ia p&& ib p|| ic p== id p!= ie p<= if p>= ig p<< ih p>> ii p## ij"},
		{"single punctuation", "a&b|c=d!e<f>g#h%i:j?k.l", "ia p& ib p| ic p= id p! ie p< if p> ig p# ih p% ii p: ij p? ik p. il"},
		{"an operator's half at the end", "a&", "ia p&"},
		{"three of a kind", "&&& <<<", "p&& p& p<< p<"},
		{"the digraph of #", "%:if", "p# iif"},
		{"a digraph over two lines", "%\\\n:if", "p# iif"},
		{"a slash", "a / b", "ia p/ ib"},
		{"a slash at the end", "a /", "ia p/"},
		{"a backslash", "a \\ b", `ia p\ ib`},
		{"a backslash at the end", "a \\", `ia p\`},
		{"comments", "a/**/b/*\n*/c//d\ne", "ia ib ic \n ie"},
		{"a comment with stars", "/***/a/* * / **/b", "ia ib"},
		{"a comment that opens over two lines", "a/\\\n*b*\\\n/c", "ia ic"},
		{"a line comment over two lines", "a // b \\\nc\nd", "ia \n id"},
		{"a line comment over two lines with blanks", "a // b \\ \t\nc\nd", "ia \n id"},
		{"a line comment that opens over two lines", "a /\\\n/ b\nc", "ia \n ic"},
		{"a line comment at the end", "a // b", "ia"},
		{"a line comment with a backslash inside", "a // \\ b\nc", "ia \n ic"},
		{"a comment in a line comment", "a // /*\nb", "ia \n ib"},
		{"a spliced identifier", "ab\\\ncd\\\n", "iabcd"},
		{"a spliced identifier with blanks", "ab\\ \t\r\ncd", "iabcd"},
		{"a spliced number", "1\\\n2", "n12"},
		{"a spliced operator", "a &\\\n\\\n& b", "ia p&& ib"},
		{"splices between tokens", "a \\\n\\\n b", "ia ib"},
		{"a splice and CRLF", "a\\\r\nb\r\nc", "iab \n ic"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := tokens(t, tt.src)
			want := strings.Split(tt.want, " ")
			if tt.want == "" {
				want = []string{}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%q:\n%s", tt.src, diff)
			}
		})
	}
}

func TestTextThatNoCompilerReadsForCertain(t *testing.T) {
	tests := []struct {
		src  string
		pos  int
		want string
	}{
		{"a /* b", 2, "a comment that does not end"},
		{"/*/", 0, "a comment that does not end"},
		{"/* *", 0, "a comment that does not end"},
		{"/* *\\\n", 0, "a comment that does not end"},
		{`R"(x)"`, 1, "a raw string literal"},
		{`x = LR"(x)"`, 6, "a raw string literal"},
		{`uR"()"`, 2, "a raw string literal"},
		{`UR"()"`, 2, "a raw string literal"},
		{`u8R"()"`, 3, "a raw string literal"},
		{`.R"()"`, 2, "a raw string literal"},
		{"R\\\n\"(x)\"", 3, "a raw string literal"},
		{"R\\ \n\\\r\n\"(x)\"", 7, "a raw string literal"},
		{"don't", 3, "a quote behind a number or a name"},
		{"1'000", 1, "a quote behind a number or a name"},
		{"18'000", 2, "a quote behind a number or a name"},
		{"don\\\n't", 5, "a quote behind a number or a name"},
	}
	for _, tt := range tests {
		_, err := tokenize([]byte(tt.src), 0, len(tt.src))
		checkLexError(t, tt.src, err, tt.pos, tt.want)
		_, _, err = skipText([]byte(tt.src), 0)
		checkLexError(t, tt.src, err, tt.pos, tt.want)
	}
}

func checkLexError(t *testing.T, src string, err error, pos int, want string) {
	t.Helper()
	var l *lexError
	if !errors.As(err, &l) || l.Error() != want || l.pos != pos {
		t.Errorf("%q: got error %#v, want %q at %d", src, err, want, pos)
	}
}

// TestSkippedTextEndsWhereItsTokensDo shows that the two ways through a line,
// token by token and as text, agree where it ends.
func TestSkippedTextEndsWhereItsTokensDo(t *testing.T) {
	tests := []struct {
		src  string
		end  int
		text bool
	}{
		{"", 0, false},
		{" \t\r\n", 3, false},
		{"// a\nb", 4, false},
		{"/* a\n */\nb", 8, false},
		{"/* a */ b // c \\\nd\ne", 18, true},
		{"a \\\nb\nc", 5, true},
		{"\\\n\n", 2, false},
		{"\"a \\\n\" /* \" */\nb", 14, true},
		{"'\\'' /*'*/\nb", 10, true},
		{"R/**/\"x\"\nb", 8, true},
		{"it \"s /* a\nb", 10, true},
		{"' /* \\\n /* a\nb", 12, true},
		{"'", 1, true},
		{"\"\\", 2, true},
		{"L'/*' u8'/*' = U'/*'\n", 20, true},
		{"a / b * c\n", 9, true},
		{"a \\ b\n", 5, true},
	}
	for _, tt := range tests {
		end, text, err := skipText([]byte(tt.src), 0)
		if err != nil || end != tt.end || text != tt.text {
			t.Errorf("skipText(%q) = %d, %t, %v; want %d, %t", tt.src, end, text, err, tt.end, tt.text)
		}
		for pos := 0; ; {
			tok, err := next([]byte(tt.src), pos)
			if err != nil {
				t.Errorf("next(%q, %d): %v", tt.src, pos, err)
				break
			}
			if tok.kind == tokenNewline {
				if tok.pos != tt.end {
					t.Errorf("the tokens of %q end at %d, want %d", tt.src, tok.pos, tt.end)
				}
				break
			}
			pos = tok.end
		}
	}
}

func TestSpelling(t *testing.T) {
	tests := []struct{ src, want string }{
		{"", ""},
		{"  if(a)\n\treturn  b ; // c\n", "if ( a ) return b ;"},
		{"defi\\\nned/**/(X)", "defined ( X )"},
		{`__asm("");`, `__asm ( "" ) ;`},
		{"a&&!b", "a && ! b"},
	}
	for _, tt := range tests {
		list, err := tokenize([]byte(tt.src), 0, len(tt.src))
		if err != nil {
			t.Fatal(err)
		}
		if got := spell(list); got != tt.want {
			t.Errorf("spell(%q) = %q, want %q", tt.src, got, tt.want)
		}
	}
}

func TestSplice(t *testing.T) {
	tests := []struct {
		src  string
		want int
	}{
		{"\\\n", 2},
		{"\\\r\n", 3},
		{"\\ \t\v\f\nx", 6},
		{"\\", 0},
		{"\\ ", 0},
		{"\\x\n", 0},
		{"x\\\n", 0},
	}
	for _, tt := range tests {
		if got := splice([]byte(tt.src), 0); got != tt.want {
			t.Errorf("splice(%q) = %d, want %d", tt.src, got, tt.want)
		}
	}
}
