// Package machotls tells which TLS model a mimalloc uses that is inside a
// Mach-O file: where it keeps each thread's pointer to its heap.
//
// It reads what ships: images that were stripped, link-time optimised, or made
// by others. So it goes by what no build can do without. A mimalloc is known by
// the shape of its statically initialised heaps (heap.go). Its model is known
// by what the code does:
//
//	fixed-slot    it reads and writes a slot of the thread control block whose
//	              number is a constant (code.go and the files of the CPUs)
//	thread-local  a thread-local variable starts with the address of the empty
//	              heap, and code uses it (threadlocal.go)
//	pthread-key   it asks pthread_getspecific, or reads a slot whose number it
//	              keeps in a variable, where it uses its heaps
//
// What is none of these is Unknown. A verdict is never reached by elimination,
// and each one carries the evidence for it.
//
// # What it does not do
//
// It does not run or link anything, and says nothing of code that an image
// loads from elsewhere. It cannot look into LLVM bitcode, encrypted or packed
// images; it reads the code of arm64 (arm64e) and x86_64 only.
//
// # Damaged files
//
// Nothing that a file says is trusted: offsets and counts are checked against
// its size before they are used, and what is remembered is bounded. A damaged
// file is a *FormatError.
//
// The load commands are read by hand and not by debug/macho, which reads whole
// symbol tables into memory and knows neither 64-bit universal files nor
// sections by their type.
package machotls
