package gazelle

import (
	"slices"

	"github.com/bazelbuild/bazel-gazelle/config"
	"github.com/bazelbuild/bazel-gazelle/label"
	"github.com/bazelbuild/bazel-gazelle/repo"
	"github.com/bazelbuild/bazel-gazelle/resolve"
	"github.com/bazelbuild/bazel-gazelle/rule"
)

// publicHeaders are the headers that mimalloc's users include.
var publicHeaders = []string{"mimalloc.h", "mimalloc-stats.h", "mimalloc-override.h", "mimalloc-new-delete.h"}

func (*mimallocLang) Imports(*config.Config, *rule.Rule, *rule.File) []resolve.ImportSpec { return nil }

func (*mimallocLang) Resolve(*config.Config, *resolve.RuleIndex, *repo.RemoteCache, *rule.Rule, any, label.Label) {
}

// CrossResolve says which label a header of mimalloc stands for, in any
// language that includes headers.
func (l *mimallocLang) CrossResolve(c *config.Config, _ *resolve.RuleIndex, imp resolve.ImportSpec, lang string) []resolve.FindResult {
	if !slices.Contains(publicHeaders, imp.Imp) || !enabled(c) {
		return nil
	}
	if lab, ok := resolve.FindRuleWithOverride(c, imp, lang); ok {
		return []resolve.FindResult{{Label: lab}}
	}
	var results []resolve.FindResult
	for _, lab := range l.labelsFor(settingsOf(c), imp.Imp) {
		results = append(results, resolve.FindResult{Label: lab})
	}
	return results
}

// labelsFor returns the label of a header: of the repository that a directive
// names, else of the source trees of the workspace, else of @mimalloc.
func (l *mimallocLang) labelsFor(s *settings, header string) []label.Label {
	suffix := "-embedded"
	switch {
	case s.include == includeAPI && header == "mimalloc-stats.h":
		suffix = "-stats"
	case s.include == includeAPI:
		suffix = "-api"
	case s.include != includeEmbedded:
		lab, err := label.Parse(s.include)
		if err != nil {
			return nil // was checked when it was read
		}
		return []label.Label{lab}
	}
	libraries := l.libraries()
	if s.repoSet || len(libraries) == 0 {
		return []label.Label{label.New(s.repos[0], "", "mimalloc"+suffix)}
	}
	var labels []label.Label
	for _, t := range libraries {
		labels = append(labels, label.New("", t.pkg, t.name+suffix))
	}
	return labels
}
