// Package module edits a MODULE.bazel as far as mimalloc is concerned: it
// brings rules_mimalloc in, in the place of another mimalloc where there is
// one, moves it to another release, and takes it out again.
//
// Edits are made in the syntax tree, so comments stay where they are; the
// layout is buildifier's, as it is after bazel mod tidy. Files that are
// included by include() are not read.
package module

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/bazelbuild/buildtools/build"
	"github.com/bazelbuild/buildtools/edit/bzlmod"
)

// Version is the version of rules_mimalloc that this package belongs to.
const Version = "0.1.0"

const (
	rulesModule = "rules_mimalloc"
	extension   = "mimalloc" // the name of the extension, and of a tag's repository where it gives none
)

// A Module is a MODULE.bazel in memory.
type Module struct {
	path string
	src  []byte
	file *build.File
}

// Parse reads a MODULE.bazel. path is for messages. The error is a
// build.ParseError, which says where.
func Parse(path string, src []byte) (*Module, error) {
	file, err := build.ParseModule(path, src)
	if err != nil {
		var parse build.ParseError
		if errors.As(err, &parse) {
			return nil, parse
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &Module{path: path, src: src, file: file}, nil
}

// Format returns the text of the module, with the line endings it was read with.
func (m *Module) Format() []byte {
	text := build.Format(m.file)
	if n := bytes.Count(m.src, []byte("\n")); n > 0 && bytes.Count(m.src, []byte("\r\n")) == n {
		text = bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
	}
	return text
}

// A Finding is something in a MODULE.bazel that a person has to decide.
type Finding struct {
	Line int // 1-based
	Text string
}

// A FindingsError is returned where an edit needs decisions first. Nothing was
// edited then.
type FindingsError struct {
	Path     string
	Findings []Finding
}

func (e *FindingsError) Error() string {
	var text bytes.Buffer
	for i, f := range e.Findings {
		if i > 0 {
			text.WriteByte('\n')
		}
		fmt.Fprintf(&text, "%s:%d: %s", e.Path, f.Line, f.Text)
	}
	return text.String()
}

// at names the place of an expression.
func (m *Module) at(x build.Expr) string {
	start, _ := x.Span()
	return fmt.Sprintf("%s:%d", m.path, start.Line)
}

// statement returns the index of the top-level statement that is or holds x.
func (m *Module) statement(x build.Expr) int {
	return slices.IndexFunc(m.file.Stmt, func(stmt build.Expr) bool {
		found := false
		build.Walk(stmt, func(y build.Expr, _ []build.Expr) { found = found || y == x })
		return found
	})
}

// drop removes the top-level statement that is or holds x and returns its
// comments.
func (m *Module) drop(x build.Expr) build.Comments {
	i := m.statement(x)
	comments := *m.file.Stmt[i].Comment()
	m.file.Stmt = slices.Delete(m.file.Stmt, i, i+1)
	return comments
}

// rulesDep returns the bazel_dep on rules_mimalloc, nil if there is none.
func (m *Module) rulesDep() *build.Rule {
	for _, dep := range m.file.Rules("bazel_dep") {
		if dep.AttrString("name") == rulesModule {
			return dep
		}
	}
	return nil
}

// extensionFile is the label of extensions.bzl, by the name under which this
// module sees rules_mimalloc.
func (m *Module) extensionFile() string {
	name := rulesModule
	if dep := m.rulesDep(); dep != nil && dep.AttrString("repo_name") != "" {
		name = dep.AttrString("repo_name")
	}
	return "@" + name + "//mimalloc:extensions.bzl"
}

// proxies are the variables that hold the extension, those of development
// dependencies or the others.
func (m *Module) proxies(dev bool) []string {
	return bzlmod.Proxies(m.file, m.extensionFile(), extension, dev)
}

// A tag is a use of the extension, such as mimalloc.release(…).
type tag struct {
	rule *build.Rule
	kind string // release, archive or local
	repo string // the repository's name, "" where it is no literal
}

// tags finds the uses of the extension through some of its variables, also
// those in list comprehensions.
func (m *Module) tags(proxies []string) []tag {
	var tags []tag
	build.Walk(m.file, func(x build.Expr, _ []build.Expr) {
		call, ok := x.(*build.CallExpr)
		if !ok {
			return
		}
		dot, ok := call.X.(*build.DotExpr)
		if !ok {
			return
		}
		proxy, ok := dot.X.(*build.Ident)
		if !ok || !slices.Contains(proxies, proxy.Name) {
			return
		}
		t := tag{rule: build.NewRule(call), kind: dot.Name, repo: extension}
		if t.rule.Attr("name") != nil {
			t.repo = t.rule.AttrString("name")
		}
		tags = append(tags, t)
	})
	return tags
}

// fixUseRepo makes the use_repo calls name what the tags make, as bazel mod
// tidy does: missing names are added, names that no tag makes are removed. It
// says what it did.
func (m *Module) fixUseRepo() []string {
	var done []string
	for _, dev := range []bool{false, true} {
		proxies := m.proxies(dev)
		tags := m.tags(proxies)
		if len(tags) == 0 {
			continue // what is used then comes from the tags of other modules
		}
		var names []string
		literal := true
		for _, t := range tags {
			if t.repo == "" {
				literal = false
			} else if !slices.Contains(names, t.repo) {
				names = append(names, t.repo)
			}
		}
		calls := bzlmod.UseRepos(m.file, proxies)
		var used []string
		for _, call := range calls {
			for _, arg := range call.List[1:] {
				_, repo := repoOf(arg)
				used = append(used, repo)
				if literal && !slices.Contains(names, repo) {
					bzlmod.RemoveRepoUsages(calls, repo)
					done = append(done, fmt.Sprintf("%s: use_repo: %s taken out, no tag makes it", m.at(call), repo))
				}
			}
		}
		missing := slices.DeleteFunc(names, func(name string) bool { return slices.Contains(used, name) })
		if len(missing) > 0 && len(calls) == 0 {
			var call *build.CallExpr
			m.file, call = bzlmod.NewUseRepo(m.file, proxies)
			calls = append(calls, call)
		}
		for _, name := range missing {
			bzlmod.AddRepoUsages(calls, name)
			done = append(done, fmt.Sprintf("%s: use_repo: %s added", m.path, name))
		}
		for _, call := range calls {
			if len(call.List) == 1 {
				m.drop(call)
			}
		}
	}
	return done
}

// repoOf returns what an argument of use_repo calls a repository here, and
// what the extension calls it.
func repoOf(arg build.Expr) (apparent, repo string) {
	switch arg := arg.(type) {
	case *build.StringExpr:
		return arg.Value, arg.Value
	case *build.AssignExpr:
		name, _ := arg.LHS.(*build.Ident)
		value, _ := arg.RHS.(*build.StringExpr)
		if name != nil && value != nil {
			return name.Name, value.Value
		}
	}
	return "", ""
}
