// Package formats teaches package unpack to read xz and zstd, which the
// standard library does not. It is imported for that alone:
//
//	import _ "github.com/rules-mimalloc/rules_mimalloc/machotls/unpack/formats"
//
// It is apart so that a build that has no need of them depends on nothing but
// the standard library.
package formats

import (
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"

	"github.com/rules-mimalloc/rules_mimalloc/machotls/unpack"
)

// maxWindow bounds the memory of a decompressor: 64 MB, what `xz -9` and
// `zstd --ultra -22` without --long need at most.
const maxWindow = 64 << 20

func init() {
	unpack.Register(unpack.Xz, func(r io.Reader) (io.ReadCloser, error) {
		x, err := xz.NewReader(r, maxWindow)
		return io.NopCloser(x), err
	})
	unpack.Register(unpack.Zstd, func(r io.Reader) (io.ReadCloser, error) {
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	})
}
