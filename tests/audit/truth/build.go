// Package truth builds Mach-O files of which it is known what they hold: every
// release of mimalloc whose sources can be had, in the ways in which people
// build it, and files that hold no mimalloc but look like it in some respect.
//
// What a file holds is known from the compiler: the macros that were in force
// when mimalloc was compiled say the TLS model and the slots. Nothing here
// looks at the machine code, or knows how an auditor does.
package truth

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Build is one way to compile a mimalloc.
type Build struct {
	Tree     string // a row of //tests/crates:crates.tsv
	Arch     string // as Mach-O tools spell it: arm64, x86_64
	Opt      string // -O0, -O1, -O2, -O3, -Os
	Override bool   // overrides malloc, as upstream's build for macOS does
	Variant  string // where the TLS model comes from, see Variants
	Form     string // how the sources become objects, see Forms
}

// Archs are the processors that mimalloc is built for.
var Archs = []string{"arm64", "x86_64"}

// Opts are the optimisation levels.
var Opts = []string{"-O0", "-O1", "-O2", "-O3", "-Os"}

// Variants are the ways in which a TLS model is chosen:
//
//	upstream  as the tree has it
//	patched   by the patcher
//	pthread   pthread keys, by the macro that the generation has for it
//	local     a thread-local by upstream's own macro (3.5 and newer)
//	slot      fixed slots of other numbers than upstream's
var Variants = []string{"upstream", "patched", "pthread", "local", "slot"}

// Forms are the ways in which the sources become objects:
//
//	static    one translation unit, src/static.c
//	split     an object for each source, as upstream's libraries have it
//	unity     one translation unit together with the program that uses it
//	c++       static.c as C++
//	secure    static.c with MI_SECURE=4
//	debug     static.c with MI_DEBUG=3: assertions everywhere
//	bitcode   static.c for link-time optimisation: no machine code
//	lto       static.c optimised while it is linked with its user; needs a linker
var Forms = []string{"static", "split", "unity", "c++", "secure", "debug", "bitcode", "lto"}

// String is a name for files.
func (b Build) String() string {
	use := "embedded"
	if b.Override {
		use = "override"
	}
	return strings.Join([]string{b.Tree, b.Arch, b.Opt[1:], use, b.Variant, b.Form}, "-")
}

// valid reports whether the build is a different one from all others, and can
// be compiled at all.
func (b Build) valid(t *Tree, lto bool) bool {
	switch b.Variant {
	case "patched":
		if !t.needsPatch {
			return false
		}
	case "pthread":
		// A header of generation A looks at MI_TLS_PTHREAD behind the slot of override builds.
		if t.selector == noMacros && b.Override || t.selector == fixed {
			return false
		}
	case "local":
		if t.selector != short {
			return false
		}
	case "slot":
		if t.selector == noMacros && b.Override || t.selector == fixed {
			return false
		}
	}
	switch b.Form {
	case "split":
		// What an unoptimised object lacks is said once, by static.
		return b.Opt != "-O0"
	case "debug":
		return b.Opt != "-O0"
	case "bitcode":
		return b.Opt == "-O2"
	case "lto":
		return lto && b.Opt != "-O0" && !b.Override
	case "unity":
		return b.Opt != "-O0" && !b.Override
	}
	return true
}

// Product returns all builds of trees; with lto also those that need a linker
// which optimises. There are thousands.
func Product(trees map[string]*Tree, lto bool) []Build {
	var all []Build
	for _, name := range sorted(trees) {
		for _, arch := range Archs {
			for _, opt := range Opts {
				for _, override := range []bool{false, true} {
					for _, variant := range Variants {
						for _, form := range Forms {
							b := Build{name, arch, opt, override, variant, form}
							if b.valid(trees[name], lto) {
								all = append(all, b)
							}
						}
					}
				}
			}
		}
	}
	return all
}

// A pair is two choices that a build makes, each by the dimension and the value.
type pair [2]string

// pairs are the choices of a build, two by two.
func (b Build) pairs() []pair {
	choices := []string{
		"tree " + b.Tree, "arch " + b.Arch, "opt " + b.Opt,
		fmt.Sprint("override ", b.Override), "variant " + b.Variant, "form " + b.Form,
	}
	var all []pair
	for i, x := range choices {
		for _, y := range choices[i+1:] {
			all = append(all, pair{x, y})
		}
	}
	return all
}

// Cover chooses from builds, so that each two choices that occur together
// occur together in one that is chosen. Trees that are not in full are there
// as upstream has them, patched, and for each processor, in whatever other
// respects. It always chooses alike.
func Cover(all []Build, full []string) []Build {
	wanted := make(map[pair]bool)
	for _, b := range all {
		for _, p := range b.pairs() {
			if b.wants(p, full) {
				wanted[p] = true
			}
		}
	}
	var chosen []Build
	rest := slices.Clone(all)
	for len(wanted) > 0 {
		best, most := 0, 0
		for i, b := range rest {
			n := 0
			for _, p := range b.pairs() {
				if wanted[p] {
					n++
				}
			}
			if n > most {
				best, most = i, n
			}
		}
		chosen = append(chosen, rest[best])
		for _, p := range rest[best].pairs() {
			delete(wanted, p)
		}
		rest = slices.Delete(rest, best, best+1)
	}
	slices.SortFunc(chosen, func(a, b Build) int { return cmp.Compare(a.String(), b.String()) })
	return chosen
}

func (b Build) wants(p pair, full []string) bool {
	if !strings.HasPrefix(p[0], "tree ") || slices.Contains(full, b.Tree) {
		return true
	}
	return p[1] == "variant upstream" || p[1] == "variant patched" || strings.HasPrefix(p[1], "arch ")
}
