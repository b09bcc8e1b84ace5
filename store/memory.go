package store

import (
	"cmp"
	"container/list"
	"hash/maphash"
	"time"
)

// MemoryOptions are the bounds of a [Memory]. The zero value is usable.
type MemoryOptions struct {
	// MaxSessions is the largest number of sessions; 0 means 1,000,000.
	MaxSessions int
	// MaxBytes is about how much memory the sessions may take; 0 means 1 GiB.
	MaxBytes int64
	// MaxMarks is the largest number of marks, of about 140 bytes each; 0 means
	// 1,000,000.
	MaxMarks int
	// MaxCounts is the largest number of counters, of about 160 bytes each; 0 means
	// 1,000,000.
	MaxCounts int
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
// client that signs in often sign out all others. Counters are the exception, see
// [Memory.Count].
//
// A Memory starts no goroutine and needs no closing.
type Memory struct {
	now      func() time.Time
	sessions sessions
	marks    marks
	leases   leases
	counts   counts
}

var (
	_ Sessions = (*Memory)(nil)
	_ Index    = (*Memory)(nil)
	_ Marks    = (*Memory)(nil)
	_ Locker   = (*Memory)(nil)
	_ Counter  = (*Memory)(nil)
)

// NewMemory returns an empty store.
func NewMemory(opts MemoryOptions) *Memory {
	m := &Memory{now: opts.Now}
	if m.now == nil {
		m.now = time.Now
	}
	const million = 1_000_000
	m.sessions = sessions{
		max: cmp.Or(max(opts.MaxSessions, 0), million), maxBytes: cmp.Or(max(opts.MaxBytes, 0), 1<<30),
		seed: maphash.MakeSeed(), byKey: make(map[Key]*session),
	}
	for i := range m.sessions.lists {
		m.sessions.lists[i] = make(map[uint64]*session)
	}
	m.marks = marks{max: cmp.Or(max(opts.MaxMarks, 0), million), byName: make(map[Key]*mark)}
	m.leases = leases{byName: make(map[string]*lease)}
	m.counts = counts{max: cmp.Or(max(opts.MaxCounts, 0), million), byName: make(map[Key]*list.Element)}
	return m
}

func (m *Memory) millis() int64 { return m.now().UnixMilli() }

// An expiry is embedded in what expires.
type expiry struct {
	ends  int64 // in milliseconds since 1970
	index int   // in its queue
}

func (e *expiry) expires() *expiry { return e }

// A queue has what expires first at its head, see [container/heap].
type queue[T interface{ expires() *expiry }] []T

func (q queue[T]) Len() int           { return len(q) }
func (q queue[T]) Less(i, j int) bool { return q[i].expires().ends < q[j].expires().ends }
func (q queue[T]) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].expires().index, q[j].expires().index = i, j
}

func (q *queue[T]) Push(x any) {
	x.(T).expires().index = len(*q)
	*q = append(*q, x.(T))
}

func (q *queue[T]) Pop() any {
	last := len(*q) - 1
	x := (*q)[last]
	clear((*q)[last:])
	*q = (*q)[:last]
	return x
}

// A call that adds an entry removes at least sweepLimit expired ones, if there are
// so many, and at most sweepLimitFull until its own fits, under the lock.
const (
	sweepLimit     = 4
	sweepLimitFull = 250
)

// sweep calls remove, which takes an entry out of the queue, with expired ones.
func (q *queue[T]) sweep(now int64, fits func() bool, remove func(T)) {
	for n := 0; len(*q) > 0 && (*q)[0].expires().ends <= now; n++ {
		if n >= sweepLimitFull || n >= sweepLimit && fits() {
			return
		}
		remove((*q)[0])
	}
}
