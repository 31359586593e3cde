package gazelle

import (
	"log"
	"path"
	"slices"
	"strings"

	"github.com/bazelbuild/bazel-gazelle/config"
	"github.com/bazelbuild/bazel-gazelle/language"
	"github.com/bazelbuild/bazel-gazelle/rule"
	"github.com/bazelbuild/buildtools/build"
)

// imageKinds are the rules that make images which can be for Apple platforms.
var imageKinds = func() map[string]bool {
	kinds := map[string]bool{}
	for _, kind := range []string{
		"cc_binary", "cc_shared_library", "objc_binary", "swift_binary",
		"go_binary",
		"rust_binary", "rust_shared_library", "rust_static_library",
		"apple_static_library", "apple_static_xcframework", "apple_universal_binary", "apple_xcframework",
		"macos_bundle", "macos_command_line_application", "macos_dylib", "macos_kernel_extension",
		"macos_quick_look_plugin", "macos_spotlight_importer", "macos_xpc_service",
	} {
		kinds[kind] = true
	}
	for _, os := range []string{"ios", "macos", "tvos", "visionos", "watchos"} {
		for _, what := range []string{"application", "app_clip", "extension", "framework", "dynamic_framework", "static_framework"} {
			kinds[os+"_"+what] = true
		}
	}
	return kinds
}()

// linkAttrs are the attributes whose targets end up in the image. Those that
// are images of their own (dynamic_deps) or files beside it (data) are not.
var linkAttrs = []string{
	"actual", "archives", "binary", "cc_deps", "cdeps", "crate", "deps", "embed", "exports", "implementation_deps",
	"lib", "libraries", "library", "link_deps", "malloc", "private_deps", "roots", "srcs",
}

// An image is something to test: a target, or a file of the tree.
type image struct {
	name     string // of the test, less its ending
	target   string // label from the package
	prebuilt bool   // a Mach-O file: whatever the build is for, it is one
}

const testSuffix = "_" + testKind

// A candidate is a generated test of a target of which it is not known yet
// whether a mimalloc is in it.
type candidate struct {
	target target
	file   *rule.File // nil where the package had none
	name   string     // of the test
	rule   *rule.Rule // the generated one
	had    bool       // the file has it from an earlier run
	config *config.Config
}

// images lists the targets of a package that make images, whatever is in them.
func (l *mimallocLang) images(args language.GenerateArgs, s *settings) []image {
	if !s.tests {
		return nil
	}
	var images []image
	seen := map[string]bool{}
	visit := func(r *rule.Rule) {
		kind := builtinKind(args.Config, r.Kind())
		on, said := s.kinds[kind]
		if own, ok := s.kinds[r.Kind()]; ok {
			on, said = own, true
		}
		if !said {
			on = imageKinds[kind]
		}
		if on && r.Name() != "" && !seen[r.Name()] && appleCapable(r) {
			seen[r.Name()] = true
			images = append(images, image{name: r.Name(), target: ":" + r.Name()})
		}
	}
	if args.File != nil {
		for _, r := range args.File.Rules {
			visit(r)
		}
	}
	for _, r := range args.OtherGen {
		visit(r)
	}
	slices.SortFunc(images, func(a, b image) int { return strings.Compare(a.name, b.name) })
	return images
}

// appleCapable reports whether a rule can be built for an Apple platform, as
// far as its plain target_compatible_with tells.
func appleCapable(r *rule.Rule) bool {
	list, ok := r.Attr("target_compatible_with").(*build.ListExpr)
	if !ok {
		return true
	}
	for _, s := range valuesOf(list).strings {
		if s == "@platforms//:incompatible" {
			return false
		}
		if os, ok := strings.CutPrefix(s, "@platforms//os:"); ok && !slices.Contains([]string{"macos", "osx", "ios", "tvos", "watchos", "visionos"}, os) {
			return false
		}
	}
	return true
}

