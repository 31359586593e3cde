//go:build bazel

package gazelle_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestGoldensBuild builds every BUILD.out of testdata: each case is a module
// of one workspace, which a Bazel in this Bazel builds as a whole. Then the
// ready gazelle_binary runs on each, and has nothing to change.
func TestGoldensBuild(t *testing.T) {
	bazel := os.Getenv("BAZEL")
	if bazel == "" {
		bazel = "bazel"
	}
	cases, err := filepath.Glob("testdata/*/MODULE.bazel")
	if err != nil || len(cases) == 0 {
		t.Fatalf("%d cases, error %v", len(cases), err)
	}
	own, err := filepath.EvalSymlinks("MODULE.bazel")
	if err != nil {
		t.Fatal(err)
	}
	gazelle, err := filepath.Abs(os.Getenv("GAZELLE"))
	if err != nil {
		t.Fatal(err)
	}
	tmp := t.TempDir()
	workspace := filepath.Join(tmp, "workspace")
	write(t, filepath.Join(workspace, "BUILD.bazel"), "")

	module := `module(name = "goldens")

bazel_dep(name = "rules_cc", version = "0.0.17")
bazel_dep(name = "rules_mimalloc", version = "0.1.0")

zig = use_extension("@rules_mimalloc//tests/zig:extensions.bzl", "zig", dev_dependency = True)
use_repo(zig, "zig_sdk")

register_toolchains("@zig_sdk//:all", dev_dependency = True)
`
	targets := []string{"build", "--"}
	for _, name := range cases {
		dir := filepath.Dir(name)
		golden := filepath.Base(dir)
		materialise(t, dir, filepath.Join(tmp, golden))
		module += fmt.Sprintf("\nbazel_dep(name = \"golden_%s\")\nlocal_path_override(module_name = \"golden_%s\", path = %q)\n", golden, golden, filepath.Join(tmp, golden))
		targets = append(targets, "@golden_"+golden+"//...")
	}
	write(t, filepath.Join(workspace, "MODULE.bazel"), module)
	write(t, filepath.Join(workspace, ".bazelrc"), fmt.Sprintf("common --override_module=rules_mimalloc=%s\n"+
		"common --color=no --curses=no --noshow_progress --show_result=0\n"+
		"common --experimental_platform_in_output_dir --lockfile_mode=off\n", filepath.Dir(filepath.Dir(own))))
	run := func(args ...string) {
		cmd := exec.Command(bazel, append([]string{"--output_user_root=" + filepath.Join(tmp, "user"), "--max_idle_secs=60"}, args...)...)
		cmd.Dir = workspace
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("bazel %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	defer run("shutdown")
	run(targets...)

	for _, name := range cases {
		golden := filepath.Base(filepath.Dir(name))
		if _, err := os.Stat(filepath.Join(filepath.Dir(name), "expectedExitCode.txt")); err == nil {
			continue // Gazelle refuses it
		}
		cmd := exec.Command(gazelle, "-mode=diff")
		cmd.Dir = filepath.Join(tmp, golden)
		cmd.Env = append(os.Environ(), "BUILD_WORKSPACE_DIRECTORY="+cmd.Dir)
		if out, err := cmd.Output(); err != nil || len(out) > 0 {
			t.Errorf("gazelle on %s: %v\n%s", golden, err, out)
		}
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// materialise copies a case as Gazelle leaves it.
func materialise(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		switch d.Name() {
		case "BUILD.in":
			return nil
		case "BUILD.out":
			rel = filepath.Join(filepath.Dir(rel), "BUILD.bazel")
		}
		text, err := os.ReadFile(name)
		if err == nil {
			write(t, filepath.Join(to, rel), string(text))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
