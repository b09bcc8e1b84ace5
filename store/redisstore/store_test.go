package redisstore_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/redisstore"
	"github.com/nuxtauth/nuxtauth/store/storetest"
)

// fakeRedis starts a Redis in this process, whose keys expire as time passes.
func fakeRedis(t *testing.T) *miniredis.Miniredis {
	t.Helper()
	m := miniredis.NewMiniRedis()
	m.ClockTTL(true)
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

// longTimeout is the timeout of the tests that are not about timeouts: the machine may be
// busy.
const longTimeout = 20 * time.Second

// connect returns a client of a URL with long timeouts.
func connect(t *testing.T, url string) redis.UniversalClient {
	t.Helper()
	client := redis.NewUniversalClient(longOptions(t, url))
	t.Cleanup(func() { client.Close() })
	return client
}

func parse(t *testing.T, url string) *redis.UniversalOptions {
	t.Helper()
	o, err := redisstore.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func longOptions(t *testing.T, url string) *redis.UniversalOptions {
	t.Helper()
	o := parse(t, url)
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout = longTimeout, longTimeout, longTimeout
	return o
}

func open(t *testing.T, client redis.UniversalClient, opts redisstore.Options) *redisstore.Store {
	t.Helper()
	s, err := redisstore.New(t.Context(), client, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// conform runs the conformance suites.
func conform(t *testing.T, client redis.UniversalClient, more ...storetest.Option) {
	s := open(t, client, redisstore.Options{Timeout: longTimeout})
	f := new(faults)
	client.AddHook(f)
	opts := append(more, storetest.Fault(f.setBroken), storetest.Stall(f.setStalled), storetest.Second(func(t *testing.T) any {
		return open(t, client, redisstore.Options{Timeout: longTimeout})
	}))
	whole := append(slices.Clip(opts), storetest.Dump(func() []byte { return dump(t, client) }))
	t.Run("Sessions", func(t *testing.T) {
		storetest.Run(t, func(*testing.T) store.Sessions { return s }, whole...)
	})
	t.Run("Index", func(t *testing.T) {
		storetest.RunIndex(t, func(*testing.T) store.Sessions { return s }, opts...)
	})
	t.Run("Marks", func(t *testing.T) {
		storetest.RunMarks(t, func(*testing.T) store.Marks { return s }, whole...)
	})
	t.Run("Locker", func(t *testing.T) {
		storetest.RunLocker(t, func(*testing.T) store.Locker { return s }, opts...)
	})
	t.Run("Counter", func(t *testing.T) {
		storetest.RunCounter(t, func(*testing.T) store.Counter { return s }, whole...)
	})
	t.Run("every key expires", func(t *testing.T) {
		for _, key := range keys(t, client) {
			if ttl := client.PTTL(t.Context(), key).Val(); ttl == -1 {
				t.Errorf("%q has no expiry", key)
			}
		}
	})
}

// keys returns all keys, of all servers of a cluster.
func keys(t *testing.T, client redis.UniversalClient) []string {
	t.Helper()
	ctx := t.Context()
	var mu sync.Mutex
	var all []string
	collect := func(ctx context.Context, server *redis.Client) error {
		found, err := server.Keys(ctx, "*").Result()
		mu.Lock()
		defer mu.Unlock()
		all = append(all, found...)
		return err
	}
	var err error
	switch c := client.(type) {
	case *redis.ClusterClient:
		err = c.ForEachMaster(ctx, collect)
	case *redis.Client:
		err = collect(ctx, c)
	}
	if err != nil || len(all) == 0 {
		t.Fatalf("%d keys: %v", len(all), err)
	}
	return all
}

// dump returns all keys and values.
func dump(t *testing.T, client redis.UniversalClient) []byte {
	t.Helper()
	var b strings.Builder
	for _, key := range keys(t, client) {
		value, err := client.Get(t.Context(), key).Result()
		if redis.HasErrorPrefix(err, "WRONGTYPE") {
			members := client.ZRange(t.Context(), key, 0, -1)
			value, err = strings.Join(members.Val(), " "), members.Err()
		}
		if err != nil && !errors.Is(err, redis.Nil) {
			t.Fatal(err)
		}
		fmt.Fprintln(&b, key, value)
	}
	return []byte(b.String())
}

func TestRedis_Contract(t *testing.T) {
	conform(t, connect(t, "redis://"+fakeRedis(t).Addr()), storetest.MaxSessions(110)) // whose scripts are slow
}

func TestRedis_TLS(t *testing.T) {
	web := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	defer web.Close()
	m, err := miniredis.RunTLS(&tls.Config{Certificates: web.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()

	o := parse(t, "rediss://"+m.Addr())
	client := redis.NewUniversalClient(o)
	defer client.Close()
	if _, err := open(t, client, redisstore.Options{}).CreateSession(t.Context(), typicalSession()); err == nil {
		t.Error("an unknown certificate is trusted")
	}

	o = longOptions(t, "rediss://"+m.Addr())
	o.TLSConfig.RootCAs = x509.NewCertPool()
	o.TLSConfig.RootCAs.AddCert(web.Certificate())
	trusting := redis.NewUniversalClient(o)
	defer trusting.Close()
	s := open(t, trusting, redisstore.Options{Timeout: longTimeout})
	handle := create(t, s, typicalSession())
	if _, err := s.FindSession(t.Context(), handle); err != nil {
		t.Error(err)
	}
}

func TestRedis_PrefixesAreApart(t *testing.T) {
	client := connect(t, "redis://"+fakeRedis(t).Addr())
	one, two := open(t, client, redisstore.Options{}), open(t, client, redisstore.Options{Prefix: "{two}"})
	handle := create(t, one, typicalSession())
	if _, err := two.FindSession(t.Context(), handle); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("FindSession: %v, want %q", err, store.ErrNotFound)
	}
	if n, err := two.DeleteSessions(t.Context(), realm, typicalSession().Subject, ""); err != nil || n != 0 {
		t.Errorf("DeleteSessions = %d, %v", n, err)
	}
	create(t, two, typicalSession())
	useAll(t, one)
	for _, key := range keys(t, client) {
		if !strings.HasPrefix(key, "nuxtauth:v1:") && !strings.HasPrefix(key, "{two}v1:") {
			t.Errorf("key %q has no prefix", key)
		}
	}
}

func TestRedis_UserWithManySessions(t *testing.T) {
	s := open(t, connect(t, "redis://"+fakeRedis(t).Addr()), redisstore.Options{Timeout: longTimeout})
	const many = 600
	var handles []string
	for i := range many {
		r := typicalSession()
		r.CreatedAt = r.CreatedAt.Add(time.Duration(i) * time.Second)
		handles = append(handles, create(t, s, r))
	}
	subject := typicalSession().Subject
	for _, limit := range []int{1, 300, many, many + 1} {
		list, err := s.ListSessions(t.Context(), realm, subject, limit)
		if err != nil || len(list) != min(limit, many) {
			t.Fatalf("ListSessions with limit %d = %d sessions, %v", limit, len(list), err)
		}
		if newest := handles[many-1]; find(t, s, newest).ID != list[0].ID {
			t.Errorf("ListSessions with limit %d does not begin with the newest", limit)
		}
	}
	if n, err := s.DeleteSessions(t.Context(), realm, subject, ""); err != nil || n != many {
		t.Fatalf("DeleteSessions = %d, %v", n, err)
	}
	for _, handle := range handles {
		if _, err := s.FindSession(t.Context(), handle); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("FindSession: %v", err)
		}
	}
}

func TestRedis_ProlongedSessionIsIndexed(t *testing.T) {
	for _, end := range ends {
		m := fakeRedis(t)
		s := open(t, connect(t, "redis://"+m.Addr()), redisstore.Options{Timeout: longTimeout})
		start := time.Now()
		m.SetTime(start)

		r := provided()
		r.ExpiresAt = start.Add(time.Hour)
		handle := create(t, s, r)
		r.ExpiresAt = start.Add(24 * time.Hour)
		if _, err := s.ReplaceSession(t.Context(), handle, r); err != nil {
			t.Fatal(err)
		}
		m.SetTime(start.Add(23 * time.Hour))
		other := provided() // removes expired entries of the indexes
		other.ExpiresAt = start.Add(48 * time.Hour)
		create(t, s, other)

		if list, err := s.ListSessions(t.Context(), realm, r.Subject, 10); err != nil || len(list) != 2 {
			t.Errorf("ListSessions = %d sessions, %v, want 2", len(list), err)
		}
		if n, err := end(t.Context(), s, r); err != nil || n != 2 {
			t.Errorf("%d sessions ended, %v, want 2", n, err)
		}
	}
}

func TestRedis_ExpiredSessionsLeaveNothing(t *testing.T) {
	m := fakeRedis(t)
	client := connect(t, "redis://"+m.Addr())
	s := open(t, client, redisstore.Options{Timeout: longTimeout})
	start := time.Now()
	for _, hours := range []time.Duration{0, 2} {
		m.SetTime(start.Add(hours * time.Hour))
		r := typicalSession()
		r.ExpiresAt = start.Add((hours + 1) * time.Hour)
		create(t, s, r)
	}
	all := keys(t, client)
	index := slices.IndexFunc(all, func(key string) bool { return strings.HasPrefix(key, "nuxtauth:v1:u:") })
	if index < 0 || len(all) != 3 {
		t.Fatalf("keys %q, want a session and the indexes of its user", all)
	}
	if n := client.ZCard(t.Context(), all[index]).Val(); n != 1 {
		t.Errorf("the index of a user with one session has %d entries", n)
	}
	m.SetTime(start.Add(4 * time.Hour))
	if left := m.Keys(); len(left) != 0 {
		t.Errorf("%q are left", left)
	}
}

func TestRedis_UnreadableSessionIsAFault(t *testing.T) {
	client := connect(t, "redis://"+fakeRedis(t).Addr())
	s := open(t, client, redisstore.Options{Timeout: longTimeout})
	r := typicalSession()
	broken := create(t, s, r)
	for _, key := range keys(t, client) {
		if strings.HasPrefix(key, "nuxtauth:v1:s:") {
			client.Set(t.Context(), key, "something else", time.Hour)
		}
	}
	whole := create(t, s, typicalSession())

	if _, err := s.FindSession(t.Context(), broken); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("FindSession: %v, want a fault", err)
	}
	if _, err := s.ReplaceSession(t.Context(), broken, r); err == nil || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
		t.Errorf("ReplaceSession: %v, want a fault", err)
	}
	if list, err := s.ListSessions(t.Context(), realm, r.Subject, 10); err == nil {
		t.Errorf("ListSessions = %d sessions, want an error", len(list))
	}
	if n, err := s.DeleteSessions(t.Context(), realm, r.Subject, ""); err == nil || n != 1 {
		t.Errorf("DeleteSessions = %d, %v, want 1 and an error: one is left", n, err)
	}
	if _, err := s.FindSession(t.Context(), whole); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("FindSession: %v, want %q", err, store.ErrNotFound)
	}
	if err := s.DeleteSession(t.Context(), broken); err != nil {
		t.Errorf("DeleteSession: %v", err)
	}
	if _, err := s.FindSession(t.Context(), broken); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("FindSession: %v, want %q", err, store.ErrNotFound)
	}
}

