package guard

import (
	"context"
	"errors"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// StoreTimeout bounds one call of a store of the application, so that one that
// hangs is a fault like any other. The wait for a lock is bounded by its caller.
const StoreTimeout = time.Second

const (
	nameOfStore = "the store"
	nameOfCodec = "the codec of the session token"
)

var errNothing = errors.New("guard: the store returned neither a result nor an error")

// bound runs f in a context that ends after [StoreTimeout].
func bound(ctx context.Context, f func(context.Context) error) error {
	return boundNamed(ctx, nameOfStore, f)
}

func boundNamed(ctx context.Context, name string, f func(context.Context) error) (err error) {
	defer Recover(name, &err)
	var c Context
	c.Start(ctx, StoreTimeout)
	defer c.Stop()
	return f(&c)
}

// Sessions returns s guarded: each call is bounded by [StoreTimeout], and returns a
// panic as an error. Nil stays nil.
func Sessions(s store.Sessions) store.Sessions {
	if s == nil {
		return nil
	}
	return sessions{s}
}

type sessions struct{ inner store.Sessions }

func (s sessions) CreateSession(ctx context.Context, r *store.Record) (handle string, err error) {
	err = bound(ctx, func(ctx context.Context) error {
		handle, err = s.inner.CreateSession(ctx, r)
		return err
	})
	return handle, err
}

func (s sessions) FindSession(ctx context.Context, handle string) (r *store.Record, err error) {
	err = bound(ctx, func(ctx context.Context) error {
		r, err = s.inner.FindSession(ctx, handle)
		if r == nil && err == nil {
			return errNothing
		}
		return err
	})
	return r, err
}

func (s sessions) ReplaceSession(ctx context.Context, handle string, r *store.Record) (newHandle string, err error) {
	err = bound(ctx, func(ctx context.Context) error {
		newHandle, err = s.inner.ReplaceSession(ctx, handle, r)
		return err
	})
	return newHandle, err
}

func (s sessions) DeleteSession(ctx context.Context, handle string) error {
	return bound(ctx, func(ctx context.Context) error { return s.inner.DeleteSession(ctx, handle) })
}

// Index returns i guarded, see [Sessions].
func Index(i store.Index) store.Index {
	if i == nil {
		return nil
	}
	return index{i}
}

type index struct{ inner store.Index }

func (i index) ListSessions(ctx context.Context, realm, subject string, limit int) (list []*store.Record, err error) {
	err = bound(ctx, func(ctx context.Context) error {
		list, err = i.inner.ListSessions(ctx, realm, subject, limit)
		return err
	})
	return list, err
}

func (i index) DeleteSessionByID(ctx context.Context, realm, subject, id string) (found bool, err error) {
	err = bound(ctx, func(ctx context.Context) error {
		found, err = i.inner.DeleteSessionByID(ctx, realm, subject, id)
		return err
	})
	return found, err
}

func (i index) DeleteSessions(ctx context.Context, realm, subject, exceptID string) (n int, err error) {
	err = bound(ctx, func(ctx context.Context) error {
		n, err = i.inner.DeleteSessions(ctx, realm, subject, exceptID)
		return err
	})
	return n, err
}

func (i index) DeleteProviderSession(ctx context.Context, realm, provider, sid string) (n int, err error) {
	err = bound(ctx, func(ctx context.Context) error {
		n, err = i.inner.DeleteProviderSession(ctx, realm, provider, sid)
		return err
	})
	return n, err
}

func (i index) DeleteProviderSubject(ctx context.Context, realm, provider, subject string) (n int, err error) {
	err = bound(ctx, func(ctx context.Context) error {
		n, err = i.inner.DeleteProviderSubject(ctx, realm, provider, subject)
		return err
	})
	return n, err
}

// Marks returns m guarded, see [Sessions].
func Marks(m store.Marks) store.Marks {
	if m == nil {
		return nil
	}
	return marks{m}
}

type marks struct{ inner store.Marks }

func (m marks) Mark(ctx context.Context, name string, ttl time.Duration) (at int64, first bool, err error) {
	err = bound(ctx, func(ctx context.Context) error {
		at, first, err = m.inner.Mark(ctx, name, ttl)
		return err
	})
	return at, first, err
}

func (m marks) Marked(ctx context.Context, names ...string) (at []int64, err error) {
	err = bound(ctx, func(ctx context.Context) error {
		at, err = m.inner.Marked(ctx, names...)
		if err == nil && len(at) != len(names) {
			return errNothing
		}
		return err
	})
	return at, err
}

// Counter returns c guarded, see [Sessions].
func Counter(c store.Counter) store.Counter {
	if c == nil {
		return nil
	}
	return counter{c}
}

type counter struct{ inner store.Counter }

func (c counter) Count(ctx context.Context, name string, n int, window time.Duration) (total int, err error) {
	err = bound(ctx, func(ctx context.Context) error {
		total, err = c.inner.Count(ctx, name, n, window)
		return err
	})
	return total, err
}

// Locker returns l guarded: panics are errors. The caller's context bounds the
// wait for a lock. Nil stays nil.
func Locker(l store.Locker) store.Locker {
	if l == nil {
		return nil
	}
	return locker{l}
}

type locker struct{ inner store.Locker }

func (l locker) Lock(ctx context.Context, name string, ttl time.Duration) (lease store.Lease, err error) {
	defer Recover(nameOfStore, &err)
	lease, err = l.inner.Lock(ctx, name, ttl)
	if lease == nil && err == nil {
		return nil, errNothing
	}
	return lease, err
}

// Codec returns c guarded: each call is bounded by [StoreTimeout], and returns a
// panic as an error. Nil stays nil.
func Codec(c token.Codec) token.Codec {
	if c == nil {
		return nil
	}
	return codec{c}
}

type codec struct{ inner token.Codec }

func (c codec) Seal(ctx context.Context, claims []byte) (sealed string, err error) {
	err = boundNamed(ctx, nameOfCodec, func(ctx context.Context) error {
		sealed, err = c.inner.Seal(ctx, claims)
		return err
	})
	return sealed, err
}

func (c codec) Open(ctx context.Context, sealed string) (claims []byte, err error) {
	err = boundNamed(ctx, nameOfCodec, func(ctx context.Context) error {
		claims, err = c.inner.Open(ctx, sealed)
		return err
	})
	return claims, err
}
