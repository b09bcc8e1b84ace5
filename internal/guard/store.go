package guard

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// storeTimeout bounds one call of a store or a codec, so that one that hangs is a
// fault like any other. The wait for a lock is bounded by its caller.
const storeTimeout = time.Second

const (
	theStore = "the store"
	theCodec = "the codec of the session token"
)

// Results that break the contract of a store or a codec. Handles and tokens are
// secrets: the errors do not show them.
var (
	errNoHandle  = errors.New(theStore + " returned an empty handle and no error")
	errHandle    = errors.New(theStore + " returned a handle with a character other than letters, digits and -_~")
	errNoSession = errors.New(theStore + " returned neither a session nor an error")
	errNoLease   = errors.New(theStore + " returned neither a lease nor an error")
	errCount     = errors.New(theStore + " returned a count that it can't have")
	errMarked    = errors.New(theStore + " returned another number of times than it was asked for names")
	errNoToken   = errors.New(theCodec + " returned an empty token and no error")
	errToken     = errors.New(theCodec + " returned a token with a character other than letters, digits and -_.!~*'()")
	errNoClaims  = errors.New(theCodec + " returned neither claims nor an error")
)

// A bound says what is called, for [call], and where its panics are logged.
type bound struct {
	log  *slog.Logger
	name string
}

// call calls f with a context that ends after [storeTimeout].
func call[R any](ctx context.Context, b bound, f func(context.Context) (R, error)) (r R, err error) {
	defer Recover(ctx, b.log, b.name, &err)
	var c Context
	c.Start(ctx, storeTimeout)
	defer c.Stop()
	return f(&c)
}

// Sessions returns s guarded: each call ends after a second, returns a panic as an
// error and logs it, and returns an error for a result that breaks the contract of
// s. Nil stays nil.
func Sessions(log *slog.Logger, s store.Sessions) store.Sessions {
	if s == nil {
		return nil
	}
	return sessions{bound{log, theStore}, s}
}

type sessions struct {
	bound
	inner store.Sessions
}

func (s sessions) CreateSession(ctx context.Context, r *store.Record) (string, error) {
	return call(ctx, s.bound, func(ctx context.Context) (string, error) {
		return checkHandle(s.inner.CreateSession(ctx, r))
	})
}

func (s sessions) FindSession(ctx context.Context, handle string) (*store.Record, error) {
	return call(ctx, s.bound, func(ctx context.Context) (*store.Record, error) {
		r, err := s.inner.FindSession(ctx, handle)
		if r == nil && err == nil {
			err = errNoSession
		}
		return r, err
	})
}

func (s sessions) ReplaceSession(ctx context.Context, handle string, r *store.Record) (string, error) {
	return call(ctx, s.bound, func(ctx context.Context) (string, error) {
		return checkHandle(s.inner.ReplaceSession(ctx, handle, r))
	})
}

func (s sessions) DeleteSession(ctx context.Context, handle string) error {
	_, err := call(ctx, s.bound, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, s.inner.DeleteSession(ctx, handle)
	})
	return err
}

// checkHandle reports a handle that is not as [store.Sessions] describes it: one
// with a dot would be taken for a sealed token, and one with a colon for the name of
// a session.
func checkHandle(handle string, err error) (string, error) {
	switch {
	case err != nil:
		return "", err
	case handle == "":
		return "", errNoHandle
	case strings.ContainsFunc(handle, notIn("-_~")):
		return "", errHandle
	}
	return handle, nil
}

