// Package memo asks a question once for everybody who has it at the same time,
// and remembers the answer for a while.
package memo

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// maxAnswers bounds what a Memo remembers.
const maxAnswers = 10_000

// A Memo remembers answers of type V. They are shared by everybody who asks, so
// treat them as read-only. Make one with [New].
type Memo[V any] struct {
	now    func() time.Time
	flight singleflight.Group

	mu      sync.Mutex
	answers map[string]answer[V]
}

type answer[V any] struct {
	value V
	err   error
	until time.Time
}

// New returns an empty Memo with a clock.
func New[V any](now func() time.Time) *Memo[V] {
	return &Memo[V]{now: now, answers: make(map[string]answer[V])}
}

// Do returns the answer that is remembered under key, or asks for one: once,
// whoever else wants to know it. ask says how long its answer, or its error, is
// good for; zero is for those who are waiting already.
//
// A caller whose context ends stops waiting, and the asking goes on for the
// others: ask gets a context that does not end with any caller's. A panic in
// ask is an error.
func (m *Memo[V]) Do(ctx context.Context, key string, ask func(context.Context) (V, time.Duration, error)) (V, error) {
	if a, ok := m.recall(key); ok {
		return a.value, a.err
	}
	answered := m.flight.DoChan(key, func() (any, error) {
		if a, ok := m.recall(key); ok { // somebody asked between the look above and here
			return a, nil
		}
		return m.ask(context.WithoutCancel(ctx), key, ask), nil
	})
	select {
	case r := <-answered:
		a := r.Val.(answer[V])
		return a.value, a.err
	case <-ctx.Done():
		var none V
		return none, ctx.Err()
	}
}

func (m *Memo[V]) ask(ctx context.Context, key string, ask func(context.Context) (V, time.Duration, error)) (a answer[V]) {
	defer func() {
		if v := recover(); v != nil { // in a goroutine of its own it would end the process
			a = answer[V]{err: fmt.Errorf("memo: panic: %v", v)}
		}
	}()
	value, life, err := ask(ctx)
	a = answer[V]{value, err, m.now().Add(life)}
	if life > 0 {
		m.remember(key, a)
	}
	return a
}

func (m *Memo[V]) recall(key string) (answer[V], bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.answers[key]
	return a, ok && m.now().Before(a.until)
}

func (m *Memo[V]) remember(key string, a answer[V]) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget()
	m.answers[key] = a
}

// forget makes room: of a few answers, whichever the map shows, those go that
// are out of date, and all if there are too many. With each new answer that is
// enough for old ones not to stay.
func (m *Memo[V]) forget() {
	now, looked := m.now(), 0
	for key, a := range m.answers {
		if looked++; looked > 4 {
			return
		}
		if !now.Before(a.until) || len(m.answers) >= maxAnswers {
			delete(m.answers, key)
		}
	}
}
