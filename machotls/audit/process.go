package audit

import (
	"os"
	"slices"

	"github.com/rules-mimalloc/rules_mimalloc/machotls"
)

// A Conflict is two mimallocs that share a slot of each thread as soon as both
// are in one process: each then takes the other's heap for its own.
type Conflict struct {
	A, B  *Result
	Slots []int // that both use
}

// Conflicts returns the pairs of results that may not be in one process. Only
// what a process loads counts, images for the same architecture and system:
// no object files, archives of them, or two executables. One file that was
// reached by two paths is one image to the loader.
//
// It asks for a pair's shared slots, not for the model: a fixed slot that one
// image alone uses does no harm to others.
func Conflicts(results []*Result) []Conflict {
	var conflicts []Conflict
	for i, a := range results {
		for _, b := range results[i+1:] {
			if !together(a, b) {
				continue
			}
			shared := slices.DeleteFunc(slices.Clone(a.Slots), func(s int) bool { return !slices.Contains(b.Slots, s) })
			if len(shared) > 0 {
				conflicts = append(conflicts, Conflict{a, b, shared})
			}
		}
	}
	return conflicts
}

// Matters reports whether a result can be part of a conflict: it is of what a
// process loads, and has slots or cannot be told.
func Matters(r *Result) bool {
	return r.Kind.Loaded() && (len(r.Slots) > 0 || r.Model == machotls.Unknown)
}

func together(a, b *Result) bool {
	return Matters(a) && Matters(b) && baseArch(a.Arch) == baseArch(b.Arch) && a.Platform == b.Platform &&
		!(a.Kind == machotls.Executable && b.Kind == machotls.Executable) && !sameImage(a, b)
}

// baseArch: a process for arm64e may load arm64 code where the system allows
// it, and x86_64h images are loaded by x86_64 processes.
func baseArch(arch string) string {
	switch arch {
	case "arm64e":
		return "arm64"
	case "x86_64h":
		return "x86_64"
	}
	return arch
}

// sameImage reports whether two results are of one file and member. Two in one
// image (Index tells them apart) are two mimallocs all the same.
func sameImage(a, b *Result) bool {
	if a.Member != b.Member || a.Index != b.Index {
		return false
	}
	if a.Path == b.Path {
		// Slices of one file: arm64 and arm64e, of which a process loads one.
		return true
	}
	x, errX := os.Stat(a.Path)
	y, errY := os.Stat(b.Path)
	return errX == nil && errY == nil && os.SameFile(x, y)
}
