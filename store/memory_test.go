package store_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/storetest"
)

// A clock is moved on by hand.
type clock struct{ offset atomic.Int64 }

func (c *clock) Now() time.Time          { return time.Now().Add(time.Duration(c.offset.Load())) }
func (c *clock) Advance(d time.Duration) { c.offset.Add(int64(d)) }

func TestMemory(t *testing.T) {
	var c *clock
	var m *store.Memory
	storetest.Run(t, func(t *testing.T) store.Store {
		c = new(clock)
		m = store.NewMemory(store.MemoryOptions{Now: c.Now})
		return m
	}, storetest.Advance(func(d time.Duration) { c.Advance(d) }), storetest.Dump(func() []byte { return m.Dump() }))
}

func TestMemoryMarks(t *testing.T) {
	var c *clock
	storetest.RunMarks(t, func(t *testing.T) store.Marks {
		c = new(clock)
		return store.NewMemory(store.MemoryOptions{Now: c.Now})
	}, storetest.Advance(func(d time.Duration) { c.Advance(d) }))
}

func TestMemoryLocker(t *testing.T) {
	storetest.RunLocker(t, func(*testing.T) store.Locker { return store.NewMemory(store.MemoryOptions{}) })
}

func TestMemoryCounter(t *testing.T) {
	var c *clock
	var m *store.Memory
	storetest.RunCounter(t, func(t *testing.T) store.Counter {
		c = new(clock)
		m = store.NewMemory(store.MemoryOptions{Now: c.Now})
		return m
	}, storetest.Advance(func(d time.Duration) { c.Advance(d) }), storetest.Dump(func() []byte { return m.DumpCounts() }))
}

// session returns a session like those of a real service.
func session(i int) *store.Record {
	now := time.Now()
	subject := fmt.Sprintf("%08d-9d1e-4f4c-8a3e-5d0c9b1f7a21", i)
	claims := fmt.Sprintf(`{"name":"Ada Lovelace","email":"ada.%08d@example.com","picture":"https://avatars.example.com/u/%08d?v=4",`+
		`"sub":%q,"sessionToken":"gho_16C7e42F292c6912E7710c838347Ae178B4a","iat":1788000000,"exp":1790592000,"role":"admin"}`, i, i, subject)
	return &store.Record{
		Subject: subject, Provider: "github", Claims: []byte(claims),
		CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(time.Hour),
		IP:        "192.0.2.1",
		UserAgent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
	}
}

func fill(t testing.TB, m *store.Memory, n int) []string {
	t.Helper()
	handles := make([]string, n)
	for i := range handles {
		handle, err := m.Create(t.Context(), session(i))
		if err != nil {
			t.Fatal(err)
		}
		handles[i] = handle
	}
	return handles
}

// TestFullMemoryRefuses shows that nobody loses a session because others sign in.
func TestFullMemoryRefuses(t *testing.T) {
	var c clock
	m := store.NewMemory(store.MemoryOptions{MaxSessions: 3, Now: c.Now})
	handles := fill(t, m, 3)
	if _, err := m.Create(t.Context(), session(3)); !errors.Is(err, store.ErrFull) {
		t.Fatalf("Create = %v, want %q", err, store.ErrFull)
	}
	for _, h := range handles {
		if _, err := m.Find(t.Context(), h); err != nil {
			t.Errorf("Find: %v", err)
		}
	}

	if err := m.Delete(t.Context(), handles[0]); err != nil {
		t.Fatal(err)
	}
	r := session(4)
	if _, err := m.Create(t.Context(), r); err != nil {
		t.Errorf("Create after one has signed out: %v", err)
	}
	if _, err := m.Create(t.Context(), session(5)); !errors.Is(err, store.ErrFull) {
		t.Errorf("Create = %v, want %q", err, store.ErrFull)
	}

	c.Advance(2 * time.Hour)
	for i := range 3 {
		r := session(i)
		r.ExpiresAt = c.Now().Add(time.Hour)
		if _, err := m.Create(t.Context(), r); err != nil {
			t.Errorf("Create after all have expired: %v", err)
		}
	}
}

