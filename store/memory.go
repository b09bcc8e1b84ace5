package store

import (
	"cmp"
	"hash/maphash"
	"time"
)

// MemoryOptions are the bounds of a [Memory] and its clock. The zero value is usable. A
// negative bound counts as 0.
type MemoryOptions struct {
	_ [0]func() // no == and no literal without names: a field of any type can be added

	// MaxSessions is the largest number of sessions; 0 means 1,000,000.
	MaxSessions int
	// MaxBytes is about how much memory the sessions may take; 0 means 1 GiB.
	MaxBytes int64
	// MaxMarks is the largest number of marks, of about 140 bytes each; 0 means
	// 1,000,000.
	MaxMarks int
	// MaxCounts is the largest number of counters, of about 140 bytes each; 0 means
	// 1,000,000. A deny-list has one for each user with a session that has ended.
	MaxCounts int
	// MaxUsers is the largest number of users, who never expire; 0 means 100,000.
	MaxUsers int
	// MaxLinks is the largest number of links that were sent by e-mail; 0 means 100,000.
	MaxLinks int
	// Now is the clock of all that expires, except leases, and of the times of
	// marks; nil means time.Now.
	Now func() time.Time
}

// Memory has all abilities of a store in the memory of one process: for
// development, for tests, and for services of one process whose users may be
// signed out when it restarts. A session takes about 400 bytes and its strings and
// claims.
//
// A Memory is bounded. Expired sessions and marks are removed when others are
// added; if there are none, CreateSession and Mark return [ErrFull]. Users then can't
// sign in until others sign out: to end the oldest session instead would let a
// client that signs in often sign out all others. Counters are the exception: a new
// one replaces the one that expires first.
//
// A Memory is safe for concurrent use. It starts no goroutine and needs no closing.
type Memory struct {
	now      func() time.Time
	sessions sessionTable
	marks    markTable
	leases   leaseTable
	counts   table
	accounts accountTable
	links    linkTable
}

var (
	_ Sessions = (*Memory)(nil)
	_ Index    = (*Memory)(nil)
	_ Marks    = (*Memory)(nil)
	_ Locker   = (*Memory)(nil)
	_ Counter  = (*Memory)(nil)
	_ Accounts = (*Memory)(nil)
	_ Links    = (*Memory)(nil)
)

// NewMemory returns an empty store.
func NewMemory(opts MemoryOptions) *Memory {
	m := &Memory{now: opts.Now}
	if m.now == nil {
		m.now = time.Now
	}
	const million = 1_000_000
	m.sessions = sessionTable{
		max: cmp.Or(max(opts.MaxSessions, 0), million), maxBytes: cmp.Or(max(opts.MaxBytes, 0), 1<<30),
		seed: maphash.MakeSeed(), byKey: make(map[Key]*session),
	}
	for i := range m.sessions.lists {
		m.sessions.lists[i] = make(map[uint64]*session)
	}
	m.marks.table = table{max: cmp.Or(max(opts.MaxMarks, 0), million), byName: make(map[Key]*entry)}
	m.leases = leaseTable{byName: make(map[string]*lease)}
	m.counts = table{max: cmp.Or(max(opts.MaxCounts, 0), million), byName: make(map[Key]*entry)}
	m.accounts = accountTable{
		max: cmp.Or(max(opts.MaxUsers, 0), million/10), byID: make(map[string]*user), byEmail: make(map[string]*user), byAccount: make(map[AccountKey]*user),
	}
	m.links = linkTable{max: cmp.Or(max(opts.MaxLinks, 0), million/10), byKey: make(map[LinkKey]*mailed), byEmail: make(map[string][]*mailed)}
	return m
}

func (m *Memory) millis() int64 { return m.now().UnixMilli() }
