package gazelle

import (
	"path"
	"slices"

	"github.com/bazelbuild/bazel-gazelle/language"
	"github.com/bazelbuild/bazel-gazelle/rule"
)

func (l *mimallocLang) GenerateRules(args language.GenerateArgs) language.GenerateResult {
	result := l.generate(args)
	if gen := slices.Concat(args.OtherGen, result.Gen); args.File == nil && len(gen) > 0 {
		l.packages[args.Rel] = &pkg{gen: gen}
	}
	return result
}

func (l *mimallocLang) generate(args language.GenerateArgs) language.GenerateResult {
	var result language.GenerateResult
	s := settingsOf(args.Config)
	add := func(r *rule.Rule, imports any) {
		result.Gen = append(result.Gen, r)
		result.Imports = append(result.Imports, imports)
	}

	// Some extensions call every rule empty that has no sources of theirs. Rules
	// of these kinds are nobody else's.
	for _, r := range args.OtherEmpty {
		if kind := builtinKind(args.Config, r.Kind()); kind == libraryKind || kind == testKind {
			r.SetKind("")
		}
	}

	if l.treeAbove(args.Rel) != nil {
		return result // mimalloc's own files
	}
	for _, dir := range l.treesFor(args) {
		if r := l.library(args, l.trees[dir]); r != nil {
			add(r, nil)
		}
	}
	if args.File != nil {
		l.dropLibraries(args)
	}
	if l.trees[args.Rel] != nil && s.library != libraryOff {
		return result
	}

	l.collectCgo(args)
	images := l.images(args, s)
	if s.tests {
		images = append(images, l.prebuiltImages(args, s)...)
	}
	for _, r := range l.tlsTests(args, s, images) {
		add(r, nil)
	}
	if args.File != nil && s.tests {
		result.Empty = append(result.Empty, staleTests(args, result.Gen)...)
	}
	return result
}

// treesFor lists the trees whose library belongs into a directory.
func (l *mimallocLang) treesFor(args language.GenerateArgs) []string {
	var dirs []string
	if t := l.trees[args.Rel]; t != nil && t.name != "" && !t.beside {
		dirs = append(dirs, args.Rel)
	}
	for _, sub := range args.Subdirs {
		if t := l.trees[path.Join(args.Rel, sub)]; t != nil && t.name != "" && t.beside {
			dirs = append(dirs, t.dir)
		}
	}
	slices.Sort(dirs)
	return dirs
}

// dropLibraries deletes the mimalloc_library rules of a package that were
// generated for a tree which is not there any more. Gazelle cannot merge globs,
// so this is not left to it.
func (l *mimallocLang) dropLibraries(args language.GenerateArgs) {
	for _, r := range args.File.Rules {
		dir, ok := generatedFor(args.Rel, r)
		if !ok || keeps(r, "srcs") || keeps(r, "hdrs") {
			continue
		}
		if t := l.trees[dir]; t == nil && !l.excluded(args, dir) || t != nil && t.name != "" && t.pkg != args.Rel {
			r.Delete()
		}
	}
}

// generatedFor tells the directory of the tree that a generated rule is for.
func generatedFor(rel string, r *rule.Rule) (string, bool) {
	if r.Kind() != libraryKind {
		return "", false
	}
	srcs, hdrs := globPatterns(r.Attr("srcs")), globPatterns(r.Attr("hdrs"))
	if len(srcs) != 1 || len(hdrs) != 1 {
		return "", false
	}
	dir := path.Dir(path.Dir(srcs[0])) // of DIR/src/**
	if path.Join(dir, "src/**") != path.Clean(srcs[0]) || path.Join(dir, "include/**") != path.Clean(hdrs[0]) {
		return "", false
	}
	dir = path.Join(rel, dir)
	if dir == "." {
		dir = ""
	}
	return dir, true
}

// excluded reports whether a tree is there although it was not visited, or is
// a submodule that is not checked out.
func (l *mimallocLang) excluded(args language.GenerateArgs, dir string) bool {
	if slices.Contains(l.modules, dir) {
		return true
	}
	root := path.Join(args.Config.RepoRoot, dir)
	return isFile(path.Join(root, "include", "mimalloc.h")) && isFile(path.Join(root, "src", "static.c"))
}
