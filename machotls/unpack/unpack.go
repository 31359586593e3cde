// Package unpack finds files in archives, whatever they are packed in: tar,
// zip (wheels, .ipa, .jar and so on) and single files, compressed by gzip,
// bzip2 and, where package formats is imported, xz or zstd; and all of these
// inside each other.
//
// It promises bounded memory, whatever an archive says of itself: what is
// wanted is copied to memory if it is small and else to a temporary file, one
// file at a time, and an archive that expands beyond all measure is an error.
// The exception is the directory of a zip file, which is read as a whole.
//
// It does not read 7-Zip, RAR, disk images or installer packages.
package unpack

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

const (
	// HeadSize is how many bytes of a file tell what it is.
	HeadSize = 512

	maxDepth      = 8       // of archives in archives; a package in a .tar.gz in a .zip is 4
	freeExpansion = 1 << 30 // bytes that any archive may expand to
	maxExpansion  = 200     // and how many times its own size: deflate reaches 1032, real packages 3 to 20
)

// A Walker finds files in an archive.
type Walker struct {
	// Want says by its first HeadSize bytes, or all if it is shorter, whether
	// a file is visited.
	Want func(head []byte) bool
	// Visit is called with each file that is wanted, by its path in the
	// archive; "!" stands between the parts of a path through several archives.
	Visit func(member string, r io.ReaderAt, size int64) error
}

// An ExpansionError is an archive that unpacks to far more than it holds.
type ExpansionError struct{ Limit int64 } // in bytes

func (e *ExpansionError) Error() string {
	return fmt.Sprintf("expands to more than %d MB: not unpacked further", e.Limit>>20)
}

var errDepth = fmt.Errorf("archives inside archives, more than %d deep: not unpacked further", maxDepth)

// A Format is how a file is packed.
type Format string

// The formats.
const (
	Tar   Format = "tar"
	Zip   Format = "zip"
	Gzip  Format = "gzip"
	Bzip2 Format = "bzip2"
	Xz    Format = "xz"
	Zstd  Format = "zstd"
)

func formatOf(head []byte) Format {
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return Zip
	case bytes.HasPrefix(head, []byte("\x1f\x8b\x08")):
		return Gzip
	case bytes.HasPrefix(head, []byte("BZh")) && len(head) > 9 && string(head[4:10]) == "1AY&SY":
		return Bzip2
	case bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")):
		return Xz
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		return Zstd
	case len(head) > 262 && string(head[257:262]) == "ustar":
		return Tar
	}
	return ""
}

// decompressors open what is compressed; those of Xz and Zstd are registered.
var decompressors = map[Format]func(io.Reader) (io.ReadCloser, error){
	Gzip:  func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) },
	Bzip2: func(r io.Reader) (io.ReadCloser, error) { return io.NopCloser(bzip2.NewReader(r)), nil },
}

// Register adds a decompressor. It is for the init of packages that have one.
func Register(f Format, open func(io.Reader) (io.ReadCloser, error)) { decompressors[f] = open }

// Is reports whether a file is an archive, by its first HeadSize bytes or, if
// it is shorter, all of them.
func Is(head []byte) bool { return formatOf(head) != "" }

// Walk visits what is wanted in an archive of size bytes. What it cannot read
// in a zip file does not keep it from the rest. Its error is of Visit, of the
// archive, or an *ExpansionError; several are joined.
func (w *Walker) Walk(r io.ReaderAt, size int64) error {
	budget := &budget{limit: freeExpansion + maxExpansion*min(size, 1<<40)}
	budget.left = budget.limit
	head := make([]byte, min(size, HeadSize))
	if _, err := r.ReadAt(head, 0); err != nil && err != io.EOF {
		return err
	}
	if formatOf(head) == Zip {
		return w.walkZip("", r, size, 0, budget)
	}
	return w.walk("", "", io.NewSectionReader(r, 0, size), 0, budget)
}

