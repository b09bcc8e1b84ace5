package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

func TestMemory_MaxMarks(t *testing.T) {
	var c clock
	m := store.NewMemory(store.MemoryOptions{MaxMarks: 2, Now: c.Now})
	mark := func(name string) error {
		_, _, err := m.Mark(t.Context(), name, time.Hour)
		return err
	}
	if err := errors.Join(mark("a"), mark("b"), mark("a")); err != nil {
		t.Fatal(err)
	}
	if err := mark("c"); !errors.Is(err, store.ErrFull) {
		t.Errorf("Mark = %v, want %q", err, store.ErrFull)
	}
	if got, err := m.Marked(t.Context(), "a", "b", "c"); err != nil || got[0] == 0 || got[1] == 0 || got[2] != 0 {
		t.Errorf("Marked = %v, %v", got, err)
	}
	c.Advance(2 * time.Hour)
	if err := errors.Join(mark("c"), mark("d")); err != nil {
		t.Errorf("Mark after the others have expired: %v", err)
	}
}

func TestMemory_RemovesExpiredMarks(t *testing.T) {
	var c clock
	m := store.NewMemory(store.MemoryOptions{MaxMarks: 200, Now: c.Now})
	for round := range 20 {
		for i := range 150 {
			if _, first, err := m.Mark(t.Context(), fmt.Sprint(round, i), time.Minute); err != nil || !first {
				t.Fatalf("round %d: Mark = %v, %v", round, first, err)
			}
		}
		c.Advance(2 * time.Minute)
	}
}

// A mark that expired and was not removed yet is as good as none.
func TestMemory_ExpiredMarkIsReused(t *testing.T) {
	var c clock
	m := store.NewMemory(store.MemoryOptions{Now: c.Now})
	for i := range 100 {
		if _, _, err := m.Mark(t.Context(), fmt.Sprint(i), time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	c.Advance(time.Hour)
	for i := range 100 {
		name := fmt.Sprint(99 - i)
		if at, err := m.Marked(t.Context(), name); err != nil || at[0] != 0 {
			t.Fatalf("Marked = %d, %v, want 0", at, err)
		}
		if _, first, err := m.Mark(t.Context(), name, time.Minute); err != nil || !first {
			t.Fatalf("Mark = %v, %v, want true", first, err)
		}
	}
}

// Marks of all names stay in order when the clock is set back or stands still.
func TestMemory_MarksWhenTheClockIsSetBack(t *testing.T) {
	now := time.Now()
	m := store.NewMemory(store.MemoryOptions{Now: func() time.Time { return now }})
	last := int64(0)
	for i, step := range []time.Duration{0, 0, -time.Minute, 0, -24 * time.Hour, 48 * time.Hour, 0} {
		now = now.Add(step)
		for _, name := range []string{"a", "b", "c"} {
			at, first, err := m.Mark(t.Context(), name, 240*time.Hour)
			if err != nil || first != (i == 0) || at <= last {
				t.Errorf("step %d: Mark = %d, %v, %v after %d", i, at, first, err, last)
			}
			last = at
		}
	}
	if last < now.UnixMicro() {
		t.Errorf("Mark = %d, and it is %d", last, now.UnixMicro())
	}
}

func TestMemory_FullEvictsTheCounterThatExpiresFirst(t *testing.T) {
	var c clock
	m := store.NewMemory(store.MemoryOptions{MaxCounts: 3, Now: c.Now})
	window := 2 * time.Hour
	count := func(name string, n, want int) {
		t.Helper()
		window -= time.Minute
		if got, err := m.Count(t.Context(), name, n, window); err != nil || got != want {
			t.Errorf("Count(%q, %d) = %d, %v, want %d", name, n, got, err, want)
		}
	}
	count("c", 4, 4)
	count("b", 3, 3)
	count("a", 2, 2)
	count("a", 1, 3) // its window stays
	count("d", 1, 1) // in place of a, and expires before the others
	count("a", 0, 0)
	count("b", 0, 3)
	count("c", 0, 4)
	count("e", 1, 1) // in place of d
	count("d", 0, 0)
	count("b", -3, 0) // leaves space for one
	count("f", 1, 1)
	count("e", 0, 1)
	count("c", 0, 4)
	c.Advance(2 * time.Hour)
	for _, name := range []string{"f", "g", "h"} {
		count(name, 1, 1)
	}
	for _, name := range []string{"f", "g", "h"} {
		count(name, 0, 1)
	}
	if n := m.Counts(); n != 3 {
		t.Errorf("there are %d counters, want 3", n)
	}
}

func TestMemory_RemovesExpiredCounters(t *testing.T) {
	var c clock
	m := store.NewMemory(store.MemoryOptions{Now: c.Now})
	for round := range 20 {
		for i := range 200 {
			if n, err := m.Count(t.Context(), fmt.Sprint(round, " ", i), 1, time.Minute); err != nil || n != 1 {
				t.Fatalf("Count = %d, %v, want 1", n, err)
			}
		}
		c.Advance(2 * time.Minute)
	}
	if n := m.Counts(); n > 200 {
		t.Errorf("%d counters are left, of which at most 200 were alive at a time", n)
	}
	if n, err := m.Count(t.Context(), "a", 1, time.Minute); err != nil || n != 1 {
		t.Errorf("Count = %d, %v, want 1", n, err)
	}
}

// A lease whose timer has fired is lost, also while another caller waits for it.
func TestMemory_ExtendAgainstExpiry(t *testing.T) {
	m := store.NewMemory(store.MemoryOptions{})
	for range 50 {
		lease, err := m.Lock(t.Context(), "a", time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		lost := make(chan struct{})
		go func() {
			defer close(lost)
			for lease.Extend(context.Background(), time.Millisecond) == nil {
			}
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		if next, err := m.Lock(ctx, "a", time.Minute); err == nil {
			if err := lease.Extend(t.Context(), time.Minute); !errors.Is(err, store.ErrLeaseLost) {
				t.Errorf("Extend of a lease that another caller holds: %v", err)
			}
			next.Release()
		}
		cancel()
		lease.Release()
		<-lost
	}
}
