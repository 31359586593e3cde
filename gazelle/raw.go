package gazelle

import (
	"fmt"
	"log"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/bazelbuild/bazel-gazelle/config"
	"github.com/bazelbuild/bazel-gazelle/rule"
	"github.com/bazelbuild/buildtools/build"
)

// A rawUse is a rule that compiles a source tree of mimalloc as upstream has
// it, without the patch.
type rawUse struct {
	*compiler
	tree     *tree
	source   string // what it compiles, from the root of the workspace
	override bool   // it replaces malloc
	unsafe   string // why it cannot be rewritten, "" where it can
}

// compileAttrs are the attributes by which rules take what they compile.
// Kinds are matched by how they end, so that my_cc_library is one too.
var compileAttrs = []struct {
	kinds []string
	attrs []string
}{
	{[]string{"cc_library", "cc_binary", "cc_test", "cc_static_library", "objc_library", "go_library", "go_binary", "go_test"}, []string{"srcs", "textual_hdrs"}},
	{[]string{"cmake", "configure_make", "make", "ninja", "meson"}, []string{"lib_source"}},
	{[]string{"cargo_build_script"}, []string{"srcs", "data", "compile_data"}},
}

func attrsCompiled(kind string) []string {
	for _, c := range compileAttrs {
		for _, k := range c.kinds {
			if kind == k || strings.HasSuffix(kind, "_"+k) {
				return c.attrs
			}
		}
	}
	return nil
}

// sources are the files of a tree by which its compilation is known: the one
// that includes all the others, one of those others, and CMake's.
func (t *tree) sources() []string {
	return []string{
		path.Join(t.dir, "src", "static.c"),
		path.Join(t.dir, "src", "alloc.c"),
		path.Join(t.dir, "CMakeLists.txt"),
	}
}

// A compiler is a rule that may compile a tree, with what it compiled when its
// file was read: other extensions may change that before it is looked at, and
// a tree may lie in a directory that comes later.
type compiler struct {
	config *config.Config
	file   *rule.File
	rule   *rule.Rule
	kind   string
	attrs  map[string]values
}

// compilers lists the rules of a file that name files of other directories, or
// the sources of a tree that the file is in.
func (l *mimallocLang) compilers(c *config.Config, f *rule.File) []*compiler {
	var found []*compiler
	for _, r := range f.Rules {
		kind := builtinKind(c, r.Kind())
		for _, attr := range attrsCompiled(kind) {
			v := valuesOf(r.Attr(attr))
			if len(v.globs) == 0 && !slices.ContainsFunc(v.strings, notBeside) {
				continue
			}
			com := &compiler{c, f, r, kind, map[string]values{}}
			for _, name := range r.AttrKeys() {
				com.attrs[name] = valuesOf(r.Attr(name))
			}
			found = append(found, com)
			break
		}
	}
	return found
}

// notBeside reports whether a source may be a tree's, and is no plain file of
// the rule's own directory.
func notBeside(src string) bool {
	return strings.ContainsAny(src, "/:@") || src == "CMakeLists.txt"
}

// use finds the tree that a rule compiles.
func (l *mimallocLang) use(com *compiler) *rawUse {
	for _, attr := range attrsCompiled(com.kind) {
		t, file := l.compiled(com.file.Pkg, com.attrs[attr], 0)
		if t == nil || com.kind == "cargo_build_script" && strings.HasSuffix(file, "CMakeLists.txt") {
			continue
		}
		u := &rawUse{compiler: com, tree: t, source: file}
		u.judge(l)
		return u
	}
	return nil
}

// compiled finds a tree's source among the values of an attribute, through
// filegroups too.
func (l *mimallocLang) compiled(pkg string, v values, depth int) (*tree, string) {
	for _, s := range v.strings {
		t, ok := l.local(pkg, s)
		if !ok {
			continue
		}
		for _, tree := range l.sortedTrees() {
			if slices.Contains(tree.sources(), t.file()) {
				return tree, t.file()
			}
		}
		if r := l.find(t); r != nil && r.Kind() == "filegroup" && depth < 8 {
			if tree, file := l.compiled(t.pkg, valuesOf(r.Attr("srcs")), depth+1); tree != nil {
				return tree, file
			}
		}
	}
	for _, g := range v.globs {
		for _, tree := range l.sortedTrees() {
			if !below(tree.dir, pkg) {
				continue
			}
			for _, source := range tree.sources() {
				if l.packageOf(source) == pkg && matches(g, strings.TrimPrefix(strings.TrimPrefix(source, pkg), "/")) {
					return tree, source
				}
			}
		}
	}
	return nil, ""
}

