package store

import (
	"bytes"
	"fmt"
)

// Dump returns all that m keeps of its sessions.
func (m *Memory) Dump() []byte {
	var b bytes.Buffer
	for i := range m.shards {
		for _, s := range m.shards[i].slots[1:] {
			if s.data != "" {
				b.WriteString(s.data)
				fmt.Fprint(&b, s.common.Value())
			}
		}
	}
	return b.Bytes()
}

// Slots returns how many sessions m has had room for at a time.
func (m *Memory) Slots() int {
	n := 0
	for i := range m.shards {
		n += len(m.shards[i].slots) - 1
	}
	return n
}

// Counts returns how many counts m keeps.
func (m *Memory) Counts() int { return len(m.counts.byName) }

// DumpCounts returns all that m keeps of its counts.
func (m *Memory) DumpCounts() []byte {
	var b bytes.Buffer
	for name, at := range m.counts.byName {
		fmt.Fprintf(&b, "%s %+v\n", name, at.Value)
	}
	return b.Bytes()
}
