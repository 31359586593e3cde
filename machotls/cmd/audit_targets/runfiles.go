package main

import (
	"os"
	"path"
	"strings"
)

// A manifest maps the paths of runfiles to files where there is no directory
// of links: on Windows. Elsewhere it is nil, and a test runs where its paths
// start.
type manifest map[string]string

func readManifest() (manifest, error) {
	name := os.Getenv("RUNFILES_MANIFEST_FILE")
	if name == "" || os.Getenv("RUNFILES_MANIFEST_ONLY") != "1" {
		return nil, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	m := make(manifest)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\r\n")
		if escaped, ok := strings.CutPrefix(line, " "); ok { // with a space or a newline in a path
			link, file, _ := strings.Cut(escaped, " ")
			m[unescape(link)] = unescape(file)
			continue
		}
		link, file, _ := strings.Cut(line, " ")
		m[link] = file
	}
	return m, nil
}

func unescape(s string) string {
	return strings.NewReplacer(`\s`, " ", `\n`, "\n", `\b`, `\`).Replace(s)
}

// path finds the file of a path from the root of the workspace in runfiles,
// File.short_path; a directory is found through a file in it.
func (m manifest) path(short string) string {
	if m == nil {
		return short
	}
	link := path.Join(os.Getenv("TEST_WORKSPACE"), short)
	if file, ok := m[link]; ok {
		return file
	}
	for l, file := range m {
		if rest, ok := strings.CutPrefix(l, link+"/"); ok {
			return strings.TrimSuffix(file, "/"+rest)
		}
	}
	return short
}
