package store

import (
	"container/list"
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"
)

// counts are what a Memory counts. One lock is enough for them: an attempt to
// sign in takes far longer than to count it.
type counts struct {
	mu     sync.Mutex
	max    int64
	byName map[Key]*list.Element
	byAge  list.List // of counts, the oldest first
}

type count struct {
	name    Key // its SHA-256: names may be long
	n       int
	expires int64
}

func (c *counts) open(max int64) {
	c.max, c.byName = max, make(map[Key]*list.Element)
}

// Count implements [Counter]. When [MemoryOptions.MaxCounts] are kept, a new one
// takes the place of the oldest. A count thus stays for its window, or until so
// many others have begun after it.
func (m *Memory) Count(ctx context.Context, name string, n int, window time.Duration) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if n > 0 && window < time.Millisecond {
		return 0, fmt.Errorf("store: the window %v is below 1 ms", window)
	}
	return m.counts.add(sha256.Sum256([]byte(name)), n, m.now().UnixMilli(), window.Milliseconds()), nil
}

func (c *counts) add(name Key, n int, now, window int64) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sweep(now)

	at := c.byName[name]
	if at != nil && now >= at.Value.(*count).expires {
		c.remove(at)
		at = nil
	}
	switch {
	case at == nil && n <= 0:
		return 0
	case at == nil:
		return c.begin(&count{name, min(n, MaxCount), now + window})
	}
	have := at.Value.(*count)
	have.n = max(have.n+min(n, MaxCount-have.n), 0)
	if have.n == 0 {
		c.remove(at)
	}
	return have.n
}

// begin keeps a new count, in place of the oldest if there is no room.
func (c *counts) begin(new *count) int {
	if int64(len(c.byName)) >= c.max {
		c.remove(c.byAge.Front())
	}
	c.byName[new.name] = c.byAge.PushBack(new)
	return new.n
}

// sweep removes some expired counts, more than one call adds. One that has
// expired behind an older one that lives stays until that has expired too.
func (c *counts) sweep(now int64) {
	for range sweepSteps {
		oldest := c.byAge.Front()
		if oldest == nil || now < oldest.Value.(*count).expires {
			return
		}
		c.remove(oldest)
	}
}

func (c *counts) remove(at *list.Element) {
	delete(c.byName, c.byAge.Remove(at).(*count).name)
}
