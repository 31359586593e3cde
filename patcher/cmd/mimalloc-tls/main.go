// Command mimalloc-tls patches, checks and explains the TLS model that
// mimalloc uses on Apple platforms, in its headers and in what is built of
// them. It is for people, and for build systems other than Bazel.
//
// Run mimalloc-tls help for its commands and exit codes.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/rules-mimalloc/rules_mimalloc/patcher"
)

// Exit codes, the same for every command.
const (
	exitOK      = 0 // done, or nothing to do
	exitIO      = 1 // I/O or internal error: the answer is incomplete
	exitUsage   = 2
	exitDrift   = 3 // the header is not one the patcher knows
	exitFinding = 4 // check: still needs the patch; audit: a model that is denied, or unknown; adopt, bump: something to decide first
)

// A command is a subcommand of the command line.
type command struct {
	name, args, short string
	long              string
	run               func(*invocation) error
	flags             func(*flag.FlagSet, *options)
	operands          func(*invocation, []string) error // takes what is no flag; nil: includeDir
}

// options holds the flags of all commands.
type options struct {
	json, inPlace bool
	out           string

	deny, sarif                            string
	allowUnknown, process, evidence, quiet bool

	module moduleOptions
}

// An invocation is one run of a command.
type invocation struct {
	options
	dir            string   // the INCLUDE_DIR
	paths          []string // of audit
	version        string   // the VERSION of bump, "" for none
	stdin          io.Reader
	stdout, stderr io.Writer
}

var commands = []command{patchCommand, checkCommand, diffCommand, revertCommand, auditCommand, adoptCommand, bumpCommand}

// A usageError is a wrong command line.
type usageError struct{ msg string }

func (e *usageError) Error() string { return e.msg }

// errFinding ends a command with exitFinding; everything has been said.
var errFinding = errors.New("finding")

// errIncomplete ends a command with exitIO; what could not be read has been said.
var errIncomplete = errors.New("incomplete")

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		usage(stderr)
		return exitUsage
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		if len(args) > 1 {
			if c := find(args[1]); c != nil {
				c.usage(stdout)
				return exitOK
			}
		}
		usage(stdout)
		return exitOK
	}
	c := find(args[0])
	if c == nil {
		fmt.Fprintf(stderr, "mimalloc-tls: unknown command %q; mimalloc-tls help lists them\n", args[0])
		return exitUsage
	}
	inv := &invocation{stdin: stdin, stdout: stdout, stderr: stderr}
	err := c.parse(inv, args[1:])
	if errors.Is(err, flag.ErrHelp) {
		c.usage(stdout)
		return exitOK
	}
	if err == nil {
		err = c.run(inv)
	}
	return report(c, err, stderr)
}

// report says what went wrong and returns the exit code for it.
func report(c *command, err error, stderr io.Writer) int {
	var wrong *usageError
	var drift *patcher.DriftError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errFinding):
		return exitFinding
	case errors.Is(err, errIncomplete):
		return exitIO
	case errors.As(err, &wrong):
		fmt.Fprintf(stderr, "mimalloc-tls %s: %s\nusage: mimalloc-tls %s %s\n", c.name, wrong.msg, c.name, c.args)
		return exitUsage
	}
	fmt.Fprintf(stderr, "mimalloc-tls %s: %v\n", c.name, err)
	if errors.As(err, &drift) {
		fmt.Fprint(stderr, drift.Details())
		return exitDrift
	}
	return exitIO
}

func find(name string) *command {
	for i := range commands {
		if commands[i].name == name {
			return &commands[i]
		}
	}
	return nil
}

// parse reads flags, which may stand before, between or behind the operands.
func (c *command) parse(inv *invocation, args []string) error {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	if c.flags != nil {
		c.flags(flags, &inv.options)
	}
	var operands []string
	for {
		if err := flags.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return err
			}
			return &usageError{err.Error()}
		}
		rest := flags.Args()
		if len(rest) == 0 {
			break
		}
		if n := len(args) - len(rest); n > 0 && args[n-1] == "--" {
			operands = append(operands, rest...)
			break
		}
		operands, args = append(operands, rest[0]), rest[1:]
	}
	if c.operands != nil {
		return c.operands(inv, operands)
	}
	return includeDir(inv, operands)
}

// includeDir takes the one INCLUDE_DIR of most commands.
func includeDir(inv *invocation, dirs []string) error {
	switch {
	case len(dirs) == 0:
		return &usageError{"no INCLUDE_DIR given, the directory that holds mimalloc.h"}
	case len(dirs) > 1:
		return &usageError{fmt.Sprintf("one INCLUDE_DIR wanted, got %q", dirs)}
	case dirs[0] == "":
		return &usageError{"INCLUDE_DIR is empty"}
	}
	inv.dir = dirs[0]
	return nil
}

func usage(w io.Writer) {
	fmt.Fprint(w, `mimalloc-tls gives mimalloc a thread-local heap pointer on Apple platforms.

usage: mimalloc-tls COMMAND [FLAGS] INCLUDE_DIR
       mimalloc-tls audit [FLAGS] PATH…
       mimalloc-tls adopt|bump [FLAGS]

INCLUDE_DIR is the directory that holds mimalloc.h.

`)
	for _, c := range commands {
		fmt.Fprintf(w, "  %-8s %s\n", c.name, c.short)
	}
	fmt.Fprint(w, `
mimalloc-tls help COMMAND says more.

exit codes: 0 done or nothing to do, 1 I/O or internal error, 2 usage,
3 drift (the header is not one the patcher knows), 4 a finding: check, still
needs the patch; audit, a model that is denied or unknown; adopt and bump,
something to decide first
`)
}

func (c *command) usage(w io.Writer) {
	fmt.Fprintf(w, "usage: mimalloc-tls %s %s\n\n%s", c.name, c.args, c.long)
	if c.flags == nil {
		return
	}
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	c.flags(flags, &options{})
	fmt.Fprint(w, "\nflags:\n")
	flags.VisitAll(func(f *flag.Flag) {
		value, text := flag.UnquoteUsage(f)
		name := "--" + f.Name
		if value != "" {
			name += " " + value
		}
		fmt.Fprintf(w, "  %-12s %s\n", name, text)
	})
}
