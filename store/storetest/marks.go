package storetest

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// RunMarks checks [store.Marks]. Of the options it uses [Advance], [Dump],
// [Fault], [Stall] and [Second].
func RunMarks(t *testing.T, open func(t *testing.T) store.Marks, opts ...Option) {
	s := newSuite(open, opts)

	s.run(t, "a name without a mark is 0", func(t *testing.T, m store.Marks) {
		marked(t, m, []string{unique("a"), unique("b")}, []int64{0, 0})
		marked(t, m, nil, nil)
	})

	s.run(t, "times are in the order of the names", func(t *testing.T, m store.Marks) {
		a, b, none := unique("a"), unique("b"), unique("none")
		atA, atB := mark(t, m, a, time.Hour, true), mark(t, m, b, time.Hour, true)
		marked(t, m, []string{b, none, a, b}, []int64{atB, 0, atA, atB})
	})

	s.run(t, "a time is in microseconds", func(t *testing.T, m store.Marks) {
		at, now := mark(t, m, unique("a"), time.Hour, true), time.Now()
		if got := time.UnixMicro(at); got.Before(now.Add(-time.Hour)) || got.After(now.Add(time.Hour)) {
			t.Errorf("Mark = %d, which is %v, and it is %v", at, got, now)
		}
		if at >= 1<<53 {
			t.Errorf("Mark = %d, want less than 1<<53", at)
		}
	})

	s.run(t, "a later mark replaces the time and is not the first", func(t *testing.T, m store.Marks) {
		name := unique("a")
		last := mark(t, m, name, time.Hour, true)
		for range 20 {
			at := mark(t, m, name, time.Hour, false)
			if at <= last {
				t.Fatalf("Mark = %d after %d", at, last)
			}
			marked(t, m, []string{name}, []int64{at})
			last = at
		}
	})

	s.run(t, "times are in the order of the calls", func(t *testing.T, m store.Marks) {
		names, last := []string{unique("a"), unique("b"), unique("c")}, int64(0)
		for i := range 30 {
			at := mark(t, m, names[i%3], time.Hour, i < 3)
			if at < last {
				t.Fatalf("Mark = %d after %d of another name", at, last)
			}
			last = at
		}
	})

	s.run(t, "times are in the order of concurrent calls", func(t *testing.T, m store.Marks) {
		names := []string{unique("a"), unique("b")}
		var mu sync.Mutex
		var latest int64                   // of the calls that have returned
		latestOf := make(map[string]int64) // of those of a name
		for _, err := range atOnce(8, func(i int) error {
			for n := range 10 {
				name := names[(i+n)%len(names)]
				mu.Lock()
				before, sameName := latest, latestOf[name]
				mu.Unlock()
				at, _, err := m.Mark(t.Context(), name, time.Hour)
				if err != nil {
					return err
				}
				if at < before || at <= sameName {
					t.Errorf("Mark = %d after %d of any name and %d of this", at, before, sameName)
				}
				mu.Lock()
				latest = max(latest, at)
				latestOf[name] = max(latestOf[name], at)
				mu.Unlock()
			}
			return nil
		}) {
			if err != nil {
				t.Fatal(err)
			}
		}
		marked(t, m, names, []int64{latestOf[names[0]], latestOf[names[1]]})
	})

	s.run(t, "a ttl is 1 ms at least", func(t *testing.T, m store.Marks) {
		name := unique("a")
		for _, ttl := range []time.Duration{0, -time.Hour, time.Millisecond - 1, math.MinInt64} {
			if at, first, err := m.Mark(t.Context(), name, ttl); err == nil || at != 0 || first {
				t.Errorf("Mark for %v = %d, %v, %v, want an error", ttl, at, first, err)
			}
		}
		marked(t, m, []string{name}, []int64{0})
		at := mark(t, m, name, math.MaxInt64, true)
		marked(t, m, []string{name}, []int64{at})
		mark(t, m, unique("b"), time.Millisecond, true)
	})

	s.run(t, "expiry", func(t *testing.T, m store.Marks) {
		name := unique("a")
		before := mark(t, m, name, s.short(), true)
		s.past(t, s.soon())
		marked(t, m, []string{name}, []int64{0})
		at := mark(t, m, name, time.Hour, true)
		if at < before {
			t.Errorf("Mark = %d after %d", at, before)
		}
		marked(t, m, []string{name}, []int64{at})
	})

	s.run(t, "the later expiry stays", func(t *testing.T, m store.Marks) {
		first, second := unique("first"), unique("second")
		mark(t, m, first, 24*time.Hour, true)
		atFirst := mark(t, m, first, s.short(), false)
		mark(t, m, second, s.short(), true)
		atSecond, isFirst, err := m.Mark(t.Context(), second, 24*time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if isFirst {
			s.slow(t)
		}
		s.past(t, s.soon())
		marked(t, m, []string{first, second}, []int64{atFirst, atSecond})
	})

	s.run(t, "odd names are names of their own and not stored", func(t *testing.T, m store.Marks) {
		base := unique("a")
		names := []string{base}
		for _, odd := range append(oddSuffixes, "\x00", "\xff", "\xfe", strings.Repeat("x", 1<<20), strings.Repeat("x", 1<<20+1)) {
			names = append(names, base+odd)
		}
		var times []int64
		for _, name := range names {
			times = append(times, mark(t, m, name, time.Hour, true))
		}
		marked(t, m, names, times)
		if _, _, err := m.Mark(t.Context(), "", time.Minute); err != nil {
			t.Errorf("Mark of the empty name: %v", err)
		}
		if s.dump == nil {
			return
		}
		if dump := s.dump(); len(dump) == 0 || bytes.Contains(dump, []byte(base)) {
			t.Errorf("the dump of %d bytes is empty or has a name", len(dump))
		}
	})

	s.run(t, "one of concurrent calls is the first", func(t *testing.T, m store.Marks) {
		name := unique("a")
		var firsts atomic.Int64
		times := make([]int64, 30)
		for _, err := range atOnce(len(times), func(i int) error {
			at, first, err := m.Mark(t.Context(), name, time.Hour)
			if first {
				firsts.Add(1)
			}
			times[i] = at
			return err
		}) {
			if err != nil {
				t.Fatal(err)
			}
		}
		if n := firsts.Load(); n != 1 {
			t.Errorf("%d calls were the first, want 1", n)
		}
		slices.Sort(times)
		if n := len(slices.Compact(slices.Clone(times))); n != len(times) {
			t.Errorf("%d calls returned %d times", len(times), n)
		}
		marked(t, m, []string{name}, times[len(times)-1:])
	})

	s.run(t, "an ended context changes nothing", func(t *testing.T, m store.Marks) {
		name := unique("a")
		for kind, ctx := range endedContexts(t) {
			at, first, err := m.Mark(ctx, name, time.Hour)
			refused(t, ctx, kind+": Mark", err)
			if at != 0 || first {
				t.Errorf("%s: Mark = %d, %v beside an error", kind, at, first)
			}
			_, err = m.Marked(ctx, name)
			refused(t, ctx, kind+": Marked", err)
		}
		marked(t, m, []string{name}, []int64{0})
	})

	s.run(t, "calls end with their context", s.marksStalled)
	s.run(t, "a fault is no answer", s.marksFaults)
	s.run(t, "processes share marks", s.marksShared)
}

// mark marks a name and returns the time. It fails the test unless first is as wanted.
func mark(t *testing.T, m store.Marks, name string, ttl time.Duration, want bool) int64 {
	t.Helper()
	at, first, err := m.Mark(t.Context(), name, ttl)
	if err != nil || first != want || at <= 0 {
		t.Fatalf("Mark(%.40q) = %d, %v, %v, want %v", name, at, first, err, want)
	}
	return at
}

// marked fails the test unless the names have these times.
func marked(t *testing.T, m store.Marks, names []string, want []int64) {
	t.Helper()
	if got, err := m.Marked(t.Context(), names...); err != nil || !slices.Equal(got, want) {
		t.Fatalf("Marked(%.400q) = %v, %v, want %v", names, got, err, want)
	}
}
