package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rules-mimalloc/rules_mimalloc/machotls/machotest"
)

// cmdMacho writes a Mach-O file as package machotest makes them:
//
//	macho FILE MODEL [x86_64] [executable|bundle|object] [SLOT…]
//
// MODEL may also be two, joined by +: a universal file for arm64 and x86_64.
func cmdMacho(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: macho FILE MODEL [x86_64] [executable|bundle|object] [SLOT…]")
	}
	spec := machotest.Spec{Version: [3]int{3, 3, 2}}
	for _, a := range args[2:] {
		switch a {
		case "x86_64":
			spec.Amd64 = true
		case "object":
			spec.Filetype = 1
		case "executable":
			spec.Filetype = 2
		case "bundle":
			spec.Filetype = 8
		default:
			n, err := strconv.Atoi(a)
			ts.Check(err)
			spec.Slots = append(spec.Slots, n)
		}
	}
	first, second, universal := strings.Cut(args[1], "+")
	spec.Model = first
	data := machotest.Image(spec)
	if universal {
		spec.Model, spec.Amd64 = second, true
		data = machotest.Fat(data, machotest.Image(spec))
	}
	name := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(name), 0o777))
	ts.Check(os.WriteFile(name, data, 0o666))
}

// cmdTruncate cuts a file:
//
//	truncate FILE SIZE
func cmdTruncate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: truncate FILE SIZE")
	}
	size, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), size))
}
