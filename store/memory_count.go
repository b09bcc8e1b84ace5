package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"
)

// Count implements [Counter]. When there are [MemoryOptions.MaxCounts] counters, a
// new one replaces the one that expires first.
func (m *Memory) Count(ctx context.Context, name string, n int, window time.Duration) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if n > 0 && window < time.Millisecond {
		return 0, fmt.Errorf("store: the window %v is below 1 ms", window)
	}
	now, key, t := m.millis(), sha256.Sum256([]byte(name)), &m.counts
	t.mu.Lock()
	defer t.mu.Unlock()
	fits := t.sweep(now)
	e := t.find(key, now)
	if e == nil {
		if n <= 0 {
			return 0, nil
		}
		if !fits {
			t.remove(t.expiring[0])
		}
		e = t.add(key, now+window.Milliseconds())
	}
	e.value = max(e.value+min(int64(n), MaxCount-e.value), 0)
	if e.value == 0 {
		t.remove(e)
	}
	return int(e.value), nil
}
