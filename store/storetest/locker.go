package storetest

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// RunLocker checks a [store.Locker], in real time.
func RunLocker(t *testing.T, open func(t *testing.T) store.Locker) {
	s := newSuite(open, nil)

	s.run(t, "one of many holds a lock at a time", func(t *testing.T, l store.Locker) {
		name := unique("lock")
		var holders, held atomic.Int64
		for _, err := range atOnce(20, func(int) error {
			unlock, err := l.Lock(t.Context(), name, time.Minute)
			if err != nil {
				return err
			}
			defer unlock()
			if n := holders.Add(1); n != 1 {
				t.Errorf("%d hold the lock", n)
			}
			held.Add(1)
			holders.Add(-1)
			return nil
		}) {
			if err != nil {
				t.Error(err)
			}
		}
		if n := held.Load(); n != 20 {
			t.Errorf("%d got the lock, want 20", n)
		}
	})

	s.run(t, "other names are other locks", func(t *testing.T, l store.Locker) {
		base := unique("lock")
		for _, name := range []string{base, base + ":", base + "*", base + "%", base + "'", base + "\n", "A" + base} {
			defer lock(t, l, name, time.Minute)()
		}
	})

	s.run(t, "a waiting caller stops with its context", func(t *testing.T, l store.Locker) {
		name := unique("lock")
		defer lock(t, l, name, time.Minute)()
		heldBySomebody(t, l, name)

		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		unlock, err := l.Lock(ctx, name, time.Minute)
		if unlock != nil || !errors.Is(err, context.Canceled) {
			t.Errorf("Lock = %v, want %q", err, context.Canceled)
		}
	})

	s.run(t, "an ended context takes no lock", func(t *testing.T, l store.Locker) {
		name := unique("lock")
		for kind, ctx := range endedContexts(t) {
			unlock, err := l.Lock(ctx, name, time.Minute)
			if unlock != nil {
				t.Errorf("%s: Lock returned an unlock", kind)
			}
			refused(t, ctx, kind, err)
		}
		lock(t, l, name, time.Minute)()
	})

	s.run(t, "a lock is freed even if its holder's context has ended", func(t *testing.T, l store.Locker) {
		name := unique("lock")
		ctx, cancel := context.WithCancel(t.Context())
		unlock, err := l.Lock(ctx, name, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		unlock()
		lock(t, l, name, time.Minute)()
	})

	s.run(t, "a lock frees itself when its holder is dead", func(t *testing.T, l store.Locker) {
		name := unique("lock")
		lock(t, l, name, 200*time.Millisecond)
		lock(t, l, name, time.Minute)()
	})

	s.run(t, "a late holder does not free the lock of the next", func(t *testing.T, l store.Locker) {
		name := unique("lock")
		late := lock(t, l, name, 200*time.Millisecond)
		next := lock(t, l, name, time.Minute)
		late()
		late()
		heldBySomebody(t, l, name)
		next()
		last := lock(t, l, name, time.Minute)
		next()
		heldBySomebody(t, l, name)
		last()
		lock(t, l, name, time.Minute)()
	})
}

// lock takes a lock that is free or soon will be.
func lock(t *testing.T, l store.Locker, name string, ttl time.Duration) (unlock func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	unlock, err := l.Lock(ctx, name, ttl)
	if err != nil {
		t.Fatalf("Lock(%q): %v", name, err)
	}
	return unlock
}

// heldBySomebody fails the test if the lock can be had.
func heldBySomebody(t *testing.T, l store.Locker, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	defer cancel()
	if unlock, err := l.Lock(ctx, name, time.Minute); unlock != nil || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Lock(%q) = %v, want %q: somebody holds it", name, err, context.DeadlineExceeded)
	}
}
