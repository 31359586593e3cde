package machotls

import (
	"strconv"
	"strings"
)

// A Model is where a mimalloc keeps the pointer to its heap of a thread.
type Model string

// The models.
const (
	FixedSlot   Model = "fixed-slot"   // a slot of the thread control block, the same in every copy of mimalloc
	ThreadLocal Model = "thread-local" // a thread-local variable of the image
	PthreadKey  Model = "pthread-key"  // a key of pthread_key_create
	None        Model = "none"         // there is no mimalloc
	Unknown     Model = "unknown"      // what is there does not tell, perhaps not even whether there is a mimalloc
)

// A Finding is one mimalloc of one architecture of a file, or that there is none.
type Finding struct {
	Arch     string // as lipo spells it: arm64, arm64e, x86_64, …
	Platform string // macos, ios, ios-simulator, maccatalyst, …; two joined by +; "" if the image does not say
	Kind     Kind
	Mimalloc bool
	Index    int    // 0 for the first mimalloc of this architecture in the file, 1 for the second, …
	Version  string // such as 3.3.2; "" if it cannot be told
	Model    Model
	Slots    []int    // FixedSlot: the numbers of the slots, ascending
	Evidence []string // what was seen, with offsets in the file
}

// SlotList joins numbers of slots as reports spell them, such as 108/109.
func SlotList(slots []int) string {
	var b strings.Builder
	for i, s := range slots {
		if i > 0 {
			b.WriteByte('/')
		}
		b.WriteString(strconv.Itoa(s))
	}
	return b.String()
}

// A Kind is what sort of file a finding is of.
type Kind string

// The kinds. An archive's members are judged together, whatever they are.
const (
	Object     Kind = "object"
	Executable Kind = "executable"
	Dylib      Kind = "dylib"
	Bundle     Kind = "bundle" // MH_BUNDLE: what dlopen loads, such as most .node and .so files
	Archive    Kind = "archive"
	Bitcode    Kind = "bitcode" // of LLVM
	OtherKind  Kind = "other"   // a dynamic linker, a kernel extension, debug information, …
)

// Loaded reports whether a process loads such a file.
func (k Kind) Loaded() bool { return k == Executable || k == Dylib || k == Bundle }

// kindOfFile maps the file types of <mach-o/loader.h>; a framework's binary is
// a dylib.
func kindOfFile(filetype uint32) Kind {
	switch filetype {
	case typeObject:
		return Object
	case 2:
		return Executable
	case 6:
		return Dylib
	case 8:
		return Bundle
	}
	return OtherKind
}
