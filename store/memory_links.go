package store

import (
	"cmp"
	"container/heap"
	"context"
	"slices"
	"sync"
)

// A linkTable has the links of a [Memory].
type linkTable struct {
	mu       sync.RWMutex
	max      int
	byKey    map[LinkKey]*mailed
	byEmail  map[string][]*mailed // the oldest first
	expiring queue[*mailed]
}

// mailed is a link in a [linkTable].
type mailed struct {
	expiry
	Link
}

// SaveLink implements [Links]. When the store is full it returns [ErrFull].
func (m *Memory) SaveLink(ctx context.Context, l *Link) error {
	if err := cmp.Or(ctx.Err(), l.Check()); err != nil {
		return err
	}
	now, t := m.millis(), &m.links
	t.mu.Lock()
	defer t.mu.Unlock()
	if old := t.byKey[l.LinkKey]; old != nil {
		t.remove(old)
	}
	var open []*mailed
	for _, other := range t.byEmail[l.Email] {
		if other.Purpose == l.Purpose {
			open = append(open, other)
		}
	}
	for _, old := range open[:max(0, len(open)-MaxLinks+1)] {
		t.remove(old)
	}
	fits := func() bool { return len(t.byKey) < t.max }
	t.expiring.sweep(now, fits, t.remove)
	if !fits() {
		return ErrFull
	}
	row := &mailed{expiry: expiry{ends: l.ExpiresAt.UnixMilli()}, Link: *l}
	row.CreatedAt, row.ExpiresAt = stored(l.CreatedAt), stored(l.ExpiresAt)
	t.byKey[l.LinkKey] = row
	t.byEmail[l.Email] = append(t.byEmail[l.Email], row)
	heap.Push(&t.expiring, row)
	return nil
}

// remove removes a link. The caller has locked mu.
func (t *linkTable) remove(l *mailed) {
	delete(t.byKey, l.LinkKey)
	heap.Remove(&t.expiring, l.index)
	rest := slices.DeleteFunc(slices.Clone(t.byEmail[l.Email]), func(other *mailed) bool { return other == l })
	if len(rest) == 0 {
		delete(t.byEmail, l.Email)
		return
	}
	t.byEmail[l.Email] = rest
}

// find returns a link that has not expired, nil if there is none. The caller has locked mu.
func (t *linkTable) find(key LinkKey, now int64) *mailed {
	if l := t.byKey[key]; l != nil && now < l.ends {
		return l
	}
	return nil
}

// FindLink implements [Links].
func (m *Memory) FindLink(ctx context.Context, key LinkKey) (*Link, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	now := m.millis()
	m.links.mu.RLock()
	defer m.links.mu.RUnlock()
	l := m.links.find(key, now)
	if l == nil {
		return nil, ErrNotFound
	}
	found := l.Link
	return &found, nil
}

// TakeLink implements [Links].
func (m *Memory) TakeLink(ctx context.Context, key LinkKey) (*Link, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	now := m.millis()
	m.links.mu.Lock()
	defer m.links.mu.Unlock()
	l := m.links.find(key, now)
	if l == nil {
		return nil, ErrNotFound
	}
	m.links.remove(l)
	return &l.Link, nil
}

// DeleteLinks implements [Links].
func (m *Memory) DeleteLinks(ctx context.Context, email string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.links.mu.Lock()
	defer m.links.mu.Unlock()
	for _, l := range m.links.byEmail[email] {
		m.links.remove(l)
	}
	return nil
}
