module github.com/rules-mimalloc/rules_mimalloc/gazelle

go 1.24

require (
	github.com/EngFlow/gazelle_cc v0.1.0
	github.com/bazelbuild/bazel-gazelle v0.43.0
	github.com/bazelbuild/buildtools v0.0.0-20240918101019-be1c24cc9a44
	github.com/bmatcuk/doublestar/v4 v4.7.1
)

require (
	github.com/google/go-cmp v0.6.0 // indirect
	github.com/pmezard/go-difflib v1.0.0 // indirect
	golang.org/x/mod v0.20.0 // indirect
	golang.org/x/sync v0.8.0 // indirect
	golang.org/x/sys v0.25.0 // indirect
	golang.org/x/tools/go/vcs v0.1.0-deprecated // indirect
)

tool github.com/bazelbuild/bazel-gazelle/cmd/gazelle
