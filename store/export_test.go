package store

import (
	"bytes"
	"fmt"
)

// DumpSessions returns the content of all sessions.
func (m *Memory) DumpSessions() []byte {
	m.sessions.mu.RLock()
	defer m.sessions.mu.RUnlock()
	var b bytes.Buffer
	for key, s := range m.sessions.byKey {
		fmt.Fprintf(&b, "%s %+v %s %s\n", key[:], *s.record(), s.claims, s.key[:])
	}
	return b.Bytes()
}

// DumpMarks returns the content of all marks.
func (m *Memory) DumpMarks() []byte {
	m.marks.mu.RLock()
	defer m.marks.mu.RUnlock()
	var b bytes.Buffer
	for name, e := range m.marks.byName {
		fmt.Fprintf(&b, "%s %+v\n", name[:], *e)
	}
	return b.Bytes()
}

// DumpCounts returns the content of all counters.
func (m *Memory) DumpCounts() []byte {
	m.counts.mu.Lock()
	defer m.counts.mu.Unlock()
	var b bytes.Buffer
	for name, e := range m.counts.byName {
		fmt.Fprintf(&b, "%s %+v\n", name[:], *e)
	}
	return b.Bytes()
}

// Counts returns the number of counters.
func (m *Memory) Counts() int { return len(m.counts.byName) }

// Lists returns the number of lists that have a session.
func (m *Memory) Lists() (n int) {
	for _, heads := range m.sessions.lists {
		n += len(heads)
	}
	return n
}

// Bytes returns what counts towards MemoryOptions.MaxBytes.
func (m *Memory) Bytes() int64 { return m.sessions.bytes }

// UserEntries returns the number of entries for users, addresses and accounts.
func (m *Memory) UserEntries() [3]int {
	return [3]int{len(m.accounts.byID), len(m.accounts.byEmail), len(m.accounts.byAccount)}
}

// LinkEntries returns the number of links, of addresses with links, and of expiries.
func (m *Memory) LinkEntries() [3]int {
	return [3]int{len(m.links.byKey), len(m.links.byEmail), len(m.links.expiring)}
}
