package module

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/bazelbuild/buildtools/build"

	"github.com/rules-mimalloc/rules_mimalloc/mimalloc"
)

// The version that is written into other modules is this module's.
func TestVersion(t *testing.T) {
	name := filepath.Join("..", "..", "MODULE.bazel")
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	file, err := build.ParseModule(name, src)
	if err != nil {
		t.Fatal(err)
	}
	if got := file.Rules("module")[0].AttrString("version"); got != Version {
		t.Errorf("MODULE.bazel has version %s, this package says %s", got, Version)
	}
}

// Whatever the file, an edit leaves one that can be read, in which the same
// edit has nothing to do, and that Remove brings back to one without
// rules_mimalloc.
func FuzzAdopt(f *testing.F) {
	for _, seed := range []string{
		"",
		"# head\n",
		`module(name = "x", version = "1")`,
		`bazel_dep(name = "mimalloc", version = "2.2.4.bcr.2")` + "\n" + `single_version_override(module_name = "mimalloc", patches = ["a"])`,
		`m = use_extension("@rules_mimalloc//mimalloc:extensions.bzl", "mimalloc")` + "\n" + `[m.release(name = n, version = "3.3.2") for n in ["a"]]`,
		`mimalloc = 1` + "\n" + `use_repo(mimalloc)`,
		`h = use_repo_rule("a", "http_archive")` + "\n" + `h(name = "mimalloc", url = "u", sha256 = "s")`,
	} {
		f.Add([]byte(seed))
	}
	table, err := mimalloc.Releases()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		m, err := Parse("MODULE.bazel", src)
		if err != nil {
			var parse build.ParseError
			if !errors.As(err, &parse) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		before := string(m.Format())
		if _, err := m.Adopt(table, AdoptOptions{}); err != nil {
			var findings *FindingsError
			if !errors.As(err, &findings) || len(findings.Findings) == 0 {
				t.Fatalf("%T: %v", err, err)
			}
			if after := string(m.Format()); after != before {
				t.Fatalf("edited in spite of findings:\n%s", after)
			}
			return
		}
		once := m.Format()
		again, err := Parse("MODULE.bazel", once)
		if err != nil {
			t.Fatalf("%v in\n%s", err, once)
		}
		layout := string(again.Format())
		done, err := again.Adopt(table, AdoptOptions{})
		if err != nil || len(done) > 0 || string(again.Format()) != layout {
			t.Fatalf("the second time: %q, error %v\n%s\nbecame\n%s", done, err, layout, again.Format())
		}
		again.Remove()
		if dep := again.rulesDep(); dep != nil && again.mention("@"+rulesModule) == nil && dep.AttrString("repo_name") == "" {
			t.Fatalf("not taken out:\n%s", again.Format())
		}
	})
}