// packageOf is the package that a file belongs to as BUILD files are now.
func (l *mimallocLang) packageOf(file string) string {
	for dir := parent(file); dir != ""; dir = parent(dir) {
		if p := l.packages[dir]; p != nil && p.file != nil {
			return dir
		}
	}
	return ""
}

func (l *mimallocLang) sortedTrees() []*tree {
	trees := make([]*tree, 0, len(l.trees))
	for _, t := range l.trees {
		if t.name != "" {
			trees = append(trees, t)
		}
	}
	slices.SortFunc(trees, func(a, b *tree) int { return strings.Compare(a.dir, b.dir) })
	return trees
}

// compiledFromAbove finds the rules of packages above a library's that compile
// its tree now, where its package would be a new one.
func (l *mimallocLang) compiledFromAbove(t *tree) []*rawUse {
	if p := l.packages[t.pkg]; p != nil && p.file != nil {
		return nil
	}
	var uses []*rawUse
	for dir := t.pkg; dir != ""; {
		dir = parent(dir)
		p := l.packages[dir]
		if p == nil || p.file == nil {
			continue
		}
		for _, com := range l.compilers(nil, p.file) {
			if use := l.use(com); use != nil && use.tree == t {
				uses = append(uses, use)
			}
		}
	}
	return uses
}

// Options of a cc_library over a whole mimalloc that mimalloc_library passes
// itself or does not need, so that they can go.
var (
	plainAttrs   = []string{"name", "srcs", "hdrs", "textual_hdrs", "includes", "strip_include_prefix", "copts", "defines", "local_defines", "linkopts", "alwayslink", "linkstatic", "visibility", "tags", "testonly", "deprecation"}
	keptAttrs    = []string{"name", "visibility", "tags", "testonly", "deprecation"}
	plainDefines = []string{"MI_STATIC_LIB", "MI_MALLOC_OVERRIDE", "MI_OSX_ZONE", "MI_OSX_INTERPOSE", "MI_BUILD_RELEASE", "NDEBUG", "_GNU_SOURCE"}
	plainOptions = []string{"-O", "-I", "-W", "-w", "-std=", "-f", "-g", "-pthread", "-lpthread", "-lrt"}
)

// judge decides whether a rule can become an alias of the library.
func (u *rawUse) judge(l *mimallocLang) {
	pkg := u.file.Pkg
	if u.kind != "cc_library" {
		u.unsafe = "only a cc_library can be rewritten"
		return
	}
	for _, attr := range slices.Sorted(maps.Keys(u.attrs)) {
		if !slices.Contains(plainAttrs, attr) {
			u.unsafe = "it has " + attr
			return
		}
		v := u.attrs[attr]
		switch attr {
		case "srcs", "hdrs", "textual_hdrs":
			if !v.whole {
				u.unsafe = attr + " is no plain list"
				return
			}
			for _, s := range v.strings {
				t, ok := l.local(pkg, s)
				if !ok || !below(t.file(), u.tree.dir) {
					u.unsafe = fmt.Sprintf("%s has %s, which is not mimalloc's", attr, s)
					return
				}
			}
			for _, g := range v.globs {
				for _, p := range g.Patterns {
					if !below(path.Join(pkg, p), u.tree.dir) {
						u.unsafe = fmt.Sprintf("%s has %s, which is not only mimalloc's", attr, p)
						return
					}
				}
			}
		case "defines", "local_defines", "copts", "linkopts":
			if !v.whole || v.selects {
				u.unsafe = attr + " is no plain list"
				return
			}
			for _, s := range v.strings {
				if !u.plain(attr, s) {
					u.unsafe = fmt.Sprintf("%s has %s", attr, s)
					return
				}
			}
		}
	}
	if path.Base(u.source) != "static.c" {
		u.unsafe = "it does not compile src/static.c"
	}
}

