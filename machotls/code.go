package machotls

import (
	"slices"
)

// maxSites bounds how many places are remembered per slot. A slot that more
// code uses is known well enough.
const maxSites = 1 << 12

// sites are the addresses of instructions that do the same.
type sites struct {
	count int
	addrs []uint64 // the first maxSites
}

func (s *sites) add(addr uint64) {
	s.count++
	if len(s.addrs) < maxSites {
		s.addrs = append(s.addrs, addr)
	}
}

// near returns the first site within distance bytes of one of the sorted
// addresses.
func (s *sites) near(sorted []uint64, distance uint64) (uint64, bool) {
	for _, a := range s.addrs {
		i, _ := slices.BinarySearch(sorted, a)
		if i < len(sorted) && sorted[i]-a <= distance || i > 0 && a-sorted[i-1] <= distance {
			return a, true
		}
	}
	return 0, false
}

// allNear counts the sites within distance bytes of one of the sorted
// addresses, and returns the first.
func (s *sites) allNear(sorted []uint64, distance uint64) (n int, first uint64) {
	for i := range s.addrs {
		one := sites{addrs: s.addrs[i : i+1]}
		if a, near := one.near(sorted, distance); near {
			if n == 0 {
				first = a
			}
			n++
		}
	}
	return n, first
}

// A slotUse is what code does with one slot of the thread control block.
type slotUse struct{ reads, writes sites }

// An accessor is told what code does with memory behind an address that is
// followed: displacement is in bytes from that address, addr the instruction's.
type accessor interface {
	read(displacement int64, addr uint64)
	write(displacement int64, addr uint64)
	readIndexed(addr uint64) // of an array of words, by a register
	writeIndexed(addr uint64)
}

// threadUse is what code does with the thread control block.
type threadUse struct {
	slots map[int]*slotUse // by number; without 0, the block's own address
	// Loads and stores of a slot whose number is in a register.
	indexed, indexedWrites sites
}

// maxSlot: Darwin's thread control block has 768 slots (tsd_private.h of
// libpthread: _EXTERNAL_POSIX_THREAD_KEYS_MAX 512 + 256 reserved ones).
const maxSlot = 768

func (u *threadUse) slot(displacement int64) *slotUse {
	if displacement <= 0 || displacement%8 != 0 || displacement >= maxSlot*8 {
		return nil
	}
	n := int(displacement / 8)
	if u.slots == nil {
		u.slots = make(map[int]*slotUse)
	}
	if u.slots[n] == nil {
		u.slots[n] = new(slotUse)
	}
	return u.slots[n]
}

func (u *threadUse) read(displacement int64, addr uint64) {
	if s := u.slot(displacement); s != nil {
		s.reads.add(addr)
	}
}

func (u *threadUse) readIndexed(addr uint64)  { u.indexed.add(addr) }
func (u *threadUse) writeIndexed(addr uint64) { u.indexedWrites.add(addr) }

func (u *threadUse) write(displacement int64, addr uint64) {
	if s := u.slot(displacement); s != nil {
		s.writes.add(addr)
	}
}

// codeOverlap is more than what is followed behind an instruction.
const codeOverlap = 1 << 10

// eachCode calls f with all code, in pieces: what begins in the first end
// bytes of b, at address addr, is f's to look at; the rest is what stands behind.
func (m *image) eachCode(buf *[]byte, f func(b []byte, end int, addr uint64)) error {
	for i := range m.sections {
		s := &m.sections[i]
		if !s.code() {
			continue
		}
		err := m.chunks(s, buf, codeOverlap, func(b []byte, base uint64, last bool) error {
			end := len(b)
			if !last {
				end -= codeOverlap
			}
			f(b, end, s.addr+base)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// scanSlots finds the uses of the thread control block.
func (m *image) scanSlots(b []byte, end int, addr uint64, use accessor) {
	switch m.cpu {
	case cpuArm64:
		scanArm64(b, end, addr, use)
	case cpuAmd64:
		scanAmd64(b, end, addr, use)
	}
}
