package patcher

import (
	"bytes"
	"maps"
	"path"
	"slices"
)

// What a header's neighbours do to it: the files that it includes, and the
// others of the tree, which come before it or behind it in a source.

var includes = fields("include include_next import")

// head returns where the header's first lines end: #include, #pragma and the
// include guard's #define.
func (d *document) head() int {
	items := d.items
	for i := 0; i < len(items); i++ {
		it := &items[i]
		switch {
		case it.group != nil && it.group == d.guard:
			items, i = d.guard.branches[0].items, 0 // its #define
		case it.dir == nil || !includes[it.dir.name] && it.dir.name != "pragma":
			return it.pos
		}
	}
	return len(d.src)
}

// harmlessInclude reports whether an #include cannot change what the patch
// relies on: it names a header of the system, or a file that selectorFile
// looks at, and stands above everything or behind the include guard.
func (d *document) harmlessInclude(it *item, head int) bool {
	name := it.dir.args[0].text
	if bytes.HasPrefix(name, []byte("<")) {
		return true
	}
	quoted, ok := bytes.CutPrefix(name, []byte(`"`))
	quoted, _, _ = bytes.Cut(quoted, []byte(`"`))
	return ok && sourceExtensions[path.Ext(string(quoted))] &&
		(it.pos < head || d.guard != nil && it.pos >= d.guard.end)
}

// alone refuses a tree in which another file has a part of a patch, or defines
// the macro of the header's include guard: nothing would be left of the header.
func (d *document) alone(tree Tree) error {
	guard := ""
	if d.guard != nil {
		guard = d.names[d.guard.branches[0].items[0].dir.symbol]
	}
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		src := tree[name]
		if name == d.header || !sourceExtensions[path.Ext(name)] {
			continue
		}
		if i := bytes.Index(src, []byte(markerPrefix)); i >= 0 {
			return drift(name, lineAt(src, i), "what mimalloc-tls inserts to be in "+d.header+" alone", "some of it here")
		}
		if guard == "" || !bytes.Contains(src, []byte(guard)) && !splitsName(src) {
			continue
		}
		other, err := parseHeader(name, src)
		if err != nil {
			return err
		}
		if i, ok := other.symbols[guard]; ok && other.defines[i] {
			return other.drift(definition(other.items, i), guard+" to be defined in "+d.header+" alone, as its include guard", "a definition here")
		}
	}
	return nil
}

const (
	threadMacro   = "mi_decl_thread"
	unlikelyMacro = "mi_unlikely"
)

// threadWords begin the definitions of mi_decl_thread.
var threadWords = fields("__thread _Thread_local thread_local __declspec")

// elsewhere are the macros that the other files of mimalloc define in known
// ways or not at all: the protectedNames but one, which differs by compiler,
// and those that the walk through the header takes for undefined.
var elsewhere = func() map[string]bool {
	names := make(map[string]bool)
	for _, set := range []map[string]bool{protectedNames, platformMacros, overrideMacros} {
		maps.Copy(names, set)
	}
	for _, name := range []string{"mi_decl_hidden", "MI_USE_PTHREADS", "__wasi__"} {
		delete(names, name)
	}
	return names
}()

// known reports whether a definition is one that mimalloc has.
func (dir *directive) known(name string) bool {
	switch {
	case dir.name != "define":
		return false
	case name == threadMacro:
		return len(dir.body) > 0 && threadWords[string(dir.body[0].text)]
	case name == unlikelyMacro && dir.function && len(dir.body) > 1: // (x) and something of x
		for _, t := range dir.body[2:] {
			if string(t.text) == string(dir.body[1].text) {
				return true
			}
		}
	}
	return false
}

// redefines refuses a file beside the header that takes away the meaning of
// what the patch relies on.
func (d *document) redefines() error {
	var walk func(items []item) error
	walk = func(items []item) error {
		for i := range items {
			it := &items[i]
			if it.group != nil {
				for j := range it.group.branches {
					if err := walk(it.group.branches[j].items); err != nil {
						return err
					}
				}
			}
			if it.dir == nil || it.dir.symbol < 0 || !elsewhere[d.names[it.dir.symbol]] {
				continue
			}
			name := d.names[it.dir.symbol]
			if it.dir.known(name) {
				continue
			}
			return d.drift(it.pos, name+" as it is everywhere else in mimalloc", quote(d.text(it)))
		}
		return nil
	}
	return walk(d.items)
}

// mayRedefine is a quick look at whether redefines could refuse. Line splices
// inside a name are mayDefineModel's to find.
func mayRedefine(src []byte) bool {
	for _, directive := range []string{"define", "undef"} {
		for pos := 0; ; {
			i := bytes.Index(src[pos:], []byte(directive))
			if i < 0 {
				break
			}
			pos += i + len(directive)
			at := pos
			for at < len(src) && (isBlank(src[at]) || src[at] == '\v' || src[at] == '\f') {
				at++
			}
			if at < len(src) && (src[at] == '/' || src[at] == '\\') {
				return true // perhaps a name behind a comment, or in the next line
			}
			end := at
			for end < len(src) && isIdent(src[end]) {
				end++
			}
			if !elsewhere[string(src[at:end])] {
				continue
			}
			if directive == "undef" || !looksKnown(string(src[at:end]), src[end:]) {
				return true
			}
		}
	}
	return false
}

// looksKnown reports whether the rest of a #define is certain to be known.
func looksKnown(name string, rest []byte) bool {
	switch name {
	case threadMacro:
		rest = bytes.TrimLeft(rest, " \t")
		end := 0
		for end < len(rest) && isIdent(rest[end]) {
			end++
		}
		return threadWords[string(rest[:end])]
	case unlikelyMacro:
		line, _, _ := bytes.Cut(rest, []byte("\n"))
		body, ok := bytes.CutPrefix(line, []byte("(x)"))
		return ok && bytes.Contains(body, []byte("(x)")) && !bytes.Contains(line, []byte("/"))
	}
	return false
}
