// Package includedir reads and writes include directories of mimalloc: the
// part of the patcher that touches files.
//
// It follows symbolic links when it reads and writes regular files, so that
// what it leaves behind stands on its own. It uses the standard library only.
package includedir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rules-mimalloc/rules_mimalloc/patcher"
)

// Marker is the file that an include directory of mimalloc holds.
const Marker = "mimalloc.h"

// TempPattern returns the pattern, as os.CreateTemp has it, of temporary files
// beside a file that is being replaced: hidden, and with an extension that
// neither the patcher nor a glob of headers takes for a source's. They are no
// part of an include directory: they may vanish at any time, or be what a
// killed process left.
func TempPattern(base string) string { return "." + base + tempMark + "*" }

const tempMark = ".mimalloc-tls-"

func temporary(name string) bool {
	return strings.HasPrefix(name, ".") && strings.Contains(name, tempMark)
}

// Files lists the files below an include directory by their path from it, with
// slashes, sorted. Links to directories are followed; a link to one of its own
// parents is an error, as is a directory without mimalloc.h.
func Files(dir string) ([]string, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s: not a directory; an include directory of mimalloc is wanted, the one that holds %s", dir, Marker)
	}
	if _, err := os.Stat(filepath.Join(dir, Marker)); err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		hint := ""
		if _, err := os.Stat(filepath.Join(dir, "include", Marker)); err == nil {
			hint = "; did you mean " + filepath.Join(dir, "include") + "?"
		}
		return nil, fmt.Errorf("%s: no %s in this directory%s", dir, Marker, hint)
	}
	var files []string
	if err := list(dir, "", nil, &files); err != nil {
		return nil, err
	}
	slices.Sort(files)
	return files, nil
}

func list(dir, prefix string, parents []fs.FileInfo, files *[]string) error {
	self, err := os.Stat(dir)
	if err != nil {
		return err
	}
	for _, p := range parents {
		if os.SameFile(p, self) {
			return fmt.Errorf("%s: a link to one of its own parent directories", dir)
		}
	}
	parents = append(parents, self)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if temporary(e.Name()) {
			continue
		}
		name := filepath.Join(dir, e.Name())
		info, err := os.Stat(name) // what a link points to
		if err != nil {
			return err
		}
		rel := path.Join(prefix, e.Name())
		switch {
		case info.IsDir():
			if err := list(name, rel, parents, files); err != nil {
				return err
			}
		case info.Mode().IsRegular():
			*files = append(*files, rel)
		default:
			return fmt.Errorf("%s: not a regular file", name)
		}
	}
	return nil
}

// Read reads a file for a patcher.Tree: of a file that is too large to be a
// header only as much as it takes to see that.
func Read(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	// One byte more than it should have shows a file that has grown since.
	buf := make([]byte, min(info.Size(), patcher.MaxHeader)+1)
	n, err := io.ReadFull(f, buf)
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return buf[:n], nil
	case err != nil || info.Size() > patcher.MaxHeader:
		return buf, err
	}
	rest, err := io.ReadAll(io.LimitReader(f, patcher.MaxHeader))
	return append(buf, rest...), err
}

// ReadTree reads an include directory.
func ReadTree(dir string) (patcher.Tree, error) {
	files, err := Files(dir)
	if err != nil {
		return nil, err
	}
	tree := make(patcher.Tree, len(files))
	for _, rel := range files {
		if tree[rel], err = Read(filepath.Join(dir, filepath.FromSlash(rel))); err != nil {
			return nil, err
		}
	}
	return tree, nil
}
