package module

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/bazelbuild/buildtools/build"
	"github.com/bazelbuild/buildtools/edit/bzlmod"

	"github.com/rules-mimalloc/rules_mimalloc/mimalloc"
)

// AdoptOptions say what Adopt is to bring in.
type AdoptOptions struct {
	Version string // a release of the table; "": what is there already, else the newest that is known to work
	Repo    string // the repository's name where there is none yet; "": mimalloc
}

// Adopt brings rules_mimalloc in: the bazel_dep, the extension, a tag and its
// use_repo. A mimalloc that comes from elsewhere becomes a tag. It returns what
// it did, one line each, none where there was nothing to do. Where something
// has to be decided first, the error is a *FindingsError.
func (m *Module) Adopt(table *mimalloc.Table, o AdoptOptions) ([]string, error) {
	if o.Version != "" && find(table, o.Version) == nil {
		return nil, unknownVersion(table, o.Version)
	}
	found := m.foreigns(table)
	if o.Version != "" && len(found) == 1 {
		found[0].problem = ""
		found[0].release(table, o.Version, nil)
	}
	if err := m.undecided(found, o); err != nil {
		return nil, err
	}

	var done []string
	if m.rulesDep() == nil {
		m.addDep()
		done = append(done, fmt.Sprintf("%s: bazel_dep %s %s added", m.path, rulesModule, Version))
	}
	for _, f := range found {
		done = append(done, m.replace(f)...)
	}
	if tags := append(m.tags(m.proxies(false)), m.tags(m.proxies(true))...); len(tags) == 0 && len(bzlmod.UseRepos(m.file, append(m.proxies(false), m.proxies(true)...))) == 0 {
		version := o.Version
		if version == "" {
			version = Newest(table).Version
		}
		attrs := []attr{text("version", version)}
		repo := extension
		if o.Repo != "" && o.Repo != extension {
			repo = o.Repo
			attrs = append(attrs, text("name", repo))
		}
		m.addTag("release", attrs, false, build.Comments{})
		done = append(done, fmt.Sprintf("%s: @%s is mimalloc %s", m.path, repo, version))
	}
	return append(done, m.fixUseRepo()...), nil
}

// undecided collects what keeps a module from being edited.
func (m *Module) undecided(found []*foreign, o AdoptOptions) error {
	var findings []Finding
	add := func(x build.Expr, format string, args ...any) {
		start, _ := x.Span()
		findings = append(findings, Finding{start.Line, fmt.Sprintf(format, args...)})
	}
	names := map[string]bool{}
	for _, f := range found {
		names[f.repo] = true
		if f.problem != "" {
			add(f.stmts[0], "%s: %s; or give --version to have a release in its place", f.what, f.problem)
		}
	}
	// Another extension may make a repository of the name.
	wanted := o.Repo
	if wanted == "" {
		wanted = extension
	}
	own := append(m.proxies(false), m.proxies(true)...)
	if len(m.tags(own)) == 0 && len(found) == 0 {
		names[wanted] = true
	}
	for _, stmt := range m.file.Stmt {
		call, ok := stmt.(*build.CallExpr)
		if !ok || build.NewRule(call).Kind() != "use_repo" || len(call.List) == 0 {
			continue
		}
		if proxy, ok := call.List[0].(*build.Ident); !ok || slices.Contains(own, proxy.Name) {
			continue
		}
		for _, arg := range call.List[1:] {
			if apparent, _ := repoOf(arg); names[apparent] {
				add(arg, "the extension %s makes a repository %s: take it out there, or give --repo to call the new one something else", build.FormatString(call.List[0]), apparent)
			}
		}
	}
	if len(findings) > 0 {
		return &FindingsError{m.path, findings}
	}
	return nil
}

