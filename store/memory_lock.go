package store

import (
	"context"
	"sync"
	"time"
)

// A leaseTable has the leases of a [Memory].
type leaseTable struct {
	mu     sync.Mutex
	byName map[string]*lease
}

type lease struct {
	table *leaseTable
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
func (t *leaseTable) take(name string, ttl time.Duration) (l, holder *lease) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if holder := t.byName[name]; holder != nil {
		return nil, holder
	}
	l = &lease{table: t, name: name, ended: make(chan struct{})}
	l.timer = time.AfterFunc(ttl, l.Release)
	t.byName[name] = l
	return l, nil
}

// Extend implements [Lease].
func (l *lease) Extend(ctx context.Context, ttl time.Duration) error {
	if err := checkTTL(ctx, ttl); err != nil {
		return err
	}
	l.table.mu.Lock()
	defer l.table.mu.Unlock()
	if l.table.byName[l.name] != l || !l.timer.Stop() {
		return ErrLeaseLost
	}
	l.timer.Reset(ttl)
	return nil
}

// Release implements [Lease].
func (l *lease) Release() {
	l.table.mu.Lock()
	defer l.table.mu.Unlock()
	if l.table.byName[l.name] == l {
		delete(l.table.byName, l.name)
		l.timer.Stop()
		close(l.ended)
	}
}
