package store

import (
	"container/heap"
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"
)

// marks are the marks of a [Memory].
type marks struct {
	mu       sync.RWMutex
	max      int
	last     int64 // the time of the latest mark
	byName   map[Key]*mark
	expiring queue[*mark]
}

type mark struct {
	expiry
	name Key // its SHA-256: names may be long
	at   int64
}

// Mark implements [Marks]. Times are larger than those of all marks before, of any
// name, also if the clock is set back. When the store is full it returns [ErrFull].
func (m *Memory) Mark(ctx context.Context, name string, ttl time.Duration) (at int64, first bool, err error) {
	if err := checkTTL(ctx, ttl); err != nil {
		return 0, false, err
	}
	now, key := m.now(), sha256.Sum256([]byte(name))
	return m.marks.set(key, now.UnixMicro(), now.UnixMilli(), ttl.Milliseconds())
}

func (a *marks) set(name Key, micros, now, ttl int64) (at int64, first bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.expiring.sweep(now, func() bool { return len(a.byName) < a.max }, a.remove)

	have := a.byName[name]
	if have == nil {
		if len(a.byName) >= a.max {
			return 0, false, ErrFull
		}
		have = &mark{name: name}
		a.byName[name] = have
		heap.Push(&a.expiring, have)
	}
	first = have.ends <= now
	a.last = max(a.last+1, micros)
	have.at, have.ends = a.last, max(have.ends, now+ttl)
	heap.Fix(&a.expiring, have.index)
	return have.at, first, nil
}

func (a *marks) remove(have *mark) {
	delete(a.byName, have.name)
	heap.Remove(&a.expiring, have.index)
}

// Marked implements [Marks].
func (m *Memory) Marked(ctx context.Context, names ...string) ([]int64, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	now := m.millis()
	m.marks.mu.RLock()
	defer m.marks.mu.RUnlock()
	times := make([]int64, len(names))
	for i, name := range names {
		if have := m.marks.byName[sha256.Sum256([]byte(name))]; have != nil && now < have.ends {
			times[i] = have.at
		}
	}
	return times, nil
}

// checkTTL refuses a call whose context has ended and a ttl below 1 ms.
func checkTTL(ctx context.Context, ttl time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if ttl < time.Millisecond {
		return fmt.Errorf("store: the ttl %v is below 1 ms", ttl)
	}
	return nil
}