// addDep adds the bazel_dep behind the last one that is no development
// dependency, else behind module().
func (m *Module) addDep() {
	at := 0
	for i, stmt := range m.file.Stmt {
		switch stmt := stmt.(type) {
		case *build.CommentBlock, *build.StringExpr:
			if at == i {
				at++ // the head of the file
			}
		case *build.CallExpr:
			r := build.NewRule(stmt)
			if r.Kind() == "module" || r.Kind() == "bazel_dep" && r.AttrLiteral("dev_dependency") != "True" {
				at = i + 1
			}
		}
	}
	dep := call("bazel_dep", text("name", rulesModule), text("version", Version))
	m.file.Stmt = slices.Insert(m.file.Stmt, at, build.Expr(dep))
}

// replace puts a tag in the place of a foreign mimalloc.
func (m *Module) replace(f *foreign) []string {
	var comments build.Comments
	line := m.at(f.stmts[0])
	variable := build.NewRule(f.stmts[0]).Kind()
	for _, stmt := range f.stmts {
		c := m.drop(stmt)
		comments.Before = append(comments.Before, c.Before...)
		comments.Suffix = append(comments.Suffix, c.Suffix...)
		comments.After = append(comments.After, c.After...)
	}
	m.dropUnusedRule(variable)
	for _, dev := range []bool{false, true} {
		for _, t := range m.tags(m.proxies(dev)) {
			if t.repo == f.repo {
				return []string{fmt.Sprintf("%s: %s taken out: mimalloc.%s makes @%s", line, f.what, t.kind, f.repo)}
			}
		}
	}
	attrs := f.attrs
	if f.repo != extension {
		attrs = append([]attr{text("name", f.repo)}, attrs...)
	}
	m.addTag(f.kind, attrs, f.dev, comments)
	done := []string{fmt.Sprintf("%s: %s becomes mimalloc.%s", line, f.what, f.kind)}
	for _, note := range f.notes {
		done = append(done, line+": "+note)
	}
	return done
}

// dropUnusedRule takes out the use_repo_rule of a variable that nothing uses.
func (m *Module) dropUnusedRule(variable string) {
	if m.repoRules()[variable] == "" {
		return
	}
	var definition *build.AssignExpr
	used := 0
	build.Walk(m.file, func(x build.Expr, _ []build.Expr) {
		if assign, ok := x.(*build.AssignExpr); ok {
			if name, ok := assign.LHS.(*build.Ident); ok && name.Name == variable && m.statement(assign) >= 0 {
				if slices.Contains(m.file.Stmt, build.Expr(assign)) {
					definition = assign
				}
			}
		}
		if name, ok := x.(*build.Ident); ok && name.Name == variable {
			used++
		}
	})
	if definition != nil && used == 1 { // the definition itself
		m.drop(definition)
	}
}

// addTag adds a tag behind the last one, and the extension before it where it
// is not used yet.
func (m *Module) addTag(kind string, attrs []attr, dev bool, comments build.Comments) {
	proxies := m.proxies(dev)
	if len(proxies) == 0 {
		m.useExtension(dev)
		proxies = m.proxies(dev)
	}
	at := 0
	for i, stmt := range m.file.Stmt {
		if assign, ok := stmt.(*build.AssignExpr); ok {
			if name, ok := assign.LHS.(*build.Ident); ok && slices.Contains(proxies, name.Name) {
				at = i + 1
			}
		}
	}
	for _, t := range m.tags(proxies) {
		at = max(at, m.statement(t.rule.Call)+1)
	}
	slices.SortStableFunc(attrs, func(a, b attr) int { return strings.Compare(rank(a.name), rank(b.name)) })
	tag := call(proxies[0]+"."+kind, attrs...)
	tag.Comments = comments
	m.file.Stmt = slices.Insert(m.file.Stmt, at, build.Expr(tag))
}

// rank orders attributes as buildifier does: the name first.
func rank(attr string) string {
	if attr == "name" {
		return ""
	}
	return attr
}

