package machotls

import (
	"cmp"
	"fmt"
	"slices"
)

// Slots that mimalloc has used: v2's override, 3.2 to 3.3 and 3.4.2 on, 3.4.0
// and 3.4.1 (prim.h of these releases). No other code was seen to use them.
var knownSlots = map[int]bool{89: true, 108: true, 109: true, 126: true, 127: true}

const (
	nearSlot  = 512 // bytes of code between the use of a slot and that of a heap
	nearCall  = 256
	manyCalls = 2 // of pthread_getspecific near uses of the heap: one alone may be another's
)

// A group is one mimalloc: its heaps point to the same empty page.
type group struct {
	part  *part
	heaps []heap
	refs  map[*part][]uint64 // code that refers to the heaps
}

// judge says what parts of one architecture, of one image or archive, hold.
func judge(parts []*part, buf *[]byte) ([]Finding, error) {
	groups, err := groupHeaps(parts)
	if err != nil {
		return nil, err
	}
	f := Finding{Arch: parts[0].m.arch(), Platform: platforms(parts), Kind: kindOfFile(parts[0].m.filetype), Model: None}
	if parts[0].name != "" {
		f.Kind = Archive
	}
	if len(groups) == 0 {
		for _, p := range parts {
			if len(p.texts) > 0 {
				f.Mimalloc, f.Model = true, Unknown
				f.Evidence = append(f.Evidence, "messages of mimalloc without the static heap of any release known here: "+p.at(p.texts[0]))
				if len(p.versions) > 0 {
					f.Version = p.versions[0].version
				}
				break
			}
		}
		return []Finding{f}, nil
	}
	var findings []Finding
	for i := range groups {
		g := f
		g.Mimalloc, g.Index = true, i
		if err := groups[i].judge(&g, groups, parts, buf); err != nil {
			return nil, err
		}
		findings = append(findings, g)
	}
	assignVersions(findings, groups, parts)
	return findings, nil
}

// platforms joins what the parts say, without repeating.
func platforms(parts []*part) string {
	first := ""
	for _, p := range parts {
		if p.m.platform != "" {
			if first != "" && first != p.m.platform {
				return first + "+" + p.m.platform
			}
			first = p.m.platform
		}
	}
	return first
}

