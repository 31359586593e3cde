package mutation

import (
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
// where a look at one of them says it is wrong. It is wrong without a word in a
// build that the compiler accepts and that is not thread-local with its guard
// there either; where the compiler accepts no build, says is what it says.
func (w *worker) compile(t *trial, p platform) (wrong, says string, err error) {
	dir := filepath.Join(w.oracle.Dir, "proper")
	defer os.RemoveAll(dir)
	tree := t.mutant.Tree()
	tree[t.after.header] = t.after.files[t.after.header]
	if err := oracle.WriteHeaders(dir, tree); err != nil {
		return "", "", err
	}
	for _, build := range builds {
		args := strings.Fields(p.args + " " + build)
		err := w.c.Proper.Check(p.triple, dir, args...)
		var refused *oracle.CompileError
		if errors.As(err, &refused) {
			if says == "" {
				says = firstError(refused.Output)
			}
			continue
		}
		if err != nil {
			return "", "", err
		}
		text, err := w.c.Proper.Behind(p.triple, dir, "@@state\n"+stateText, args...)
		before, behind, _ := strings.Cut(text, "@@state\n")
		state, use, whole := strings.Cut(behind, "@@use ")
		if err != nil && !(whole && errors.As(err, &refused)) { // a macro without a value is off, whatever #if says of it
			return "", "", err
		}
		v := &view{}
		v.text, v.state, v.use = before, state, strings.Join(strings.Fields(use), " ")
		if wrong := wrongOnApple(t.plain, v); wrong != "" {
			return strings.TrimSpace(build + " " + wrong), "", nil
		}
	}
	return "", says, nil
}

// firstError returns the first error among what a compiler said.
func firstError(output string) string {
	for line := range strings.Lines(output) {
		if strings.Contains(line, "error:") {
			return strings.TrimSpace(line)
		}
	}
	return "it failed: " + output
}
