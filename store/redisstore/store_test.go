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

// double starts a Redis in this process, whose keys expire as time passes.
func double(t *testing.T) *miniredis.Miniredis {
	t.Helper()
	m := miniredis.NewMiniRedis()
	m.ClockTTL(true)
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

// patient is what the tests use that are not about slowness: a busy machine may
// take its time.
const patient = 20 * time.Second

// connect returns a client of a URL that waits as long as patient.
func connect(t *testing.T, url string) redis.UniversalClient {
	t.Helper()
	client := redis.NewUniversalClient(unhurried(t, url))
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

func unhurried(t *testing.T, url string) *redis.UniversalOptions {
	t.Helper()
	o := parse(t, url)
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout = patient, patient, patient
	return o
}

func open(t *testing.T, client redis.UniversalClient, opts redisstore.Options) *redisstore.Store {
	t.Helper()
	s, err := redisstore.New(client, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// conform runs the conformance suites.
func conform(t *testing.T, client redis.UniversalClient) {
	s := open(t, client, redisstore.Options{Timeout: patient})
	t.Run("Store", func(t *testing.T) {
		storetest.Run(t, func(*testing.T) store.Store { return s },
			storetest.Dump(func() []byte { return dump(t, client) }))
	})
	t.Run("Marks", func(t *testing.T) { storetest.RunMarks(t, func(*testing.T) store.Marks { return s }) })
	t.Run("Locker", func(t *testing.T) { storetest.RunLocker(t, func(*testing.T) store.Locker { return s }) })
	t.Run("Counter", func(t *testing.T) {
		storetest.RunCounter(t, func(*testing.T) store.Counter { return s },
			storetest.Dump(func() []byte { return dump(t, client) }))
	})
	t.Run("no key stays for ever", func(t *testing.T) {
		for _, key := range keys(t, client) {
			if ttl := client.PTTL(t.Context(), key).Val(); ttl == -1 {
				t.Errorf("%q has no expiry", key)
			}
		}
	})
}

// keys returns all keys, of each server of a cluster.
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

// dump returns everything that Redis has.
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

func TestStoreKeepsItsContract(t *testing.T) {
	conform(t, connect(t, "redis://"+double(t).Addr()))
}

func TestStoreWorksOverTLS(t *testing.T) {
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
	if _, err := open(t, client, redisstore.Options{}).Create(t.Context(), typicalSession()); err == nil {
		t.Error("an unknown certificate is trusted")
	}

	o = unhurried(t, "rediss://"+m.Addr())
	o.TLSConfig.RootCAs = x509.NewCertPool()
	o.TLSConfig.RootCAs.AddCert(web.Certificate())
	trusting := redis.NewUniversalClient(o)
	defer trusting.Close()
	s := open(t, trusting, redisstore.Options{Timeout: patient})
	handle := create(t, s, typicalSession())
	if _, err := s.Find(t.Context(), handle); err != nil {
		t.Error(err)
	}
}

func TestServicesWithOtherPrefixesDoNotMeet(t *testing.T) {
	client := connect(t, "redis://"+double(t).Addr())
	one, two := open(t, client, redisstore.Options{}), open(t, client, redisstore.Options{Prefix: "{two}"})
	handle := create(t, one, typicalSession())
	if _, err := two.Find(t.Context(), handle); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Find: %v, want %q", err, store.ErrNotFound)
	}
	if n, err := two.DeleteWhere(t.Context(), store.Filter{Subject: typicalSession().Subject}); err != nil || n != 0 {
		t.Errorf("DeleteWhere = %d, %v", n, err)
	}
	create(t, two, typicalSession())
	for _, key := range keys(t, client) {
		if !strings.HasPrefix(key, "nuxtauth:") && !strings.HasPrefix(key, "{two}") {
			t.Errorf("key %q has no prefix", key)
		}
	}
}

func TestAUserWithManySessionsIsListedAndSignedOutEverywhere(t *testing.T) {
	s := open(t, connect(t, "redis://"+double(t).Addr()), redisstore.Options{Timeout: patient})
	const many = 600
	var handles []string
	for range many {
		handles = append(handles, create(t, s, typicalSession()))
	}
	subject := typicalSession().Subject
	if list, err := s.List(t.Context(), subject); err != nil || len(list) != many {
		t.Fatalf("List = %d sessions, %v", len(list), err)
	}
	if n, err := s.DeleteWhere(t.Context(), store.Filter{Subject: subject}); err != nil || n != many {
		t.Fatalf("DeleteWhere = %d, %v", n, err)
	}
	for _, handle := range handles {
		if _, err := s.Find(t.Context(), handle); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("Find: %v", err)
		}
	}
}

func TestASessionThatIsProlongedStaysInTheListOfItsUser(t *testing.T) {
	m := double(t)
	s := open(t, connect(t, "redis://"+m.Addr()), redisstore.Options{Timeout: patient})
	start := time.Now()
	m.SetTime(start)

	r := provided()
	r.ExpiresAt = start.Add(time.Hour)
	handle := create(t, s, r)
	r.ExpiresAt = start.Add(24 * time.Hour)
	if _, err := s.Replace(t.Context(), handle, r); err != nil {
		t.Fatal(err)
	}
	m.SetTime(start.Add(23 * time.Hour))
	other := provided() // sweeps the indexes
	other.ExpiresAt = start.Add(48 * time.Hour)
	create(t, s, other)

	if list, err := s.List(t.Context(), r.Subject); err != nil || len(list) != 2 {
		t.Errorf("List = %d sessions, %v, want 2", len(list), err)
	}
	for i, id := range []string{r.ID, other.ID} { // both are in both indexes
		f := filters[i]
		f.ID = id
		if n, err := s.DeleteWhere(t.Context(), f); err != nil || n != 1 {
			t.Errorf("DeleteWhere(%+v) = %d, %v, want 1", f, n, err)
		}
	}
}

func TestAbandonedSessionsLeaveNothingBehind(t *testing.T) {
	m := double(t)
	client := connect(t, "redis://"+m.Addr())
	s := open(t, client, redisstore.Options{Timeout: patient})
	start := time.Now()
	for _, hours := range []time.Duration{0, 2} {
		m.SetTime(start.Add(hours * time.Hour))
		r := typicalSession()
		r.ExpiresAt = start.Add((hours + 1) * time.Hour)
		create(t, s, r)
	}
	all := keys(t, client)
	index := slices.IndexFunc(all, func(key string) bool { return strings.HasPrefix(key, "nuxtauth:u:") })
	if index < 0 || len(all) != 2 {
		t.Fatalf("keys %q, want a session and the index of its user", all)
	}
	if n := client.ZCard(t.Context(), all[index]).Val(); n != 1 {
		t.Errorf("the index of a user with one session has %d entries", n)
	}
	m.SetTime(start.Add(4 * time.Hour))
	if left := m.Keys(); len(left) != 0 {
		t.Errorf("%q are left", left)
	}
}

func TestAnUnreadableSessionIsAFaultAndNotSignedOut(t *testing.T) {
	client := connect(t, "redis://"+double(t).Addr())
	s := open(t, client, redisstore.Options{Timeout: patient})
	r := typicalSession()
	broken := create(t, s, r)
	for _, key := range keys(t, client) {
		if strings.HasPrefix(key, "nuxtauth:s:") {
			client.Set(t.Context(), key, "v2 something else", time.Hour)
		}
	}
	whole := create(t, s, typicalSession())

	if _, err := s.Find(t.Context(), broken); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("Find: %v, want a fault", err)
	}
	if _, err := s.Replace(t.Context(), broken, r); err == nil || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
		t.Errorf("Replace: %v, want a fault", err)
	}
	if list, err := s.List(t.Context(), r.Subject); err == nil {
		t.Errorf("List = %d sessions, want an error", len(list))
	}
	if n, err := s.DeleteWhere(t.Context(), store.Filter{Subject: r.Subject}); err == nil || n != 1 {
		t.Errorf("DeleteWhere = %d, %v, want 1 and an error: one may be left", n, err)
	}
	if _, err := s.Find(t.Context(), whole); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Find: %v, want %q", err, store.ErrNotFound)
	}
	if err := s.Delete(t.Context(), broken); err != nil {
		t.Errorf("Delete: %v", err)
	}
	if _, err := s.Find(t.Context(), broken); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Find: %v, want %q", err, store.ErrNotFound)
	}
}