func groupHeaps(parts []*part) ([]group, error) {
	var groups []group
	for _, p := range parts {
		first := len(groups)
		for _, h := range p.heaps {
			i := slices.IndexFunc(groups[first:], func(g group) bool {
				return g.heaps[0].page == h.page || h.page == 0
			})
			if i < 0 {
				groups = append(groups, group{part: p})
				i = len(groups) - 1 - first
			}
			groups[first+i].heaps = append(groups[first+i].heaps, h)
		}
	}
	for i := range groups {
		g := &groups[i]
		var spans []span
		for _, h := range g.heaps {
			spans = append(spans, h.span())
		}
		g.refs = make(map[*part][]uint64)
		for _, p := range parts {
			var err error
			switch {
			case p == g.part:
				g.refs[p], err = p.refsIn(spans)
			case p.m.filetype == typeObject && len(groups) == 1:
				g.refs[p], err = p.m.relocatedRefs(nil, emptyHeaps)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return groups, nil
}

// judge fills in the model and its evidence. The order matters: a slot in use
// outranks a variable, which 3.5 and later have beside keys for other purposes.
func (g *group) judge(f *Finding, all []group, parts []*part, buf *[]byte) error {
	h := g.heaps[0]
	seen := fmt.Sprintf("empty heap: size classes %d bytes apart, %s", h.stride, g.part.at(h.table))
	if h.run != 0 {
		seen += fmt.Sprintf(", behind %d pointers to one page, %s", h.length, g.part.at(h.run))
	}
	f.Evidence = append(f.Evidence, seen)
	f.Model = Unknown
	if why := unreadable(g.part.m); why != "" {
		f.Evidence = append(f.Evidence, why)
		return nil
	}
	starts := g.starts(parts)
	if g.judgeSlots(f, all, parts) {
		if len(all) > 1 && len(starts) > 0 && f.Model == FixedSlot {
			// Code of another mimalloc in the image lies among this one's: the slots may be that one's.
			f.Model, f.Slots = Unknown, nil
			f.Evidence = append(f.Evidence, starts...)
		}
		return nil
	}
	for _, s := range starts {
		f.Model = ThreadLocal
		f.Evidence = append(f.Evidence, s)
	}
	if f.Model != Unknown {
		return nil
	}
	if keys, err := g.keys(all, parts, buf); err != nil {
		return err
	} else if keys != "" {
		f.Model = PthreadKey
		f.Evidence = append(f.Evidence, keys)
		return nil
	}
	for _, p := range parts {
		if p.use != nil {
			if err := p.findArguments(buf); err != nil {
				return err
			}
		}
	}
	g.judgeSlots(f, all, parts)
	return nil
}

// judgeSlots reports whether slots decide, one way or the other.
func (g *group) judgeSlots(f *Finding, all []group, parts []*part) bool {
	slots, doubtful := g.slots(all, parts)
	for _, s := range slots {
		f.Model = FixedSlot
		f.Slots = append(f.Slots, s.number)
		f.Evidence = append(f.Evidence, s.String())
	}
	if len(slots) > 0 {
		return true
	}
	for _, s := range doubtful {
		f.Evidence = append(f.Evidence, "not known whose: "+s.String())
	}
	return len(doubtful) > 0
}

// unreadable says why the code of an image tells nothing, "" if it may.
func unreadable(m *image) string {
	switch {
	case m.encrypted:
		return "the code is encrypted"
	case m.cpu != cpuArm64 && m.cpu != cpuAmd64:
		return "code for " + m.arch() + " is not read"
	}
	return ""
}

// slotEvidence is a slot and where it is used.
type slotEvidence struct {
	number        int
	use           *slotUse
	part          *part
	reads, writes int
	read, written string // where, first
}

func newSlotEvidence(number int, use *slotUse, p *part) slotEvidence {
	e := slotEvidence{number: number, use: use, part: p, reads: use.reads.count, writes: use.writes.count}
	if e.reads > 0 {
		e.read = p.at(use.reads.addrs[0])
	}
	if e.writes > 0 {
		e.written = p.at(use.writes.addrs[0])
	}
	return e
}

func (e slotEvidence) String() string {
	text := fmt.Sprintf("slot %d of the thread control block", e.number)
	if e.reads > 0 {
		text += fmt.Sprintf("; read in %d places, first %s", e.reads, e.read)
	}
	if e.writes > 0 {
		text += fmt.Sprintf("; written in %d places, first %s", e.writes, e.written)
	}
	return text
}

// slots returns the slots that this mimalloc uses, and those that somebody
// does of whom it cannot be told.
func (g *group) slots(all []group, parts []*part) (mine, doubtful []slotEvidence) {
	read, written := make(map[int]bool), make(map[int]bool) // by any part: an archive's members share the work
	for _, p := range parts {
		for n, use := range p.slotUses() {
			read[n] = read[n] || use.reads.count > 0
			written[n] = written[n] || use.writes.count > 0
		}
	}
	for _, p := range parts {
		var candidates []slotEvidence
		for n, use := range p.slotUses() {
			if knownSlots[n] || read[n] && written[n] {
				candidates = append(candidates, newSlotEvidence(n, use, p))
			}
		}
		slices.SortFunc(candidates, func(a, b slotEvidence) int { return a.number - b.number })
		for _, c := range candidates {
			switch {
			case p.m.filetype == typeObject && len(all) == 1:
				mine = append(mine, c) // a member that has mimalloc's symbols is mimalloc's
			case p.m.filetype == typeObject && p != g.part:
				doubtful = append(doubtful, c) // no heap in this member to go by
			case p != g.part:
			case len(all) == 1 && knownSlots[c.number] || g.uses(c, candidates):
				mine = append(mine, c)
			case slices.ContainsFunc(all, func(o group) bool { return o.part == p && o.uses(c, candidates) }):
			case knownSlots[c.number]:
				doubtful = append(doubtful, c)
			}
		}
	}
	return mergeSlots(mine), mergeSlots(doubtful)
}

// slotUses are the slots that the code of a part uses.
func (p *part) slotUses() map[int]*slotUse {
	if p.use == nil {
		return nil
	}
	return p.use.slots
}

// uses reports whether a slot, or the one beside it (releases use two), is
// used close to where the code refers to the heaps.
func (g *group) uses(c slotEvidence, candidates []slotEvidence) bool {
	for _, o := range candidates {
		if o.number < c.number-1 || o.number > c.number+1 {
			continue
		}
		if _, near := o.use.reads.near(g.refs[c.part], nearSlot); near {
			return true
		}
		if _, near := o.use.writes.near(g.refs[c.part], nearSlot); near {
			return true
		}
	}
	return false
}

// mergeSlots makes one entry of those that several members have for a slot.
func mergeSlots(slots []slotEvidence) []slotEvidence {
	slices.SortStableFunc(slots, func(a, b slotEvidence) int { return a.number - b.number })
	var merged []slotEvidence
	for _, s := range slots {
		if n := len(merged) - 1; n >= 0 && merged[n].number == s.number {
			m := &merged[n]
			m.reads, m.writes = m.reads+s.reads, m.writes+s.writes
			m.read, m.written = cmp.Or(m.read, s.read), cmp.Or(m.written, s.written)
			continue
		}
		merged = append(merged, s)
	}
	return merged
}

// starts returns the thread-local variables that start with a heap of this
// mimalloc and that code uses.
func (g *group) starts(parts []*part) []string {
	var found []string
	for _, p := range parts {
		for i := range p.starts {
			s := &p.starts[i]
			mine := p == g.part && slices.ContainsFunc(g.heaps, func(h heap) bool { return s.heap != 0 && h.reaches(s.heap) })
			if (mine || p != g.part && s.heap == 0) && s.decisive() {
				found = append(found, p.describe(s))
			}
		}
	}
	return found
}

// keys returns evidence that this mimalloc reads its pointer by a pthread key.
func (g *group) keys(all []group, parts []*part, buf *[]byte) (string, error) {
	for _, p := range parts {
		if p.use == nil {
			continue
		}
		addrs, err := p.getspecific(buf)
		if err != nil {
			return "", err
		}
		calls := sites{addrs: addrs}
		if n, first := calls.allNear(g.refs[p], nearCall); n >= manyCalls {
			return fmt.Sprintf("%d calls of pthread_getspecific beside uses of the heap, first %s", n, p.at(first)), nil
		}
		if n, first := p.use.indexed.allNear(g.refs[p], nearSlot); n >= manyCalls {
			return fmt.Sprintf("%d loads of a slot by a key beside uses of the heap, first %s", n, p.at(first)), nil
		}
		for _, s := range p.symbols {
			// Defined by releases from 3.2 on in this model alone (init.c; since 3.6 prim/prim-tls.c).
			if s.name == "__mi_theap_default_key" && s.defined() && len(all) == 1 {
				return fmt.Sprintf("pthread key %s: %s", s.name[1:], p.at(s.value)), nil
			}
		}
	}
	return "", nil
}

// assignVersions gives each mimalloc the version that its code tells.
func assignVersions(findings []Finding, groups []group, parts []*part) {
	type told struct {
		versionSite
		part *part
	}
	var versions []told
	for _, p := range parts {
		for _, v := range p.versions {
			versions = append(versions, told{v, p})
		}
	}
	for i := range findings {
		g := &groups[i]
		for _, v := range versions {
			if len(groups) > 1 && !g.nearest(v.part, v.addr, groups) {
				continue
			}
			if f := &findings[i]; f.Version == "" {
				f.Version = v.version
				f.Evidence = append(f.Evidence, fmt.Sprintf("version %s %s, %s", v.version, v.what, v.part.at(v.addr)))
			} else if f.Version != v.version {
				f.Version = ""
				f.Evidence = append(f.Evidence, fmt.Sprintf("version %s as well %s, %s", v.version, v.what, v.part.at(v.addr)))
				break
			}
		}
	}
}

// nearest reports whether an address is closer to code of this mimalloc than to that of others.
func (g *group) nearest(p *part, addr uint64, all []group) bool {
	distance := func(o *group) uint64 {
		best := ^uint64(0)
		for _, r := range o.refs[p] {
			best = min(best, max(r, addr)-min(r, addr))
		}
		return best
	}
	mine := distance(g)
	for i := range all {
		if o := &all[i]; o != g && distance(o) <= mine {
			return false
		}
	}
	return mine != ^uint64(0)
}
