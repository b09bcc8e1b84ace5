package storetest

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// RunCounter checks [store.Counter]. Of the options it uses [Advance], [Dump],
// [Fault], [Stall] and [Second].
func RunCounter(t *testing.T, open func(t *testing.T) store.Counter, opts ...Option) {
	s := newSuite(open, opts)

	s.run(t, "a value is the sum of the additions", func(t *testing.T, c store.Counter) {
		name, other := unique("a"), unique("b")
		for _, step := range []struct{ n, want int }{{0, 0}, {1, 1}, {1, 2}, {5, 7}, {0, 7}, {-3, 4}, {0, 4}, {2, 6}} {
			count(t, c, name, step.n, time.Hour, step.want)
		}
		count(t, c, other, 0, time.Hour, 0)
	})

	s.run(t, "a value stays within its bounds", func(t *testing.T, c store.Counter) {
		name := unique("a")
		for _, step := range []struct{ n, want int }{
			{-1, 0}, {math.MinInt, 0}, {3, 3}, {-4, 0}, {0, 0}, {2, 2}, {math.MinInt, 0}, {2, 2}, {-store.MaxCount, 0},
			{store.MaxCount, store.MaxCount}, {1, store.MaxCount}, {math.MaxInt, store.MaxCount}, {0, store.MaxCount},
			{-1, store.MaxCount - 1}, {2, store.MaxCount}, {math.MinInt, 0}, {math.MaxInt, store.MaxCount},
		} {
			count(t, c, name, step.n, time.Hour, step.want)
		}
	})

	s.run(t, "a value is 0 after its window", func(t *testing.T, c store.Counter) {
		name := unique("a")
		count(t, c, name, 5, s.short(), 5)
		s.past(t, s.soon())
		for _, step := range []struct{ n, want int }{{0, 0}, {-1, 0}, {1, 1}, {1, 2}} {
			count(t, c, name, step.n, time.Hour, step.want)
		}
	})

	s.run(t, "a window begins after the last", func(t *testing.T, c store.Counter) {
		name := unique("a")
		for range 2 {
			count(t, c, name, 2, s.short(), 2)
			s.past(t, s.soon())
		}
		count(t, c, name, 0, 0, 0)
	})

	s.run(t, "the first addition sets the end of a window", func(t *testing.T, c store.Counter) {
		prolonged, reduced, shortened := unique("prolonged"), unique("reduced"), unique("shortened")
		for name, n := range map[string]int{prolonged: 1, reduced: -1} {
			count(t, c, name, 2, s.short(), 2)
			if got, err := c.Count(t.Context(), name, n, 24*time.Hour); err != nil {
				t.Fatal(err)
			} else if got != 2+n {
				s.slow(t)
			}
		}
		count(t, c, shortened, 1, 24*time.Hour, 1)
		count(t, c, shortened, 1, s.short(), 2)
		s.past(t, s.soon())
		count(t, c, prolonged, 0, 0, 0)
		count(t, c, reduced, 0, 0, 0)
		count(t, c, shortened, 1, s.short(), 3)
	})

	s.run(t, "only an addition starts a window", func(t *testing.T, c store.Counter) {
		read, reduced := unique("read"), unique("reduced")
		count(t, c, read, 0, s.short(), 0)
		count(t, c, reduced, -1, s.short(), 0)
		count(t, c, read, 1, 24*time.Hour, 1)
		count(t, c, reduced, 1, 24*time.Hour, 1)
		s.past(t, s.soon())
		count(t, c, read, 0, 0, 1)
		count(t, c, reduced, 0, 0, 1)
	})

	s.run(t, "a value that is back at 0 has no window", func(t *testing.T, c store.Counter) {
		name := unique("a")
		count(t, c, name, 1, s.short(), 1)
		count(t, c, name, -1, s.short(), 0)
		count(t, c, name, 1, 24*time.Hour, 1)
		s.past(t, s.soon())
		count(t, c, name, 0, 0, 1)
	})

	s.run(t, "a window is 1 ms at least", func(t *testing.T, c store.Counter) {
		name := unique("a")
		for _, window := range []time.Duration{0, -time.Hour, time.Millisecond - 1, math.MinInt64} {
			if n, err := c.Count(t.Context(), name, 1, window); err == nil || n != 0 {
				t.Errorf("Count for %v = %d, %v, want an error", window, n, err)
			}
			count(t, c, name, 0, window, 0)
			count(t, c, name, -1, window, 0)
		}
		count(t, c, name, 1, math.MaxInt64, 1)
		count(t, c, name, 1, time.Millisecond, 2)
	})

	s.run(t, "odd names are names of their own and not stored", func(t *testing.T, c store.Counter) {
		base := unique("sign-in")
		var names []string
		for _, odd := range append(oddSuffixes, "", "\x00", "\xff", "\xfe", strings.Repeat("x", 1<<20), strings.Repeat("x", 1<<20+1)) {
			names = append(names, base+odd)
		}
		for i, name := range names {
			count(t, c, name, i+1, time.Hour, i+1)
		}
		for i, name := range names {
			count(t, c, name, 0, 0, i+1)
		}
		count(t, c, "", -store.MaxCount, 0, 0)
		if s.dump == nil {
			return
		}
		if dump := s.dump(); len(dump) == 0 || bytes.Contains(dump, []byte(base)) {
			t.Errorf("the dump of %d bytes is empty or has a name", len(dump))
		}
	})

	s.run(t, "concurrent additions return distinct values", func(t *testing.T, c store.Counter) {
		const many = 40
		name := unique("a")
		var seen [many]int
		for _, err := range atOnce(many, func(i int) (err error) {
			seen[i], err = c.Count(t.Context(), name, 1, time.Hour)
			return err
		}) {
			if err != nil {
				t.Fatal(err)
			}
		}
		slices.Sort(seen[:])
		for i, got := range seen {
			if got != i+1 {
				t.Fatalf("%d calls returned %d, want each from 1 to %d once", many, seen, many)
			}
		}
		count(t, c, name, 0, 0, many)
	})

	s.run(t, "concurrent additions and subtractions", func(t *testing.T, c store.Counter) {
		name := unique("a")
		count(t, c, name, 100, time.Hour, 100)
		for _, err := range atOnce(30, func(i int) error {
			_, err := c.Count(t.Context(), name, []int{4, -3, 0}[i%3], time.Hour)
			return err
		}) {
			if err != nil {
				t.Fatal(err)
			}
		}
		count(t, c, name, 0, 0, 110)
	})

	s.run(t, "an ended context changes nothing", func(t *testing.T, c store.Counter) {
		name := unique("a")
		count(t, c, name, 2, time.Hour, 2)
		for kind, ctx := range endedContexts(t) {
			for _, n := range []int{1, 0, -1} {
				got, err := c.Count(ctx, name, n, time.Hour)
				refused(t, ctx, kind, err)
				if got != 0 {
					t.Errorf("%s: Count = %d beside an error", kind, got)
				}
			}
		}
		count(t, c, name, 0, 0, 2)
	})

	s.run(t, "calls end with their context", s.counterStalled)
	s.run(t, "a fault is no answer", s.counterFaults)
	s.run(t, "processes share counters", s.counterShared)
}

// count adds n to a counter and fails the test unless its value is then want.
func count(t *testing.T, c store.Counter, name string, n int, window time.Duration, want int) {
	t.Helper()
	if got, err := c.Count(t.Context(), name, n, window); err != nil || got != want {
		t.Fatalf("Count(%.40q, %d, %v) = %d, %v, want %d", name, n, window, got, err, want)
	}
}
