package store_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/storetest"
)

// A clock can be moved forward and back.
type clock struct{ offset atomic.Int64 }

func (c *clock) Now() time.Time          { return time.Now().Add(time.Duration(c.offset.Load())) }
func (c *clock) Advance(d time.Duration) { c.offset.Add(int64(d)) }

func TestMemory_Contract(t *testing.T) {
	var c *clock
	var m *store.Memory
	open := func() *store.Memory {
		c = new(clock)
		m = store.NewMemory(store.MemoryOptions{Now: c.Now})
		return m
	}
	advance := storetest.Advance(func(d time.Duration) { c.Advance(d) })
	t.Run("Sessions", func(t *testing.T) {
		storetest.Run(t, func(*testing.T) store.Sessions { return open() }, advance,
			storetest.Dump(func() []byte { return m.DumpSessions() }))
	})
	t.Run("Index", func(t *testing.T) {
		storetest.RunIndex(t, func(*testing.T) store.Sessions { return open() }, advance)
	})
	t.Run("Marks", func(t *testing.T) {
		storetest.RunMarks(t, func(*testing.T) store.Marks { return open() }, advance,
			storetest.Dump(func() []byte { return m.DumpMarks() }))
	})
	t.Run("Locker", func(t *testing.T) {
		storetest.RunLocker(t, func(*testing.T) store.Locker { return open() })
	})
	t.Run("Counter", func(t *testing.T) {
		storetest.RunCounter(t, func(*testing.T) store.Counter { return open() }, advance,
			storetest.Dump(func() []byte { return m.DumpCounts() }))
	})
	t.Run("Accounts", func(t *testing.T) {
		storetest.RunAccounts(t, func(*testing.T) store.Accounts { return open() }, advance)
	})
	t.Run("Links", func(t *testing.T) {
		storetest.RunLinks(t, func(*testing.T) store.Links { return open() }, advance)
	})
}

const realm = "next-auth"

// session returns a session like those of a real service.
func session(i int) *store.Record {
	now := time.Now()
	subject := fmt.Sprintf("%08d-9d1e-4f4c-8a3e-5d0c9b1f7a21", i)
	claims := fmt.Sprintf(`{"name":"Ada Lovelace","email":"ada.%08d@example.com","picture":"https://avatars.example.com/u/%08d?v=4",`+
		`"sub":%q,"sessionToken":"gho_16C7e42F292c6912E7710c838347Ae178B4a","iat":1788000000,"exp":1790592000,"role":"admin"}`, i, i, subject)
	return &store.Record{
		Realm: realm, Subject: subject, Provider: "github", ProviderSubject: fmt.Sprintf("%08d", i), Claims: []byte(claims),
		CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(time.Hour),
		IP:        "192.0.2.1",
		UserAgent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
	}
}

