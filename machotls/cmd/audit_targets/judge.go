package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/rules-mimalloc/rules_mimalloc/machotls"
	"github.com/rules-mimalloc/rules_mimalloc/machotls/audit"
)

// advice says what to do about a finding.
const (
	adviceFixed = "Build that mimalloc with a thread-local heap pointer: depend on @mimalloc//:mimalloc-embedded, or patch its headers " +
		"(`mimalloc-tls patch`, or mimalloc_headers for a tree of your own); for what others built ask for a build with it. " +
		"See docs/audit.md of rules_mimalloc."
	adviceDenied  = "See `deny` of the test, or --@rules_mimalloc//rules/flags:audit_deny, and docs/audit.md of rules_mimalloc."
	adviceUnknown = "docs/audit.md of rules_mimalloc says what cannot be told and why; allow_unknown = True " +
		"(aspect: --@rules_mimalloc//rules/flags:audit_allow_unknown) lets it pass."
	adviceExpect = "Either `expect` or what is linked is wrong."
	advicePair   = "Each of the two takes the other's heap for its own as soon as both are in one process: build at least one of them with a thread-local heap pointer."
)

// judge writes what is wrong, and returns the exit code.
func (a *auditor) judge(w io.Writer) int {
	problems := 0
	say := func(place, what string, evidence []string, advice string) {
		problems++
		fmt.Fprintf(w, "%s: %s\n", place, what)
		for _, e := range evidence {
			fmt.Fprintf(w, "    %s\n", e)
		}
		fmt.Fprintf(w, "  %s\n", advice)
	}
	mimallocs := 0
	for i, r := range a.results {
		if r.Mimalloc {
			mimallocs++
		}
		place := a.place(i)
		switch {
		case a.job.expect != "" && r.Mimalloc && r.Model != a.job.expect && r.Model != machotls.Unknown:
			say(place, fmt.Sprintf("expected %s, found %s", a.expected(), describe(r)), r.Evidence, adviceExpect)
		case r.Verdict == audit.Unsafe && r.Model == machotls.FixedSlot:
			say(place, describe(r)+", which every other mimalloc in the process that uses them takes for its own", r.Evidence, adviceFixed)
		case r.Verdict == audit.Unsafe:
			say(place, describe(r)+", which is denied", r.Evidence, adviceDenied)
		case a.job.policy.Offends(r):
			say(place, describe(r), r.Evidence, adviceUnknown)
		}
	}
	if a.job.process {
		for _, c := range audit.Conflicts(a.results) {
			say(a.where(c.A), fmt.Sprintf("shares %s with %s", slots(c.Slots), a.where(c.B)), nil, advicePair)
		}
	}
	on := ""
	if a.job.platform != "" {
		on = " built for " + a.job.platform
	}
	switch {
	case len(a.errs) > 0:
	case len(a.results) == 0 && !a.job.allowEmpty:
		say(strings.Join(a.job.targets, ", "),
			fmt.Sprintf("nothing to audit: there is no Mach-O file among %s of outputs and runfiles%s", count(len(a.job.files), "file"), on), nil,
			"Set `platform` to an Apple platform, or allow_empty = True where the targets are built for other systems, too.")
	case mimallocs == 0 && a.job.expect != "" && a.job.expect != machotls.None && len(a.results) > 0:
		say(strings.Join(a.job.targets, ", "),
			fmt.Sprintf("expected %s, found no mimalloc in %s%s", a.expected(), count(len(a.results), "image"), on), nil, adviceExpect)
	}
	for _, err := range a.errs {
		fmt.Fprintf(w, "could not be audited: %v\n", err)
	}
	switch {
	case len(a.errs) > 0:
		return exitError
	case problems > 0:
		return exitFinding
	}
	return 0
}

func (a *auditor) expected() string {
	if a.job.expect == machotls.None {
		return "no mimalloc"
	}
	return "a mimalloc whose model is " + string(a.job.expect)
}

// place is where a result is: target, file, and the architecture.
func (a *auditor) place(i int) string {
	r := a.results[i]
	place := fmt.Sprintf("%s: %s (%s", a.targets[i], r.Place(), r.Arch)
	if r.Platform != "" {
		place += ", " + r.Platform
	}
	return place + ")"
}

func (a *auditor) where(r *audit.Result) string {
	for i := range a.results {
		if a.results[i] == r {
			return a.place(i)
		}
	}
	return r.Place()
}

// describe says in words what a result is.
func describe(r *audit.Result) string {
	name := "mimalloc"
	if r.Version != "" {
		name += " " + r.Version
	}
	switch r.Model {
	case machotls.FixedSlot:
		return fmt.Sprintf("%s keeps its heap in %s of the thread's control block (%s)", name, slots(r.Slots), r.Model)
	case machotls.PthreadKey:
		return fmt.Sprintf("%s keeps its heap behind a pthread key (%s)", name, r.Model)
	case machotls.ThreadLocal:
		return fmt.Sprintf("%s keeps its heap in a thread-local variable (%s)", name, r.Model)
	case machotls.Unknown:
		return name + " whose model cannot be told"
	}
	return "no mimalloc"
}

func slots(numbers []int) string {
	if len(numbers) == 0 {
		return "fixed slots"
	}
	text := strings.Trim(strings.ReplaceAll(fmt.Sprint(numbers), " ", ", "), "[]")
	if len(numbers) == 1 {
		return "slot " + text
	}
	return "slots " + text
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
