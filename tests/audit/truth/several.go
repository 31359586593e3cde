package truth

import (
	"bytes"
	"cmp"
	"debug/macho"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Two makes images that hold two mimallocs, the objects of two builds for the
// same processor that have the form static. The names of the second are
// changed, so that both can be linked.
func (b *Builder) Two(first, second Build) ([]Artefact, error) {
	dir := filepath.Join(b.Dir, first.String()+"+"+second.String())
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	var objects []string
	var want []Mimalloc
	for _, x := range []Build{first, second} {
		made, err := b.Build(x)
		if err != nil {
			return nil, err
		}
		if made[0].Kind != "object" || made[0].Arch != first.Arch {
			return nil, fmt.Errorf("%s: want a build with an object for %s", x, first.Arch)
		}
		objects = append(objects, made[0].Path)
		want = append(want, made[0].Want...)
	}
	renamed := filepath.Join(dir, "renamed.o")
	if err := rename(objects[1], renamed); err != nil {
		return nil, err
	}
	objects[1] = renamed
	user, err := b.compileText(first.Arch, "two", "c", strings.NewReplacer(
		"void mi_free(void* p);", "void mi_free(void* p); void* mj_malloc(size_t size); void mj_free(void* p);",
		"mi_free(p);", "mi_free(p); mj_free(mj_malloc((size_t)size));",
	).Replace(program), options("-O2")...)
	if err != nil {
		return nil, err
	}
	var all []Artefact
	for name, args := range map[string][]string{
		"two.dylib": {"-shared", "-Wl,-install_name,@rpath/two.dylib"},
		"two":       {user, "-Wl,-dead_strip"},
	} {
		path := filepath.Join(dir, name)
		if err := b.Compiler.Link(target(first.Arch), path, append(args, objects...)...); err != nil {
			return nil, fmt.Errorf("%s + %s: %w", first, second, err)
		}
		if err := strip(path, path+".stripped", name == "two.dylib"); err != nil {
			return nil, err
		}
		a := Artefact{Path: path, Arch: first.Arch, Kind: "two mimallocs", Want: want}
		if want[0].Model != want[1].Model {
			a.Unknown = "which of two mimallocs a slot or a key is for"
		}
		all = append(all, a)
		a.Path, a.Kind = a.Path+".stripped", a.Kind+", stripped"
		all = append(all, a)
	}
	sortArtefacts(all)
	return all, nil
}

// rename copies an object, and gives all names of mimalloc in its symbol table
// others of the same length.
func rename(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	symtab, _, err := symbolTables(content)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	names := content[symtab.Stroff:][:symtab.Strsize]
	copy(names, bytes.ReplaceAll(names, []byte("_mi_"), []byte("_mj_")))
	return os.WriteFile(to, content, 0o644)
}

// Fat puts files of several architectures into one; wide is the head with
// 64-bit offsets.
func Fat(path string, wide bool, parts []Artefact) ([]Artefact, error) {
	const align = 14 // 16 KiB, as for arm64
	magic, entry := uint32(macho.MagicFat), 20
	if wide {
		magic, entry = macho.MagicFat+1, 32
	}
	big := binary.BigEndian
	head := big.AppendUint32(big.AppendUint32(nil, magic), uint32(len(parts)))
	offset := uint64(1 << align)
	body := make([]byte, 0)
	kind := "fat " + parts[0].Kind
	var all []Artefact
	for _, p := range parts {
		content, err := os.ReadFile(p.Path)
		if err != nil {
			return nil, err
		}
		cpu, sub := uint32(macho.CpuArm64), uint32(0)
		if p.Arch == "x86_64" {
			cpu, sub = uint32(macho.CpuAmd64), 3
		}
		head = big.AppendUint32(big.AppendUint32(head, cpu), sub)
		if wide {
			head = big.AppendUint64(big.AppendUint64(head, offset), uint64(len(content)))
			head = big.AppendUint32(big.AppendUint32(head, align), 0)
		} else {
			head = big.AppendUint32(big.AppendUint32(head, uint32(offset)), uint32(len(content)))
			head = big.AppendUint32(head, align)
		}
		body = append(body, content...)
		padded := (len(content) + 1<<align - 1) &^ (1<<align - 1)
		body = append(body, make([]byte, padded-len(content))...)
		offset += uint64(padded)
		p.Path, p.Kind = path, kind
		all = append(all, p)
	}
	if len(head) != 8+entry*len(parts) {
		panic("truth: the size of a fat header")
	}
	head = append(head, make([]byte, 1<<align-len(head))...)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	return all, os.WriteFile(path, append(head, body...), 0o755)
}

func sortArtefacts(all []Artefact) {
	slices.SortFunc(all, func(a, b Artefact) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Arch, b.Arch))
	})
}
