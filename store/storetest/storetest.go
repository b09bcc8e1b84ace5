// Package storetest has the conformance suites of the contracts of package store. The
// tests of an implementation run the suites of the abilities that it has:
//
//	func TestStore(t *testing.T) {
//		open := func(t *testing.T) store.Sessions { return mystore.New() }
//		t.Run("Sessions", func(t *testing.T) { storetest.Run(t, open) })
//		t.Run("Index", func(t *testing.T) { storetest.RunIndex(t, open) })
//	}
//
// [RunMarks], [RunLocker], [RunCounter], [RunAccounts] and [RunLinks] are for the others.
// Each suite runs its tests one after the other, with names that are new each time, so that
// a database may be shared.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// An Option describes the store under test.
type Option func(*options)

type options struct {
	advance     func(time.Duration)
	dump        func() []byte
	fault       func(broken bool)
	stall       func(stalled bool)
	second      func(t *testing.T) any
	stateless   bool
	maxClaims   int
	maxSessions int
}

// Advance gives the suite control of the clock of the store that was opened last: f
// moves it forward by d. The clock must start near the real time. Without this
// option the suite uses lifetimes of a fraction of a second and waits.
func Advance(f func(d time.Duration)) Option {
	return func(o *options) { o.advance = f }
}

// Dump gives the suite the content of the store that was opened last, in any form in
// which a string can be found. The suites search it for handles and for the names
// of marks and counters.
func Dump(f func() []byte) Option {
	return func(o *options) { o.dump = f }
}

// Stateless is for a store whose handles hold the whole session: DeleteSession must
// then return [store.ErrUnsupported], a handle stays as it was when its session is
// replaced, and the later of two writers wins.
func Stateless() Option {
	return func(o *options) { o.stateless = true }
}

// MaxClaims is the number of bytes of claims that the store must take, 1 MB without
// this option.
func MaxClaims(n int) Option {
	return func(o *options) { o.maxClaims = n }
}

// A suite runs tests, each with a store of its own.
type suite[S any] struct {
	options
	open func(t *testing.T) S
}

func newSuite[S any](open func(t *testing.T) S, opts []Option) suite[S] {
	s := suite[S]{open: open, options: options{maxClaims: 1 << 20, maxSessions: manySessions}}
	for _, opt := range opts {
		opt(&s.options)
	}
	return s
}

func (s suite[S]) run(t *testing.T, name string, test func(t *testing.T, opened S)) {
	t.Run(name, func(t *testing.T) { test(t, s.open(t)) })
}

// short is a lifetime that may end during a test, soon the end of one that begins
// now, and past lets the store's clock pass that.
func (o options) short() time.Duration {
	if o.advance != nil {
		return 10 * time.Minute
	}
	return 400 * time.Millisecond
}

func (o options) soon() time.Time { return time.Now().Add(o.short()) }

func (o options) past(t *testing.T, soon time.Time) {
	t.Helper()
	if o.advance != nil {
		o.advance(20 * time.Minute)
		return
	}
	waitPast(t, soon)
}

// waitPast returns after an expiry.
func waitPast(t *testing.T, end time.Time) {
	t.Helper()
	timer := time.NewTimer(time.Until(end) + 5*time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
}

// slow skips a test that the machine was too slow for. With a clock that stands
// still that can't be the reason.
func (o options) slow(t *testing.T) {
	t.Helper()
	if o.advance != nil {
		t.Fatal("a lifetime of 10 minutes is over although no time has passed")
	}
	t.Skip("the machine was too slow")
}

// unique returns a name that no other test uses.
func unique(name string) string { return name + "-" + store.NewID() }

// later is a time after the end of all tests.
func later() time.Time { return time.Now().Add(24 * time.Hour) }

// realm is that of all sessions which are not about realms.
const realm = "storetest"

// record returns a session of a user, with every field set.
func record(subject string) *store.Record {
	now := time.Now()
	return &store.Record{
		Realm:           realm,
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

// create creates a session and returns its handle.
func create(t *testing.T, s store.Sessions, r *store.Record) string {
	t.Helper()
	handle, err := s.CreateSession(t.Context(), r)
	if err != nil {
		t.Fatalf("CreateSession: %v", err)
	}
	return handle
}

// find returns a session that must exist.
func find(t *testing.T, s store.Sessions, handle string) *store.Record {
	t.Helper()
	r, err := s.FindSession(t.Context(), handle)
	if err != nil || r == nil {
		t.Fatalf("FindSession = %v, %v, want the session", r, err)
	}
	return r
}

// gone fails the test unless the session of a handle is not found.
func gone(t *testing.T, s store.Sessions, handle string) {
	t.Helper()
	if r, err := s.FindSession(t.Context(), handle); r != nil || !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("FindSession = %v, %v, want nil, %q", r, err, store.ErrNotFound)
	}
}

// replace replaces a session that must exist, and returns its handle.
func replace(t *testing.T, s store.Sessions, handle string, r *store.Record) string {
	t.Helper()
	handle, err := s.ReplaceSession(t.Context(), handle, r)
	if err != nil {
		t.Fatalf("ReplaceSession: %v", err)
	}
	return handle
}

// same fails the test unless two records are equal, with times as stores keep them.
func same(t *testing.T, got, want *store.Record) {
	t.Helper()
	check := func(field string, got, want any) {
		t.Helper()
		if got != want {
			t.Errorf("%s = %s, want %s", field, abbreviate(got), abbreviate(want))
		}
	}
	check("ID", got.ID, want.ID)
	check("Version", got.Version, want.Version)
	check("Realm", got.Realm, want.Realm)
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

// inMillis is a time as stores keep it: in milliseconds, in UTC.
func inMillis(t time.Time) time.Time { return time.UnixMilli(t.UnixMilli()).UTC() }

func abbreviate(v any) string {
	s := fmt.Sprintf("%q", fmt.Sprint(v))
	if len(s) > 200 {
		return fmt.Sprintf("%s… (%d bytes)", s[:200], len(s))
	}
	return s
}

// oddSuffixes turn a name into others that a careless store confuses with it.
var oddSuffixes = []string{
	":", "::", "*", "?", "[a]", "%", "_", "\n", "\r\n", "\t", " ", `"`, "'", "''", `\`, "/", "|", "{}", "{a}", "$1", ";--", "#",
	"\u00e9", "e\u0301", "A", "a",
}

// atOnce calls f n times concurrently and returns its errors.
func atOnce(n int, f func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// endedContexts are contexts in which a store changes nothing.
func endedContexts(t *testing.T) map[string]context.Context {
	t.Helper()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	expired, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	t.Cleanup(cancel)
	return map[string]context.Context{"cancelled": cancelled, "expired": expired}
}

// refused fails the test unless err is that of an ended context, and not one that
// is an answer.
func refused(t *testing.T, ctx context.Context, what string, err error) {
	t.Helper()
	if !errors.Is(err, ctx.Err()) || isAnswer(err) {
		t.Errorf("%s: %v, want %q", what, err, ctx.Err())
	}
}