// notIn returns a function that reports whether a character is neither a letter nor
// a digit nor one of others.
func notIn(others string) func(rune) bool {
	return func(r rune) bool {
		return !('0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || strings.ContainsRune(others, r))
	}
}

// Index returns i guarded, see [Sessions].
func Index(log *slog.Logger, i store.Index) store.Index {
	if i == nil {
		return nil
	}
	return index{bound{log, theStore}, i}
}

type index struct {
	bound
	inner store.Index
}

func (i index) ListSessions(ctx context.Context, realm, subject string, limit int) ([]*store.Record, error) {
	return call(ctx, i.bound, func(ctx context.Context) ([]*store.Record, error) {
		list, err := i.inner.ListSessions(ctx, realm, subject, limit)
		if err == nil && slices.Contains(list, nil) {
			err = errNoSession
		}
		return list, err
	})
}

func (i index) DeleteSessionByID(ctx context.Context, realm, subject, id string) (bool, error) {
	return call(ctx, i.bound, func(ctx context.Context) (bool, error) {
		return i.inner.DeleteSessionByID(ctx, realm, subject, id)
	})
}

func (i index) DeleteSessions(ctx context.Context, realm, subject, exceptID string) (int, error) {
	return call(ctx, i.bound, func(ctx context.Context) (int, error) {
		return i.inner.DeleteSessions(ctx, realm, subject, exceptID)
	})
}

func (i index) DeleteProviderSession(ctx context.Context, realm, provider, sid string) (int, error) {
	return call(ctx, i.bound, func(ctx context.Context) (int, error) {
		return i.inner.DeleteProviderSession(ctx, realm, provider, sid)
	})
}

func (i index) DeleteProviderSubject(ctx context.Context, realm, provider, subject string) (int, error) {
	return call(ctx, i.bound, func(ctx context.Context) (int, error) {
		return i.inner.DeleteProviderSubject(ctx, realm, provider, subject)
	})
}

// Marks returns m guarded, see [Sessions].
func Marks(log *slog.Logger, m store.Marks) store.Marks {
	if m == nil {
		return nil
	}
	return marks{bound{log, theStore}, m}
}

type marks struct {
	bound
	inner store.Marks
}

func (m marks) Mark(ctx context.Context, name string, ttl time.Duration) (at int64, first bool, err error) {
	at, err = call(ctx, m.bound, func(ctx context.Context) (int64, error) {
		at, first, err = m.inner.Mark(ctx, name, ttl)
		return at, err
	})
	return at, first, err
}

func (m marks) Marked(ctx context.Context, names ...string) ([]int64, error) {
	return call(ctx, m.bound, func(ctx context.Context) ([]int64, error) {
		at, err := m.inner.Marked(ctx, names...)
		if err == nil && len(at) != len(names) {
			err = errMarked
		}
		return at, err
	})
}

// Counter returns c guarded, see [Sessions].
func Counter(log *slog.Logger, c store.Counter) store.Counter {
	if c == nil {
		return nil
	}
	return counter{bound{log, theStore}, c}
}

type counter struct {
	bound
	inner store.Counter
}

func (c counter) Count(ctx context.Context, name string, n int, window time.Duration) (int, error) {
	return call(ctx, c.bound, func(ctx context.Context) (int, error) {
		total, err := c.inner.Count(ctx, name, n, window)
		if err == nil && (total < 0 || n > 0 && total == 0) {
			err = errCount
		}
		return total, err
	})
}

// Locker returns l guarded: panics are errors, and are logged. The caller's context
// bounds the wait for a lock. Nil stays nil.
func Locker(log *slog.Logger, l store.Locker) store.Locker {
	if l == nil {
		return nil
	}
	return locker{bound{log, theStore}, l}
}

type locker struct {
	bound
	inner store.Locker
}

func (l locker) Lock(ctx context.Context, name string, ttl time.Duration) (_ store.Lease, err error) {
	defer Recover(ctx, l.log, l.name, &err)
	inner, err := l.inner.Lock(ctx, name, ttl)
	switch {
	case err != nil:
		return nil, err
	case inner == nil:
		return nil, errNoLease
	}
	return lease{l.bound, inner}, nil
}

type lease struct {
	bound
	inner store.Lease
}

func (l lease) Extend(ctx context.Context, ttl time.Duration) error {
	_, err := call(ctx, l.bound, func(ctx context.Context) (struct{}, error) { return struct{}{}, l.inner.Extend(ctx, ttl) })
	return err
}

func (l lease) Release() {
	var err error // a panic, which is logged
	defer Recover(context.Background(), l.log, l.name, &err)
	l.inner.Release()
}

// Codec returns c guarded, see [Sessions].
func Codec(log *slog.Logger, c token.Codec) token.Codec {
	if c == nil {
		return nil
	}
	return codec{bound{log, theCodec}, c}
}

type codec struct {
	bound
	inner token.Codec
}

func (c codec) Seal(ctx context.Context, claims []byte) (string, error) {
	return call(ctx, c.bound, func(ctx context.Context) (string, error) {
		sealed, err := c.inner.Seal(ctx, claims)
		switch {
		case err != nil:
			return "", err
		case sealed == "":
			return "", errNoToken
		case strings.ContainsFunc(sealed, notIn("-_.!~*'()")):
			return "", errToken
		}
		return sealed, nil
	})
}

func (c codec) Open(ctx context.Context, sealed string) ([]byte, error) {
	return call(ctx, c.bound, func(ctx context.Context) ([]byte, error) {
		claims, err := c.inner.Open(ctx, sealed)
		if err == nil && len(claims) == 0 {
			err = errNoClaims
		}
		return claims, err
	})
}
