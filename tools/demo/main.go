// Command demo shows what the rules do to mimalloc for Apple platforms: the
// header before and after, the TLS model as a compiler sees it, and what the
// object files hold. `bazel run //:demo` builds all of it and runs this.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/rules-mimalloc/rules_mimalloc/machotls"
	"github.com/rules-mimalloc/rules_mimalloc/patcher"
	"github.com/rules-mimalloc/rules_mimalloc/tests/oracle"
)

func main() {
	if err := run(os.Environ(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// run reads its files from variables, which the BUILD rule sets:
// DEMO_ZIG, the zig-cc of @zig_sdk; DEMO_REPORT, the patcher's report;
// DEMO_UPSTREAM and DEMO_PATCHED, the headers, blank-separated; and for each
// platform DEMO_PLATFORM_<name>, TRIPLE=UPSTREAM_OBJECTS=PATCHED_OBJECTS.
func run(environ []string, stdout io.Writer) error {
	const platformPrefix = "DEMO_PLATFORM_"
	env := make(map[string]string)
	var platforms []string
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		env[name] = value
		if strings.HasPrefix(name, platformPrefix) {
			platforms = append(platforms, strings.TrimPrefix(name, platformPrefix))
		}
	}
	slices.Sort(platforms)
	if len(platforms) == 0 {
		return errors.New("nothing to show; run this as `bazel run //:demo`")
	}
	text, err := os.ReadFile(env["DEMO_REPORT"])
	if err != nil {
		return err
	}
	var r patcher.Report
	if err := json.Unmarshal(text, &r); err != nil {
		return err
	}
	before, err := find(env["DEMO_UPSTREAM"], r.Header)
	if err != nil {
		return err
	}
	after, err := find(env["DEMO_PATCHED"], r.Header)
	if err != nil {
		return err
	}
	added, err := addedLines(before.header, after.header)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "\n%s, %s: %d lines added, none changed, at %s\n\n", r.Name(), r.Header, added, places(&r))

	absolute, err := filepath.Abs(env["DEMO_ZIG"])
	if err != nil {
		return err
	}
	cc := oracle.Compiler{Zig: absolute}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "platform\theader\tmodel (cc -E -dM)\tguard\tMI_HAS_TLS_SLOT\tin the object (mimalloc-tls audit)")
	for _, platform := range platforms {
		triple, objects, err := parsePlatform(env[platformPrefix+platform])
		if err != nil {
			return err
		}
		for i, dir := range []string{before.dir, after.dir} {
			macros, err := cc.Macros(oracle.Target{Triple: triple, Apple: true}, dir, "c")
			if err != nil {
				return err
			}
			found, err := audit(objects[i])
			if err != nil {
				return err
			}
			guard := "off"
			if _, ok := macros["MI_TLS_RECURSE_GUARD"]; ok {
				guard = "on"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", platform, []string{"upstream", "patched"}[i],
				oracle.Model(macros), guard, macros["MI_HAS_TLS_SLOT"], found)
		}
	}
	return w.Flush()
}

// audit says which model the mimalloc in an object file has.
func audit(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	var scanner machotls.Scanner
	found, err := scanner.Scan(f, info.Size())
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	var models []string
	for _, m := range found {
		models = append(models, strings.TrimSpace(string(m.Model)+" "+machotls.SlotList(m.Slots)))
	}
	return strings.Join(models, ", "), nil
}

// headers are the include directory and the header that chooses the model.
type headers struct{ dir, header string }

func find(files, header string) (headers, error) {
	for _, f := range strings.Fields(files) {
		if strings.HasSuffix(filepath.ToSlash(f), "/"+header) {
			return headers{f[:len(f)-len(header)-1], f}, nil
		}
	}
	return headers{}, fmt.Errorf("no %s in %q", header, files)
}

func addedLines(before, after string) (int, error) {
	a, err := os.ReadFile(before)
	if err != nil {
		return 0, err
	}
	b, err := os.ReadFile(after)
	if err != nil {
		return 0, err
	}
	return strings.Count(string(b), "\n") - strings.Count(string(a), "\n"), nil
}

func places(r *patcher.Report) string {
	var lines []string
	for _, e := range r.Edits {
		lines = append(lines, fmt.Sprintf("%s (line %d)", e.Kind, e.Line))
	}
	return strings.Join(lines, " and ")
}

// parsePlatform reads TRIPLE=UPSTREAM_OBJECTS=PATCHED_OBJECTS; of the objects
// the one made of static.c counts.
func parsePlatform(value string) (triple string, objects [2]string, err error) {
	parts := strings.SplitN(value, "=", 3)
	if len(parts) != 3 {
		return "", objects, fmt.Errorf("want TRIPLE=OBJECTS=OBJECTS, got %q", value)
	}
	for i, list := range parts[1:] {
		for _, f := range strings.Fields(list) {
			if strings.HasPrefix(filepath.Base(f), "static.") {
				objects[i] = f
			}
		}
		if objects[i] == "" {
			return "", objects, fmt.Errorf("no object of static.c in %q", list)
		}
	}
	return parts[0], objects, nil
}