// tlsTests makes the tests of a package. Those that are there already keep
// their names, and what the user set.
func (l *mimallocLang) tlsTests(args language.GenerateArgs, s *settings, images []image) []*rule.Rule {
	var tests []*rule.Rule
	for _, img := range images {
		existing, shared := existingTest(args.File, args.Rel, img.target)
		if shared {
			continue // a test of several targets: the user's
		}
		name := testName(img.name)
		if existing != nil {
			name = existing.Name()
		} else if other := named(args.File, name); other != nil {
			log.Printf("%s: %s: the name %s is taken, so there is no %s of it", place(args.File, other), img.target, name, testKind)
			continue
		}
		r := rule.NewRule(testKind, name)
		r.SetAttr("targets", []string{img.target})
		setTestAttrs(r, existing, s, img.prebuilt)
		tests = append(tests, r)
		if !img.prebuilt {
			l.tests = append(l.tests, &candidate{
				target: target{args.Rel, img.name},
				file:   args.File,
				name:   name,
				rule:   r,
				had:    existing != nil,
				config: args.Config,
			})
		}
	}
	return tests
}

func testName(image string) string {
	return strings.NewReplacer("/", "_", ".", "_").Replace(image) + testSuffix
}

func named(f *rule.File, name string) *rule.Rule {
	if f == nil {
		return nil
	}
	for _, r := range f.Rules {
		if r.Name() == name && r.Kind() != testKind {
			return r
		}
	}
	return nil
}

// existingTest finds the test of a target; shared says that it is a test of
// others as well.
func existingTest(f *rule.File, rel, target string) (r *rule.Rule, shared bool) {
	if f == nil {
		return nil, false
	}
	name := strings.TrimPrefix(target, ":")
	for _, r := range f.Rules {
		if r.Kind() != testKind {
			continue
		}
		for _, t := range valuesOf(r.Attr("targets")).strings {
			if t == name || t == ":"+name || t == "//"+rel+":"+name || rel != "" && path.Base(rel) == name && t == "//"+rel {
				v := valuesOf(r.Attr("targets"))
				return r, len(v.strings) > 1 || !v.whole
			}
		}
	}
	return nil, false
}

// setTestAttrs sets what directives say, in the rule that is there too. A
// build for another platform than Apple's has nothing to test: unless a
// platform is set, that is no failure.
func setTestAttrs(r, existing *rule.Rule, s *settings, prebuilt bool) {
	for name, value := range s.attrs {
		if prebuilt && name == "platform" {
			continue
		}
		r.SetAttr(name, value)
		if existing != nil && !keeps(existing, name) {
			existing.SetAttr(name, value)
		}
	}
	if _, said := s.attrs["allow_empty"]; said {
		return
	}
	platform := r.Attr("platform") != nil || existing != nil && existing.Attr("platform") != nil
	switch {
	case !platform && !prebuilt:
		r.SetAttr("allow_empty", true)
	case existing != nil && existing.Attr("allow_empty") != nil && !keeps(existing, "allow_empty"):
		existing.DelAttr("allow_empty")
	}
}

// keeps reports whether an attribute, or its rule, is marked # keep.
func keeps(r *rule.Rule, attr string) bool {
	if r.ShouldKeep() {
		return true
	}
	for _, comments := range []*build.Comments{r.AttrComments(attr)} {
		if comments == nil {
			continue
		}
		for _, c := range append(comments.Before, comments.Suffix...) {
			if text := strings.TrimSpace(strings.TrimPrefix(c.Token, "#")); text == "keep" || strings.HasPrefix(text, "keep: ") {
				return true
			}
		}
	}
	return r.Attr(attr) != nil && rule.ShouldKeep(r.Attr(attr))
}

// staleTests are generated tests of targets that are not there any more.
// Where a macro may have made the target they are left.
func staleTests(args language.GenerateArgs, gen []*rule.Rule) []*rule.Rule {
	var stale []*rule.Rule
	for _, r := range args.File.Rules {
		targets := valuesOf(r.Attr("targets"))
		if r.Kind() != testKind || len(targets.strings) != 1 || !targets.whole || slices.ContainsFunc(gen, func(g *rule.Rule) bool { return g.Name() == r.Name() }) {
			continue
		}
		name := strings.TrimPrefix(targets.strings[0], ":")
		if r.Name() != testName(name) || isFile(path.Join(args.Dir, name)) {
			continue
		}
		there := func(other *rule.Rule) bool {
			return other.Kind() != testKind && other.Name() != "" && strings.HasPrefix(name, other.Name())
		}
		if !slices.ContainsFunc(args.File.Rules, there) && !slices.ContainsFunc(args.OtherGen, there) {
			stale = append(stale, rule.NewRule(testKind, r.Name()))
		}
	}
	return stale
}
