package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// Second opens another store over the database of the store that was opened last, as
// another process does. It must have the ability that the suite checks, see [store.As].
// Without this option the suites do not check that processes share what the store has. A
// store that lives in one process has no second.
func Second(open func(t *testing.T) any) Option {
	return func(o *options) { o.second = open }
}

// both returns a store and the second one over its database.
func both[S any](t *testing.T, o options, first S) [2]S {
	t.Helper()
	if o.second == nil {
		t.Skip("the option Second is not set")
	}
	opened := o.second(t)
	second, ok := store.As[S](opened)
	if !ok {
		t.Fatalf("%T lacks the ability under test", opened)
	}
	return [2]S{first, second}
}

func (o options) shared(t *testing.T, st store.Sessions) {
	stores := both(t, o, st)
	for i, mine := range stores {
		theirs := stores[1-i]
		r := record(unique("user"))
		handle := create(t, mine, r)
		got := find(t, theirs, handle)
		same(t, got, r)
		got.Claims = []byte(`{"by":"the other"}`)
		handle = replace(t, theirs, handle, got)
		same(t, find(t, mine, handle), got)
		if o.stateless {
			continue
		}
		if _, err := mine.ReplaceSession(t.Context(), handle, r); !errors.Is(err, store.ErrConflict) {
			t.Errorf("ReplaceSession of a version that the other store has replaced: %v, want %q", err, store.ErrConflict)
		}
		if err := theirs.DeleteSession(t.Context(), handle); err != nil {
			t.Fatal(err)
		}
		gone(t, mine, handle)
		if _, err := mine.ReplaceSession(t.Context(), handle, got); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("ReplaceSession of a session that the other store has ended: %v, want %q", err, store.ErrNotFound)
		}
	}
	if o.stateless {
		return
	}
	r := record(unique("user"))
	r.Claims = []byte("0")
	handle := create(t, st, r)
	const writers = 8
	for _, err := range atOnce(writers, func(i int) error { return increment(t.Context(), stores[i%2], handle) }) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := string(find(t, st, handle).Claims); got != strconv.Itoa(writers) {
		t.Errorf("%d writers of two stores counted to %s", writers, got)
	}
}

func (o options) indexShared(t *testing.T, st indexed) {
	second := both(t, o, st.Sessions)[1]
	index, ok := store.As[store.Index](second)
	if !ok {
		t.Fatalf("%T is no store.Index", second)
	}
	stores := [2]indexed{st, {second, index}}
	for i, mine := range stores {
		theirs := stores[1-i]
		subject := unique("user")
		r, kept := record(subject), record(subject)
		handle, keptHandle := create(t, mine, r), create(t, mine, kept)
		got := theirs.list(t, realm, subject)
		slices.Sort(got)
		want := []string{r.ID, kept.ID}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("ListSessions of the other store = %v, want %v", got, want)
		}
		ended(t, theirs.DeleteSessions, realm, subject, kept.ID, 1)
		gone(t, mine, handle)
		ended(t, theirs.DeleteProviderSubject, realm, kept.Provider, kept.ProviderSubject, 1)
		gone(t, mine, keptHandle)
		if got := mine.list(t, realm, subject); len(got) != 0 {
			t.Errorf("ListSessions = %v after the other store has ended all", got)
		}
	}
}

func (o options) marksShared(t *testing.T, m store.Marks) {
	stores := both(t, o, m)
	name, last := unique("a"), int64(0)
	for i := range 10 {
		at := mark(t, stores[i%2], name, time.Hour, i == 0)
		if at <= last {
			t.Fatalf("Mark = %d after %d of the other store", at, last)
		}
		marked(t, stores[1-i%2], []string{name}, []int64{at})
		last = at
	}
	for i := range 10 {
		at := mark(t, stores[i%2], unique("other"), time.Hour, true)
		if at < last {
			t.Fatalf("Mark = %d after %d of another name in the other store", at, last)
		}
		last = at
	}
	both := unique("both")
	var firsts atomic.Int64
	for _, err := range atOnce(10, func(i int) error {
		_, first, err := stores[i%2].Mark(t.Context(), both, time.Hour)
		if first {
			firsts.Add(1)
		}
		return err
	}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := firsts.Load(); n != 1 {
		t.Errorf("%d calls of two stores were the first, want 1", n)
	}
}

func (o options) counterShared(t *testing.T, c store.Counter) {
	stores := both(t, o, c)
	name := unique("a")
	for i := range 6 {
		count(t, stores[i%2], name, 1, time.Hour, i+1)
		count(t, stores[1-i%2], name, 0, 0, i+1)
	}
	count(t, stores[1], name, -store.MaxCount, 0, 0)
	count(t, stores[0], name, 0, 0, 0)

	const many = 20
	at := unique("at once")
	var seen [many]int
	for _, err := range atOnce(many, func(i int) (err error) {
		seen[i], err = stores[i%2].Count(t.Context(), at, 1, time.Hour)
		return err
	}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(seen[:])
	for i, got := range seen {
		if got != i+1 {
			t.Fatalf("%d calls of two stores returned %d, want each from 1 to %d once", many, seen, many)
		}
	}
}

func (o options) lockerShared(t *testing.T, l store.Locker) {
	stores := both(t, o, l)
	for i, mine := range stores {
		name := unique("lock")
		lease := lock(t, mine, name, time.Minute)
		taken(t, stores[1-i], name)
		lease.Release()
		next := lock(t, stores[1-i], name, time.Minute)
		if err := lease.Extend(t.Context(), time.Minute); !errors.Is(err, store.ErrLeaseLost) {
			t.Errorf("Extend of a lease that the other store has now: %v, want %q", err, store.ErrLeaseLost)
		}
		lease.Release()
		taken(t, mine, name)
		next.Release()
	}
	name := unique("lock")
	var holders atomic.Int64
	for _, err := range atOnce(10, func(i int) error {
		lease, err := stores[i%2].Lock(t.Context(), name, time.Minute)
		if err != nil {
			return err
		}
		defer lease.Release()
		if n := holders.Add(1); n != 1 {
			return fmt.Errorf("the name has %d holders", n)
		}
		holders.Add(-1)
		return nil
	}) {
		if err != nil {
			t.Error(err)
		}
	}
}
