package gazelle

import (
	"log"
	"maps"
	"slices"
	"strings"

	"github.com/bazelbuild/bazel-gazelle/config"
	"github.com/bazelbuild/bazel-gazelle/label"
	"github.com/bazelbuild/bazel-gazelle/rule"
)

// Directives. Each holds for the directory and those below it.
const (
	directiveLibrary  = "mimalloc_library"
	directiveRaw      = "mimalloc_raw_compile"
	directiveTest     = "mimalloc_tls_test"
	directiveTestAttr = "mimalloc_tls_test_attr"
	directivePrebuilt = "mimalloc_prebuilt"
	directiveKind     = "mimalloc_image_kind"
	directiveRepo     = "mimalloc_repo"
	directiveInclude  = "mimalloc_include"
)

var directives = []string{
	directiveLibrary, directiveRaw, directiveTest, directiveTestAttr,
	directivePrebuilt, directiveKind, directiveRepo, directiveInclude,
}

// Values of mimalloc_library.
const (
	libraryAuto   = "auto"   // beside the tree where it is a git submodule, else inside
	libraryInside = "inside" // in the tree's own directory
	libraryBeside = "beside" // in the directory that holds the tree's
	libraryOff    = "off"
)

// Values of mimalloc_include, beside a label.
const (
	includeEmbedded = "embedded"
	includeAPI      = "api"
)

// settings are what the directives come to in a directory. They are not
// changed once another directory may have them.
type settings struct {
	library  string
	raw      bool
	tests    bool
	prebuilt bool
	kinds    map[string]bool // beside those known, and without those set to false
	repos    []string
	repoSet  bool // by a directive
	include  string
	attrs    map[string]any // of the generated tests: string, bool or []string
}

func defaults() *settings {
	return &settings{
		library:  libraryAuto,
		raw:      true,
		tests:    true,
		prebuilt: true,
		repos:    []string{"mimalloc"},
		include:  includeEmbedded,
	}
}

func settingsOf(c *config.Config) *settings {
	if s, ok := c.Exts[languageName].(*settings); ok {
		return s
	}
	return defaults()
}

// The attributes that mimalloc_tls_test_attr sets, by the type of their value.
var (
	stringAttrs = []string{"expect", "platform", "size", "timeout"}
	boolAttrs   = []string{"allow_empty", "allow_unknown", "flaky", "process"}
	listAttrs   = []string{"deny", "tags", "target_compatible_with"}
)

func (*mimallocLang) KnownDirectives() []string { return directives }

func (l *mimallocLang) Configure(c *config.Config, rel string, f *rule.File) {
	if rel == "" {
		l.readSubmodules(c.RepoRoot)
	}
	s := settingsOf(c)
	if f != nil {
		l.packages[rel] = &pkg{file: f}
		if own := l.read(s, f); own != nil {
			s = own
		}
	}
	c.Exts[languageName] = s
	l.configureTree(c, s, rel)
}

// read applies the directives of a file, nil where it has none.
func (l *mimallocLang) read(s *settings, f *rule.File) *settings {
	var own *settings
	for _, d := range f.Directives {
		if !strings.HasPrefix(d.Key, "mimalloc") {
			continue
		}
		if own == nil {
			clone := *s
			clone.kinds, clone.attrs = maps.Clone(s.kinds), maps.Clone(s.attrs)
			own = &clone
		}
		if problem := own.set(d.Key, strings.TrimSpace(d.Value)); problem != "" {
			log.Printf("%s: # gazelle:%s %s: %s", f.Path, d.Key, d.Value, problem)
			l.wrong++
		}
	}
	return own
}

