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
	"github.com/rules-mimalloc/rules_mimalloc/tests/oracle"
)

// A Campaign tries many mutants.
type Campaign struct {
	Bases    []*Base
	Seed     uint64
	First, N uint64          // numbers of the mutants
	Workers  int             // at once
	Compiler []string        // command line of a C compiler, for its preprocessor; none: laws alone
	Proper   oracle.Compiler // decides whether what seems wrong is C at all
	Others   int             // on how many of the platforms that the patch is not for a mutant is compared, in turn; 0: on all
	Dir      string          // for scratch files
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

// Add adds the figures of another campaign.
func (f *Figures) Add(more *Figures) {
	if f.Verdicts == nil {
		f.Verdicts, f.Statuses = map[Verdict]uint64{}, map[patcher.Status]uint64{}
	}
	for v, n := range more.Verdicts {
		f.Verdicts[v] += n
	}
	for s, n := range more.Statuses {
		f.Statuses[s] += n
	}
	f.Same += more.Same
	f.Judged += more.Judged
}

// batch is how many mutants a process of the compiler is given: their number
// outweighs what it takes to start one for each platform.
const batch = 300

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
		w := c.worker(i, figures, &mutex, seen)
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
	judge   judge
	figures *Figures
	mutex   *sync.Mutex
	seen    map[[32]byte]Verdict
	turn    int               // of the platforms that share a place
	pending map[bool][]*trial // by whether there is a text before the patch to compare with
}

// worker makes the worker of that number.
func (c *Campaign) worker(i int, figures *Figures, mutex *sync.Mutex, seen map[[32]byte]Verdict) *worker {
	w := &worker{c: c, figures: figures, mutex: mutex, seen: seen}
	w.judge = judge{compile: w.compile, apple: map[[32]byte]string{}}
	w.oracle = Oracle{Compiler: c.Compiler, Dir: filepath.Join(c.Dir, fmt.Sprint(os.Getpid(), "-", i))}
	return w
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
	t.after = source{header: header, files: map[string][]byte{header: plan.Content}}
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
		t.before = source{header: header, files: maps.Clone(t.after.files)}
		if w.c.Others > 0 { // on Apple, one platform shows whether MI_HAS_TLS_SLOT was touched
			t.before.skip = func(p platform) bool { return p.apple && p.name != platforms[m.Number%2].name }
		}
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
	if len(w.pending[two]) >= batch {
		return w.settle(two)
	}
	return nil
}

func (w *worker) flush() error { return errors.Join(w.settle(false), w.settle(true)) }

// settle has the compiler see the pending mutants together, then those that
// seem wrong once more, alone: one of them may have confused it.
func (w *worker) settle(two bool) error {
	trials := w.pending[two]
	delete(w.pending, two)
	return w.see(trials, w.platforms(two), two)
}

func (w *worker) see(trials []*trial, on []platform, two bool) error {
	if len(trials) == 0 {
		return nil
	}
	after, before, err := w.views(trials, on, two)
	switch {
	case errors.Is(err, errIncomplete) && len(trials) > 1: // one of them stops it
		half := len(trials) / 2
		return errors.Join(w.see(trials[:half], on, two), w.see(trials[half:], on, two))
	case errors.Is(err, errIncomplete):
		return w.alone(trials[0], on, two)
	case err != nil:
		return err
	}
	for i, t := range trials {
		v, reason := Silent, "" // as far as is known
		if quick, _, err := w.judge.sees(nil, t.plain, on, before[i], after[i]); err != nil {
			return err
		} else if quick == Right {
			v = Right
		}
		if v == Right {
			w.note(t, v, reason)
		} else if err := w.alone(t, on, two); err != nil {
			return fmt.Errorf("mutant %d: %w", t.mutant.Number, err)
		}
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

// platforms of trials: those without a before are only of interest where the
// patch is for, and an override build of a release without model macros is
// known to be another matter.
func (w *worker) platforms(two bool) []platform {
	if !two {
		return slices.DeleteFunc(slices.Clone(platforms), func(p platform) bool {
			return !p.apple || strings.Contains(p.defines, "MI_MALLOC_OVERRIDE")
		})
	}
	if w.c.Others == 0 {
		return platforms
	}
	var on, others []platform
	for _, p := range platforms {
		if p.apple {
			on = append(on, p)
		} else {
			others = append(others, p)
		}
	}
	for range w.c.Others {
		on = append(on, others[w.turn%len(others)])
		w.turn++
	}
	return on
}

// views returns what the compiler makes of trials, before the patch and after.
func (w *worker) views(trials []*trial, on []platform, two bool) (after, before [][]*view, err error) {
	var sources []source
	for _, t := range trials {
		sources = append(sources, t.after)
	}
	if two {
		for _, t := range trials {
			sources = append(sources, t.before)
		}
	}
	views, err := w.oracle.See(sources, on)
	if err != nil {
		return nil, nil, err
	}
	before = make([][]*view, len(trials))
	if two {
		before = views[len(trials):]
	}
	return views[:len(trials)], before, nil
}

// alone gives every view of a mutant a process of its own, and the compiler
// proper the last word.
func (w *worker) alone(t *trial, on []platform, two bool) error {
	var after, before []*view
	for _, p := range on {
		for _, s := range []source{t.after, t.before} {
			if s.files == nil {
				continue
			}
			views, err := w.oracle.See([]source{s}, []platform{p})
			if errors.Is(err, errIncomplete) { // it stops the build, wherever
				views, err = [][]*view{{{errors: []string{err.Error()}}}}, nil
			}
			if err != nil {
				return err
			}
			if len(after) == len(before) || !two {
				after = append(after, views[0][0])
			} else {
				before = append(before, views[0][0])
			}
		}
	}
	v, reason, err := w.judge.sees(t, t.plain, on, before, after)
	if err == nil {
		w.note(t, v, reason)
	}
	return err
}
