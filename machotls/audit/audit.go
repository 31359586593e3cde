// Package audit looks for mimalloc in files, directories and archives, and
// says of each one that it finds whether its TLS model is denied.
//
// It adds to package machotls what a program needs: finding the files, many at
// a time, in an order that does not depend on which is done first; verdicts;
// and reports. A file that cannot be read is an error beside the results of
// all others.
package audit

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/rules-mimalloc/rules_mimalloc/machotls"
	"github.com/rules-mimalloc/rules_mimalloc/machotls/unpack"
)

// A Verdict is what a policy says of a finding.
type Verdict string

// The verdicts.
const (
	Safe    Verdict = "safe"    // no mimalloc, or one whose model is not denied
	Unsafe  Verdict = "unsafe"  // the model is denied
	Unclear Verdict = "unknown" // there is a mimalloc, or may be one, and its model cannot be told
)

// A Result is a finding and where it is.
type Result struct {
	Path   string // of the file, as it was given or below a directory that was given
	Member string // its path in an archive; "" for the file itself
	machotls.Finding
	Verdict Verdict
}

// Place is the path and, in an archive, the member.
func (r *Result) Place() string {
	if r.Member == "" {
		return r.Path
	}
	return r.Path + "!" + r.Member
}

// A Policy says which findings are denied.
type Policy struct {
	Deny         []machotls.Model
	AllowUnknown bool // a mimalloc whose model cannot be told is no offence
}

// verdict never calls unknown what is not: a reader decides what that is worth.
func (p *Policy) verdict(f *machotls.Finding) Verdict {
	switch {
	case slices.Contains(p.Deny, f.Model):
		return Unsafe
	case f.Model == machotls.Unknown:
		return Unclear
	}
	return Safe
}

// Offends reports whether a result is one that a run should fail for.
func (p *Policy) Offends(r *Result) bool {
	return r.Verdict == Unsafe || r.Verdict == Unclear && !p.AllowUnknown
}

// Models are what a policy may deny.
var Models = []machotls.Model{machotls.FixedSlot, machotls.PthreadKey, machotls.ThreadLocal}

// ParseModels reads a list of models, separated by commas. Its error names
// the allowed values.
func ParseModels(list string) ([]machotls.Model, error) {
	var models []machotls.Model
	for _, name := range strings.Split(list, ",") {
		m := machotls.Model(strings.TrimSpace(name))
		if !slices.Contains(Models, m) {
			return nil, fmt.Errorf("expected one or more of %s, got %q", joined(Models), name)
		}
		if !slices.Contains(models, m) {
			models = append(models, m)
		}
	}
	return models, nil
}

func joined(models []machotls.Model) string {
	var names []string
	for _, m := range models {
		names = append(names, string(m))
	}
	return strings.Join(names, ", ")
}

// Progress counts what was done so far; it may be read at any time.
type Progress struct {
	Files  atomic.Int64 // looked at
	Images atomic.Int64 // that are, or have in them, a Mach-O image
	Bytes  atomic.Int64 // of files with images or archives
}

// A Scan is a run over files.
type Scan struct {
	Policy Policy
	// PassOver says that a path that is named may be of another kind of file:
	// it is passed over, as in a directory, and no error.
	PassOver bool
	Progress Progress
}

// Run looks at paths, which may be files, directories and archives, and calls
// each with every result, in the order of the paths and sorted below
// directories. It returns what could not be read, also in that order.
func (s *Scan) Run(paths []string, each func(*Result)) []error {
	type job struct {
		file    file
		done    chan struct{}
		results []Result
		err     error
	}
	// How many files may be waited for behind one that takes long.
	const ahead = 256
	work, order := make(chan *job), make(chan *job, ahead)
	for range runtime.GOMAXPROCS(0) {
		go func() {
			var scanner machotls.Scanner
			for j := range work {
				j.results, j.err = s.file(&scanner, j.file)
				close(j.done)
			}
		}()
	}
	go func() {
		walkPaths(paths, func(f file, err error) {
			j := &job{file: f, err: err, done: make(chan struct{})}
			order <- j
			if err != nil {
				close(j.done)
			} else {
				work <- j
			}
		})
		close(work)
		close(order)
	}()
	var errs []error
	for j := range order {
		<-j.done
		if j.err != nil {
			errs = append(errs, j.err)
		}
		for i := range j.results {
			each(&j.results[i])
		}
	}
	return errs
}

// file looks at one file.
func (s *Scan) file(scanner *machotls.Scanner, f file) (results []Result, err error) {
	s.Progress.Files.Add(1)
	r, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	info, err := r.Stat()
	if err != nil {
		return nil, err
	}
	head := make([]byte, unpack.HeadSize)
	n, err := io.ReadFull(r, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	head = head[:n]
	scan := func(member string, r io.ReaderAt, size int64) error {
		s.Progress.Images.Add(1)
		found, err := scanner.Scan(r, size)
		for _, f := range found {
			result := Result{Member: member, Finding: f}
			result.Verdict = s.Policy.verdict(&result.Finding)
			results = append(results, result)
		}
		return err
	}
	switch {
	case isImage(head):
		s.Progress.Bytes.Add(info.Size())
		err = scan("", r, info.Size())
	case unpack.Is(head):
		s.Progress.Bytes.Add(info.Size())
		walker := unpack.Walker{Want: isImage, Visit: scan}
		err = walker.Walk(r, info.Size())
	case f.named && !s.PassOver:
		return nil, fmt.Errorf("%s: neither Mach-O nor an archive", f.path)
	default:
		return nil, nil
	}
	for i := range results {
		results[i].Path = f.path
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", f.path, err)
	}
	return results, err
}

func isImage(head []byte) bool {
	return machotls.Recognise(head[:min(len(head), machotls.HeadSize)])
}

// errNotRegular is a device, a pipe or the like that was named.
var errNotRegular = errors.New("neither a file nor a directory")
