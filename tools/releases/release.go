package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rules-mimalloc/rules_mimalloc/patcher"
	"github.com/rules-mimalloc/rules_mimalloc/patcher/includedir"
)

// A release is what an archive or a directory holds.
type release struct {
	headers patcher.Tree
	top     string // the directory in the archive, such as mimalloc-3.3.2; "" of a directory
	sum     string // of the archive, in hexadecimal; "" of a directory
}

func readRelease(name string) (*release, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		headers, err := includedir.ReadTree(filepath.Join(name, "include"))
		return &release{headers: headers}, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sum := sha256.New()
	in := io.TeeReader(f, sum)
	r, err := readArchive(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if _, err := io.Copy(io.Discard, in); err != nil { // what stands behind the archive counts too
		return nil, err
	}
	r.sum = fmt.Sprintf("%x", sum.Sum(nil))
	return r, nil
}

// readArchive reads the include directory of a .tar.gz.
func readArchive(in io.Reader) (*release, error) {
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, err
	}
	r := &release{headers: patcher.Tree{}}
	for files := tar.NewReader(z); ; {
		h, err := files.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		top, rel, ok := strings.Cut(path.Clean(h.Name), "/")
		rel, isHeader := strings.CutPrefix(rel, "include/")
		if !ok || !isHeader || h.Typeflag != tar.TypeReg {
			continue
		}
		if r.top != "" && r.top != top {
			return nil, fmt.Errorf("an include directory in %s and in %s, expected one", r.top, top)
		}
		if h.Size > patcher.MaxHeader {
			return nil, fmt.Errorf("%s: more than %d bytes, which no header has", h.Name, patcher.MaxHeader)
		}
		r.top = top
		if r.headers[rel], err = io.ReadAll(files); err != nil {
			return nil, err
		}
	}
	if r.top == "" {
		return nil, errors.New("no include directory in it, expected the archive of a release of mimalloc")
	}
	return r, nil
}

// rowOf computes a release's row. version and sum are what is asked for, ""
// for what the release itself says.
func (t *table) rowOf(rel *release, version, sum string) (row, error) {
	plan, err := patcher.NewPlan(rel.headers)
	if err != nil {
		return nil, err
	}
	if version == "" {
		version = plan.Report.Version
		prefix, suffix, _ := strings.Cut(t.StripPrefix, "{version}")
		if rest, ok := strings.CutPrefix(rel.top, prefix); ok && rel.top != "" {
			version = strings.TrimSuffix(rest, suffix)
		}
	}
	if !slices.Equal(numbers(version), numbers(plan.Report.Version)) {
		return nil, fmt.Errorf("release %s, but its header says %s", version, plan.Report.Version)
	}
	if want := strings.ReplaceAll(t.StripPrefix, "{version}", version); rel.top != "" && rel.top != want {
		return nil, fmt.Errorf("its directory is %s, expected %s", rel.top, want)
	}
	old := t.find(version)
	switch {
	case rel.sum == "" && sum == "" && old == nil:
		return nil, fmt.Errorf("a directory has no sum, and the table has no release %s: give the archive, or --sha256", version)
	case rel.sum == "" && sum == "":
		sum = old["sha256"]
	case sum == "":
		sum = rel.sum
	case !digest.MatchString(sum):
		return nil, fmt.Errorf("sha256 %q, expected 64 hexadecimal digits", sum)
	case rel.sum != "" && rel.sum != sum:
		return nil, finding(fmt.Sprintf("sha256 %s, expected %s", rel.sum, sum))
	}
	if old != nil && old["sha256"] != sum {
		return nil, finding(fmt.Sprintf("sha256 %s, but the table has %s for %s: a tag never moves", sum, old["sha256"], version))
	}
	r := row{}
	maps.Copy(r, old)
	r["version"], r["tag"], r["sha256"] = version, "v"+version, sum
	r["generation"] = plan.Report.Generation
	r["apple_model"], r["patch"] = string(plan.Report.Before), string(plan.Report.Status)
	return r, nil
}