func TestMemoryBoundsItsBytes(t *testing.T) {
	m := store.NewMemory(store.MemoryOptions{MaxBytes: 100_000})
	big := func(n int) *store.Record {
		r := session(0)
		r.Claims = []byte(strings.Repeat("x", n))
		return r
	}
	var handle string
	var r *store.Record
	created := 0
	for ; created < 1000; created++ {
		r = big(9_000)
		h, err := m.Create(t.Context(), r)
		if errors.Is(err, store.ErrFull) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		handle = h
	}
	if created < 5 || created > 11 {
		t.Fatalf("100,000 bytes hold %d sessions of 9,000 bytes", created)
	}

	r, err := m.Find(t.Context(), handle)
	if err != nil {
		t.Fatal(err)
	}
	r.Claims = []byte(strings.Repeat("x", 60_000))
	if _, err := m.Replace(t.Context(), handle, r); !errors.Is(err, store.ErrFull) {
		t.Errorf("Replace by a larger session = %v, want %q", err, store.ErrFull)
	}
	if r, err := m.Find(t.Context(), handle); err != nil || len(r.Claims) != 9_000 {
		t.Errorf("a refused Replace changed the session: %v, %v", r, err)
	}
	r.Claims = []byte("{}")
	if _, err := m.Replace(t.Context(), handle, r); err != nil {
		t.Errorf("Replace by a smaller session: %v", err)
	}
	if _, err := m.Create(t.Context(), big(8_000)); err != nil {
		t.Errorf("Create after there is room: %v", err)
	}
}

