package oracle

import (
	"os/exec"
	"path/filepath"
)

// Link links objects, and whatever else the arguments are for `zig cc`, to an
// image. Its error is as that of Macros.
func (c Compiler) Link(t Target, image string, args ...string) error {
	_, err := run(t, exec.Command(c.Zig, append([]string{"-target", t.Triple, "-o", image}, args...)...))
	return err
}

// Archive makes a static library in a format that LLVM's ar knows: darwin, bsd,
// gnu. Its error is as that of Macros.
func (c Compiler) Archive(archive, format string, objects ...string) error {
	args := append([]string{"ar", "--format=" + format, "rcsD", archive}, objects...)
	_, err := run(Target{Triple: archive}, exec.Command(c.tool(), args...))
	return err
}

// CompileClang is Compile by the clang in zig, which has options that zig
// refuses; C only.
func (c Compiler) CompileClang(triple, include, source, object string, args ...string) error {
	t := Target{Triple: triple}
	_, err := run(t, c.clang(t, include, append(args, "-c", source, "-o", object)...))
	return err
}

// LinkLLD links for macOS by an ld64.lld, which need not be able to read zig's
// libSystem.tbd: the system's symbols are left for dyld to look for. Its error
// is as that of Macros.
func LinkLLD(lld, arch, image string, args ...string) error {
	line := append([]string{"-arch", arch, "-platform_version", "macos", "15.0", "15.0", "-undefined", "dynamic_lookup", "-o", image}, args...)
	_, err := run(Target{Triple: arch}, exec.Command(lld, line...))
	return err
}

func (c Compiler) sdk() string  { return filepath.Dir(c.Zig) }
func (c Compiler) tool() string { return filepath.Join(c.sdk(), "zig") }
