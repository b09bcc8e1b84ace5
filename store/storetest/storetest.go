// Package storetest checks that a store of sessions keeps the contract of
// package store, sentence by sentence. Whoever writes a store runs it:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) store.Store { return mystore.New() })
//	}
//
// A store that is also [store.Marks], a [store.Locker] or a [store.Counter] runs
// [RunMarks], [RunLocker] and [RunCounter] too. The suites run one test after the
// other, and use names that are new each time, so that they may share one database
// with others.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// An Option tells the suite something about the store under test.
type Option func(*options)

type options struct {
	advance   func(time.Duration)
	dump      func() []byte
	noIndex   bool
	stateless bool
	maxClaims int
}

// Advance hands the suite the clock of the store that was opened last: f moves
// it on by d. The clock must start near the real time. Without this option the
// suite uses lives of a fraction of a second and waits for their end.
func Advance(f func(d time.Duration)) Option {
	return func(o *options) { o.advance = f }
}

// Dump hands the suite everything that the store opened last has kept, in any
// form in which one can search for a string. The suites look for handles, and for
// the names of counts, in it.
func Dump(f func() []byte) Option {
	return func(o *options) { o.dump = f }
}

// NoIndex says that the store can't find the sessions of a user: List and
// DeleteWhere must then return [store.ErrUnsupported].
func NoIndex() Option {
	return func(o *options) { o.noIndex = true }
}

// Stateless says that the store keeps nothing and that a handle holds its whole
// session: Delete must then return [store.ErrUnsupported], a handle stays as it
// was when its session is replaced, and one of two writers is not refused.
func Stateless() Option {
	return func(o *options) { o.stateless = true }
}

// MaxClaims is the number of bytes of claims that the store surely takes,
// 64 KB without this option.
func MaxClaims(n int) Option {
	return func(o *options) { o.maxClaims = n }
}

// A suite is what each of its tests needs.
type suite[S any] struct {
	options
	open func(t *testing.T) S
}

func newSuite[S any](open func(t *testing.T) S, opts []Option) suite[S] {
	s := suite[S]{open: open, options: options{maxClaims: 64 << 10}}
	for _, opt := range opts {
		opt(&s.options)
	}
	return s
}

// run runs one test of a suite with a store of its own.
func (s suite[S]) run(t *testing.T, name string, test func(t *testing.T, opened S)) {
	t.Run(name, func(t *testing.T) { test(t, s.open(t)) })
}

// soon is a time at which something may expire, and past lets it pass.
func (o options) soon() time.Time { return time.Now().Add(o.short()) }

// short is how long it is until soon.
func (o options) short() time.Duration {
	if o.advance != nil {
		return 10 * time.Minute
	}
	return 400 * time.Millisecond
}

// past lets the store's clock pass a time that soon returned.
func (o options) past(t *testing.T, soon time.Time) {
	t.Helper()
	if o.advance != nil {
		o.advance(20 * time.Minute)
		return
	}
	until(t, "the time passes", func() bool { return time.Now().After(soon.Add(5 * time.Millisecond)) })
}

// until asks again and again whether something holds, for half a minute at most.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	end := time.Now().Add(30 * time.Second)
	for !holds() {
		if time.Now().After(end) {
			t.Fatalf("half a minute is not enough until %s", what)
		}
		<-tick.C
	}
}

// unique returns a name that no other test uses.
func unique(name string) string { return name + "-" + store.NewID() }

// later is a time at which no session of these tests expires by itself.
func later() time.Time { return time.Now().Add(24 * time.Hour) }

// record returns a session of a user, with every field set.
func record(subject string) *store.Record {
	now := time.Now()
	return &store.Record{
		Subject:         subject,
		Provider:        "github",
		ProviderSubject: unique("sub"),
		ProviderSession: unique("sid"),
		Claims:          []byte(`{"sub":"` + strings.Repeat("1", 20) + `","name":"Ada"}`),
		CreatedAt:       now,
		SeenAt:          now.Add(time.Second),
		ExpiresAt:       later(),
		IP:              "2001:db8::1",
		UserAgent:       "Mozilla/5.0 (X11; Linux x86_64)",
	}
}

// create keeps a session and returns its handle.
func create(t *testing.T, s store.Store, r *store.Record) string {
	t.Helper()
	handle, err := s.Create(t.Context(), r)
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	return handle
}

// find returns a session that must be there.
func find(t *testing.T, s store.Store, handle string) *store.Record {
	t.Helper()
	r, err := s.Find(t.Context(), handle)
	if err != nil || r == nil {
		t.Fatalf("Find = %v, %v, want the session", r, err)
	}
	return r
}

// gone fails the test unless a handle opens no session.
func gone(t *testing.T, s store.Store, handle string) {
	t.Helper()
	if r, err := s.Find(t.Context(), handle); r != nil || !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("Find = %v, %v, want nil, %q", r, err, store.ErrNotFound)
	}
}

// replace writes a session that must be there, and returns its handle.
func replace(t *testing.T, s store.Store, handle string, r *store.Record) string {
	t.Helper()
	handle, err := s.Replace(t.Context(), handle, r)
	if err != nil {
		t.Fatalf("Replace: %v", err)
	}
	return handle
}

// same fails the test unless a store gave back what it was given.
func same(t *testing.T, got, want *store.Record) {
	t.Helper()
	check := func(field string, got, want any) {
		t.Helper()
		if got != want {
			t.Errorf("%s = %s, want %s", field, short(got), short(want))
		}
	}
	check("ID", got.ID, want.ID)
	check("Version", got.Version, want.Version)
	check("Subject", got.Subject, want.Subject)
	check("Provider", got.Provider, want.Provider)
	check("ProviderSubject", got.ProviderSubject, want.ProviderSubject)
	check("ProviderSession", got.ProviderSession, want.ProviderSession)
	check("Claims", string(got.Claims), string(want.Claims))
	check("CreatedAt", got.CreatedAt, inMillis(want.CreatedAt))
	check("SeenAt", got.SeenAt, inMillis(want.SeenAt))
	check("ExpiresAt", got.ExpiresAt, inMillis(want.ExpiresAt))
	check("IP", got.IP, want.IP)
	check("UserAgent", got.UserAgent, want.UserAgent)
}

// inMillis is a time as stores keep it: to the millisecond, in UTC.
func inMillis(t time.Time) time.Time { return time.UnixMilli(t.UnixMilli()).UTC() }

func short(v any) string {
	s := fmt.Sprintf("%q", fmt.Sprint(v))
	if len(s) > 200 {
		return fmt.Sprintf("%s… (%d bytes)", s[:200], len(s))
	}
	return s
}

// endedContexts are contexts in which no store may do anything.
func endedContexts(t *testing.T) map[string]context.Context {
	t.Helper()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	expired, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	t.Cleanup(cancel)
	return map[string]context.Context{"cancelled": cancelled, "expired": expired}
}

// refused fails the test unless err is that of an ended context, and none that
// says something about a session.
func refused(t *testing.T, ctx context.Context, what string, err error) {
	t.Helper()
	if !errors.Is(err, ctx.Err()) || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
		t.Errorf("%s: %v, want %q", what, err, ctx.Err())
	}
}