// set applies one directive and says what is wrong with it.
func (s *settings) set(key, value string) string {
	words := strings.Fields(value)
	switch key {
	case directiveLibrary:
		return oneOf(&s.library, value, libraryAuto, libraryInside, libraryBeside, libraryOff)
	case directiveRaw:
		return onOff(&s.raw, value)
	case directiveTest:
		return onOff(&s.tests, value)
	case directivePrebuilt:
		return onOff(&s.prebuilt, value)
	case directiveKind:
		return s.setKinds(words)
	case directiveRepo:
		if len(words) == 0 {
			return "expected the names of one or more repositories, such as mimalloc"
		}
		s.repos, s.repoSet = nil, true
		for _, name := range words {
			s.repos = append(s.repos, strings.TrimLeft(name, "@"))
		}
		return ""
	case directiveInclude:
		if strings.HasPrefix(value, "//") || strings.HasPrefix(value, "@") {
			if _, err := label.Parse(value); err != nil {
				return err.Error()
			}
			s.include = value
			return ""
		}
		if problem := oneOf(&s.include, value, includeEmbedded, includeAPI); problem != "" {
			return problem + " or a label"
		}
		return ""
	case directiveTestAttr:
		return s.setAttr(value)
	}
	return "no such directive; there are " + strings.Join(directives, ", ")
}

func (s *settings) setKinds(words []string) string {
	if len(words) == 0 {
		return "expected rule kinds, such as my_addon, or -go_binary for one to leave out"
	}
	if s.kinds == nil {
		s.kinds = map[string]bool{}
	}
	for _, word := range words {
		kind, off := strings.CutPrefix(word, "-")
		if kind == "" || strings.ContainsAny(kind, "@/:-") {
			return "expected rule kinds, such as my_addon, or -go_binary for one to leave out; got " + word
		}
		s.kinds[kind] = !off
	}
	return ""
}

func (s *settings) setAttr(value string) string {
	name, value, _ := strings.Cut(value, " ")
	value = strings.TrimSpace(value)
	var known any
	switch {
	case name == "":
		return "expected an attribute and its value"
	case slices.Contains(stringAttrs, name):
		if problem := badValues(name, []string{value}); value != "" && problem != "" {
			return problem
		}
		known = value
	case slices.Contains(boolAttrs, name):
		switch value {
		case "true", "True":
			known = true
		case "false", "False":
			known = false
		case "":
		default:
			return "expected true or false, got " + value
		}
	case slices.Contains(listAttrs, name):
		list := strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
		if problem := badValues(name, list); problem != "" {
			return problem
		}
		known = list
	default:
		all := slices.Concat(stringAttrs, boolAttrs, listAttrs)
		slices.Sort(all)
		return "expected one of the attributes " + strings.Join(all, ", ") + ", got " + name
	}
	if s.attrs == nil {
		s.attrs = map[string]any{}
	}
	if value == "" {
		delete(s.attrs, name) // as the rule has it
		return ""
	}
	s.attrs[name] = known
	return ""
}

// attrValues are those of the attributes that have a closed set of them.
var attrValues = map[string][]string{
	"deny":    {"fixed-slot", "pthread-key", "thread-local"},
	"expect":  {"fixed-slot", "pthread-key", "thread-local", "none"},
	"size":    {"small", "medium", "large", "enormous"},
	"timeout": {"short", "moderate", "long", "eternal"},
}

// badValues says what is wrong with the values of an attribute, "" for nothing.
func badValues(name string, values []string) string {
	for _, v := range values {
		if allowed, closed := attrValues[name]; closed && !slices.Contains(allowed, v) {
			return "expected one of " + strings.Join(allowed, ", ") + ", got " + v
		}
		if name == "platform" || name == "target_compatible_with" {
			if _, err := label.Parse(v); err != nil {
				return err.Error()
			}
		}
	}
	return ""
}

func oneOf(to *string, value string, allowed ...string) string {
	if !slices.Contains(allowed, value) {
		return "expected one of " + strings.Join(allowed, ", ")
	}
	*to = value
	return ""
}

func onOff(to *bool, value string) string {
	var word string
	problem := oneOf(&word, value, "on", "off")
	if problem == "" {
		*to = word == "on"
	}
	return problem
}
