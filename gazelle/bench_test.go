package gazelle_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Directories of the workspace that BenchmarkGazelle makes.
const benchDirs = 5000

// BenchmarkGazelle runs Gazelle over a workspace of 5,000 directories with
// BUILD files as it left them: with the extension and without it, by turns, so
// that both meet the same machine. It reports the shortest wall times, and the
// extension's part in them and in the time of the processor, in per cent. One in a hundred directories has an image with a mimalloc,
// and each has a file whose content only the extension may have to read.
func BenchmarkGazelle(b *testing.B) {
	with, without := buildGazelle(b, true), buildGazelle(b, false)
	root := b.TempDir()
	write := func(name, text string) {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	write("MODULE.bazel", "bazel_dep(name = \"rules_mimalloc\", version = \"0.1.0\")\n")
	write("BUILD.bazel", "# gazelle:prefix example.com/bench\n")
	write("go.mod", "module example.com/bench\n\ngo 1.24\n")
	write("third_party/mimalloc/include/mimalloc.h", "#define MI_MALLOC_VERSION 30302\n")
	write("third_party/mimalloc/src/static.c", "")
	for i := range benchDirs {
		dir := fmt.Sprintf("d%02d/p%04d", i%50, i)
		for _, name := range []string{"one", "two", "three"} {
			write(fmt.Sprintf("%s/%s.go", dir, name), fmt.Sprintf("package p%04d\n\nimport \"fmt\"\n\nfunc %s() { fmt.Println() }\n", i, name))
		}
		include := fmt.Sprintf("#include \"d%02d/p%04d/lib.h\"\n", max(0, i-50)%50, max(0, i-50))
		write(dir+"/lib.h", "#pragma once\n")
		if i%100 == 0 {
			include += "#include <mimalloc.h>\n"
			write(dir+"/main.cc", "#include \"lib.h\"\nint main() { return 0; }\n")
		}
		write(dir+"/lib.cc", "#include \"lib.h\"\n"+include)
		write(dir+"/data.bin", "no image")
	}
	gazelle := func(binary string) (wall, cpu time.Duration) {
		cmd := exec.Command(binary)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "BUILD_WORKSPACE_DIRECTORY="+root)
		start := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v\n%.2000s", err, out)
		}
		return time.Since(start), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	gazelle(with)
	gazelle(without)
	wallWith, wallWithout := time.Duration(1<<62), time.Duration(1<<62)
	var cpuWith, cpuWithout time.Duration
	for b.Loop() {
		wall, cpu := gazelle(with)
		wallWith, cpuWith = min(wallWith, wall), cpuWith+cpu
		wall, cpu = gazelle(without)
		wallWithout, cpuWithout = min(wallWithout, wall), cpuWithout+cpu
	}
	b.ReportMetric(wallWith.Seconds(), "s/with")
	b.ReportMetric(wallWithout.Seconds(), "s/without")
	b.ReportMetric(100*(1-wallWithout.Seconds()/wallWith.Seconds()), "%wall")
	b.ReportMetric(100*(1-cpuWithout.Seconds()/cpuWith.Seconds()), "%cpu")
}
