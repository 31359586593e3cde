package mutation

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/rules-mimalloc/rules_mimalloc/patcher"
)

// A Campaign tries many mutants.
type Campaign struct {
	Bases    []*Base
	Seed     uint64
	First, N uint64   // numbers of the mutants
	Workers  int      // at once
	Compiler []string // command line of a C compiler; none: laws alone
	Dir      string   // for scratch files
	Report   func(*Finding)
}

// A Finding is a mutant with a verdict other than refused or right.
type Finding struct {
	Mutant  *Mutant
	Verdict Verdict
	Reason  string
}

// String tells how to see the mutant again, what was done and what came of it.
func (f *Finding) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: mutant %d of %s: %s: %s\n", f.Verdict, f.Mutant.Number, f.Mutant.Base.Name, strings.Join(f.Mutant.Ops, ", "), f.Reason)
	for _, name := range slices.Sorted(maps.Keys(f.Mutant.Changed)) {
		b.Write(diff.Diff("a/"+name, f.Mutant.Base.Tree[name], "b/"+name, f.Mutant.Changed[name]))
	}
	return b.String()
}

// Figures count verdicts, and how a campaign came to them.
type Figures struct {
	Verdicts map[Verdict]uint64
	Statuses map[patcher.Status]uint64 // of accepted mutants
	Same     uint64                    // judged like an earlier mutant of the same text
	Judged   uint64                    // that the compiler saw
}

// batch is how many sections a compiler's process is given at least.
const batch = 288

// Run makes and judges the mutants.
func (c *Campaign) Run() (*Figures, error) {
	figures := &Figures{Verdicts: map[Verdict]uint64{}, Statuses: map[patcher.Status]uint64{}}
	var (
		mutex sync.Mutex
		wait  sync.WaitGroup
		next  = c.First
		fail  error
		seen  = map[[32]byte]Verdict{}
	)
	wait.Add(c.Workers)
	for i := range c.Workers {
		w := &worker{c: c, figures: figures, mutex: &mutex, seen: seen}
		w.oracle = Oracle{Compiler: c.Compiler, Dir: filepath.Join(c.Dir, fmt.Sprint(os.Getpid(), "-", i))}
		go func() {
			defer wait.Done()
			defer os.RemoveAll(w.oracle.Dir)
			for {
				mutex.Lock()
				n := next
				next++
				failed := fail != nil
				mutex.Unlock()
				if failed || n >= c.First+c.N {
					break
				}
				if err := w.try(New(c.Bases, c.Seed, n)); err != nil {
					mutex.Lock()
					fail = err
					mutex.Unlock()
				}
			}
			if err := w.flush(); err != nil {
				mutex.Lock()
				fail = err
				mutex.Unlock()
			}
		}()
	}
	wait.Wait()
	return figures, fail
}

// A worker collects accepted mutants for the compiler.
type worker struct {
	c       *Campaign
	oracle  Oracle
	figures *Figures
	mutex   *sync.Mutex
	seen    map[[32]byte]Verdict
	pending map[bool][]*trial // by whether there is a text before the patch to compare with
}

// A trial is an accepted mutant.
type trial struct {
	mutant        *Mutant
	key           [32]byte
	plain         bool // a release without model macros
	before, after source
}

func (w *worker) count(m *Mutant, v Verdict, reason string) {
	w.mutex.Lock()
	w.figures.Verdicts[v]++
	w.mutex.Unlock()
	if v != Refused && v != Right && w.c.Report != nil {
		w.mutex.Lock()
		defer w.mutex.Unlock()
		w.c.Report(&Finding{m, v, reason})
	}
}