// walk looks at one file, a stream, that is itself an archive or wanted. A
// file that has no name but is in no other archive either has the name inner.
func (w *Walker) walk(name, inner string, stream io.Reader, depth int, budget *budget) error {
	b := bufio.NewReaderSize(stream, HeadSize) // most files end here, so no more than that
	head, err := b.Peek(HeadSize)
	if err != nil && err != io.EOF {
		return err
	}
	f := formatOf(head)
	if f == "" {
		if !w.Want(head) {
			return nil
		}
		file, size, err := spool(b)
		if err != nil {
			return err
		}
		defer file.Close()
		return w.Visit(cmp.Or(name, inner), file, size)
	}
	if depth == maxDepth {
		return errDepth
	}
	switch f {
	case Tar:
		return w.walkTar(name, b, depth, budget)
	case Zip:
		file, size, err := spool(b)
		if err != nil {
			return err
		}
		defer file.Close()
		return w.walkZip(name, file, size, depth, budget)
	}
	d, inner, err := decompress(f, bufio.NewReaderSize(b, 64<<10))
	if err != nil {
		return err
	}
	defer d.Close()
	return w.walk(name, inner, budget.reader(d), depth+1, budget)
}

// decompress returns what a compressed file holds and, if the file says, its name.
func decompress(f Format, r io.Reader) (io.ReadCloser, string, error) {
	open := decompressors[f]
	if open == nil {
		return nil, "", fmt.Errorf("compressed by %s, which this program does not read", f)
	}
	d, err := open(r)
	if err != nil {
		return nil, "", err
	}
	if z, ok := d.(*gzip.Reader); ok {
		return d, z.Name, nil
	}
	return d, "", nil
}

func (w *Walker) walkTar(name string, r io.Reader, depth int, budget *budget) error {
	for t := tar.NewReader(r); ; {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeGNUSparse {
			continue
		}
		if err := w.walk(join(name, h.Name), "", budget.reader(t), depth+1, budget); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}

// zipMethods are those beside deflate (APPNOTE.TXT, 4.4.5).
var zipMethods = map[uint16]Format{12: Bzip2, 93: Zstd, 95: Xz}

func (w *Walker) walkZip(name string, r io.ReaderAt, size int64, depth int, budget *budget) error {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return err
	}
	for method, f := range zipMethods {
		z.RegisterDecompressor(method, func(r io.Reader) io.ReadCloser {
			d, _, err := decompress(f, r)
			if err != nil {
				return failed{err}
			}
			return d
		})
	}
	var errs []error
	for _, f := range z.File {
		if !f.Mode().IsRegular() {
			continue
		}
		if err := w.walkZipped(join(name, f.Name), f, r, depth, budget); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", f.Name, err))
			if errors.As(err, new(*ExpansionError)) || len(errs) == 100 {
				break
			}
		}
	}
	return errors.Join(errs...)
}

func (w *Walker) walkZipped(name string, f *zip.File, r io.ReaderAt, depth int, budget *budget) error {
	const encrypted = 1
	if f.Flags&encrypted != 0 {
		return errors.New("encrypted")
	}
	stream, err := f.Open()
	if err != nil {
		return err
	}
	defer stream.Close()
	return w.walk(name, "", budget.reader(stream), depth+1, budget)
}

type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }
func (f failed) Close() error             { return nil }

func join(archive, member string) string {
	if archive == "" {
		return member
	}
	return archive + "!" + member
}

// A budget is how much an archive may still expand to.
type budget struct{ left, limit int64 }

// reader charges what is read to the budget.
func (b *budget) reader(r io.Reader) io.Reader { return &budgeted{r, b} }

type budgeted struct {
	r io.Reader
	b *budget
}

func (r *budgeted) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.b.left -= int64(n)
	if r.b.left < 0 {
		return n, &ExpansionError{r.b.limit}
	}
	return n, err
}