// useExtension adds the extension at the end, under a name that is free.
func (m *Module) useExtension(dev bool) {
	taken := map[string]bool{}
	for _, stmt := range m.file.Stmt {
		if assign, ok := stmt.(*build.AssignExpr); ok {
			if name, ok := assign.LHS.(*build.Ident); ok {
				taken[name.Name] = true
			}
		}
	}
	variable := extension
	if dev {
		variable = "mimalloc_dev"
	}
	for taken[variable] {
		variable += "_extension"
	}
	use := call("use_extension")
	use.List = []build.Expr{&build.StringExpr{Value: m.extensionFile()}, &build.StringExpr{Value: extension}}
	if dev {
		use.List = append(use.List, &build.AssignExpr{LHS: &build.Ident{Name: "dev_dependency"}, Op: "=", RHS: &build.Ident{Name: "True"}})
	}
	m.file.Stmt = append(m.file.Stmt, &build.AssignExpr{LHS: &build.Ident{Name: variable}, Op: "=", RHS: use})
}

func call(function string, attrs ...attr) *build.CallExpr {
	x := &build.CallExpr{X: &build.Ident{Name: function}}
	if proxy, name, ok := strings.Cut(function, "."); ok {
		x.X = &build.DotExpr{X: &build.Ident{Name: proxy}, Name: name}
	}
	for _, a := range attrs {
		x.List = append(x.List, &build.AssignExpr{LHS: &build.Ident{Name: a.name}, Op: "=", RHS: a.value})
	}
	return x
}

// Remove takes rules_mimalloc out. It returns what it did, one line each.
func (m *Module) Remove() []string {
	var done []string
	proxies := append(m.proxies(false), m.proxies(true)...)
	for _, t := range m.tags(proxies) {
		if m.statement(t.rule.Call) >= 0 {
			done = append(done, fmt.Sprintf("%s: mimalloc.%s taken out", m.at(t.rule.Call), t.kind))
			m.drop(t.rule.Call)
		}
	}
	for _, call := range bzlmod.UseRepos(m.file, proxies) {
		done = append(done, m.at(call)+": use_repo taken out")
		m.drop(call)
	}
	m.file.Stmt = slices.DeleteFunc(m.file.Stmt, func(stmt build.Expr) bool {
		assign, ok := stmt.(*build.AssignExpr)
		if !ok {
			return false
		}
		name, ok := assign.LHS.(*build.Ident)
		if !ok || !slices.Contains(proxies, name.Name) {
			return false
		}
		done = append(done, m.at(stmt)+": use_extension taken out")
		return true
	})
	dep := m.rulesDep()
	if dep == nil {
		return done
	}
	name := dep.AttrString("repo_name")
	if name == "" {
		name = rulesModule
	}
	if other := m.mention("@" + name); other != nil {
		return append(done, fmt.Sprintf("%s: uses %s still, so its bazel_dep stays", m.at(other), rulesModule))
	}
	done = append(done, m.at(dep.Call)+": bazel_dep taken out")
	m.drop(dep.Call)
	for _, kind := range overrides {
		for _, r := range m.file.Rules(kind) {
			if r.AttrString("module_name") == rulesModule {
				done = append(done, fmt.Sprintf("%s: %s taken out", m.at(r.Call), kind))
				m.drop(r.Call)
			}
		}
	}
	return done
}

// mention finds a label of a repository.
func (m *Module) mention(repo string) build.Expr {
	var found build.Expr
	build.Walk(m.file, func(x build.Expr, _ []build.Expr) {
		if s, ok := x.(*build.StringExpr); ok && (s.Value == repo || strings.HasPrefix(s.Value, repo+"//")) {
			found = x
		}
	})
	return found
}

// expand fills in templates of the table for a release.
func expand(templates []string, row *mimalloc.Release) []string {
	fill := strings.NewReplacer("{tag}", row.Tag, "{version}", row.Version)
	var list []string
	for _, t := range templates {
		list = append(list, fill.Replace(t))
	}
	return list
}

// integrity spells a SHA-256 in hexadecimal as Bazel's integrity does.
func integrity(sha256 string) string {
	sum, err := hex.DecodeString(sha256)
	if err != nil {
		return ""
	}
	return "sha256-" + base64.StdEncoding.EncodeToString(sum)
}
