package truth

import (
	"errors"
	"path/filepath"
	"runtime"
	"sync"
)

// All makes the files of the builds, files with two mimallocs and of two
// architectures, and negatives, as many at a time as there are processors. It
// calls progress, one call at a time, with what is done. Its error joins those
// of all builds that failed; the artefacts are sorted.
func (b *Builder) All(builds []Build, progress func(done, of int, what string, err error)) ([]Artefact, error) {
	jobs := append([]job{{"negatives", b.Negatives}}, b.jobs(builds)...)
	for _, two := range twos {
		jobs = append(jobs, job{"two mimallocs", func() ([]Artefact, error) { return b.Two(two[0], two[1]) }})
	}
	return run(append(jobs, job{"fat files", b.fats}), progress)
}

// Builds makes the files of the builds, as All does.
func (b *Builder) Builds(builds []Build, progress func(done, of int, what string, err error)) ([]Artefact, error) {
	return run(b.jobs(builds), progress)
}

type job struct {
	name string
	run  func() ([]Artefact, error)
}

func (b *Builder) jobs(builds []Build) []job {
	var jobs []job
	for _, x := range builds {
		jobs = append(jobs, job{x.String(), func() ([]Artefact, error) { return b.Build(x) }})
	}
	return jobs
}

func run(jobs []job, progress func(done, of int, what string, err error)) ([]Artefact, error) {
	var (
		all   []Artefact
		errs  []error
		done  int
		mutex sync.Mutex
		wait  sync.WaitGroup
		limit = make(chan struct{}, runtime.GOMAXPROCS(0))
	)
	for _, j := range jobs {
		limit <- struct{}{}
		wait.Add(1)
		go func() {
			defer func() { <-limit; wait.Done() }()
			made, err := j.run()
			mutex.Lock()
			defer mutex.Unlock()
			all = append(all, made...)
			errs = append(errs, err)
			done++
			progress(done, len(jobs), j.name, err)
		}()
	}
	wait.Wait()
	sortArtefacts(all)
	return all, errors.Join(errs...)
}

// twos are pairs of builds that end in one image.
var twos = [][2]Build{
	{{"3.3.2", "arm64", "-O2", false, "upstream", "static"}, {"3.3.2", "arm64", "-O2", false, "patched", "static"}},
	{{"3.3.2", "x86_64", "-O2", false, "upstream", "static"}, {"3.3.2", "x86_64", "-O2", false, "patched", "static"}},
	{{"3.6.0", "x86_64", "-O2", false, "upstream", "static"}, {"3.2.6", "x86_64", "-O2", false, "upstream", "static"}},
	{{"2.3.2", "arm64", "-O2", false, "upstream", "static"}, {"3.1.5", "arm64", "-O2", false, "upstream", "static"}},
}

// fats makes files of two architectures: what is in them may differ.
func (b *Builder) fats() ([]Artefact, error) {
	var all []Artefact
	for i, two := range [][2]Build{
		{{"3.3.1", "arm64", "-O3", false, "patched", "static"}, {"3.3.1", "x86_64", "-O3", false, "upstream", "static"}},
		{{"3.5.0", "arm64", "-O3", false, "upstream", "static"}, {"3.5.0", "x86_64", "-O3", false, "local", "static"}},
	} {
		var slices [2][]Artefact
		for j, x := range two {
			made, err := b.Build(x)
			if err != nil {
				return nil, err
			}
			slices[j] = made
		}
		for j, a := range slices[0] {
			name := filepath.Join(b.Dir, "fat-"+two[0].String(), filepath.Base(a.Path))
			made, err := Fat(name, i == 1, []Artefact{a, slices[1][j]})
			if err != nil {
				return nil, err
			}
			all = append(all, made...)
		}
	}
	return all, nil
}
