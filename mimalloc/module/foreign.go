package module

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bazelbuild/buildtools/build"

	"github.com/rules-mimalloc/rules_mimalloc/mimalloc"
)

// A foreign is a mimalloc that comes into the module by other means.
type foreign struct {
	stmts []*build.CallExpr // all that belongs to it; the first stands for it
	what  string            // such as "http_archive mimalloc"
	repo  string            // its name here
	dev   bool              // a development dependency

	// What replaces it, or why nothing can without a decision.
	kind    string // of the tag
	attrs   []attr
	notes   []string
	problem string
}

// An attr is an attribute of a tag to be written.
type attr struct {
	name  string
	value build.Expr
}

func text(name, value string) attr { return attr{name, &build.StringExpr{Value: value}} }

var bcrSuffix = regexp.MustCompile(`\.bcr\.[0-9]+$`)

// overrides are the calls by which a root module says where another comes from.
var overrides = []string{"single_version_override", "multiple_version_override", "archive_override", "git_override", "local_path_override"}

// foreigns finds the mimallocs of a module that are not rules_mimalloc's.
func (m *Module) foreigns(table *mimalloc.Table) []*foreign {
	var found []*foreign
	for _, dep := range m.file.Rules("bazel_dep") {
		if dep.AttrString("name") == "mimalloc" {
			found = append(found, m.registryModule(table, dep))
		}
	}
	rules := m.repoRules()
	for _, stmt := range m.file.Stmt {
		call, ok := stmt.(*build.CallExpr)
		if !ok {
			continue
		}
		r := build.NewRule(call)
		if rule := rules[r.Kind()]; rule != "" && ofMimalloc(r) {
			found = append(found, repository(table, rule, r))
		}
	}
	return found
}

// repoRules maps the variables that hold repository rules to the rules' names.
func (m *Module) repoRules() map[string]string {
	rules := map[string]string{}
	for _, stmt := range m.file.Stmt {
		assign, ok := stmt.(*build.AssignExpr)
		if !ok {
			continue
		}
		name, ok := assign.LHS.(*build.Ident)
		call, isCall := assign.RHS.(*build.CallExpr)
		if !ok || !isCall || len(call.List) < 2 {
			continue
		}
		function, _ := call.X.(*build.Ident)
		rule, _ := call.List[1].(*build.StringExpr)
		if function != nil && function.Name == "use_repo_rule" && rule != nil {
			rules[name.Name] = rule.Value
		}
	}
	return rules
}

// ofMimalloc reports whether a repository rule fetches mimalloc's sources.
func ofMimalloc(r *build.Rule) bool {
	if base := path.Base(r.AttrString("path")); base == "mimalloc" {
		return true
	}
	for _, name := range []string{r.AttrString("name"), r.AttrString("strip_prefix")} {
		if name == "mimalloc" || strings.HasPrefix(name, "mimalloc-") || strings.HasPrefix(name, "mimalloc_") {
			return true
		}
	}
	for _, url := range append(urls(r), r.AttrString("remote")) {
		if strings.Contains(url, "microsoft/mimalloc") {
			return true
		}
	}
	return false
}

func urls(r *build.Rule) []string {
	list := r.AttrStrings("urls")
	for _, name := range []string{"url", "urls"} {
		if url := r.AttrString(name); url != "" {
			list = append(list, url)
		}
	}
	return list
}

// registryModule is for the registry's module mimalloc, with its override
// where it has one.
func (m *Module) registryModule(table *mimalloc.Table, dep *build.Rule) *foreign {
	f := &foreign{stmts: []*build.CallExpr{dep.Call}, what: "bazel_dep mimalloc", repo: "mimalloc", dev: dep.AttrLiteral("dev_dependency") == "True"}
	if name := dep.AttrString("repo_name"); name != "" {
		f.repo = name
	}
	version := bcrSuffix.ReplaceAllString(dep.AttrString("version"), "")
	var override *build.Rule
	for _, kind := range overrides {
		for _, r := range m.file.Rules(kind) {
			if r.AttrString("module_name") == "mimalloc" {
				override = r
				f.stmts = append(f.stmts, r.Call)
				f.what += " with " + kind
			}
		}
	}
	if override == nil {
		f.release(table, version, nil)
		return f
	}
	switch override.Kind() {
	case "single_version_override":
		if v := override.AttrString("version"); v != "" {
			version = bcrSuffix.ReplaceAllString(v, "")
		}
		f.release(table, version, override)
	case "archive_override":
		f.archive(table, override)
	case "git_override":
		f.git(table, override)
	case "local_path_override":
		f.local(override)
	default:
		f.problem = override.Kind() + " has several versions of mimalloc; one process wants one: take the override out"
	}
	return f
}

