package corpus

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A Cache is a directory for archives and for the files taken out of them. Any
// number of processes may use it at the same time.
type Cache struct{ Dir string }

// Archive returns the path of a package's archive, which it fetches unless it
// is there. Its error names the package, and says what npm or pip said.
func (c Cache) Archive(ctx context.Context, p *Package) (string, error) {
	name := filepath.Join(c.Dir, "archives", p.Archive)
	if _, err := os.Stat(name); err == nil {
		return name, nil // it was renamed there after it had been compared
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(c.Dir, "fetch-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	if err := run(ctx, command(p, work)); err != nil {
		return "", fmt.Errorf("fetch %s: %w", p, err)
	}
	fetched := filepath.Join(work, "out", p.Archive)
	if err := verify(fetched, p.SHA256); err != nil {
		return "", fmt.Errorf("fetch %s: %w", p, err)
	}
	return name, os.Rename(fetched, name)
}

// command is the client's line that puts the archive into work/out.
func command(p *Package, work string) *exec.Cmd {
	out := filepath.Join(work, "out")
	if p.Registry == "npm" {
		// A cache of its own, else npm keeps a second copy of everything for ever.
		return &exec.Cmd{Path: "npm", Dir: work, Args: []string{"npm", "pack", p.Name + "@" + p.Version,
			"--silent", "--pack-destination=" + out, "--cache=" + filepath.Join(work, "npm")}}
	}
	return &exec.Cmd{Path: "python3", Dir: work, Args: []string{"python3", "-m", "pip", "download", "--quiet",
		"--disable-pip-version-check", "--no-cache-dir", "--no-deps", "--only-binary=:all:",
		"--python-version=3.12", "--platform=" + p.Platform, "--dest=" + out, p.Name + "==" + p.Version}}
}

func run(ctx context.Context, c *exec.Cmd) error {
	path, err := exec.LookPath(c.Path)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, path, c.Args[1:]...)
	cmd.Dir = c.Dir
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := os.MkdirAll(filepath.Join(c.Dir, "out"), 0o755); err != nil {
		return err
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(c.Args, " "), err, output.Bytes())
	}
	return nil
}

// Files takes the files of a package out of its archive, unless they are there,
// and returns the directory that holds them by their names in the package.
func (c Cache) Files(ctx context.Context, p *Package) (string, error) {
	dir := filepath.Join(c.Dir, "files", p.SHA256)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	archive, err := c.Archive(ctx, p)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(c.Dir, "extract-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	if err := Extract(archive, work, p); err != nil {
		return "", err
	}
	if err := os.Rename(work, dir); err != nil {
		if _, there := os.Stat(dir); there != nil { // else another process was faster
			return "", err
		}
	}
	return dir, nil
}

// Extract takes the files of a package out of its archive into a directory, and
// compares them with their digests.
func Extract(archive, dir string, p *Package) error {
	extract := untar
	if p.Registry == "pypi" {
		extract = unzip
	}
	if err := extract(archive, dir, p.Files()); err != nil {
		return fmt.Errorf("%s: %w", archive, err)
	}
	for _, e := range p.Entries {
		if err := verify(filepath.Join(dir, filepath.FromSlash(e.File)), e.SHA256); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	return nil
}

func unzip(archive, dir string, files []string) error {
	r, err := zip.OpenReader(archive)
	if err != nil {
		return err
	}
	defer r.Close()
	for _, name := range files {
		f, err := r.Open(name)
		if err != nil {
			return err
		}
		err = write(filepath.Join(dir, filepath.FromSlash(name)), f)
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func untar(archive, dir string, files []string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	for t, left := tar.NewReader(z), slices.Clone(files); len(left) > 0; {
		h, err := t.Next()
		if err == io.EOF {
			return fmt.Errorf("no %s in it", strings.Join(left, ", "))
		}
		if err != nil {
			return err
		}
		i := slices.Index(left, h.Name)
		if i < 0 {
			continue
		}
		left = slices.Delete(left, i, i+1)
		if err := write(filepath.Join(dir, filepath.FromSlash(h.Name)), t); err != nil {
			return err
		}
	}
	return nil
}

func write(name string, r io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

// verify reads a file and compares its digest.
func verify(name, sum string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != sum {
		return fmt.Errorf("%s: its sha256 is %s, want %s", filepath.Base(name), got, sum)
	}
	return nil
}