// plain reports whether an option can go.
func (u *rawUse) plain(attr, option string) bool {
	define, isDefine := strings.CutPrefix(option, "-D")
	if strings.HasSuffix(attr, "defines") {
		define, isDefine = option, true
	}
	if !isDefine {
		return slices.ContainsFunc(plainOptions, func(p string) bool { return strings.HasPrefix(option, p) })
	}
	name, value, _ := strings.Cut(define, "=")
	if name == "MI_MALLOC_OVERRIDE" {
		u.override = true
	}
	return slices.Contains(plainDefines, name) && value != "0"
}

// replacement is the label to use in the place of the rule.
func (u *rawUse) replacement() string {
	if u.override {
		return u.tree.label("")
	}
	return u.tree.label("-embedded")
}

// Fix notes the rules that may compile a tree, before other extensions change
// them.
func (l *mimallocLang) Fix(c *config.Config, f *rule.File) {
	l.compiles = append(l.compiles, l.compilers(c, f)...)
}

// settleRaw reports the rules that compile a tree raw, and rewrites them where
// gazelle fix asked for it. It returns those that are left.
func (l *mimallocLang) settleRaw() map[*rule.Rule]bool {
	left := map[*rule.Rule]bool{}
	for _, com := range l.compiles {
		use := l.use(com)
		if use == nil || l.treeAbove(com.file.Pkg) != nil {
			continue
		}
		switch {
		case !settingsOf(com.config).raw:
		case com.config.ShouldFix && use.unsafe == "" && !com.rule.ShouldKeep() && use.tree.made:
			use.rewrite()
			continue
		default:
			log.Print(use.report())
		}
		left[com.rule] = true
	}
	return left
}

func (u *rawUse) report() string {
	what := fmt.Sprintf("%s: %s %s compiles %s without the patch for Apple platforms; ", place(u.file, u.rule), u.rule.Kind(), u.rule.Name(), u.source)
	instead := fmt.Sprintf("alias(name = %q, actual = %q)", u.rule.Name(), u.replacement())
	if u.unsafe == "" {
		return what + "write " + instead + " instead, or run gazelle fix"
	}
	if kind := u.rule.Kind(); kind != "cc_library" {
		return fmt.Sprintf("%sdepend on %s instead (%s where it replaces malloc), or # gazelle:mimalloc_raw_compile off", what, u.tree.label("-embedded"), u.tree.label(""))
	}
	return fmt.Sprintf("%swrite %s instead; gazelle fix does not, because %s", what, instead, u.unsafe)
}

// rewrite makes the rule an alias of the library.
func (u *rawUse) rewrite() {
	f, kind := u.file, u.rule.Kind()
	log.Printf("%s: %s %s is now an alias of %s", place(f, u.rule), kind, u.rule.Name(), u.replacement())
	for _, attr := range u.rule.AttrKeys() {
		if !slices.Contains(keptAttrs, attr) {
			u.rule.DelAttr(attr)
		}
	}
	u.rule.SetKind("alias")
	actual := u.replacement()
	if u.tree.pkg == f.Pkg {
		actual = actual[strings.LastIndexByte(actual, '/')+1:]
		if i := strings.LastIndexByte(actual, ':'); i >= 0 {
			actual = actual[i:]
		} else {
			actual = ":" + actual
		}
	}
	u.rule.SetAttr("actual", actual)
	u.rule.AddComment("# keep: other extensions take an alias without sources for an empty rule")
	f.Sync()
	dropLoad(f, kind)
}

// dropLoad takes a symbol that nothing uses any more out of the load statements.
func dropLoad(f *rule.File, symbol string) {
	used := false
	for _, stmt := range f.File.Stmt {
		if _, isLoad := stmt.(*build.LoadStmt); isLoad {
			continue
		}
		build.Walk(stmt, func(x build.Expr, _ []build.Expr) {
			if name, ok := x.(*build.Ident); ok && name.Name == symbol {
				used = true
			}
		})
	}
	if used {
		return
	}
	for _, load := range f.Loads {
		if load.Has(symbol) {
			load.Remove(symbol)
			if load.IsEmpty() {
				load.Delete()
			}
		}
	}
}

// builtinKind undoes # gazelle:map_kind and # gazelle:alias_kind.
func builtinKind(c *config.Config, kind string) string {
	if c == nil {
		return kind
	}
	for from, to := range c.KindMap {
		if to.KindName == kind {
			return from
		}
	}
	if wrapped, ok := c.AliasMap[kind]; ok {
		return wrapped
	}
	return kind
}
