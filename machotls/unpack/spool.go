package unpack

import (
	"bytes"
	"io"
	"os"
)

// maxInMemory: what is larger goes to a temporary file.
const maxInMemory = 1 << 20

// A spooled is a stream that was copied so that it can be read anywhere.
type spooled interface {
	io.ReaderAt
	io.Closer
}

type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

// temporary is a file that is removed when it is closed.
type temporary struct{ *os.File }

func (t temporary) Close() error {
	err := t.File.Close()
	if removeErr := os.Remove(t.Name()); err == nil && !os.IsNotExist(removeErr) {
		err = removeErr
	}
	return err
}

// spool copies a stream.
func spool(r io.Reader) (spooled, int64, error) {
	head, err := io.ReadAll(io.LimitReader(r, maxInMemory))
	if err != nil {
		return nil, 0, err
	}
	if len(head) < maxInMemory {
		return inMemory{bytes.NewReader(head)}, int64(len(head)), nil
	}
	f, err := os.CreateTemp("", "mimalloc-tls-*")
	if err != nil {
		return nil, 0, err
	}
	// Where a file can be removed while it is open, a killed process leaves nothing behind.
	_ = os.Remove(f.Name())
	t := temporary{f}
	size, err := io.Copy(f, io.MultiReader(bytes.NewReader(head), r))
	if err != nil {
		t.Close()
		return nil, 0, err
	}
	return t, size, nil
}
