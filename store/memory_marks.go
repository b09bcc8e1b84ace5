package store

import (
	"context"
	"errors"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// marks are the facts that a Memory remembers.
type marks struct {
	seed   maphash.Seed
	max    int64
	n      atomic.Int64
	swept  atomic.Int64
	shards [shards]markShard
}

type markShard struct {
	mu    sync.RWMutex
	marks map[string]mark
}

type mark struct{ value, expires int64 }

func (m *marks) open(seed maphash.Seed, max int64) {
	m.seed, m.max = seed, max
	for i := range m.shards {
		m.shards[i].marks = make(map[string]mark)
	}
}

func (m *marks) shard(name string) *markShard {
	return &m.shards[maphash.String(m.seed, name)%shards]
}

// Mark implements [Marks]. When the store is full and no mark has expired, it
// returns [ErrFull].
func (m *Memory) Mark(ctx context.Context, name string, value int64, expires time.Time) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if value <= 0 {
		return false, errors.New("store: the value of a mark is above 0")
	}
	now := m.now().UnixMilli()
	if m.marks.n.Load() >= m.marks.max {
		m.marks.sweep(now)
	}
	return m.marks.set(name, mark{value, expires.UnixMilli()}, now)
}

// Marked implements [Marks].
func (m *Memory) Marked(ctx context.Context, names ...string) ([]int64, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	now := m.now().UnixMilli()
	values := make([]int64, len(names))
	for i, name := range names {
		s := m.marks.shard(name)
		s.mu.RLock()
		if have := s.marks[name]; now < have.expires {
			values[i] = have.value
		}
		s.mu.RUnlock()
	}
	return values, nil
}

func (m *marks) set(name string, new mark, now int64) (fresh bool, err error) {
	s := m.shard(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	m.n.Add(-s.sweep(now, sweepSteps))

	have, known := s.marks[name]
	if known && now < have.expires {
		s.marks[name] = mark{max(have.value, new.value), max(have.expires, new.expires)}
		return false, nil
	}
	if !known && m.n.Add(1) > m.max {
		m.n.Add(-1)
		return false, ErrFull
	}
	s.marks[name] = new
	return true, nil
}

// sweep removes every expired mark, at most once a second.
func (m *marks) sweep(now int64) {
	if !onceASecond(&m.swept, now) {
		return
	}
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		m.n.Add(-s.sweep(now, len(s.marks)))
		s.mu.Unlock()
	}
}

// sweep looks at some marks, removes the expired and returns their number. A map
// is gone through from another place each time. The caller holds the lock.
func (s *markShard) sweep(now int64, steps int) (removed int64) {
	for name, have := range s.marks {
		if steps == 0 {
			break
		}
		steps--
		if now >= have.expires {
			delete(s.marks, name)
			removed++
		}
	}
	return removed
}