func TestAnUnreadableCountIsAFaultAndNotNone(t *testing.T) {
	client := connect(t, "redis://"+double(t).Addr())
	s := open(t, client, redisstore.Options{Timeout: patient})
	if _, err := s.Count(t.Context(), "a", 3, time.Hour); err != nil {
		t.Fatal(err)
	}
	client.Set(t.Context(), keys(t, client)[0], "something else", time.Hour)
	for _, n := range []int{1, 0, -1} {
		if got, err := s.Count(t.Context(), "a", n, time.Hour); err == nil || got != 0 {
			t.Errorf("Count of %d = %d, %v, want a fault", n, got, err)
		}
	}
}

func TestALockNeedsALife(t *testing.T) {
	s := open(t, connect(t, "redis://"+double(t).Addr()), redisstore.Options{})
	for _, ttl := range []time.Duration{0, -time.Second, time.Microsecond} {
		if unlock, err := s.Lock(t.Context(), "a", ttl); err == nil || unlock != nil {
			t.Errorf("Lock for %v succeeds", ttl)
		}
	}
}

// create keeps a session that must be kept.
func create(t *testing.T, s *redisstore.Store, r *store.Record) string {
	t.Helper()
	handle, err := s.Create(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return handle
}

// useAll calls every method, in a way that makes it send all that it ever sends.
func useAll(t *testing.T, s *redisstore.Store) {
	t.Helper()
	ctx := t.Context()
	r := typicalSession()
	handle := create(t, s, r)
	r.ExpiresAt = r.ExpiresAt.Add(1000 * time.Hour)
	if _, err := s.Replace(ctx, handle, r); err != nil {
		t.Error(err)
	}
	if list, err := s.List(ctx, r.Subject); err != nil || len(list) != 1 {
		t.Errorf("List = %d sessions, %v", len(list), err)
	}
	if err := s.Delete(ctx, handle); err != nil {
		t.Error(err)
	}
	create(t, s, r)
	if n, err := s.DeleteWhere(ctx, store.Filter{Subject: r.Subject}); err != nil || n != 1 {
		t.Errorf("DeleteWhere = %d, %v", n, err)
	}
	for range 2 {
		if _, err := s.Mark(ctx, "a", 1, r.ExpiresAt); err != nil {
			t.Error(err)
		}
		unlock, err := s.Lock(ctx, "a", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		unlock()
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
