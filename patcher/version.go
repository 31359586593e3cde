package patcher

import (
	"bytes"
	"fmt"
	"strconv"
)

// Version decodes MI_MALLOC_VERSION from mimalloc.h, as VersionString does.
// It is "" where the macro is missing or no such number.
// It is for messages: nothing is decided by it.
func Version(mimallocH []byte) string {
	n, err := strconv.Atoi(macroNumber(mimallocH, "MI_MALLOC_VERSION"))
	if err != nil {
		return ""
	}
	return VersionString(n)
}

// VersionString decodes a number of MI_MALLOC_VERSION, which is also what
// mi_version returns. Upstream wrote it as MmP (212 = 2.1.2), then MmPP
// (3206 = 3.2.6), then MmmPP (30302 = 3.3.2). It is "" for other numbers.
func VersionString(n int) string {
	switch {
	case n >= 100 && n < 1000:
		return fmt.Sprintf("%d.%d.%d", n/100, n/10%10, n%10)
	case n >= 1000 && n < 10000:
		return fmt.Sprintf("%d.%d.%d", n/1000, n/100%10, n%100)
	case n >= 10000 && n < 100000:
		return fmt.Sprintf("%d.%d.%d", n/10000, n/100%100, n%100)
	}
	return ""
}

// macroNumber returns the number that a macro is defined as, as it is spelled.
func macroNumber(src []byte, name string) string {
	for pos := 0; ; {
		i := bytes.Index(src[pos:], []byte(name))
		if i < 0 {
			return ""
		}
		start := pos + i
		pos = start + len(name)
		line := src[bytes.LastIndexByte(src[:start], '\n')+1 : start]
		directive, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("#"))
		if !ok || string(bytes.TrimSpace(directive)) != "define" || pos == len(src) || !isBlank(src[pos]) {
			continue
		}
		if t, err := next(src, pos); err == nil && t.kind == tokenNumber {
			return string(t.text)
		}
	}
}