func create(t testing.TB, m *store.Memory, r *store.Record) string {
	t.Helper()
	handle, err := m.CreateSession(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return handle
}

// fill creates n sessions and returns their handles.
func fill(t testing.TB, m *store.Memory, n int) []string {
	t.Helper()
	handles := make([]string, n)
	for i := range handles {
		handles[i] = create(t, m, session(i))
	}
	return handles
}

func TestMemory_FullRefusesNewSessions(t *testing.T) {
	var c clock
	m := store.NewMemory(store.MemoryOptions{MaxSessions: 3, Now: c.Now})
	handles := fill(t, m, 3)
	if _, err := m.CreateSession(t.Context(), session(3)); !errors.Is(err, store.ErrFull) {
		t.Fatalf("CreateSession = %v, want %q", err, store.ErrFull)
	}
	for _, h := range handles {
		if _, err := m.FindSession(t.Context(), h); err != nil {
			t.Errorf("FindSession: %v", err)
		}
	}
	if err := m.DeleteSession(t.Context(), handles[0]); err != nil {
		t.Fatal(err)
	}
	create(t, m, session(4))
	if _, err := m.CreateSession(t.Context(), session(5)); !errors.Is(err, store.ErrFull) {
		t.Errorf("CreateSession = %v, want %q", err, store.ErrFull)
	}
	c.Advance(2 * time.Hour)
	for i := range 3 {
		r := session(i)
		r.ExpiresAt = c.Now().Add(time.Hour)
		create(t, m, r)
	}
}

// One expired session among many is found at once.
func TestMemory_FullFindsTheExpired(t *testing.T) {
	var c clock
	const most = 3000
	m := store.NewMemory(store.MemoryOptions{MaxSessions: most, Now: c.Now})
	for i := range most {
		r := session(i)
		r.ExpiresAt = c.Now().Add(24 * time.Hour)
		if i == most/2 {
			r.ExpiresAt = c.Now().Add(time.Minute)
		}
		create(t, m, r)
	}
	c.Advance(time.Hour)
	r := session(most)
	r.ExpiresAt = c.Now().Add(time.Hour)
	create(t, m, r)
	if _, err := m.CreateSession(t.Context(), session(most+1)); !errors.Is(err, store.ErrFull) {
		t.Errorf("CreateSession = %v, want %q", err, store.ErrFull)
	}
}

// A session that was prolonged or shortened expires by its last write.
func TestMemory_ExpiryFollowsWrites(t *testing.T) {
	var c clock
	m := store.NewMemory(store.MemoryOptions{MaxSessions: 20, Now: c.Now})
	var handles []string
	var records []*store.Record
	for i := range 20 {
		r := session(i)
		r.ExpiresAt = c.Now().Add(time.Duration(1+i%3) * time.Hour)
		handles, records = append(handles, create(t, m, r)), append(records, r)
	}
	for i, r := range records {
		r.ExpiresAt = c.Now().Add(30 * time.Minute)
		if i%2 == 0 {
			r.ExpiresAt = c.Now().Add(10 * time.Hour)
		}
		if _, err := m.ReplaceSession(t.Context(), handles[i], r); err != nil {
			t.Fatal(err)
		}
	}
	c.Advance(5 * time.Hour)
	for i := range 10 {
		r := session(100 + i)
		r.ExpiresAt = c.Now().Add(time.Hour)
		create(t, m, r)
	}
	if _, err := m.CreateSession(t.Context(), session(200)); !errors.Is(err, store.ErrFull) {
		t.Errorf("CreateSession = %v, want %q", err, store.ErrFull)
	}
	for i, h := range handles {
		if _, err := m.FindSession(t.Context(), h); (err == nil) != (i%2 == 0) {
			t.Errorf("FindSession of session %d: %v", i, err)
		}
	}
}

func TestMemory_MaxBytes(t *testing.T) {
	m := store.NewMemory(store.MemoryOptions{MaxBytes: 100_000})
	sized := func(n int) *store.Record {
		r := session(0)
		r.Claims = []byte(strings.Repeat("x", n))
		return r
	}
	var handle string
	var r *store.Record
	created := 0
	for ; created < 1000; created++ {
		r = sized(9_000)
		h, err := m.CreateSession(t.Context(), r)
		if errors.Is(err, store.ErrFull) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		handle = h
	}
	if created < 5 || created > 11 {
		t.Fatalf("%d sessions of 9,000 bytes fit in 100,000 bytes", created)
	}
	r, err := m.FindSession(t.Context(), handle)
	if err != nil {
		t.Fatal(err)
	}
	for field, change := range map[string]func(r *store.Record){
		"Claims":    func(r *store.Record) { r.Claims = []byte(strings.Repeat("x", 60_000)) },
		"IP":        func(r *store.Record) { r.IP = strings.Repeat("x", 60_000) },
		"UserAgent": func(r *store.Record) { r.UserAgent = strings.Repeat("x", 60_000) },
	} {
		larger := *r
		change(&larger)
		if _, err := m.ReplaceSession(t.Context(), handle, &larger); !errors.Is(err, store.ErrFull) || larger.Version != r.Version {
			t.Errorf("ReplaceSession with larger %s = %v and version %d, want %q", field, err, larger.Version, store.ErrFull)
		}
	}
	if r, err := m.FindSession(t.Context(), handle); err != nil || len(r.Claims) != 9_000 {
		t.Errorf("a refused ReplaceSession changed the session: %v, %v", r, err)
	}
	r.Claims = []byte("{}")
	if _, err := m.ReplaceSession(t.Context(), handle, r); err != nil {
		t.Errorf("ReplaceSession by a smaller session: %v", err)
	}
	if _, err := m.CreateSession(t.Context(), sized(8_000)); err != nil {
		t.Errorf("CreateSession after a session became smaller: %v", err)
	}
}

// A large session takes the space of many small ones that have expired.
func TestMemory_MaxBytesSweepsUntilItFits(t *testing.T) {
	var c clock
	m := store.NewMemory(store.MemoryOptions{MaxBytes: 200_000, Now: c.Now})
	created := 0
	for ; ; created++ {
		if _, err := m.CreateSession(t.Context(), session(created)); errors.Is(err, store.ErrFull) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	c.Advance(2 * time.Hour)
	r := session(0)
	r.Claims, r.ExpiresAt = []byte(strings.Repeat("x", 60_000)), c.Now().Add(time.Hour)
	create(t, m, r)
	if n := m.Len(); n < created/2 || n >= created {
		t.Errorf("%d of %d sessions are left, want no more removed than necessary", n, created)
	}
}

func TestMemory_RemovesTheExpired(t *testing.T) {
	var c clock
	m := store.NewMemory(store.MemoryOptions{Now: c.Now})
	for range 20 {
		for range 200 {
			r := session(0)
			r.ExpiresAt = c.Now().Add(time.Minute)
			create(t, m, r)
		}
		c.Advance(2 * time.Minute)
	}
	if n := m.Len(); n > 400 {
		t.Errorf("%d sessions are left, of which at most 200 were alive at a time", n)
	}
}

// There are more expired sessions than a write removes.
func TestMemory_NeverProlongsTheExpired(t *testing.T) {
	var c clock
	m := store.NewMemory(store.MemoryOptions{Now: c.Now})
	handles := fill(t, m, 5000)
	c.Advance(2 * time.Hour)
	for i, handle := range handles[:200] {
		r := session(i)
		r.Version, r.ExpiresAt = 1, c.Now().Add(time.Hour)
		if _, err := m.ReplaceSession(t.Context(), handle, r); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("ReplaceSession = %v, want %q", err, store.ErrNotFound)
		}
	}
}

// Whatever ends sessions, nothing of them stays in memory.
func TestMemory_LeavesNothing(t *testing.T) {
	var c clock
	m := store.NewMemory(store.MemoryOptions{Now: c.Now})
	ends := []func(handle string, r *store.Record) error{
		func(handle string, _ *store.Record) error { return m.DeleteSession(t.Context(), handle) },
		func(_ string, r *store.Record) error {
			_, err := m.DeleteSessionByID(t.Context(), realm, r.Subject, r.ID)
			return err
		},
		func(_ string, r *store.Record) error {
			_, err := m.DeleteSessions(t.Context(), realm, r.Subject, "")
			return err
		},
		func(_ string, r *store.Record) error {
			_, err := m.DeleteProviderSession(t.Context(), realm, r.Provider, r.ProviderSession)
			return err
		},
		func(_ string, r *store.Record) error {
			_, err := m.DeleteProviderSubject(t.Context(), realm, r.Provider, r.ProviderSubject)
			return err
		},
		func(string, *store.Record) error { return nil }, // it expires
	}
	for range 5 {
		for i := range 60 * len(ends) {
			r := session(i % 100)
			r.ProviderSession, r.ExpiresAt = fmt.Sprint("sid ", i), c.Now().Add(time.Hour)
			handle := create(t, m, r)
			r.Claims, r.IP, r.UserAgent = r.Claims[:i%200], "2001:db8::1", fmt.Sprint("agent ", i%5)
			if _, err := m.ReplaceSession(t.Context(), handle, r); err != nil {
				t.Fatal(err)
			}
			if err := ends[i%len(ends)](handle, r); err != nil {
				t.Fatal(err)
			}
		}
		c.Advance(2 * time.Hour)
		for range 60 { // each sweeps
			r := session(0)
			r.ExpiresAt = c.Now().Add(time.Hour)
			if err := m.DeleteSession(t.Context(), create(t, m, r)); err != nil {
				t.Fatal(err)
			}
		}
		if n, bytes, lists := m.Len(), m.Bytes(), m.Lists(); n != 0 || bytes != 0 || lists != 0 {
			t.Fatalf("%d sessions, %d bytes and %d lists are left", n, bytes, lists)
		}
	}
}

func TestMemory_ManySessionsOfOneUser(t *testing.T) {
	m := store.NewMemory(store.MemoryOptions{})
	const many = 20_000
	var handles []string
	var exceptID string
	for i := range many {
		r := session(0)
		handles = append(handles, create(t, m, r))
		if i == many/2 {
			exceptID = r.ID
		}
	}
	for _, h := range handles[:100] {
		if err := m.DeleteSession(t.Context(), h); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := m.ListSessions(t.Context(), realm, session(0).Subject, 5); err != nil || len(list) != 5 {
		t.Errorf("ListSessions = %d sessions, %v, want 5", len(list), err)
	}
	if n, err := m.DeleteSessions(t.Context(), realm, session(0).Subject, exceptID); err != nil || n != many-101 {
		t.Errorf("DeleteSessions = %d, %v, want %d", n, err, many-101)
	}
	if n, err := m.DeleteProviderSubject(t.Context(), realm, "github", session(0).ProviderSubject); err != nil || n != 1 {
		t.Errorf("DeleteProviderSubject = %d, %v, want 1", n, err)
	}
}
