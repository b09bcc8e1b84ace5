package store

import (
	"context"
	"sync"
	"time"
)

// leases are the leases of a [Memory].
type leases struct {
	mu     sync.Mutex
	byName map[string]*lease
}

type lease struct {
	all   *leases
	name  string
	ended chan struct{} // closed when the name is free
	timer *time.Timer   // calls Release
}

// Lock implements [Locker], within this process. Leases expire by the system's
// monotonic clock.
func (m *Memory) Lock(ctx context.Context, name string, ttl time.Duration) (Lease, error) {
	for {
		if err := checkTTL(ctx, ttl); err != nil {
			return nil, err
		}
		l, holder := m.leases.take(name, ttl)
		if holder == nil {
			return l, nil
		}
		select {
		case <-holder.ended:
		case <-ctx.Done():
		}
	}
}

// take returns a new lease, or that of the present holder.
func (a *leases) take(name string, ttl time.Duration) (l, holder *lease) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if holder := a.byName[name]; holder != nil {
		return nil, holder
	}
	l = &lease{all: a, name: name, ended: make(chan struct{})}
	l.timer = time.AfterFunc(ttl, l.Release)
	a.byName[name] = l
	return l, nil
}

// Extend implements [Lease].
func (l *lease) Extend(ctx context.Context, ttl time.Duration) error {
	if err := checkTTL(ctx, ttl); err != nil {
		return err
	}
	l.all.mu.Lock()
	defer l.all.mu.Unlock()
	if l.all.byName[l.name] != l || !l.timer.Stop() {
		return ErrLeaseLost
	}
	l.timer.Reset(ttl)
	return nil
}

// Release implements [Lease].
func (l *lease) Release() {
	l.all.mu.Lock()
	defer l.all.mu.Unlock()
	if l.all.byName[l.name] == l {
		delete(l.all.byName, l.name)
		l.timer.Stop()
		close(l.ended)
	}
}
