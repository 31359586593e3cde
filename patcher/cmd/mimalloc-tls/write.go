package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"

	"github.com/rules-mimalloc/rules_mimalloc/patcher/includedir"
)

// replace writes a file unless it holds the content already, so that build
// systems see no change where there is none. A file that is not there yet has
// nil as its old content.
func replace(name string, old, content []byte) error {
	if old != nil && bytes.Equal(old, content) {
		return nil
	}
	return write(name, bytes.NewReader(content))
}

func copyFile(name, from string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	return write(name, f)
}

// write writes a regular file as a whole or not at all, whatever happens to the
// process: everything, the mode and the owner too, is done to a temporary file
// in the same directory before that takes the file's place. A file that was
// there passes on its mode, and its owner where that can be set. A symbolic
// link is replaced by a file, and another hard link keeps the old content.
func write(name string, r io.Reader) (err error) {
	mode := os.FileMode(0o644)
	old, err := os.Lstat(name)
	if err == nil && old.Mode()&os.ModeSymlink == 0 {
		mode = old.Mode().Perm()
	} else {
		old = nil
	}
	dir, base := filepath.Split(name)
	f, err := os.CreateTemp(filepath.Clean(dir), includedir.TempPattern(base))
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err := io.Copy(f, r); err != nil {
		return err
	}
	if old != nil {
		keepOwner(f, old)
	}
	if err := f.Chmod(mode); err != nil { // behind keepOwner, which may clear bits
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
