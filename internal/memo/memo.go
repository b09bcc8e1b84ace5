// Package memo is a bounded cache of values that are expensive to load. A value
// expires, and callers that ask for the same one at the same time share one
// load.
package memo

import (
	"cmp"
	"context"
	"hash/maphash"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"
)

// The bounds of all entries. Each shard has an equal part of them: a value that takes
// more bytes than that is not remembered.
const (
	maxEntries = 10_000
	maxBytes   = 64 << 20
)

// shards divide the entries, so that requests seldom wait for the same lock.
const shards = 32

// defaultTimeout bounds one load without [Options.Timeout].
const defaultTimeout = 30 * time.Second

// Options configure a Memo of values of type V.
type Options[V any] struct {
	// Name says what is loaded, in the log line and the error of a panic.
	Name string

	// Size returns about how many bytes a value refers to, beside those of V
	// itself. Nil means that there are none. Keys and the memo's own memory are
	// counted without it.
	Size func(value V) int

	// Timeout bounds one load; zero means 30 seconds.
	Timeout time.Duration

	// Detached lets a load go on when no caller waits for it any more, and
	// remembers its result. Otherwise its context is canceled then.
	Detached bool

	// Log gets the panics of load. Nil means none.
	Log *slog.Logger

	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// A Memo remembers values of type V, and errors of loading them. Values are
// shared by all callers, which must treat them as read-only. A Memo is safe for
// concurrent use. Make one with [New].
type Memo[V any] struct {
	options  Options[V]
	entries  int // at most, in each shard
	bytes    int // of these, at most
	overhead int // bytes of an entry beside its key and what Size counts
	seed     maphash.Seed
	shards   [shards]shard[V]
}

// A shard has the entries and the loads of some keys.
type shard[V any] struct {
	mu      sync.Mutex
	entries map[string]entry[V]
	bytes   int                   // of all entries
	flights map[string]*flight[V] // those that callers may join
}

// An entry is a remembered value or error.
type entry[V any] struct {
	value V
	err   error
	until time.Time
	size  int
}

// New returns an empty Memo.
func New[V any](o Options[V]) *Memo[V] {
	if o.Size == nil {
		o.Size = func(V) int { return 0 }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Timeout = cmp.Or(o.Timeout, defaultTimeout)
	if o.Now == nil {
		o.Now = time.Now
	}
	m := &Memo[V]{
		options: o, entries: maxEntries / shards, bytes: maxBytes / shards, seed: maphash.MakeSeed(),
		// A slot of the map is a key's header, the entry and a byte of hash. After
		// the map has grown, fewer than half of its slots are in use.
		overhead: 2 * int(reflect.TypeFor[string]().Size()+reflect.TypeFor[entry[V]]().Size()+8),
	}
	for i := range m.shards {
		m.shards[i].entries = make(map[string]entry[V])
		m.shards[i].flights = make(map[string]*flight[V])
	}
	return m
}

func (m *Memo[V]) shard(key string) *shard[V] {
	return &m.shards[maphash.String(m.seed, key)%shards]
}

// Get returns the value that is remembered for key. A remembered error counts
// as none.
func (m *Memo[V]) Get(key string) (V, bool) {
	s := m.shard(key)
	s.mu.Lock()
	e, ok := s.entries[key]
	s.mu.Unlock()
	if !ok || e.err != nil || !m.options.Now().Before(e.until) {
		var zero V
		return zero, false
	}
	return e.value, true
}

// Load returns the value or the error that is remembered for key. If there is
// none it calls load, once for all callers that wait for the same key, and
// remembers the value or the error for the duration that load returns; zero
// remembers nothing.
//
// load runs in a goroutine of its own. Its context has the values of the first
// caller's context, but is not canceled with it: it ends after
// [Options.Timeout], or, unless Options.Detached is set, when the last caller
// has left. From then on callers no longer share that load, and its result is
// dropped, even if load ignores its context and goes on.
//
// The error is that of load, that of [guard.Recover] if load panics, ctx.Err() if
// the context of the caller ends first, or context.DeadlineExceeded after
// Options.Timeout.
func (m *Memo[V]) Load(ctx context.Context, key string, load func(context.Context) (V, time.Duration, error)) (V, error) {
	s, now := m.shard(key), m.options.Now()
	s.mu.Lock()
	if e, ok := s.entries[key]; ok && now.Before(e.until) {
		s.mu.Unlock()
		return e.value, e.err
	}
	if err := ctx.Err(); err != nil {
		s.mu.Unlock()
		var zero V
		return zero, err
	}
	f := s.flights[key]
	if f == nil {
		f = m.start(ctx, s, key, load)
	}
	f.callers++
	s.mu.Unlock()

	select {
	case <-f.done:
		return f.value, f.err
	case <-ctx.Done():
		m.leave(s, f)
		var zero V
		return zero, ctx.Err()
	}
}

// Delete forgets what is remembered for key. The result of a load that has
// started before is not remembered, and later callers do not share it.
func (m *Memo[V]) Delete(key string) {
	s := m.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.flights, key)
	s.delete(key)
}

// DeleteFunc is [Memo.Delete] for all keys whose value matches. The result of no load
// that has started before is remembered: its value is not known yet.
func (m *Memo[V]) DeleteFunc(match func(V) bool) {
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		clear(s.flights)
		for key, e := range s.entries {
			if e.err == nil && match(e.value) {
				s.delete(key)
			}
		}
		s.mu.Unlock()
	}
}

// Clear is [Memo.Delete] for all keys.
func (m *Memo[V]) Clear() {
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		clear(s.flights)
		clear(s.entries)
		s.bytes = 0
		s.mu.Unlock()
	}
}

// Wait waits for the loads that run now, except those that a call of Delete, DeleteFunc or
// Clear has cut off. The error is that of ctx if it ends first.
func (m *Memo[V]) Wait(ctx context.Context) error {
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		flights := slices.Collect(maps.Values(s.flights))
		s.mu.Unlock()
		for _, f := range flights {
			select {
			case <-f.done:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// put remembers e in a shard, and deletes other entries if they are too many or too
// large together. The caller has the lock.
func (m *Memo[V]) put(s *shard[V], key string, e entry[V]) {
	s.delete(key)
	if e.size > m.bytes {
		return
	}
	s.deleteExpired(m.options.Now())
	for other := range s.entries { // in random order
		if len(s.entries) < m.entries && s.bytes+e.size <= m.bytes {
			break
		}
		s.delete(other)
	}
	s.entries[key] = e
	s.bytes += e.size
}

// deleteExpired looks at a few entries, in random order. With each new entry
// that is enough to get rid of the old ones. The caller has the lock.
func (s *shard[V]) deleteExpired(now time.Time) {
	looked := 0
	for key, e := range s.entries {
		if looked++; looked > 4 {
			return
		}
		if !now.Before(e.until) {
			s.delete(key)
		}
	}
}

// delete removes an entry. The caller has the lock.
func (s *shard[V]) delete(key string) {
	if e, ok := s.entries[key]; ok {
		s.bytes -= e.size
		delete(s.entries, key)
	}
}
