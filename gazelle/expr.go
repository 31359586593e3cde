package gazelle

import (
	"path"
	"slices"
	"strings"

	"github.com/bazelbuild/bazel-gazelle/label"
	"github.com/bazelbuild/bazel-gazelle/rule"
	"github.com/bazelbuild/buildtools/build"
	"github.com/bmatcuk/doublestar/v4"
)

// line returns the 1-based line of a rule in its file, 0 for one that is new.
func line(f *rule.File, r *rule.Rule) int {
	for _, stmt := range f.File.Stmt {
		call, ok := stmt.(*build.CallExpr)
		if !ok {
			continue
		}
		if x := (&build.Rule{Call: call}); x.Kind() == r.Kind() && x.AttrString("name") == r.Name() {
			start, _ := call.Span()
			return start.Line
		}
	}
	return 0
}

// values are the strings of an attribute: of lists, their sums and every
// branch of a select. whole is false where there is more that no syntax tree
// tells, such as a variable.
type values struct {
	strings []string
	globs   []*rule.GlobValue
	whole   bool
	selects bool
}

func valuesOf(x build.Expr) values {
	v := values{whole: true}
	v.add(x)
	return v
}

func (v *values) add(x build.Expr) {
	switch x := x.(type) {
	case nil:
	case *build.StringExpr:
		v.strings = append(v.strings, x.Value)
	case *build.ListExpr:
		for _, e := range x.List {
			v.add(e)
		}
	case *build.TupleExpr:
		for _, e := range x.List {
			v.add(e)
		}
	case *build.ParenExpr:
		v.add(x.X)
	case *build.BinaryExpr:
		v.add(x.X)
		v.add(x.Y)
	case *build.CallExpr:
		if g, ok := parseGlob(x); ok {
			v.globs = append(v.globs, &g)
			return
		}
		if name, ok := x.X.(*build.Ident); ok && name.Name == "select" && len(x.List) > 0 {
			if dict, ok := x.List[0].(*build.DictExpr); ok {
				v.selects = true
				for _, e := range dict.List {
					v.add(e.Value)
				}
				return
			}
		}
		v.whole = false
	default:
		v.whole = false
	}
}

// parseGlob reads glob([…], exclude = […]) of plain strings.
func parseGlob(x build.Expr) (g rule.GlobValue, ok bool) {
	call, isCall := x.(*build.CallExpr)
	if !isCall {
		return g, false
	}
	if name, isIdent := call.X.(*build.Ident); !isIdent || name.Name != "glob" {
		return g, false
	}
	for i, arg := range call.List {
		to := &g.Patterns
		if assign, isNamed := arg.(*build.AssignExpr); isNamed {
			name, _ := assign.LHS.(*build.Ident)
			switch {
			case name == nil:
				return g, false
			case name.Name == "exclude":
				to = &g.Excludes
			case name.Name != "include":
				continue // allow_empty, exclude_directories
			}
			arg = assign.RHS
		} else if i > 0 {
			to = &g.Excludes
		}
		v := valuesOf(arg)
		if !v.whole || len(v.globs) > 0 {
			return g, false
		}
		*to = v.strings
	}
	return g, true
}

// globPatterns returns the patterns of an attribute that is one glob without
// excludes.
func globPatterns(x build.Expr) []string {
	g, ok := parseGlob(x)
	if !ok || len(g.Excludes) > 0 {
		return nil
	}
	return g.Patterns
}

func isGlobOf(x build.Expr, pattern string) bool {
	return slices.Equal(globPatterns(x), []string{pattern})
}

// matches reports whether a glob takes a file, named from the glob's package.
func matches(g *rule.GlobValue, name string) bool {
	match := func(pattern string) bool {
		ok, err := doublestar.Match(pattern, name)
		return err == nil && ok
	}
	return slices.ContainsFunc(g.Patterns, match) && !slices.ContainsFunc(g.Excludes, match)
}

// A target is a label of this workspace.
type target struct{ pkg, name string }

// file is the path of a target that is a source file.
func (t target) file() string { return path.Join(t.pkg, t.name) }

// parse reads a label from a package; ok is false where it is no label.
func (l *mimallocLang) parse(pkg, s string) (label.Label, bool) {
	lab, err := label.Parse(s)
	if err != nil {
		return label.Label{}, false
	}
	lab.Repo = strings.TrimLeft(lab.Repo, "@")
	return lab.Abs("", pkg), true
}

// local reads a label of this workspace.
func (l *mimallocLang) local(pkg, s string) (target, bool) {
	lab, ok := l.parse(pkg, s)
	if !ok || lab.Repo != "" {
		return target{}, false
	}
	return target{lab.Pkg, lab.Name}, true
}

// rules lists the rules of a package as they are now.
func (p *pkg) rules() []*rule.Rule {
	if p.file != nil {
		return p.file.Rules
	}
	return p.gen
}

func (l *mimallocLang) find(t target) *rule.Rule {
	p := l.packages[t.pkg]
	if p == nil {
		return nil
	}
	for _, r := range p.rules() {
		if r.Name() == t.name {
			return r
		}
	}
	return nil
}