// TestMemoryForgets shows that expired sessions go without anybody asking.
func TestMemoryForgets(t *testing.T) {
	var c clock
	m := store.NewMemory(store.MemoryOptions{Now: c.Now})
	for range 20 {
		for range 200 {
			r := session(0)
			r.ExpiresAt = c.Now().Add(time.Minute)
			if _, err := m.Create(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		c.Advance(2 * time.Minute)
	}
	if n := m.Len(); n > 400 {
		t.Errorf("%d sessions are kept, of which 200 at most live at a time", n)
	}
}

// TestMemoryNeverProlongsTheExpired has more sessions than a write cleans up.
func TestMemoryNeverProlongsTheExpired(t *testing.T) {
	var c clock
	m := store.NewMemory(store.MemoryOptions{Now: c.Now})
	handles := fill(t, m, 5000)
	c.Advance(2 * time.Hour)
	for i, handle := range handles[:200] {
		r := session(i)
		r.Version, r.ExpiresAt = 1, c.Now().Add(time.Hour)
		if _, err := m.Replace(t.Context(), handle, r); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("Replace = %v, want %q", err, store.ErrNotFound)
		}
	}
}

func TestMemoryLetsGoOfEverything(t *testing.T) {
	m := store.NewMemory(store.MemoryOptions{MaxSessions: 500, MaxBytes: 1 << 20})
	for round := range 10 {
		handles := fill(t, m, 400)
		for i, h := range handles {
			if i%2 == 0 {
				if err := m.Delete(t.Context(), h); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i := range handles {
			if _, err := m.DeleteWhere(t.Context(), store.Filter{Subject: session(i).Subject}); err != nil {
				t.Fatal(err)
			}
		}
		if n, kept := m.Len(), len(m.Dump()); n != 0 || kept != 0 {
			t.Fatalf("round %d: %d sessions and %d bytes are left", round, n, kept)
		}
	}
	if n := m.Slots(); n > 1000 {
		t.Errorf("400 sessions at a time took %d slots", n)
	}
}

func TestMemoryBoundsItsMarks(t *testing.T) {
	var c clock
	m := store.NewMemory(store.MemoryOptions{MaxMarks: 2, Now: c.Now})
	mark := func(name string) error {
		_, err := m.Mark(context.Background(), name, 1, c.Now().Add(time.Hour))
		return err
	}
	if err := errors.Join(mark("a"), mark("b"), mark("a")); err != nil {
		t.Fatal(err)
	}
	if err := mark("c"); !errors.Is(err, store.ErrFull) {
		t.Errorf("Mark = %v, want %q", err, store.ErrFull)
	}
	if got, err := m.Marked(context.Background(), "a", "b", "c"); err != nil || got[0] != 1 || got[1] != 1 || got[2] != 0 {
		t.Errorf("Marked = %v, %v", got, err)
	}
	c.Advance(2 * time.Hour)
	if err := errors.Join(mark("c"), mark("d")); err != nil {
		t.Errorf("Mark after the others have expired: %v", err)
	}
}

// TestMemoryForgetsMarks shows that marks come and go without end.
func TestMemoryForgetsMarks(t *testing.T) {
	var c clock
	m := store.NewMemory(store.MemoryOptions{MaxMarks: 200, Now: c.Now})
	for round := range 20 {
		for i := range 150 {
			if fresh, err := m.Mark(t.Context(), fmt.Sprint(round, i), 1, c.Now().Add(time.Minute)); err != nil || !fresh {
				t.Fatalf("round %d: Mark = %v, %v", round, fresh, err)
			}
		}
		c.Advance(2 * time.Minute)
	}
}

// TestFullMemoryCountsOn shows that whoever makes up names locks nobody out.
func TestFullMemoryCountsOn(t *testing.T) {
	var c clock
	m := store.NewMemory(store.MemoryOptions{MaxCounts: 3, Now: c.Now})
	count := func(name string, n, want int) {
		t.Helper()
		if got, err := m.Count(t.Context(), name, n, time.Hour); err != nil || got != want {
			t.Errorf("Count(%q, %d) = %d, %v, want %d", name, n, got, err, want)
		}
	}
	count("a", 2, 2)
	count("b", 3, 3)
	count("c", 4, 4)
	count("a", 1, 3) // does not make it younger
	count("d", 1, 1) // in place of a
	count("a", 0, 0)
	count("b", 0, 3)
	count("c", 0, 4)
	count("b", -3, 0) // makes room
	count("e", 1, 1)
	count("c", 0, 4)

	c.Advance(2 * time.Hour)
	for _, name := range []string{"f", "g", "h"} {
		count(name, 1, 1)
	}
	for _, name := range []string{"f", "g", "h"} {
		count(name, 0, 1)
	}
	if n := m.Counts(); n != 3 {
		t.Errorf("%d counts are kept, want 3", n)
	}
}

// TestMemoryForgetsCounts shows that counts go without anybody asking.
func TestMemoryForgetsCounts(t *testing.T) {
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
		t.Errorf("%d counts are kept, of which 200 at most live at a time", n)
	}
	if n, err := m.Count(t.Context(), "a", 1, time.Minute); err != nil || n != 1 {
		t.Errorf("Count = %d, %v, want 1", n, err)
	}
}

func TestUserAgent(t *testing.T) {
	for in, want := range map[string]string{
		"":                             "",
		"curl/8.5.0":                   "curl/8.5.0",
		"a\x00b\tc\u0085d\xffe":        "abcde",
		strings.Repeat("é", 200):       strings.Repeat("é", 128),
		"x" + strings.Repeat("é", 200): "x" + strings.Repeat("é", 127),
		"Браузер/1.0 (日本語)" + "\u007f\u0001":   "Браузер/1.0 (日本語)",
		strings.Repeat("\xff", 300) + "hidden": "",
	} {
		r := session(0)
		r.UserAgent = store.UserAgent(in)
		if r.UserAgent != want {
			t.Errorf("UserAgent(%q) = %q, want %q", in, r.UserAgent, want)
		}
		if err := r.Check(); err != nil {
			t.Error(err)
		}
	}
}

func TestHandlesHaveTheirKeys(t *testing.T) {
	handle, key := store.NewHandle()
	if got, ok := store.KeyOf(handle); !ok || got != key {
		t.Errorf("KeyOf(%q) = %x, %v, want %x", handle, got, ok, key)
	}
	for _, bad := range []string{"", handle[1:], handle + "A", strings.Repeat(handle, 1000)} {
		if _, ok := store.KeyOf(bad); ok {
			t.Errorf("KeyOf took %d bytes", len(bad))
		}
	}
}

// FuzzMemory keeps what anybody might send.
func FuzzMemory(f *testing.F) {
	f.Add("ada", "github", "583231", "sid", "192.0.2.1", []byte(`{"sub":"ada"}`), int64(1), int64(2))
	f.Add(strings.Repeat("a", 127), strings.Repeat("b", 128), "", "", "\u00e9", []byte{0, 255}, int64(-1<<40), int64(1<<44))
	f.Fuzz(func(t *testing.T, subject, provider, sub, sid, ip string, claims []byte, created, seen int64) {
		m := store.NewMemory(store.MemoryOptions{})
		want := &store.Record{
			Subject: subject, Provider: provider, ProviderSubject: sub, ProviderSession: sid, IP: ip, UserAgent: ip, Claims: claims,
			CreatedAt: time.UnixMilli(created % (1 << 45)).UTC(), SeenAt: time.UnixMilli(seen % (1 << 45)).UTC(),
			ExpiresAt: time.UnixMilli(time.Now().UnixMilli() + 3_600_000).UTC(),
		}
		handle, err := m.Create(t.Context(), want)
		if want.Check() != nil {
			if err == nil {
				t.Error("Create took what Check reports")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Find(t.Context(), handle)
		if err != nil {
			t.Fatal(err)
		}
		if string(got.Claims) != string(want.Claims) {
			t.Errorf("Claims = %q, want %q", got.Claims, want.Claims)
		}
		got.Claims, want.Claims = nil, nil
		if g, w := fmt.Sprintf("%#v", got), fmt.Sprintf("%#v", want); g != w {
			t.Errorf("Find = %s, want %s", g, w)
		}
		if n, err := m.DeleteWhere(t.Context(), store.Filter{Subject: subject}); n != 1 || err != nil {
			t.Errorf("DeleteWhere = %d, %v", n, err)
		}
	})
}

// BenchmarkMemorySize reports what a session takes, with 100,000 of them, and
// how much of that the session is itself.
func BenchmarkMemorySize(b *testing.B) {
	const n = 100_000
	for b.Loop() {
		given := 0
		for i := range 100 {
			r := session(i)
			given += len(r.Claims) + len(r.Subject) + len(r.Provider) + len(r.IP) + len(r.UserAgent)
		}
		before := heap()
		m := store.NewMemory(store.MemoryOptions{})
		for i := range n {
			if _, err := m.Create(context.Background(), session(i)); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(heap()-before)/n, "B/session")
		b.ReportMetric(float64(given)/100, "given-B/session")
		runtime.KeepAlive(m)
	}
}

// BenchmarkMemoryCountSize reports what a count takes, with 100,000 of them.
func BenchmarkMemoryCountSize(b *testing.B) {
	const n = 100_000
	for b.Loop() {
		before := heap()
		m := store.NewMemory(store.MemoryOptions{})
		for i := range n {
			if _, err := m.Count(b.Context(), fmt.Sprint(i), 1, time.Hour); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(heap()-before)/n, "B/count")
		runtime.KeepAlive(m)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}

func BenchmarkMemory(b *testing.B) {
	ctx := context.Background()
	m := store.NewMemory(store.MemoryOptions{})
	handles := fill(b, m, 100_000)

	b.Run("Find", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := m.Find(ctx, handles[i%len(handles)]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("FindParallel", func(b *testing.B) {
		b.ReportAllocs()
		var worker atomic.Int64
		b.RunParallel(func(pb *testing.PB) {
			for i := int(worker.Add(1)) * 7919; pb.Next(); i++ {
				if _, err := m.Find(ctx, handles[i%len(handles)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
	b.Run("Replace", func(b *testing.B) {
		b.ReportAllocs()
		r, err := m.Find(ctx, handles[0])
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, err := m.Replace(ctx, handles[0], r); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("CreateDelete", func(b *testing.B) {
		b.ReportAllocs()
		r := session(0)
		for b.Loop() {
			handle, err := m.Create(ctx, r)
			if err != nil {
				b.Fatal(err)
			}
			if err := m.Delete(ctx, handle); err != nil {
				b.Fatal(err)
			}
		}
	})
}
