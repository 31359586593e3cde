package module

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bazelbuild/buildtools/build"

	"github.com/rules-mimalloc/rules_mimalloc/mimalloc"
)

// A VersionError is a version that is no release of the table.
type VersionError struct{ msg string }

func (e *VersionError) Error() string { return e.msg }

func unknownVersion(table *mimalloc.Table, version string) error {
	var known []string
	for _, r := range table.Releases {
		known = append(known, r.Version)
	}
	return &VersionError{fmt.Sprintf("version %q is not a release that rules_mimalloc %s knows; known: %s; any other source archive can be had with mimalloc.archive", version, Version, strings.Join(known, ", "))}
}

func find(table *mimalloc.Table, version string) *mimalloc.Release {
	for i := range table.Releases {
		if table.Releases[i].Version == version {
			return &table.Releases[i]
		}
	}
	return nil
}

// Newest is the newest release of the table whose header has been seen and of
// which nothing is to be said.
func Newest(table *mimalloc.Table) *mimalloc.Release {
	newest := &table.Releases[0]
	for i := range table.Releases {
		if r := &table.Releases[i]; r.Generation != "" && r.RefuseThreadLocal == "" && r.Note == "" {
			newest = r
		}
	}
	return newest
}

// A Change is a tag that moves to another release.
type Change struct {
	Place    string // such as "MODULE.bazel:7"
	Repo     string
	From, To *mimalloc.Release
	Done     []string // what else was mended, one line each
}

// Bump moves a tag mimalloc.release to another release of the table: version
// "" is the newest. repo chooses among several tags, "" where there is one.
// Nothing is edited where the tag is at that version already. An unknown
// version is a *VersionError, a release that would be refused a *FindingsError.
func (m *Module) Bump(table *mimalloc.Table, version, repo string) (*Change, error) {
	to := Newest(table)
	if version != "" {
		if to = find(table, version); to == nil {
			return nil, unknownVersion(table, version)
		}
	}
	t, err := m.releaseTag(repo)
	if err != nil {
		return nil, err
	}
	at := t.rule.Attr("version")
	start, _ := t.rule.Call.Span()
	from := find(table, t.rule.AttrString("version"))
	if from == nil {
		if t.rule.AttrString("version") == "" {
			return nil, &FindingsError{m.path, []Finding{{start.Line, "mimalloc.release has no version that could be read"}}}
		}
		from = &mimalloc.Release{Version: t.rule.AttrString("version")}
	}
	if to.RefuseThreadLocal != "" && t.rule.AttrString("tls_model") != "upstream" {
		return nil, &FindingsError{m.path, []Finding{{start.Line, fmt.Sprintf("mimalloc %s is refused with the thread-local model: %s", to.Version, to.RefuseThreadLocal)}}}
	}
	change := &Change{Place: m.at(t.rule.Call), Repo: t.repo, From: from, To: to}
	if from.Version != to.Version {
		at.(*build.StringExpr).Value = to.Version
	}
	change.Done = m.fixUseRepo()
	return change, nil
}

// releaseTag finds the tag that a bump is about.
func (m *Module) releaseTag(repo string) (*tag, error) {
	var releases []tag
	var others []string
	for _, dev := range []bool{false, true} {
		for _, t := range m.tags(m.proxies(dev)) {
			switch {
			case t.repo == "" || repo != "" && t.repo != repo:
			case t.kind != "release":
				others = append(others, fmt.Sprintf("%s: @%s is a mimalloc.%s", m.at(t.rule.Call), t.repo, t.kind))
			default:
				releases = append(releases, t)
			}
		}
	}
	switch {
	case len(releases) == 1:
		return &releases[0], nil
	case len(releases) > 1:
		var names []string
		for _, t := range releases {
			names = append(names, t.repo)
		}
		return nil, fmt.Errorf("%s: %d releases of mimalloc: --repo says which, one of %s", m.path, len(names), strings.Join(names, ", "))
	case len(others) > 0:
		return nil, errors.New(strings.Join(others, "; ") + ", not a release: change it by hand")
	case repo != "":
		return nil, fmt.Errorf("%s: no mimalloc.release makes @%s", m.path, repo)
	}
	return nil, fmt.Errorf("%s: no mimalloc.release; mimalloc-tls adopt adds one", m.path)
}
