package patcher

import (
	"bytes"
	"fmt"
	"strconv"
)

// Version decodes MI_MALLOC_VERSION from mimalloc.h. Upstream wrote it as
// MmP (212 = 2.1.2), then MmPP (3206 = 3.2.6), then MmmPP (30302 = 3.3.2).
// It is "" where the macro is missing or no such number.
// It is for messages: nothing is decided by it.
func Version(mimallocH []byte) string {
	const macro = "MI_MALLOC_VERSION"
	i := bytes.Index(mimallocH, []byte("#define "+macro))
	if i < 0 {
		return ""
	}
	t, err := next(mimallocH, i+len("#define "+macro))
	if err != nil || t.kind != tokenNumber {
		return ""
	}
	n, err := strconv.Atoi(string(t.text))
	if err != nil {
		return ""
	}
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
