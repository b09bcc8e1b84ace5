package storetest

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// RunMarks checks [store.Marks]. Of the options it uses [Advance].
func RunMarks(t *testing.T, open func(t *testing.T) store.Marks, opts ...Option) {
	s := newSuite(open, opts)

	s.run(t, "what was never marked is 0", func(t *testing.T, m store.Marks) {
		marked(t, m, []string{unique("a"), unique("b")}, []int64{0, 0})
		marked(t, m, nil, nil)
	})

	s.run(t, "values come back in the order of the names", func(t *testing.T, m store.Marks) {
		a, b, none := unique("a"), unique("b"), unique("none")
		mark(t, m, a, 1, later(), true)
		mark(t, m, b, 1<<62, later(), true)
		marked(t, m, []string{b, none, a, b}, []int64{1 << 62, 0, 1, 1 << 62})
	})

	s.run(t, "the larger value stays, and only the first is fresh", func(t *testing.T, m store.Marks) {
		name := unique("a")
		for _, step := range []struct {
			value int64
			fresh bool
			want  int64
		}{{5, true, 5}, {5, false, 5}, {3, false, 5}, {1_700_000_000_000, false, 1_700_000_000_000}, {6, false, 1_700_000_000_000}} {
			mark(t, m, name, step.value, later(), step.fresh)
			marked(t, m, []string{name}, []int64{step.want})
		}
	})

	s.run(t, "a value is above 0", func(t *testing.T, m store.Marks) {
		name := unique("a")
		for _, value := range []int64{0, -1} {
			if fresh, err := m.Mark(t.Context(), name, value, later()); err == nil || fresh {
				t.Errorf("Mark of %d = %v, %v, want an error", value, fresh, err)
			}
		}
		marked(t, m, []string{name}, []int64{0})
	})

	s.run(t, "a mark is forgotten at its time", func(t *testing.T, m store.Marks) {
		name := unique("a")
		end := s.soon()
		mark(t, m, name, 7, end, true)
		s.past(t, end)
		marked(t, m, []string{name}, []int64{0})
		mark(t, m, name, 2, later(), true)
		marked(t, m, []string{name}, []int64{2})
	})

	s.run(t, "the later time stays", func(t *testing.T, m store.Marks) {
		first, second := unique("first"), unique("second")
		end := s.soon()
		mark(t, m, first, 7, later(), true)
		mark(t, m, first, 8, end, false)
		mark(t, m, second, 7, end, true)
		if fresh, err := m.Mark(t.Context(), second, 5, later()); err != nil {
			t.Fatal(err)
		} else if fresh {
			t.Skip("this machine was too slow")
		}
		s.past(t, end)
		marked(t, m, []string{first, second}, []int64{8, 7})
	})

	s.run(t, "odd names are names of their own", func(t *testing.T, m store.Marks) {
		base := unique("a")
		var names []string
		var values []int64
		for i, odd := range []string{"", ":", "*", "?", "[a]", "%", "_", "\n", `"`, "'", `\`, "{}", "$1", "A", "\u00e9", "e\u0301", strings.Repeat("x", 1000)} {
			names, values = append(names, base+odd), append(values, int64(i+1))
		}
		for i, name := range names {
			mark(t, m, name, values[i], later(), true)
		}
		marked(t, m, names, values)
	})

	s.run(t, "one of many is the first", func(t *testing.T, m store.Marks) {
		name := unique("a")
		var first atomic.Int64
		for _, err := range atOnce(30, func(i int) error {
			fresh, err := m.Mark(t.Context(), name, int64(i+1), later())
			if fresh {
				first.Add(1)
			}
			return err
		}) {
			if err != nil {
				t.Fatal(err)
			}
		}
		if n := first.Load(); n != 1 {
			t.Errorf("%d callers were the first, want 1", n)
		}
		marked(t, m, []string{name}, []int64{30})
	})

	s.run(t, "an ended context is an error and nothing else", func(t *testing.T, m store.Marks) {
		name := unique("a")
		for kind, ctx := range endedContexts(t) {
			_, err := m.Mark(ctx, name, 1, later())
			refused(t, ctx, kind+": Mark", err)
			_, err = m.Marked(ctx, name)
			refused(t, ctx, kind+": Marked", err)
		}
		marked(t, m, []string{name}, []int64{0})
	})
}

func mark(t *testing.T, m store.Marks, name string, value int64, expires time.Time, want bool) {
	t.Helper()
	if fresh, err := m.Mark(t.Context(), name, value, expires); err != nil || fresh != want {
		t.Fatalf("Mark(%q, %d) = %v, %v, want %v", name, value, fresh, err, want)
	}
}

func marked(t *testing.T, m store.Marks, names []string, want []int64) {
	t.Helper()
	if got, err := m.Marked(t.Context(), names...); err != nil || !slices.Equal(got, want) {
		t.Fatalf("Marked(%q) = %v, %v, want %v", names, got, err, want)
	}
}
