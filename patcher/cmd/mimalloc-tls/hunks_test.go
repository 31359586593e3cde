package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// applyHunks applies the hunks of a unified diff to the lines of a file.
// Unlike patch it knows no fuzz and no offset.
func applyHunks(src [][]byte, hunks []string) ([]byte, error) {
	var out bytes.Buffer
	at := 0 // lines of src taken
	take := func() error {
		if at == len(src) {
			return fmt.Errorf("the file ends before the diff does")
		}
		out.Write(src[at])
		at++
		return nil
	}
	for i := 0; i < len(hunks); i++ {
		line := hunks[i]
		if i+1 < len(hunks) && strings.HasPrefix(hunks[i+1], `\`) { // no newline at the end of the file
			line = strings.TrimSuffix(line, "\n")
		}
		switch {
		case line == "" || line[0] == '\\':
		case line[0] == '@':
			from, _, _ := strings.Cut(strings.TrimPrefix(line, "@@ -"), " ")
			from, _, _ = strings.Cut(from, ",")
			n, err := strconv.Atoi(from)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", line, err)
			}
			for at < n-1 {
				if err := take(); err != nil {
					return nil, err
				}
			}
			if at != n-1 {
				return nil, fmt.Errorf("%q: line %d is behind it", line, at)
			}
		case line[0] == '+':
			out.WriteString(line[1:])
		case at == len(src) || line[1:] != string(src[at]):
			return nil, fmt.Errorf("line %d: the diff has %q", at+1, line)
		case line[0] == ' ':
			if err := take(); err != nil {
				return nil, err
			}
		case line[0] == '-':
			at++
		default:
			return nil, fmt.Errorf("no line of a unified diff: %q", line)
		}
	}
	for at < len(src) {
		if err := take(); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}
