package gazelle

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/bazelbuild/bazel-gazelle/config"
	"github.com/bazelbuild/bazel-gazelle/label"
	"github.com/bazelbuild/bazel-gazelle/language"
	"github.com/bazelbuild/bazel-gazelle/resolve"
	"github.com/bazelbuild/bazel-gazelle/rule"
	"github.com/bazelbuild/buildtools/build"
)

// A cgoRule is a Go rule whose cgo sources include headers of mimalloc. The Go
// extension knows no cdeps.
type cgoRule struct {
	rel, name string
	config    *config.Config
	file      *rule.File // nil where the package had none
	gen       *rule.Rule
	headers   []string
}

var includeLine = regexp.MustCompile(`(?m)^[ \t]*(?://)?[ \t]*#[ \t]*include[ \t]*[<"](mimalloc(?:-stats|-override|-new-delete)?\.h)[>"]`)

// collectCgo looks into the sources of the cgo rules that the Go extension
// made for a package.
func (l *mimallocLang) collectCgo(args language.GenerateArgs) {
	for _, r := range args.OtherGen {
		kind := builtinKind(args.Config, r.Kind())
		if kind != "go_library" && kind != "go_binary" && kind != "go_test" || valuesOf(r.Attr("cgo")).whole && !isTrue(r.Attr("cgo")) {
			continue
		}
		var headers []string
		for _, src := range valuesOf(r.Attr("srcs")).strings {
			switch path.Ext(src) {
			case ".go", ".c", ".h", ".cc", ".cpp", ".m", ".mm":
			default:
				continue
			}
			text, err := os.ReadFile(filepath.Join(args.Dir, src))
			if err != nil || path.Ext(src) == ".go" && !bytes.Contains(text, []byte(`"C"`)) {
				continue
			}
			for _, m := range includeLine.FindAllSubmatch(text, -1) {
				if header := string(m[1]); !slices.Contains(headers, header) {
					headers = append(headers, header)
				}
			}
		}
		if len(headers) > 0 {
			slices.Sort(headers)
			l.cgo = append(l.cgo, &cgoRule{args.Rel, r.Name(), args.Config, args.File, r, headers})
		}
	}
}

func isTrue(x build.Expr) bool {
	name, ok := x.(*build.Ident)
	return ok && name.Name == "True"
}

// addCdeps gives cgo rules the mimalloc that they include, unless they have
// one.
func (l *mimallocLang) addCdeps() {
	for _, cgo := range l.cgo {
		r := cgo.gen
		if cgo.file != nil {
			for _, there := range cgo.file.Rules {
				if there.Kind() == cgo.gen.Kind() && there.Name() == cgo.name {
					r = there
				}
			}
		}
		if r.ShouldKeep() || r.Attr("cdeps") != nil && keeps(r, "cdeps") {
			continue
		}
		cdeps := valuesOf(r.Attr("cdeps"))
		if !cdeps.whole || cdeps.selects || slices.ContainsFunc(cdeps.strings, func(s string) bool { return l.isMimalloc(cgo, s) }) {
			continue
		}
		list := cdeps.strings
		for _, header := range cgo.headers {
			for _, lab := range l.labelsOfHeader(cgo.config, header) {
				if s := lab.Rel("", cgo.rel).String(); !slices.Contains(list, s) {
					list = append(list, s)
				}
			}
		}
		r.SetAttr("cdeps", list)
	}
}

// labelsOfHeader is as the C++ extension would have it: # gazelle:resolve wins.
func (l *mimallocLang) labelsOfHeader(c *config.Config, header string) []label.Label {
	for _, lang := range []string{"cc", "go"} {
		if lab, ok := resolve.FindRuleWithOverride(c, resolve.ImportSpec{Lang: lang, Imp: header}, lang); ok {
			return []label.Label{lab}
		}
	}
	labels := l.labelsFor(settingsOf(c), header)
	return labels[:min(1, len(labels))]
}

// isMimalloc reports whether a dependency is a mimalloc or its headers.
func (l *mimallocLang) isMimalloc(cgo *cgoRule, dep string) bool {
	lab, ok := l.parse(cgo.rel, dep)
	if !ok {
		return false
	}
	if lab.Repo != "" {
		return slices.Contains(settingsOf(cgo.config).repos, lab.Repo)
	}
	for _, t := range l.libraries() {
		for _, suffix := range []string{"", "-embedded", "-api", "-stats"} {
			if lab.Pkg == t.pkg && lab.Name == t.name+suffix {
				return true
			}
		}
	}
	return false
}
