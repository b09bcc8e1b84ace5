package store

import (
	"container/list"
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"
)

// counts are the counters of a [Memory].
type counts struct {
	mu     sync.Mutex
	max    int
	byName map[Key]*list.Element
	byAge  list.List // of *count, the oldest first
}

type count struct {
	name Key // its SHA-256: names may be long
	n    int
	ends int64
}

// Count implements [Counter]. When there are [MemoryOptions.MaxCounts] counters, a
// new one replaces the oldest.
func (m *Memory) Count(ctx context.Context, name string, n int, window time.Duration) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if n > 0 && window < time.Millisecond {
		return 0, fmt.Errorf("store: the window %v is below 1 ms", window)
	}
	return m.counts.add(sha256.Sum256([]byte(name)), n, m.millis(), window.Milliseconds()), nil
}

func (a *counts) add(name Key, n int, now, window int64) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	// A counter that has expired behind an older one is removed after that one.
	for i := 0; i < sweepLimit && a.byAge.Len() > 0 && a.byAge.Front().Value.(*count).ends <= now; i++ {
		a.remove(a.byAge.Front())
	}
	at := a.byName[name]
	if at != nil && at.Value.(*count).ends <= now {
		a.remove(at)
		at = nil
	}
	if at == nil {
		if n <= 0 {
			return 0
		}
		if len(a.byName) >= a.max {
			a.remove(a.byAge.Front())
		}
		at = a.byAge.PushBack(&count{name: name, ends: now + window})
		a.byName[name] = at
	}
	c := at.Value.(*count)
	c.n = max(c.n+min(n, MaxCount-c.n), 0)
	if c.n == 0 {
		a.remove(at)
	}
	return c.n
}

func (a *counts) remove(at *list.Element) {
	delete(a.byName, a.byAge.Remove(at).(*count).name)
}
