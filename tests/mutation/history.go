package mutation

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"

	"github.com/rules-mimalloc/rules_mimalloc/patcher"
)

// History judges every include directory that the commits of a git repository
// of mimalloc have, each once, as Run judges mutants; progress is told how many
// there were so far. Bases, Seed, First, N and Workers are of no meaning.
// Findings name the commit.
func (c *Campaign) History(repository string, progress func(n uint64, f *Figures)) (*Figures, error) {
	figures := &Figures{Verdicts: map[Verdict]uint64{}, Statuses: map[patcher.Status]uint64{}}
	w := c.worker(0, figures, new(sync.Mutex), map[[32]byte]Verdict{})
	defer os.RemoveAll(w.oracle.Dir)
	commits, err := git(repository, "log", "--all", "--format=%H", "--", "include")
	if err != nil {
		return nil, err
	}
	seen, blobs, n := map[string]bool{}, map[string][]byte{}, uint64(0)
	for _, commit := range strings.Fields(string(commits)) {
		files, err := git(repository, "ls-tree", "-r", commit, "include/")
		if err != nil {
			return nil, err
		}
		if len(files) == 0 || seen[string(files)] {
			continue
		}
		seen[string(files)] = true
		base := &Base{Name: commit, Tree: patcher.Tree{}}
		for line := range strings.Lines(string(files)) { // MODE blob ID<tab>NAME
			about, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			id := about[strings.LastIndexByte(about, ' ')+1:]
			if blobs[id] == nil {
				if blobs[id], err = git(repository, "cat-file", "blob", id); err != nil {
					return nil, err
				}
			}
			base.Tree[strings.TrimPrefix(name, "include/")] = blobs[id]
		}
		if plan, err := patcher.NewPlan(base.Tree); err == nil {
			base.header = plan.Report.Header
		}
		m := &Mutant{Number: n, Base: base, Changed: map[string][]byte{}}
		if base.header != "" { // the judge looks at what has changed
			m.Changed[base.header] = base.Tree[base.header]
		}
		if err := w.try(m); err != nil {
			return nil, fmt.Errorf("%s: %w", commit, err)
		}
		if n++; n%100 == 0 {
			progress(n, figures)
		}
	}
	if err := w.flush(); err != nil {
		return nil, err
	}
	progress(n, figures)
	return figures, nil
}

// git runs git on a repository: a clone, or a bare one.
func git(repository string, args ...string) ([]byte, error) {
	cmd := exec.Command("git", append([]string{"-C", repository}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("git %s: %w: %s", args[0], err, stderr.String())
	}
	return out, nil
}
