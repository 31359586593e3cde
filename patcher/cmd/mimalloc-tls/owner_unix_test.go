//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestWriteKeepsTheOwner needs a second owner or group to give a file to: root
// has any, others those that they are a member of.
func TestWriteKeepsTheOwner(t *testing.T) {
	name := filepath.Join(t.TempDir(), "prim.h")
	if err := os.WriteFile(name, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 {
		uid, gid = 12345, 54321
	} else if groups, err := os.Getgroups(); err == nil {
		for _, g := range groups {
			gid = g
		}
	}
	if err := os.Chown(name, uid, gid); err != nil { // a user namespace may know neither
		t.Skipf("no other owner can be set here: %v", err)
	}
	if err := write(name, strings.NewReader("new")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(name)
	if err != nil {
		t.Fatal(err)
	}
	if s := info.Sys().(*syscall.Stat_t); int(s.Uid) != uid || int(s.Gid) != gid {
		t.Errorf("owner %d:%d, want %d:%d", s.Uid, s.Gid, uid, gid)
	}
	checkMode(t, name, 0o640)
}
