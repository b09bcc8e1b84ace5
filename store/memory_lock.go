package store

import (
	"context"
	"sync"
	"time"
)

// locks are the names that somebody holds.
type locks struct {
	mu   sync.Mutex
	held map[string]*held
}

type held struct {
	freed chan struct{}
	timer *time.Timer
}

// Lock implements [Locker], within this process.
func (m *Memory) Lock(ctx context.Context, name string, ttl time.Duration) (func(), error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		h, mine := m.locks.take(name, ttl)
		if mine {
			return func() { m.locks.free(name, h) }, nil
		}
		select {
		case <-h.freed:
		case <-ctx.Done():
		}
	}
}

// take holds a name, or returns who does.
func (l *locks) take(name string, ttl time.Duration) (h *held, mine bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h := l.held[name]; h != nil {
		return h, false
	}
	h = &held{freed: make(chan struct{})}
	h.timer = time.AfterFunc(ttl, func() { l.free(name, h) })
	if l.held == nil {
		l.held = make(map[string]*held)
	}
	l.held[name] = h
	return h, true
}

// free frees a name if h still is who holds it.
func (l *locks) free(name string, h *held) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[name] != h {
		return
	}
	delete(l.held, name)
	h.timer.Stop()
	close(h.freed)
}
