package store_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

func link(c *clock, i int, ttl time.Duration) *store.Link {
	l := &store.Link{CreatedAt: c.Now(), ExpiresAt: c.Now().Add(ttl)}
	l.Purpose, l.Email, l.Hash = "signin", fmt.Sprintf("%d@example.com", i), sha256.Sum256([]byte(fmt.Sprint(i)))
	return l
}

func TestMemory_MaxLinks(t *testing.T) {
	var c clock
	m := store.NewMemory(store.MemoryOptions{MaxLinks: 3, Now: c.Now})
	save := func(i int, ttl time.Duration) error { return m.SaveLink(t.Context(), link(&c, i, ttl)) }
	if err := errors.Join(save(0, time.Hour), save(1, time.Minute), save(2, time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := save(3, time.Hour); !errors.Is(err, store.ErrFull) {
		t.Errorf("SaveLink = %v, want %q", err, store.ErrFull)
	}
	if err := save(2, 2*time.Hour); err != nil { // in place of the first
		t.Error(err)
	}
	if n := m.LinkEntries(); n != [3]int{3, 3, 3} {
		t.Errorf("there are %d links, addresses and expiries, want 3", n)
	}
	c.Advance(2 * time.Minute)
	if err := save(3, time.Hour); err != nil {
		t.Errorf("SaveLink after one has expired: %v", err)
	}
	if err := save(4, time.Hour); !errors.Is(err, store.ErrFull) {
		t.Errorf("SaveLink = %v, want %q", err, store.ErrFull)
	}
	for _, i := range []int{0, 2, 3} {
		if _, err := m.TakeLink(t.Context(), link(&c, i, 0).LinkKey); err != nil {
			t.Errorf("TakeLink of link %d: %v", i, err)
		}
	}
	if n := m.LinkEntries(); n != [3]int{} {
		t.Errorf("%d links, addresses and expiries are left", n)
	}
}

func TestMemory_RemovesExpiredLinks(t *testing.T) {
	var c clock
	m := store.NewMemory(store.MemoryOptions{Now: c.Now})
	for round := range 20 {
		for i := range 200 {
			if err := m.SaveLink(t.Context(), link(&c, 200*round+i, time.Minute)); err != nil {
				t.Fatal(err)
			}
		}
		c.Advance(2 * time.Minute)
	}
	if n := m.LinkEntries(); n[0] > 200 || n[0] != n[1] || n[0] != n[2] {
		t.Errorf("%d links, addresses and expiries are left, of which at most 200 were alive at a time", n)
	}
}

// From ExpiresAt on a link is not found, by the millisecond.
func TestMemory_LinkExpires(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_000)
	m := store.NewMemory(store.MemoryOptions{Now: func() time.Time { return now }})
	l := link(new(clock), 0, 0)
	l.ExpiresAt = now.Add(time.Second + 900*time.Microsecond) // which is rounded down
	if err := m.SaveLink(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Second - time.Millisecond)
	if _, err := m.FindLink(t.Context(), l.LinkKey); err != nil {
		t.Errorf("FindLink a millisecond before the expiry: %v", err)
	}
	now = now.Add(time.Millisecond)
	if _, err := m.FindLink(t.Context(), l.LinkKey); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("FindLink at the expiry: %v, want %q", err, store.ErrNotFound)
	}
	if _, err := m.TakeLink(t.Context(), l.LinkKey); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("TakeLink at the expiry: %v, want %q", err, store.ErrNotFound)
	}
}
