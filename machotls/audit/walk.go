package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A file is one to look at.
type file struct {
	path  string
	named bool // by the caller, not found in a directory
}

// A walker calls found with files. It follows symbolic links, and goes to each
// file once, however many links lead to it: what lies below a root is reached
// there, so a link to it is passed over; what a link reaches elsewhere becomes
// a root of its own.
type walker struct {
	found func(file, error)
	roots []string        // directories, by their paths without links
	files map[string]bool // likewise, files that were named or reached by a link
}

// walkPaths calls found with each file that is named or lies below a directory
// that is named, or with an error.
func walkPaths(paths []string, found func(file, error)) {
	w := &walker{found: found, files: make(map[string]bool)}
	for _, p := range paths {
		w.follow(p, true)
	}
}

// follow goes to what a path leads to, which may be a link.
func (w *walker) follow(path string, named bool) {
	info, err := os.Stat(path)
	if err != nil {
		if named { // a link that leads nowhere is no error: trees of packages are full of them
			w.found(file{}, err)
		}
		return
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		if named {
			w.found(file{}, fmt.Errorf("%s: %w", path, errNotRegular))
		}
		return
	}
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	switch {
	case err != nil:
		w.found(file{}, err)
	case slices.ContainsFunc(w.roots, func(root string) bool { return inside(root, real) }):
		// Reached there.
	case info.IsDir():
		w.roots = append(w.roots, real)
		w.directory(path, real)
	case !w.files[real]:
		w.files[real] = true
		w.found(file{path, named}, nil)
	}
}

// inside reports whether a path is a directory or lies below it.
func inside(dir, path string) bool {
	rest, ok := strings.CutPrefix(path, dir)
	return ok && (rest == "" || os.IsPathSeparator(rest[0]) || strings.HasSuffix(dir, string(filepath.Separator)))
}

// directory goes through a directory, whose path without links is real.
func (w *walker) directory(dir, real string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		w.found(file{}, err)
	}
	for _, e := range entries {
		path, real := filepath.Join(dir, e.Name()), filepath.Join(real, e.Name())
		switch {
		case e.Type()&os.ModeSymlink != 0:
			w.follow(path, false)
		case e.IsDir():
			if !slices.Contains(w.roots, real) {
				w.directory(path, real)
			}
		case e.Type().IsRegular() && !w.files[real]:
			w.found(file{path, false}, nil)
		}
	}
}
