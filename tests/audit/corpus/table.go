// Package corpus knows binaries for Apple systems that people publish in
// package registries, and fetches them by name with the registries' ordinary
// clients, npm and pip. What it fetches is what the table of the facts says:
// every archive and every file is compared with its digest.
package corpus

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// An Entry is one architecture of a file in a package: a row of the table.
type Entry struct {
	CI       bool // fetched in each test
	File     string
	Arch     string
	Model    string // as `mimalloc-tls audit` spells it
	Slots    []int
	AnySlots bool   // the slots are not known as numbers
	Version  string // of mimalloc; "" where there is none or nobody could tell
	Bytes    int64  // of this architecture
	SHA256   string // of the file
}

// A Package is an archive of a registry, with what is known of it.
type Package struct {
	Registry string // npm or pypi
	Name     string
	Version  string
	Platform string // of a wheel, as pip spells it
	Archive  string // name of the file that npm and pip write
	Bytes    int64
	SHA256   string
	Entries  []Entry
}

// String is what people call the package.
func (p *Package) String() string {
	s := p.Registry + ":" + p.Name + "@" + p.Version
	if p.Platform != "" {
		s += " (" + p.Platform + ")"
	}
	return s
}

// Files are the files of the entries, each once.
func (p *Package) Files() []string {
	var all []string
	for _, e := range p.Entries {
		if !slices.Contains(all, e.File) {
			all = append(all, e.File)
		}
	}
	return all
}

// CI reports whether the package is fetched in each test.
func (p *Package) CI() bool {
	return slices.ContainsFunc(p.Entries, func(e Entry) bool { return e.CI })
}

const columns = 15

// Read reads a table: tab-separated, # comments; the columns are named there.
func Read(r io.Reader) ([]*Package, error) {
	var all []*Package
	byArchive := make(map[string]*Package)
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		c := strings.Split(lines.Text(), "\t")
		if len(c) != columns {
			return nil, fmt.Errorf("line %d: want %d columns, got %d", n, columns, len(c))
		}
		p, e, err := row(c)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if known := byArchive[p.Archive]; known != nil {
			if known.SHA256 != p.SHA256 {
				return nil, fmt.Errorf("line %d: another sum of %s than further up", n, p.Archive)
			}
			p = known
		} else {
			byArchive[p.Archive] = p
			all = append(all, p)
		}
		p.Entries = append(p.Entries, e)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no rows")
	}
	return all, nil
}

func row(c []string) (*Package, Entry, error) {
	p := &Package{Registry: c[1], Name: c[2], Version: c[3], Platform: c[4], Archive: c[12], SHA256: c[14]}
	e := Entry{CI: c[0] == "ci", File: c[5], Arch: c[6], Model: c[7], Version: strings.Trim(c[9], "-"), SHA256: c[11]}
	if c[0] != "ci" && c[0] != "all" {
		return nil, e, fmt.Errorf("set: want ci or all, got %q", c[0])
	}
	if p.Registry != "npm" && p.Registry != "pypi" {
		return nil, e, fmt.Errorf("registry: want npm or pypi, got %q", p.Registry)
	}
	var err error
	if e.Bytes, err = strconv.ParseInt(c[10], 10, 64); err != nil {
		return nil, e, err
	}
	if p.Bytes, err = strconv.ParseInt(c[13], 10, 64); err != nil {
		return nil, e, err
	}
	if e.AnySlots = c[8] == "-"; !e.AnySlots && c[8] != "" {
		for _, s := range strings.Split(c[8], ",") {
			n, err := strconv.Atoi(s)
			if err != nil {
				return nil, e, err
			}
			e.Slots = append(e.Slots, n)
		}
	}
	return p, e, nil
}
