package mutation

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/rules-mimalloc/rules_mimalloc/tests/oracle"
)

// builds are what a build may say besides: what the preprocessor was asked
// leaves out what mimalloc's other headers decide.
var builds = []string{"", "-DNDEBUG", "-DNDEBUG -DMI_DEBUG=3 -DMI_SECURE=4"}

// compile has a compiler proper read all headers of a mutant after the patch,
// where a look at one of them says it is wrong or stopped. Its verdict is Silent
// for a build that the compiler accepts and that is not thread-local with its
// guard there either, Late for one that nothing but the header's own #error
// stops, Loud where every build is refused for a reason of the compiler's own,
// and Right where those that it accepts are.
func (w *worker) compile(t *trial, p platform) (Verdict, string, error) {
	dir := filepath.Join(w.oracle.Dir, "proper")
	defer os.RemoveAll(dir)
	tree := t.mutant.Tree()
	tree[t.after.header] = t.after.files[t.after.header]
	if err := oracle.WriteHeaders(dir, tree); err != nil {
		return "", "", err
	}
	verdict, reason := Loud, ""
	for _, build := range builds {
		args := strings.Fields(p.args + " " + build)
		err := w.c.Proper.Check(p.triple, dir, args...)
		var refused *oracle.CompileError
		if errors.As(err, &refused) {
			own, other := firstErrors(refused.Output)
			switch {
			case other == "" && own != "":
				return Late, build + " " + own, nil
			case reason == "":
				reason = other
			}
			continue
		}
		if err != nil {
			return "", "", err
		}
		verdict = Right
		text, err := w.c.Proper.Behind(p.triple, dir, "@@state\n"+stateText, args...)
		before, behind, _ := strings.Cut(text, "@@state\n")
		state, use, whole := strings.Cut(behind, "@@use ")
		if err != nil && !(whole && errors.As(err, &refused)) { // a macro without a value is off, whatever #if says of it
			return "", "", err
		}
		v := &view{text: before, state: state, use: strings.Join(strings.Fields(use), " ")}
		if wrong := wrongOnApple(t.plain, v); wrong != "" {
			return Silent, build + " " + wrong, nil
		}
	}
	return verdict, reason, nil
}

// firstErrors returns the first error of the patched header's own and the first
// other one among what a compiler said.
func firstErrors(output string) (own, other string) {
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		switch {
		case !strings.Contains(line, "error:"):
		case strings.Contains(line, ours):
			own = cmp.Or(own, line)
		default:
			other = cmp.Or(other, line)
		}
	}
	if own == "" && other == "" {
		other = "it failed: " + output
	}
	return own, other
}
