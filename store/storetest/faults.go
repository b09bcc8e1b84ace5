package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// Fault lets the suite break the store that was opened last: after f(true) each call of
// its database fails, until f(false). Calls should fail at once, or within seconds. Without
// this option the suites do not check that a fault is no answer.
func Fault(f func(broken bool)) Option {
	return func(o *options) { o.fault = f }
}

// Stall lets the suite stall the database of the store that was opened last: after f(true)
// it answers no call, until f(false). A timeout of the store must be above 10 seconds.
// Without this option the suites do not check that calls end with their context while they
// wait for the database.
func Stall(f func(stalled bool)) Option {
	return func(o *options) { o.stall = f }
}

// The wait before a context ends during a call, and the time that the call then has.
const (
	stallWait = 100 * time.Millisecond
	endWait   = 10 * time.Second
)

// whileBroken runs f while each call fails.
func (o options) whileBroken(t *testing.T, f func()) {
	t.Helper()
	if o.fault == nil {
		t.Skip("the option Fault is not set")
	}
	o.fault(true)
	defer o.fault(false)
	f()
}

// whileStalled runs f while no call is answered.
func (o options) whileStalled(t *testing.T, f func()) {
	t.Helper()
	if o.stall == nil {
		t.Skip("the option Stall is not set")
	}
	o.stall(true)
	defer o.stall(false)
	f()
}

// isAnswer reports whether an error says something about what is stored.
func isAnswer(err error) bool {
	return slices.ContainsFunc([]error{
		store.ErrNotFound, store.ErrConflict, store.ErrUnsupported, store.ErrFull, store.ErrLeaseLost,
		store.ErrEmailTaken, store.ErrAccountTaken, store.ErrAmbiguousEmail,
	}, func(answer error) bool { return errors.Is(err, answer) })
}

// isFault fails the test unless err is a fault.
func isFault(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil || isAnswer(err) {
		t.Errorf("%s while the store is broken: %v, want an error that is no answer", what, err)
	}
}

// endsWithContext fails the test unless a call ends with its context, and with its error.
func endsWithContext(t *testing.T, what string, call func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- call(ctx) }()
	begun := time.NewTimer(stallWait)
	defer begun.Stop()
	select {
	case err := <-done:
		t.Errorf("%s = %v while the store is stalled: the option Stall does nothing", what, err)
		return
	case <-begun.C:
	}
	cancel()
	end := time.NewTimer(endWait)
	defer end.Stop()
	select {
	case err := <-done:
		refused(t, ctx, what, err)
	case <-end.C:
		t.Fatalf("%s does not end with its context", what)
	}
}

func (o options) faults(t *testing.T, st store.Sessions) {
	r := record(unique("user"))
	handle := create(t, st, r)
	o.whileBroken(t, func() {
		h, err := st.CreateSession(t.Context(), record(unique("user")))
		isFault(t, "CreateSession", err)
		if h != "" {
			t.Errorf("CreateSession = %q beside an error", h)
		}
		found, err := st.FindSession(t.Context(), handle)
		isFault(t, "FindSession", err)
		if found != nil {
			t.Errorf("FindSession = %v beside an error", found)
		}
		written := *r
		h, err = st.ReplaceSession(t.Context(), handle, &written)
		isFault(t, "ReplaceSession", err)
		if h != "" || written.Version != r.Version {
			t.Errorf("ReplaceSession = %q, and leaves version %d, beside an error", h, written.Version)
		}
		isFault(t, "DeleteSession", st.DeleteSession(t.Context(), handle))
	})
	same(t, find(t, st, handle), r)
}

func (o options) stalled(t *testing.T, st store.Sessions) {
	r, other := record(unique("user")), record(unique("user"))
	handle, deleted := create(t, st, r), create(t, st, other)
	o.whileStalled(t, func() {
		endsWithContext(t, "FindSession", func(ctx context.Context) error { _, err := st.FindSession(ctx, handle); return err })
		endsWithContext(t, "CreateSession", func(ctx context.Context) error {
			_, err := st.CreateSession(ctx, record(unique("user")))
			return err
		})
		endsWithContext(t, "ReplaceSession", func(ctx context.Context) error {
			written := *r
			_, err := st.ReplaceSession(ctx, handle, &written)
			return err
		})
		endsWithContext(t, "DeleteSession", func(ctx context.Context) error { return st.DeleteSession(ctx, deleted) })
	})
	if got := find(t, st, handle); got.ID != r.ID || got.Subject != r.Subject {
		t.Errorf("FindSession afterwards = %v, want the session of %q", got, r.Subject)
	}
}

// endsDuringCalls has contexts that end at any point of a call.
func (o options) endsDuringCalls(t *testing.T, st store.Sessions) {
	r := record(unique("user"))
	handle := create(t, st, r)
	for i := range 60 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i*i)*time.Microsecond)
		got, err := st.FindSession(ctx, handle)
		switch {
		case err != nil && got != nil:
			t.Errorf("FindSession = %v beside an error", got)
		case err != nil:
			<-ctx.Done() // a driver may return at its end, and a moment before it
			refused(t, ctx, "FindSession", err)
		default:
			same(t, got, r)
		}
		cancel()
	}
	same(t, find(t, st, handle), r)
}

