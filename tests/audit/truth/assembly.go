package truth

import (
	"path/filepath"

	"github.com/rules-mimalloc/rules_mimalloc/tests/oracle"
)

// An assembly makes files of the objects of one build.
type assembly struct {
	b       *Builder
	x       Build
	dir     string
	want    Mimalloc
	unknown string
	objects []string
}

// object is the path of the object where there is one. Its name does not fit
// into the 16 characters that the head of an archive's member has.
func (a *assembly) object() string { return filepath.Join(a.dir, "mimalloc_all_in_one.o") }

func (a *assembly) compile(include, source string, args []string) error {
	if err := a.b.Compiler.Compile(target(a.x.Arch), include, source, a.object(), args...); err != nil {
		return err
	}
	a.objects = []string{a.object()}
	return nil
}

// finish makes the files that a form of objects can become.
func (a *assembly) finish() ([]Artefact, error) {
	var all []Artefact
	made := func(kind, path string) {
		all = append(all, Artefact{Path: path, Arch: a.x.Arch, Kind: kind, Want: []Mimalloc{a.want}, Unknown: a.unknown})
	}
	if len(a.objects) == 1 && a.x.Form != "lto" {
		made("object", a.objects[0])
	}
	if a.x.Form == "split" || a.x.Form == "static" || a.x.Form == "bitcode" {
		// Both conventions for long names.
		format := map[string]string{"arm64": "darwin", "x86_64": "gnu"}[a.x.Arch]
		archive := filepath.Join(a.dir, "libmimalloc.a")
		if err := a.b.Compiler.Archive(archive, format, a.objects...); err != nil {
			return nil, err
		}
		made("archive", archive)
	}
	switch a.x.Form {
	case "bitcode":
		return all, nil
	case "unity":
		return all, a.link(made, "program", "executable", "-Wl,-dead_strip")
	case "lto":
		return all, a.linkLTO(made)
	}
	if err := a.link(made, "libmimalloc.dylib", "dylib", "-shared", "-Wl,-install_name,@rpath/libmimalloc.dylib"); err != nil {
		return nil, err
	}
	user, err := a.b.program(a.x.Arch)
	if err != nil {
		return nil, err
	}
	return all, a.link(made, "program", "executable", user, "-Wl,-dead_strip")
}

// link links an image, and strips a copy.
func (a *assembly) link(made func(kind, path string), name, kind string, args ...string) error {
	path := filepath.Join(a.dir, name)
	args = append(args, a.objects...)
	if a.x.Form == "c++" {
		args = append(args, "-lc++")
	}
	if err := a.b.Compiler.Link(target(a.x.Arch), path, args...); err != nil {
		return err
	}
	made(kind, path)
	made(kind+", stripped", path+".stripped")
	return strip(path, path+".stripped", kind == "dylib")
}

// linkLTO links by the linker given, which makes the machine code, with what
// zig's does not make: chained fixups.
func (a *assembly) linkLTO(made func(kind, path string)) error {
	user, err := a.b.program(a.x.Arch)
	if err != nil {
		return err
	}
	for _, l := range []struct {
		name string
		args []string
	}{
		{"program", []string{user, "-dead_strip", "-fixup_chains"}},
		{"libmimalloc.dylib", []string{"-dylib", "-install_name", "@rpath/libmimalloc.dylib", "-no_fixup_chains"}},
		{"libmimalloc.stripped.dylib", []string{"-dylib", "-install_name", "@rpath/libmimalloc.dylib", "-S", "-x", "-fixup_chains"}},
	} {
		path := filepath.Join(a.dir, l.name)
		if err := oracle.LinkLLD(a.b.LLD, a.x.Arch, path, append(l.args, a.objects...)...); err != nil {
			return err
		}
		made("lto", path)
	}
	return nil
}
