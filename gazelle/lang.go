// Package gazelle is a Gazelle extension for mimalloc.
//
// It makes a mimalloc_library of every source tree of mimalloc in a workspace,
// reports rules that compile such a tree without the patch for Apple platforms
// (gazelle fix rewrites the plain ones), adds a mimalloc_tls_test for every
// image that has a mimalloc in it, prebuilt ones included, and says which label
// #include <mimalloc.h> stands for. README.md in this directory has the
// directives.
//
// It reads BUILD files and the files of the workspace, never the network, and
// evaluates no Starlark: what a macro makes it does not see.
//
// Its place is behind the other languages of a gazelle_binary, whose rules it
// looks at.
package gazelle

import (
	"context"
	"flag"
	"fmt"
	"log"

	"github.com/bazelbuild/bazel-gazelle/config"
	"github.com/bazelbuild/bazel-gazelle/label"
	"github.com/bazelbuild/bazel-gazelle/language"
	"github.com/bazelbuild/bazel-gazelle/rule"
)

const (
	languageName = "mimalloc"
	libraryKind  = "mimalloc_library"
	testKind     = "mimalloc_tls_test"
	rulesModule  = "rules_mimalloc"
)

type mimallocLang struct {
	packages map[string]*pkg    // every package seen, by its path
	trees    map[string]*tree   // every source tree seen, by its directory
	modules  []string           // directories of git submodules, from .gitmodules
	tests    []*candidate       // generated, and yet to be decided on
	cgo      []*cgoRule         // Go rules that include mimalloc's headers
	prebuilt map[string][]image // Mach-O files below directories that are no packages
	compiles []*compiler        // rules that may compile a tree, as they were read
	wrong    int                // directives that could not be read
}

// A pkg is what is known of a package.
type pkg struct {
	file *rule.File   // nil where there was none
	gen  []*rule.Rule // generated for a package without a file
}

// NewLanguage returns the extension, for a gazelle_binary.
func NewLanguage() language.Language {
	return &mimallocLang{
		packages: map[string]*pkg{},
		trees:    map[string]*tree{},
		prebuilt: map[string][]image{},
	}
}

var (
	_ language.LifecycleManager    = (*mimallocLang)(nil)
	_ language.ModuleAwareLanguage = (*mimallocLang)(nil)
)

func (*mimallocLang) Name() string { return languageName }

func (*mimallocLang) Kinds() map[string]rule.KindInfo {
	return map[string]rule.KindInfo{
		libraryKind: {
			NonEmptyAttrs:  map[string]bool{"hdrs": true, "srcs": true},
			MergeableAttrs: map[string]bool{"version": true},
		},
		testKind: {
			MatchAttrs:     []string{"targets"},
			NonEmptyAttrs:  map[string]bool{"targets": true},
			MergeableAttrs: map[string]bool{"targets": true},
		},
	}
}

func (*mimallocLang) Loads() []rule.LoadInfo { return loads(rulesModule) }

func (*mimallocLang) ApparentLoads(moduleToApparentName func(string) string) []rule.LoadInfo {
	name := moduleToApparentName(rulesModule)
	if name == "" {
		name = rulesModule
	}
	return loads(name)
}

func loads(repo string) []rule.LoadInfo {
	return []rule.LoadInfo{{
		Name:    "@" + repo + "//rules:defs.bzl",
		Symbols: []string{libraryKind, testKind},
	}}
}

func (*mimallocLang) RegisterFlags(*flag.FlagSet, string, *config.Config) {}

func (*mimallocLang) CheckFlags(*flag.FlagSet, *config.Config) error { return nil }

func (*mimallocLang) Embeds(*rule.Rule, label.Label) []label.Label { return nil }

func (*mimallocLang) Before(context.Context) {}

// DoneGeneratingRules ends the run where directives were wrong: nothing has
// been written yet, and what would be written is not what was asked for.
func (l *mimallocLang) DoneGeneratingRules() {
	if l.wrong > 0 {
		log.Fatalf("mimalloc: %d wrong directives; nothing was written", l.wrong)
	}
}

// AfterResolvingDeps runs when the dependencies of all rules are known, and
// before anything is written.
func (l *mimallocLang) AfterResolvingDeps(context.Context) {
	l.addCdeps()
	raw := l.settleRaw()
	l.decideTests(raw)
	l.reportMissing()
}

// enabled reports whether the extension is among the languages of a directory.
func enabled(c *config.Config) bool {
	if len(c.Langs) == 0 {
		return true
	}
	for _, name := range c.Langs {
		if name == languageName {
			return true
		}
	}
	return false
}

// place names the line of a rule in its file.
func place(f *rule.File, r *rule.Rule) string {
	return fmt.Sprintf("%s:%d", f.Path, line(f, r))
}
