package store

import (
	"container/heap"
	"context"
	"crypto/sha256"
	"fmt"
	"time"
)

// A markTable has the times of marks, in microseconds since 1970.
type markTable struct {
	table
	last int64 // the latest one
}

// Mark implements [Marks]. Times are larger than those of all marks before, of any
// name, also if the clock is set back. When the store is full it returns [ErrFull].
func (m *Memory) Mark(ctx context.Context, name string, ttl time.Duration) (at int64, first bool, err error) {
	if err := checkTTL(ctx, ttl); err != nil {
		return 0, false, err
	}
	clock, key, t := m.now(), sha256.Sum256([]byte(name)), &m.marks
	now := clock.UnixMilli()
	ends := now + ttl.Milliseconds()
	t.mu.Lock()
	defer t.mu.Unlock()
	fits := t.sweep(now)
	e := t.find(key, now)
	first = e == nil
	switch {
	case first && !fits:
		return 0, false, ErrFull
	case first:
		e = t.add(key, ends)
	case ends > e.ends:
		e.ends = ends
		heap.Fix(&t.expiring, e.index)
	}
	t.last = max(t.last+1, clock.UnixMicro())
	e.value = t.last
	return e.value, first, nil
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
		if e := m.marks.find(sha256.Sum256([]byte(name)), now); e != nil {
			times[i] = e.value
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
