package store

import (
	"cmp"
	"context"
	"hash/maphash"
	"slices"
	"sync/atomic"
	"time"
)

// MemoryOptions are the bounds of a [Memory]. The zero value is usable.
type MemoryOptions struct {
	// MaxSessions is how many sessions are kept; 0 means 1,000,000.
	MaxSessions int

	// MaxBytes is about how much memory the sessions take; 0 means 1 GiB.
	MaxBytes int64

	// MaxMarks is how many marks are kept; 0 means 1,000,000.
	MaxMarks int

	// MaxCounts is how many counts are kept, of about 160 bytes each; 0 means
	// 1,000,000.
	MaxCounts int

	// Now is the clock of what expires; nil means time.Now.
	Now func() time.Time
}

// shards is a power of two. Two sessions share a lock once in so many cases.
const shards = 64

// Memory is a [Store], [Marks], a [Locker] and a [Counter] in the memory of this
// process: for development, tests, and services of one process whose users may be
// signed out when it restarts.
//
// It is bounded. When it is full, expired sessions make room; when none has
// expired, Create is [ErrFull]: people can't sign in until others sign out. That
// is chosen above ending the oldest session, with which anybody who signs in
// often enough would sign out everyone else. Counts are the exception: a new one
// takes the place of the oldest, see [Memory.Count].
//
// It has no goroutine and needs no closing: each write removes a few expired
// sessions.
type Memory struct {
	seed   maphash.Seed
	now    func() time.Time
	used   usage
	swept  atomic.Int64
	shards [shards]shard
	marks  marks
	locks  locks
	counts counts
}

var (
	_ Store   = (*Memory)(nil)
	_ Marks   = (*Memory)(nil)
	_ Locker  = (*Memory)(nil)
	_ Counter = (*Memory)(nil)
)

// NewMemory returns an empty store.
func NewMemory(opts MemoryOptions) *Memory {
	m := &Memory{seed: maphash.MakeSeed(), now: opts.Now}
	if m.now == nil {
		m.now = time.Now
	}
	m.used.maxSessions = positive(int64(opts.MaxSessions), 1_000_000)
	m.used.maxBytes = positive(opts.MaxBytes, 1<<30)
	for i := range m.shards {
		m.shards[i].open(m.seed, &m.used)
	}
	m.marks.open(m.seed, positive(int64(opts.MaxMarks), 1_000_000))
	m.counts.open(positive(int64(opts.MaxCounts), 1_000_000))
	return m
}

func positive(n, otherwise int64) int64 {
	if n > 0 {
		return n
	}
	return otherwise
}

// Len returns how many sessions are kept. A few may have expired.
func (m *Memory) Len() int { return int(m.used.sessions.Load()) }

// Create implements [Store]. When the store is full it returns [ErrFull].
func (m *Memory) Create(ctx context.Context, r *Record) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if err := r.Check(); err != nil {
		return "", err
	}
	kept := *r
	kept.ID, kept.Version = NewID(), 1
	handle, key := NewHandle()

	now := m.now().UnixMilli()
	s := pack(key, &kept)
	if !m.used.reserve(1, s.size()) && !(m.sweep(now) && m.used.reserve(1, s.size())) {
		return "", ErrFull
	}
	m.shard(key).add(s, now)
	r.ID, r.Version = kept.ID, kept.Version
	return handle, nil
}

// Find implements [Store].
func (m *Memory) Find(ctx context.Context, handle string) (*Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	key, ok := KeyOf(handle)
	if !ok {
		return nil, ErrNotFound
	}
	s, ok := m.shard(key).find(key)
	if !ok || s.expired(m.now().UnixMilli()) {
		return nil, ErrNotFound
	}
	return s.record(true), nil
}

// Replace implements [Store]. A session that grows beyond the store's bound is
// [ErrFull], and stays as it was.
func (m *Memory) Replace(ctx context.Context, handle string, r *Record) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if err := r.Check(); err != nil {
		return "", err
	}
	key, ok := KeyOf(handle)
	if !ok {
		return "", ErrNotFound
	}
	now := m.now().UnixMilli()
	err := m.shard(key).replace(key, r, now)
	if err == ErrFull && m.sweep(now) {
		err = m.shard(key).replace(key, r, now)
	}
	if err != nil {
		return "", err
	}
	r.Version++
	return handle, nil
}

// Delete implements [Store].
func (m *Memory) Delete(ctx context.Context, handle string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if key, ok := KeyOf(handle); ok {
		m.shard(key).delete(key)
	}
	return nil
}

// List implements [Store].
func (m *Memory) List(ctx context.Context, subject string) ([]*Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for i := range m.shards {
		m.shards[i].mu.RLock()
		defer m.shards[i].mu.RUnlock()
	}
	var list []*Record
	now := m.now().UnixMilli()
	for i := range m.shards {
		for _, r := range m.shards[i].selected(Filter{Subject: subject}, now) {
			list = append(list, r)
		}
	}
	slices.SortStableFunc(list, func(a, b *Record) int { return cmp.Compare(b.CreatedAt.UnixMilli(), a.CreatedAt.UnixMilli()) })
	return list, nil
}

// DeleteWhere implements [Store].
func (m *Memory) DeleteWhere(ctx context.Context, f Filter) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := f.Check(); err != nil {
		return 0, err
	}
	// Every shard is locked, so that no session that is older than one which
	// ends here can be left.
	for i := range m.shards {
		m.shards[i].mu.Lock()
		defer m.shards[i].mu.Unlock()
	}
	n := 0
	now := m.now().UnixMilli()
	for i := range m.shards {
		for at := range m.shards[i].selected(f, now) {
			m.shards[i].remove(at)
			n++
		}
	}
	return n, nil
}

func (m *Memory) shard(key Key) *shard { return &m.shards[key[0]%shards] }

// sweep removes every expired session, at most once a second: it looks at all
// of them, and a full store must not do so whenever somebody tries to sign in.
func (m *Memory) sweep(now int64) bool {
	if !onceASecond(&m.swept, now) {
		return false
	}
	for i := range m.shards {
		m.shards[i].sweepAll(now)
	}
	return true
}

// onceASecond tells whether a second has passed since it was last true. A clock
// that was set back counts as one.
func onceASecond(last *atomic.Int64, now int64) bool {
	before := last.Load()
	if before <= now && now < before+time.Second.Milliseconds() {
		return false
	}
	return last.CompareAndSwap(before, now)
}

// usage counts what all shards keep together.
type usage struct {
	sessions, bytes       atomic.Int64
	maxSessions, maxBytes int64
}

// reserve counts sessions and bytes if they are within the bounds.
func (u *usage) reserve(sessions, bytes int64) bool {
	if u.sessions.Add(sessions) <= u.maxSessions && u.bytes.Add(bytes) <= u.maxBytes {
		return true
	}
	u.release(sessions, bytes)
	return false
}

func (u *usage) release(sessions, bytes int64) {
	u.sessions.Add(-sessions)
	u.bytes.Add(-bytes)
}