func (o options) indexFaults(t *testing.T, st indexed) {
	r, ctx := record(unique("user")), t.Context()
	handle := create(t, st, r)
	o.whileBroken(t, func() {
		list, err := st.ListSessions(ctx, realm, r.Subject, 10)
		isFault(t, "ListSessions", err)
		if list != nil {
			t.Errorf("ListSessions = %v beside an error", list)
		}
		found, err := st.DeleteSessionByID(ctx, realm, r.Subject, r.ID)
		isFault(t, "DeleteSessionByID", err)
		if found {
			t.Error("DeleteSessionByID = true beside an error")
		}
		_, err = st.DeleteSessions(ctx, realm, r.Subject, "")
		isFault(t, "DeleteSessions", err)
		_, err = st.DeleteProviderSession(ctx, realm, r.Provider, r.ProviderSession)
		isFault(t, "DeleteProviderSession", err)
		_, err = st.DeleteProviderSubject(ctx, realm, r.Provider, r.ProviderSubject)
		isFault(t, "DeleteProviderSubject", err)
	})
	same(t, find(t, st, handle), r)
	if got := st.list(t, realm, r.Subject); !slices.Equal(got, []string{r.ID}) {
		t.Errorf("ListSessions afterwards = %v, want %v", got, r.ID)
	}
}

func (o options) indexStalled(t *testing.T, st indexed) {
	r := record(unique("user"))
	create(t, st, r)
	o.whileStalled(t, func() {
		endsWithContext(t, "ListSessions", func(ctx context.Context) error {
			_, err := st.ListSessions(ctx, realm, r.Subject, 10)
			return err
		})
		endsWithContext(t, "DeleteSessionByID", func(ctx context.Context) error {
			_, err := st.DeleteSessionByID(ctx, realm, r.Subject, r.ID)
			return err
		})
		for name, do := range map[string]deletion{
			"DeleteSessions":        st.DeleteSessions,
			"DeleteProviderSession": st.DeleteProviderSession,
			"DeleteProviderSubject": st.DeleteProviderSubject,
		} {
			endsWithContext(t, name, func(ctx context.Context) error { _, err := do(ctx, realm, r.Subject, "a"); return err })
		}
	})
}

func (o options) marksFaults(t *testing.T, m store.Marks) {
	name := unique("a")
	at := mark(t, m, name, time.Hour, true)
	o.whileBroken(t, func() {
		got, first, err := m.Mark(t.Context(), name, time.Hour)
		isFault(t, "Mark", err)
		if got != 0 || first {
			t.Errorf("Mark = %d, %v beside an error", got, first)
		}
		times, err := m.Marked(t.Context(), name)
		isFault(t, "Marked", err)
		if times != nil {
			t.Errorf("Marked = %v beside an error", times)
		}
	})
	marked(t, m, []string{name}, []int64{at})
}

func (o options) marksStalled(t *testing.T, m store.Marks) {
	name := unique("a")
	o.whileStalled(t, func() {
		endsWithContext(t, "Mark", func(ctx context.Context) error { _, _, err := m.Mark(ctx, name, time.Hour); return err })
		endsWithContext(t, "Marked", func(ctx context.Context) error { _, err := m.Marked(ctx, name); return err })
	})
}

func (o options) counterFaults(t *testing.T, c store.Counter) {
	name := unique("a")
	count(t, c, name, 3, time.Hour, 3)
	o.whileBroken(t, func() {
		for _, n := range []int{1, 0, -1} {
			got, err := c.Count(t.Context(), name, n, time.Hour)
			isFault(t, "Count", err)
			if got != 0 {
				t.Errorf("Count = %d beside an error", got)
			}
		}
	})
	count(t, c, name, 0, 0, 3)
}

func (o options) counterStalled(t *testing.T, c store.Counter) {
	name := unique("a")
	o.whileStalled(t, func() {
		for _, n := range []int{1, 0, -1} {
			endsWithContext(t, "Count", func(ctx context.Context) error { _, err := c.Count(ctx, name, n, time.Hour); return err })
		}
	})
}

func (o options) lockerFaults(t *testing.T, l store.Locker) {
	name := unique("lock")
	lease := lock(t, l, name, time.Minute)
	o.whileBroken(t, func() {
		none, err := l.Lock(t.Context(), unique("other"), time.Minute)
		isFault(t, "Lock", err)
		if none != nil {
			t.Error("Lock returned a lease beside an error")
		}
		isFault(t, "Extend", lease.Extend(t.Context(), time.Minute))
	})
	taken(t, l, name)
	if err := lease.Extend(t.Context(), time.Minute); err != nil {
		t.Errorf("Extend afterwards: %v", err)
	}
	lease.Release()
	lock(t, l, name, time.Minute).Release()
}

func (o options) lockerStalled(t *testing.T, l store.Locker) {
	name := unique("lock")
	lease := lock(t, l, name, time.Minute)
	o.whileStalled(t, func() {
		endsWithContext(t, "Lock", func(ctx context.Context) error {
			_, err := l.Lock(ctx, unique("other"), time.Minute)
			return err
		})
		endsWithContext(t, "Extend", func(ctx context.Context) error { return lease.Extend(ctx, time.Minute) })
	})
}
