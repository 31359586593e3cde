package machotls

import (
	"bytes"
	"io"
	"strconv"
	"strings"
)

const (
	arHeader    = 60
	maxLongName = 4 << 10
	maxNames    = 64 << 20 // bytes of GNU's table of long names
)

// members calls f with each member of an ar archive that is a file: without
// the tables of symbols and names (ar(5) of BSD, and of GNU binutils).
func members(r io.ReaderAt, size int64, f func(name string, offset, length int64) error) error {
	var longNames []byte
	for at := int64(len(archiveMagic)); at < size; {
		var h [arHeader]byte
		if err := readFull(r, h[:], at); err != nil {
			return err
		}
		if h[58] != '`' || h[59] != '\n' {
			return damaged(at, "no header of an archive's member")
		}
		length, err := strconv.ParseInt(strings.TrimRight(string(h[48:58]), " "), 10, 64)
		offset := at + arHeader
		if err != nil || length < 0 || length > size-offset {
			return damaged(at, "a member of %q bytes, where %d are left", strings.TrimRight(string(h[48:58]), " "), size-offset)
		}
		at = offset + length + length&1
		name := strings.TrimRight(string(h[:16]), " ")
		switch {
		case strings.HasPrefix(name, "#1/"): // BSD: the name is in front of the contents
			n, err := strconv.ParseInt(name[3:], 10, 64)
			if err != nil || n < 0 || n > length || n > maxLongName {
				return damaged(offset-arHeader, "a member with a name of %q bytes", name[3:])
			}
			b := make([]byte, n)
			if err := readFull(r, b, offset); err != nil {
				return err
			}
			name = cString(b)
			offset, length = offset+n, length-n
		case name == "//": // GNU: the table of long names
			if length > maxNames {
				return damaged(offset-arHeader, "a table of names of %d bytes", length)
			}
			longNames = make([]byte, length)
			if err := readFull(r, longNames, offset); err != nil {
				return err
			}
			continue
		case name == "/" || name == "/SYM64/":
			continue
		case len(name) > 1 && name[0] == '/':
			n, err := strconv.ParseUint(name[1:], 10, 32)
			if err != nil || n >= uint64(len(longNames)) {
				return damaged(offset-arHeader, "a member whose name is %q of a table of %d bytes", name, len(longNames))
			}
			long, _, _ := bytes.Cut(longNames[n:], []byte("/\n"))
			name = string(long[:min(len(long), maxLongName)])
		default:
			name = strings.TrimSuffix(name, "/")
		}
		if strings.HasPrefix(name, "__.SYMDEF") {
			continue
		}
		if err := f(name, offset, length); err != nil {
			return err
		}
	}
	return nil
}
