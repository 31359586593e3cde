package gazelle

import (
	"bytes"
	"log"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bazelbuild/bazel-gazelle/config"
	"github.com/bazelbuild/bazel-gazelle/language"
	"github.com/bazelbuild/bazel-gazelle/rule"
)

// A tree is a source tree of mimalloc: a directory that holds
// include/mimalloc.h and src/static.c, as every release since 1.0 has them.
type tree struct {
	dir     string // from the root of the workspace, with slashes
	version string // such as 3.3.2, "" where it could not be read
	// Where its mimalloc_library is or would be; name is "" where there is to be none.
	pkg, name string
	beside    bool
	// Files inside the tree that make packages of its parts.
	cuts []string
	made bool // the library is there
}

// prefix is the path from the library's package to the tree, with its slash.
func (t *tree) prefix() string {
	if t.beside {
		return path.Base(t.dir) + "/"
	}
	return ""
}

// label of one of the library's targets: suffix is such as "-embedded".
func (t *tree) label(suffix string) string {
	name := t.name + suffix
	if path.Base(t.pkg) == name {
		return "//" + t.pkg
	}
	return "//" + t.pkg + ":" + name
}

// parent of a directory, "" for those at the root.
func parent(dir string) string {
	if dir = path.Dir(dir); dir == "." {
		return ""
	}
	return dir
}

// below reports whether a path is dir or lies below it.
func below(name, dir string) bool {
	return dir == "" || name == dir || strings.HasPrefix(name, dir+"/")
}

// configureTree recognises a source tree and keeps the other languages out of
// it: rules that they would make there are another build of mimalloc, and
// their BUILD files would cut it into packages.
func (l *mimallocLang) configureTree(c *config.Config, s *settings, rel string) {
	if t := l.treeAbove(rel); t != nil {
		part := below(rel, path.Join(t.dir, "src")) || below(rel, path.Join(t.dir, "include"))
		if p := l.packages[rel]; part && p != nil && p.file != nil {
			t.cuts = append(t.cuts, p.file.Path)
		}
		return
	}
	dir := filepath.Join(c.RepoRoot, filepath.FromSlash(rel))
	header := filepath.Join(dir, "include", "mimalloc.h")
	if !isFile(header) || !isFile(filepath.Join(dir, "src", "static.c")) {
		return
	}
	t := &tree{dir: rel, version: readVersion(header)}
	l.trees[rel] = t
	if s.library == libraryOff || !enabled(c) {
		return
	}
	c.Langs = []string{languageName}
	t.beside = rel != "" && (s.library == libraryBeside || s.library == libraryAuto && slices.Contains(l.modules, rel))
	if p := l.packages[rel]; t.beside && p != nil && p.file != nil {
		// A library beside it would lack the files of this package.
		if s.library == libraryBeside {
			log.Printf("%s: keeps the %s of %s in its own directory: delete it to have the library beside", p.file.Path, libraryKind, rel)
		}
		t.beside = false
	}
	t.pkg, t.name = rel, "mimalloc"
	if t.beside {
		t.pkg, t.name = parent(rel), path.Base(rel)
	}
	if p := l.packages[t.pkg]; p != nil && p.file != nil {
		t.name = freeName(p.file, t)
	}
}

// treeAbove returns the tree that a directory lies in, its root aside.
func (l *mimallocLang) treeAbove(rel string) *tree {
	for dir := rel; dir != ""; {
		dir = parent(dir)
		if t := l.trees[dir]; t != nil && t.dir != rel {
			return t
		}
	}
	return nil
}

// freeName chooses the library's name: that of the one which is there for this
// tree, else one that no other rule has.
func freeName(f *rule.File, t *tree) string {
	for _, r := range f.Rules {
		if r.Kind() == libraryKind && isGlobOf(r.Attr("srcs"), t.prefix()+"src/**") {
			return r.Name()
		}
	}
	for _, r := range f.Rules {
		if r.Name() == t.name && r.Kind() != libraryKind {
			return t.name + "_library"
		}
	}
	return t.name
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

var versionLine = regexp.MustCompile(`(?m)^[ \t]*#[ \t]*define[ \t]+MI_MALLOC_VERSION[ \t]+([0-9]{3,5})\b`)

// readVersion decodes MI_MALLOC_VERSION: 212 is 2.1.2, 3206 is 3.2.6, 30302 is
// 3.3.2. It is "" where the header has none.
func readVersion(header string) string {
	text, err := os.ReadFile(header)
	if err != nil {
		return ""
	}
	m := versionLine.FindSubmatch(text)
	if m == nil {
		return ""
	}
	digits := string(m[1])
	patch := 2
	if len(digits) == 3 {
		patch = 1
	}
	parts := []string{digits[:1], digits[1 : len(digits)-patch], digits[len(digits)-patch:]}
	for i, p := range parts {
		n, _ := strconv.Atoi(p)
		parts[i] = strconv.Itoa(n)
	}
	return strings.Join(parts, ".")
}

// readSubmodules reads where git has its submodules.
func (l *mimallocLang) readSubmodules(root string) {
	text, err := os.ReadFile(filepath.Join(root, ".gitmodules"))
	if err != nil {
		return
	}
	for line := range bytes.Lines(text) {
		key, value, ok := strings.Cut(string(line), "=")
		if ok && strings.TrimSpace(key) == "path" {
			l.modules = append(l.modules, path.Clean(strings.Trim(strings.TrimSpace(value), `"`)))
		}
	}
}

// library makes the rule of a tree, nil where it has to wait.
func (l *mimallocLang) library(args language.GenerateArgs, t *tree) *rule.Rule {
	if len(t.cuts) > 0 {
		for _, cut := range t.cuts {
			log.Printf("%s: makes a package of its own of a part of the mimalloc in %s, whose files mimalloc_library needs: delete it", cut, t.dir)
		}
		return nil
	}
	for _, use := range l.compiledFromAbove(t) {
		if !args.Config.ShouldFix || use.unsafe != "" {
			return nil // a package here would take the files from that rule; it is reported where it is
		}
	}
	r := rule.NewRule(libraryKind, t.name)
	r.SetAttr("srcs", rule.GlobValue{Patterns: []string{t.prefix() + "src/**"}})
	r.SetAttr("hdrs", rule.GlobValue{Patterns: []string{t.prefix() + "include/**"}})
	if t.version != "" {
		r.SetAttr("version", t.version)
	}
	there := args.File != nil && (args.File.HasDefaultVisibility() || slices.ContainsFunc(args.File.Rules, func(r *rule.Rule) bool { return r.Name() == t.name }))
	if !there {
		r.SetAttr("visibility", []string{"//visibility:public"})
	}
	t.made = true
	return r
}
