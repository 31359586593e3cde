//go:build unix

package main

import (
	"os"
	"syscall"
)

// keepOwner gives a file the owner and the group of another one, as far as the
// process may: root patches trees that are not root's.
func keepOwner(f *os.File, old os.FileInfo) {
	if s, ok := old.Sys().(*syscall.Stat_t); ok {
		if f.Chown(int(s.Uid), int(s.Gid)) != nil {
			f.Chown(-1, int(s.Gid)) // a member of the group may set that
		}
	}
}
