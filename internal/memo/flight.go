package memo

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/guard"
)

// errExited is the result of a load that calls runtime.Goexit.
var errExited = errors.New("memo: load ended its goroutine")

// A flight is one call of load, and the callers that wait for it. Its result is
// remembered, and further callers may join it, as long as it is the one in the
// map of its shard.
type flight[V any] struct {
	key    string // the flight's own copy: callers' keys are often a part of a long header
	cancel context.CancelFunc

	callers  int  // guarded by the mutex of the shard
	finished bool // guarded by the mutex of the shard

	done  chan struct{} // closed once value and err are set
	value V
	err   error
}

// start begins a flight. The caller has the lock of the shard.
func (m *Memo[V]) start(ctx context.Context, s *shard[V], key string, load func(context.Context) (V, time.Duration, error)) *flight[V] {
	f := &flight[V]{key: strings.Clone(key), done: make(chan struct{})}
	ctx, f.cancel = context.WithTimeout(context.WithoutCancel(ctx), m.options.Timeout)
	s.flights[f.key] = f
	stop := context.AfterFunc(ctx, func() { m.finish(s, f, entry[V]{err: ctx.Err()}) })
	go func() {
		e := entry[V]{err: errExited} // unless call returns
		defer func() {
			m.finish(s, f, e)
			stop()
			f.cancel()
		}()
		e = m.call(ctx, f.key, load)
	}()
	return f
}

// call makes an entry of the result of load. One that is not to be remembered has no
// expiry.
func (m *Memo[V]) call(ctx context.Context, key string, load func(context.Context) (V, time.Duration, error)) (e entry[V]) {
	defer guard.Recover(ctx, m.options.Log, m.options.Name, &e.err)
	var ttl time.Duration
	e.value, ttl, e.err = load(ctx)
	if ttl <= 0 {
		return e
	}
	e.size = m.overhead + len(key)
	if e.err != nil {
		e.size += len(e.err.Error())
	} else {
		e.size += m.options.Size(e.value)
	}
	e.until = m.options.Now().Add(ttl) // last, so that nothing is remembered after a panic
	return e
}

// finish gives the result to the callers of a flight, and remembers it if it is
// to be remembered. Only the first call for a flight has an effect.
func (m *Memo[V]) finish(s *shard[V], f *flight[V], e entry[V]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.finished {
		return
	}
	f.finished = true
	f.value, f.err = e.value, e.err
	if s.flights[f.key] == f {
		delete(s.flights, f.key)
		if !e.until.IsZero() {
			m.put(s, f.key, e)
		}
	}
	close(f.done)
}

// leave ends the waiting of one caller of a flight, and the flight with the last
// one.
func (m *Memo[V]) leave(s *shard[V], f *flight[V]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.callers--
	if f.callers > 0 || m.options.Detached {
		return
	}
	if s.flights[f.key] == f {
		delete(s.flights, f.key)
	}
	f.cancel()
}
