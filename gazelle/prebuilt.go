package gazelle

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/bazelbuild/bazel-gazelle/language"
)

// textFiles are endings of files that are never Mach-O, so that most files of
// a workspace need not be opened.
var textFiles = map[string]bool{}

func init() {
	for _, ext := range strings.Fields(`
		asm bash bat bazel bzl c cc cfg cjs clj cmake cmd conf cpp cs css csv cts cxx d dart def diff ejs el erl ex
		exs fbs go golden gradle graphql groovy h hcl hh hpp hrl hs htm html hxx in inc ini inl ipynb java js json
		jsonnet jsx kt kts ld less lock lua m map md mk ml mli mm mod mts nix out patch pl plist pm proto ps1 py pyi
		r rb rs rst s sass scala scss sh sol sql srt star sum sv svg swift tcl template textproto tf tmpl toml ts tsv
		tsx txt txtar v vim vue wast wat x xhtml xml yaml yml zig
		avif bmp gif gz ico jar jpeg jpg mp3 mp4 ogg otf pdf png tgz tiff ttf wasm wav webm webp whl woff woff2 xz zip zst`) {
		textFiles["."+ext] = true
	}
}

// prebuiltImages finds the Mach-O files of a directory that are checked in.
// Those of a directory that is no package become the business of the package
// above: a BUILD file of its own would take the directory's files from it.
func (l *mimallocLang) prebuiltImages(args language.GenerateArgs, s *settings) []image {
	images := l.prebuilt[args.Rel]
	delete(l.prebuilt, args.Rel)
	if s.prebuilt {
		for _, name := range args.RegularFiles {
			if !textFiles[strings.ToLower(path.Ext(name))] && !slices.Contains(args.GenFiles, name) && isMachO(filepath.Join(args.Dir, name)) {
				images = append(images, image{name: name, target: name, prebuilt: true})
			}
		}
	}
	if len(images) == 0 {
		return nil
	}
	if args.File != nil || len(args.OtherGen) > 0 || args.Rel == "" {
		slices.SortFunc(images, func(a, b image) int { return strings.Compare(a.name, b.name) })
		return images
	}
	up := parent(args.Rel)
	for _, img := range images {
		name := path.Join(path.Base(args.Rel), img.name)
		l.prebuilt[up] = append(l.prebuilt[up], image{name: name, target: name, prebuilt: true})
	}
	return nil
}

// Mach-O as <mach-o/loader.h> and <mach-o/fat.h> have it, and ar archives.
const (
	magic32     = 0xfeedface
	magic64     = 0xfeedfacf
	magicFat    = 0xcafebabe // also that of Java's class files
	magicFat64  = 0xcafebabf
	fileDSYM    = 10 // MH_DSYM: debug information, no code
	maxFat      = 30 // a class file has its version there, 45 or more
	archiveSign = "!<arch>\n"
)

// isMachO reports whether a file is a Mach-O image or object, a universal one,
// or an archive of Mach-O objects.
func isMachO(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	return machO(f, 0) || archiveOfMachO(f)
}

func machO(r io.ReaderAt, at int64) bool {
	var head [16]byte
	if _, err := r.ReadAt(head[:], at); err != nil {
		return false
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch order.Uint32(head[:]) {
		case magic32, magic64:
			return order.Uint32(head[12:]) != fileDSYM
		case magicFat, magicFat64:
			n := order.Uint32(head[4:])
			return order == binary.BigEndian && n > 0 && n <= maxFat
		}
	}
	return false
}

// archiveOfMachO looks at the first members of an archive that are no index.
func archiveOfMachO(r io.ReaderAt) bool {
	var sign [len(archiveSign)]byte
	if _, err := r.ReadAt(sign[:], 0); err != nil || string(sign[:]) != archiveSign {
		return false
	}
	at := int64(len(archiveSign))
	for range 4 {
		var head [60]byte
		if _, err := r.ReadAt(head[:], at); err != nil {
			return false
		}
		size, err := strconv.ParseInt(string(bytes.TrimSpace(head[48:58])), 10, 64)
		if err != nil || size < 0 {
			return false
		}
		content := at + int64(len(head))
		if long, ok := strings.CutPrefix(strings.TrimSpace(string(head[:16])), "#1/"); ok { // BSD: the name comes first
			n, err := strconv.ParseInt(long, 10, 64)
			if err != nil || n < 0 || n > size {
				return false
			}
			if machO(r, content+n) {
				return true
			}
		} else if machO(r, content) {
			return true
		}
		at = content + size + size%2
	}
	return false
}
