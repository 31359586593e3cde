//go:build bazel

// Package audit_test compares what the audit says with what is known: of files
// built here, and of files that others publish. It needs the files that its
// BUILD rules bring along.
package audit_test

import (
	"os"
	"path/filepath"
	"testing"
)

// env returns the path that a variable of the BUILD rule holds, without links.
func env(t *testing.T, name string) string {
	t.Helper()
	if os.Getenv(name) == "" {
		t.Fatalf("%s is not set", name)
	}
	p, err := filepath.Abs(os.Getenv(name))
	if err != nil {
		t.Fatal(err)
	}
	return p
}
