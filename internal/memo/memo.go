// Package memo asks a question once for everybody who has it at the same time,
// and remembers the answer for a while.
package memo

import (
	"context"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// What a Memo remembers at most, unless its Options say otherwise.
const (
	DefaultAnswers = 10_000
	DefaultBytes   = 64 << 20
)

// shards share the answers out, so that requests do not wait for one another.
const shards = 32

// Options bound a Memo of answers of type V. The zero value has the defaults.
type Options[V any] struct {
	Answers int               // how many are remembered; zero means DefaultAnswers
	Bytes   int               // and how large they may be together; zero means DefaultBytes
	Size    func(value V) int // of an answer in bytes; nil counts keys alone

	Now func() time.Time // nil means time.Now
}

// A Memo remembers answers of type V. They are shared by everybody who asks, so
// treat them as read-only. Make one with [New].
type Memo[V any] struct {
	options Options[V]
	seed    maphash.Seed
	shards  [shards]shard[V]
}

// A shard is the memory of some keys.
type shard[V any] struct {
	mu      sync.Mutex
	flight  *singleflight.Group
	answers map[string]answer[V]
	bytes   int
	drops   uint64 // counts Drop and Clear, so that what was asked before is not remembered after
}

type answer[V any] struct {
	value V
	err   error
	until time.Time
	size  int
}

// New returns an empty Memo.
func New[V any](o Options[V]) *Memo[V] {
	if o.Answers == 0 {
		o.Answers = DefaultAnswers
	}
	if o.Bytes == 0 {
		o.Bytes = DefaultBytes
	}
	if o.Size == nil {
		o.Size = func(V) int { return 0 }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	m := &Memo[V]{options: o, seed: maphash.MakeSeed()}
	for i := range m.shards {
		m.shards[i].answers = make(map[string]answer[V])
		m.shards[i].flight = new(singleflight.Group)
	}
	return m
}

func (m *Memo[V]) shard(key string) *shard[V] {
	return &m.shards[maphash.String(m.seed, key)%shards]
}

// Recall returns the answer that is remembered under key, if it is no error.
func (m *Memo[V]) Recall(key string) (V, bool) {
	a, ok := m.shard(key).recall(key, m.options.Now)
	return a.value, ok && a.err == nil
}

// Do returns the answer that is remembered under key, or asks for one: once,
// whoever else wants to know it. ask says how long its answer, or its error, is
// good for; zero is for those who are waiting already.
//
// A caller whose context ends stops waiting, and the asking goes on for the
// others: ask gets a context that does not end with any caller's. A panic in
// ask is an error.
func (m *Memo[V]) Do(ctx context.Context, key string, ask func(context.Context) (V, time.Duration, error)) (V, error) {
	s := m.shard(key)
	if a, ok := s.recall(key, m.options.Now); ok {
		return a.value, a.err
	}
	flight, drops := s.start()
	answered := flight.DoChan(key, func() (any, error) {
		if a, ok := s.recall(key, m.options.Now); ok { // somebody asked between the look above and here
			return a, nil
		}
		return m.ask(context.WithoutCancel(ctx), s, key, drops, ask), nil
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

func (m *Memo[V]) ask(ctx context.Context, s *shard[V], key string, drops uint64, ask func(context.Context) (V, time.Duration, error)) (a answer[V]) {
	defer func() {
		if v := recover(); v != nil { // in a goroutine of its own it would end the process
			a = answer[V]{err: fmt.Errorf("memo: panic: %v", v)}
		}
	}()
	value, life, err := ask(ctx)
	a = answer[V]{value: value, err: err, until: m.options.Now().Add(life), size: len(key)}
	if err == nil {
		a.size += m.options.Size(value)
	}
	if life > 0 {
		s.remember(key, a, drops, &m.options)
	}
	return a
}

// Drop forgets the answer of a key, also one that is on its way.
func (m *Memo[V]) Drop(key string) {
	s := m.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drops++
	s.flight.Forget(key)
	s.delete(key)
}

// Clear forgets all answers, also those that are on their way.
func (m *Memo[V]) Clear() {
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		s.drops++
		s.flight = new(singleflight.Group)
		clear(s.answers)
		s.bytes = 0
		s.mu.Unlock()
	}
}

func (s *shard[V]) recall(key string, now func() time.Time) (answer[V], bool) {
	s.mu.Lock()
	a, ok := s.answers[key]
	s.mu.Unlock()
	return a, ok && now().Before(a.until)
}

// start returns where to ask now, and how much was dropped before.
func (s *shard[V]) start() (*singleflight.Group, uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.flight, s.drops
}

func (s *shard[V]) remember(key string, a answer[V], drops uint64, o *Options[V]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drops != drops || a.size > o.Bytes/shards {
		return
	}
	s.delete(key)
	s.forget(o.Now())
	for key := range s.answers { // whichever the map shows
		if len(s.answers) < o.Answers/shards && s.bytes+a.size <= o.Bytes/shards {
			break
		}
		s.delete(key)
	}
	s.answers[key] = a
	s.bytes += a.size
}

// forget looks at a few answers, whichever the map shows, and drops those that
// are out of date. With each new answer that is enough for old ones not to stay.
func (s *shard[V]) forget(now time.Time) {
	looked := 0
	for key, a := range s.answers {
		if looked++; looked > 4 {
			return
		}
		if !now.Before(a.until) {
			s.delete(key)
		}
	}
}

func (s *shard[V]) delete(key string) {
	if a, ok := s.answers[key]; ok {
		s.bytes -= a.size
		delete(s.answers, key)
	}
}