func (w *worker) try(m *Mutant) error {
	tree := m.Tree()
	plan, err := patcher.NewPlan(tree)
	if err != nil {
		w.count(m, Refused, "")
		return nil
	}
	if err := laws(tree, plan); err != nil {
		w.count(m, Unlaw, err.Error())
		return nil
	}
	t := &trial{mutant: m, plain: plan.Report.Generation == "A"}
	header := plan.Report.Header
	t.after = source{header, map[string][]byte{header: plan.Content}}
	names := slices.Sorted(maps.Keys(m.Changed))
	for _, name := range names {
		if name != header {
			t.after.files[name] = m.Changed[name]
		}
	}
	sum := sha256.New()
	fmt.Fprintln(sum, m.Base.Name, plan.Report.Status)
	for _, name := range names {
		fmt.Fprintf(sum, "%s %d\n%s", name, len(m.Changed[name]), m.Changed[name])
	}
	sum.Sum(t.key[:0])
	if plan.Report.Status != patcher.NotNeeded {
		original, _, err := patcher.Revert(header, plan.Content)
		if err != nil {
			return err
		}
		t.before = source{header, maps.Clone(t.after.files)}
		t.before.files[header] = original
	}
	w.mutex.Lock()
	w.figures.Statuses[plan.Report.Status]++
	v, known := w.seen[t.key]
	if known {
		w.figures.Same++
	}
	w.mutex.Unlock()
	if known || len(w.c.Compiler) == 0 {
		if !known {
			v = Right
		}
		w.count(m, v, "the same text as an earlier mutant")
		return nil
	}
	two := t.before.files != nil
	if w.pending == nil {
		w.pending = map[bool][]*trial{}
	}
	w.pending[two] = append(w.pending[two], t)
	if n := len(w.pending[two]); two && n*2*len(platforms) >= batch || n*4 >= batch {
		return w.judge(two)
	}
	return nil
}

func (w *worker) flush() error { return errors.Join(w.judge(false), w.judge(true)) }

// judge has the compiler see the pending mutants in one process, then those
// that seem wrong once more, alone: one of them may have confused it.
func (w *worker) judge(two bool) error {
	trials := w.pending[two]
	delete(w.pending, two)
	if len(trials) == 0 {
		return nil
	}
	verdicts, reasons, err := w.ask(trials, two)
	if err != nil && !errors.Is(err, errIncomplete) {
		return err
	}
	for i, t := range trials {
		if err != nil || verdicts[i] != Right {
			v, r, err := w.alone(t, two)
			if err != nil {
				return fmt.Errorf("mutant %d: %w", t.mutant.Number, err)
			}
			w.note(t, v, r)
			continue
		}
		w.note(t, verdicts[i], reasons[i])
	}
	return nil
}

func (w *worker) note(t *trial, v Verdict, reason string) {
	w.mutex.Lock()
	w.figures.Judged++
	w.seen[t.key] = v
	w.mutex.Unlock()
	w.count(t.mutant, v, reason)
}

// sources and platforms of trials: those without a before are only of interest
// where the patch is for, and an override build of a release without model
// macros is known to be another matter.
func (t *trial) platforms(two bool) []platform {
	if two {
		return platforms
	}
	var on []platform
	for _, p := range platforms {
		if p.apple && !strings.Contains(p.defines, "MI_MALLOC_OVERRIDE") {
			on = append(on, p)
		}
	}
	return on
}

func (w *worker) ask(trials []*trial, two bool) ([]Verdict, []string, error) {
	on := trials[0].platforms(two)
	var sources []source
	for _, t := range trials {
		sources = append(sources, t.after)
		if two {
			sources = append(sources, t.before)
		}
	}
	views, err := w.oracle.See(sources, on)
	if err != nil {
		return nil, nil, err
	}
	var verdicts []Verdict
	var reasons []string
	for i, t := range trials {
		var v Verdict
		var r string
		if two {
			v, r = judge(t.plain, on, views[2*i+1], views[2*i])
		} else {
			v, r = judge(t.plain, on, nil, views[i])
		}
		verdicts, reasons = append(verdicts, v), append(reasons, r)
	}
	return verdicts, reasons, nil
}

// alone gives every view of a mutant a process of its own.
func (w *worker) alone(t *trial, two bool) (Verdict, string, error) {
	on := t.platforms(two)
	var before, after []view
	for _, p := range on {
		for _, s := range []source{t.after, t.before} {
			if s.files == nil {
				continue
			}
			views, err := w.oracle.See([]source{s}, []platform{p})
			if errors.Is(err, errIncomplete) { // it stops the build, wherever
				views, err = [][]view{{{errors: []string{err.Error()}}}}, nil
			}
			if err != nil {
				return "", "", err
			}
			if s.header == t.after.header && fmt.Sprintf("%p", s.files) == fmt.Sprintf("%p", t.after.files) {
				after = append(after, views[0][0])
			} else {
				before = append(before, views[0][0])
			}
		}
	}
	v, r := judge(t.plain, on, before, after)
	return v, r, nil
}