// find returns a session that must exist.
func find(t *testing.T, s *redisstore.Store, handle string) *store.Record {
	t.Helper()
	r, err := s.FindSession(t.Context(), handle)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// create creates a session.
func create(t *testing.T, s *redisstore.Store, r *store.Record) string {
	t.Helper()
	handle, err := s.CreateSession(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return handle
}

// useAll calls all methods so that they send all their commands.
func useAll(t *testing.T, s *redisstore.Store) {
	t.Helper()
	ctx := t.Context()
	r := typicalSession()
	handle := create(t, s, r)
	r.ExpiresAt = r.ExpiresAt.Add(1000 * time.Hour)
	if _, err := s.ReplaceSession(ctx, handle, r); err != nil {
		t.Error(err)
	}
	if list, err := s.ListSessions(ctx, realm, r.Subject, 10); err != nil || len(list) == 0 {
		t.Errorf("ListSessions = %d sessions, %v", len(list), err)
	}
	if err := s.DeleteSession(ctx, handle); err != nil {
		t.Error(err)
	}
	create(t, s, r)
	if n, err := s.DeleteSessions(ctx, realm, r.Subject, ""); err != nil || n == 0 {
		t.Errorf("DeleteSessions = %d, %v", n, err)
	}
	for range 2 {
		if _, _, err := s.Mark(ctx, "a", time.Hour); err != nil {
			t.Error(err)
		}
		lease, err := s.Lock(ctx, "a", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if err := lease.Extend(ctx, time.Hour); err != nil {
			t.Error(err)
		}
		lease.Release()
	}
	if _, err := s.Marked(ctx, "a", "b"); err != nil {
		t.Error(err)
	}
	for _, n := range []int{2, 1, 0, -1, -2} {
		if _, err := s.Count(ctx, "a", n, time.Hour); err != nil {
			t.Error(err)
		}
	}
}
