package storetest

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// expiringTTL is that of leases that expire during a test.
const expiringTTL = 200 * time.Millisecond

// RunLocker checks [store.Locker] and [store.Lease], in real time. Of the options it uses
// [Fault], [Stall] and [Second].
func RunLocker(t *testing.T, open func(t *testing.T) store.Locker, opts ...Option) {
	s := newSuite(open, opts)

	s.run(t, "a name has one holder at a time", func(t *testing.T, l store.Locker) {
		name := unique("lock")
		var holders, total atomic.Int64
		for _, err := range atOnce(20, func(int) error {
			lease, err := l.Lock(t.Context(), name, time.Minute)
			if err != nil {
				return err
			}
			defer lease.Release()
			if n := holders.Add(1); n != 1 {
				t.Errorf("the name has %d holders", n)
			}
			total.Add(1)
			holders.Add(-1)
			return nil
		}) {
			if err != nil {
				t.Error(err)
			}
		}
		if n := total.Load(); n != 20 {
			t.Errorf("%d callers got the lease, want 20", n)
		}
	})

	s.run(t, "odd names are names of their own", func(t *testing.T, l store.Locker) {
		base := unique("lock")
		for _, odd := range append(oddSuffixes, "", "\x00", "\xff") {
			defer lock(t, l, base+odd, time.Minute).Release()
		}
	})

	s.run(t, "a waiting caller stops with its context", func(t *testing.T, l store.Locker) {
		name := unique("lock")
		defer lock(t, l, name, time.Minute).Release()
		taken(t, l, name)

		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		lease, err := l.Lock(ctx, name, time.Minute)
		if lease != nil || !errors.Is(err, context.Canceled) {
			t.Errorf("Lock = %v, %v, want %q", lease, err, context.Canceled)
		}
	})

	s.run(t, "an ended context takes and extends nothing", func(t *testing.T, l store.Locker) {
		name, other := unique("lock"), unique("other")
		lease := lock(t, l, other, time.Minute)
		for kind, ctx := range endedContexts(t) {
			none, err := l.Lock(ctx, name, time.Minute)
			if none != nil {
				t.Errorf("%s: Lock returned a lease", kind)
			}
			refused(t, ctx, kind+": Lock", err)
			refused(t, ctx, kind+": Extend", lease.Extend(ctx, time.Millisecond))
		}
		lock(t, l, name, time.Minute).Release()
		taken(t, l, other)
	})

	s.run(t, "a lease does not depend on the context of Lock", func(t *testing.T, l store.Locker) {
		name := unique("lock")
		ctx, cancel := context.WithCancel(t.Context())
		lease, err := l.Lock(ctx, name, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		taken(t, l, name)
		if err := lease.Extend(t.Context(), time.Minute); err != nil {
			t.Errorf("Extend: %v", err)
		}
		lease.Release()
		lock(t, l, name, time.Minute).Release()
	})

	s.run(t, "a ttl is 1 ms at least", func(t *testing.T, l store.Locker) {
		name, other := unique("lock"), unique("other")
		lease := lock(t, l, other, time.Minute)
		for _, ttl := range []time.Duration{0, -time.Hour, time.Millisecond - 1, math.MinInt64} {
			if lease, err := l.Lock(t.Context(), name, ttl); lease != nil || err == nil {
				t.Errorf("Lock for %v = %v, %v, want an error", ttl, lease, err)
			}
			if err := lease.Extend(t.Context(), ttl); err == nil || errors.Is(err, store.ErrLeaseLost) {
				t.Errorf("Extend for %v: %v, want an error that is not %q", ttl, err, store.ErrLeaseLost)
			}
		}
		lock(t, l, name, time.Minute).Release()
		taken(t, l, other)
	})

	s.run(t, "a lease expires", func(t *testing.T, l store.Locker) {
		name := unique("lock")
		lock(t, l, name, expiringTTL)
		lock(t, l, name, time.Minute).Release()
	})

	s.run(t, "a late release leaves the next lease", func(t *testing.T, l store.Locker) {
		name := unique("lock")
		late := lock(t, l, name, expiringTTL)
		next := lock(t, l, name, time.Minute)
		late.Release()
		late.Release()
		taken(t, l, name)
		next.Release()
		last := lock(t, l, name, time.Minute)
		next.Release()
		taken(t, l, name)
		last.Release()
		lock(t, l, name, time.Minute).Release()
	})

	s.run(t, "extend prolongs", func(t *testing.T, l store.Locker) {
		name := unique("lock")
		lease := lock(t, l, name, expiringTTL)
		end := time.Now().Add(expiringTTL)
		if err := lease.Extend(t.Context(), time.Minute); errors.Is(err, store.ErrLeaseLost) && time.Now().After(end.Add(-expiringTTL/2)) {
			t.Skip("the machine was too slow")
		} else if err != nil {
			t.Fatalf("Extend: %v", err)
		}
		waitPast(t, end)
		taken(t, l, name)
		if err := lease.Extend(t.Context(), time.Minute); err != nil {
			t.Errorf("Extend: %v", err)
		}
		lease.Release()
		lock(t, l, name, time.Minute).Release()
	})

	s.run(t, "extend shortens", func(t *testing.T, l store.Locker) {
		name := unique("lock")
		lease := lock(t, l, name, time.Minute)
		if err := lease.Extend(t.Context(), expiringTTL); err != nil {
			t.Fatalf("Extend: %v", err)
		}
		lock(t, l, name, time.Minute).Release()
	})

	s.run(t, "a lost lease is not extended", func(t *testing.T, l store.Locker) {
		lost := func(lease store.Lease) {
			t.Helper()
			if err := lease.Extend(t.Context(), time.Minute); !errors.Is(err, store.ErrLeaseLost) {
				t.Errorf("Extend = %v, want %q", err, store.ErrLeaseLost)
			}
		}
		released := unique("released")
		lease := lock(t, l, released, time.Minute)
		lease.Release()
		lost(lease)
		lock(t, l, released, time.Minute).Release()

		expired := unique("expired") // and still free
		lease = lock(t, l, expired, time.Millisecond)
		waitPast(t, time.Now().Add(expiringTTL))
		lost(lease)
		lock(t, l, expired, time.Minute).Release()

		replaced := unique("replaced") // by that of another holder
		lease = lock(t, l, replaced, time.Millisecond)
		next := lock(t, l, replaced, time.Minute)
		lost(lease)
		lease.Release()
		taken(t, l, replaced)
		if err := next.Extend(t.Context(), time.Minute); err != nil {
			t.Errorf("Extend of the next lease: %v", err)
		}
	})

	s.run(t, "concurrent calls of a lease", func(t *testing.T, l store.Locker) {
		name := unique("lock")
		lease := lock(t, l, name, time.Minute)
		for _, err := range atOnce(10, func(i int) error {
			if i%2 == 0 {
				lease.Release()
				return nil
			}
			return lease.Extend(t.Context(), time.Minute)
		}) {
			if err != nil && !errors.Is(err, store.ErrLeaseLost) {
				t.Errorf("Extend: %v", err)
			}
		}
		lock(t, l, name, time.Minute).Release()
	})

	s.run(t, "calls end with their context", s.lockerStalled)
	s.run(t, "a fault is no answer", s.lockerFaults)
	s.run(t, "processes share leases", s.lockerShared)
}

// lock takes a lease that is free or soon will be.
func lock(t *testing.T, l store.Locker, name string, ttl time.Duration) store.Lease {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	lease, err := l.Lock(ctx, name, ttl)
	if err != nil {
		t.Fatalf("Lock(%q): %v", name, err)
	}
	return lease
}

// taken fails the test if the name is free.
func taken(t *testing.T, l store.Locker, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	defer cancel()
	if lease, err := l.Lock(ctx, name, time.Minute); lease != nil || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Lock(%q) = %v, %v, want %q", name, lease, err, context.DeadlineExceeded)
	}
}