// repository is for a repository that a rule makes.
func repository(table *mimalloc.Table, rule string, r *build.Rule) *foreign {
	f := &foreign{stmts: []*build.CallExpr{r.Call}, what: rule + " " + r.AttrString("name"), repo: r.AttrString("name"), dev: r.AttrLiteral("dev_dependency") == "True"}
	switch rule {
	case "http_archive":
		f.archive(table, r)
	case "git_repository", "new_git_repository":
		f.git(table, r)
	case "local_repository", "new_local_repository":
		f.local(r)
	default:
		f.problem = "a mimalloc that the repository rule " + rule + " makes"
	}
	for _, name := range []string{"build_file", "build_file_content"} {
		if r.Attr(name) != nil {
			f.notes = append(f.notes, fmt.Sprintf("its %s is not used any more: the targets are :mimalloc-embedded, :mimalloc (overrides malloc), :mimalloc-api and :mimalloc-stats", name))
		}
	}
	return f
}

// release settles on a release of the table; r may bring patches for it.
func (f *foreign) release(table *mimalloc.Table, version string, r *build.Rule) {
	row := find(table, version)
	if row == nil {
		f.problem = fmt.Sprintf("%s is at version %q, which is no release that rules_mimalloc knows", f.what, version)
		return
	}
	if r != nil && r.Attr("patches") != nil {
		f.kind = "archive"
		f.attrs = []attr{
			{"urls", stringList(expand(table.URLs, row))},
			text("sha256", row.SHA256),
			text("strip_prefix", expand([]string{table.StripPrefix}, row)[0]),
		}
		f.patches(r)
		return
	}
	f.unsupported(r)
	f.kind = "release"
	f.attrs = []attr{text("version", row.Version)}
}

func (f *foreign) archive(table *mimalloc.Table, r *build.Rule) {
	digest := attr{}
	for _, name := range []string{"integrity", "sha256"} {
		if x := r.Attr(name); x != nil {
			digest = attr{name, x}
		}
	}
	from := urls(r)
	for i := range table.Releases {
		row := &table.Releases[i]
		same := digest.value == nil && slices.ContainsFunc(expand(table.URLs, row), func(url string) bool { return slices.Contains(from, url) })
		if r.AttrString("sha256") == row.SHA256 || r.AttrString("integrity") == integrity(row.SHA256) || same {
			f.release(table, row.Version, r)
			return
		}
	}
	switch {
	case len(from) == 0:
		f.problem = "no urls that could be read"
		return
	case digest.value == nil:
		f.problem = "no digest: add integrity or sha256 first"
		return
	}
	f.kind = "archive"
	f.attrs = []attr{{"urls", stringList(from)}, digest}
	if prefix := r.Attr("strip_prefix"); prefix != nil {
		f.attrs = append(f.attrs, attr{"strip_prefix", prefix})
	}
	f.patches(r)
}

func (f *foreign) git(table *mimalloc.Table, r *build.Rule) {
	tag := r.AttrString("tag")
	for _, row := range table.Releases {
		if row.Tag == tag && strings.Contains(r.AttrString("remote"), "microsoft/mimalloc") {
			f.release(table, row.Version, r)
			return
		}
	}
	f.problem = "a git repository at a commit or tag that rules_mimalloc does not know: write mimalloc.archive with the commit's archive and its digest"
}

func (f *foreign) local(r *build.Rule) {
	if r.AttrString("path") == "" {
		f.problem = "no path that could be read"
		return
	}
	f.kind = "local"
	f.attrs = []attr{text("path", r.AttrString("path"))}
	f.unsupported(r)
}

// patches takes over the patches of a call.
func (f *foreign) patches(r *build.Rule) {
	f.unsupported(r)
	patches := r.Attr("patches")
	if patches == nil {
		return
	}
	strip := r.Attr("patch_strip")
	for _, arg := range r.AttrStrings("patch_args") {
		n, err := strconv.Atoi(strings.TrimPrefix(arg, "-p"))
		if err != nil || !strings.HasPrefix(arg, "-p") {
			f.problem = fmt.Sprintf("patch_args: %q has no counterpart", arg)
			return
		}
		strip = &build.LiteralExpr{Token: strconv.Itoa(n)}
	}
	f.attrs = append(f.attrs, attr{"patches", patches})
	if strip != nil {
		f.attrs = append(f.attrs, attr{"patch_strip", strip})
	}
	f.notes = append(f.notes, "its patches are kept; take out those that choose the TLS model by hand, which rules_mimalloc does now")
}

// unsupported refuses attributes that change the sources in a way no tag does.
func (f *foreign) unsupported(r *build.Rule) {
	if r == nil {
		return
	}
	for _, name := range []string{"patch_cmds", "patch_cmds_win", "remote_patches", "overlay", "remote_file_urls", "add_prefix", "patch_tool"} {
		if r.Attr(name) != nil {
			f.problem = name + " has no counterpart in rules_mimalloc"
		}
	}
	if f.kind == "local" && r.Attr("patches") != nil {
		f.problem = "patches have no counterpart for a local directory"
	}
}

func stringList(list []string) build.Expr {
	x := &build.ListExpr{}
	for _, s := range list {
		x.List = append(x.List, &build.StringExpr{Value: s})
	}
	return x
}
