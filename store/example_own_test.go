package store_test

import (
	"context"
	"fmt"
	"log"
	"sync"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// A mapStore is a store of one's own, here over a map. A database has the same four
// statements: each is atomic, finds by the key of the handle, and compares the version.
type mapStore struct {
	mu    sync.Mutex
	byKey map[store.Key]store.Record
}

func newMapStore() *mapStore { return &mapStore{byKey: make(map[store.Key]store.Record)} }

func (s *mapStore) CreateSession(ctx context.Context, r *store.Record) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if err := r.Check(); err != nil {
		return "", err
	}
	handle, key := store.NewHandle()
	s.mu.Lock()
	defer s.mu.Unlock()
	r.ID, r.Version = store.NewID(), 1
	s.byKey[key] = stored(*r)
	return handle, nil
}

func (s *mapStore) FindSession(ctx context.Context, handle string) (*store.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key, _ := store.KeyOf(handle) // an invalid handle has the zero key, which no session has
	r, ok := s.byKey[key]
	if !ok || !time.Now().Before(r.ExpiresAt) {
		return nil, store.ErrNotFound
	}
	r = stored(r)
	return &r, nil
}

func (s *mapStore) ReplaceSession(ctx context.Context, handle string, r *store.Record) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if err := r.Check(); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key, _ := store.KeyOf(handle)
	old, ok := s.byKey[key]
	if !ok || !time.Now().Before(old.ExpiresAt) {
		return "", store.ErrNotFound
	}
	if old.Version != r.Version {
		return "", store.ErrConflict
	}
	r.Version++
	old.Version = r.Version
	old.Claims, old.SeenAt, old.ExpiresAt, old.IP, old.UserAgent = r.Claims, r.SeenAt, r.ExpiresAt, r.IP, r.UserAgent
	s.byKey[key] = stored(old)
	return handle, nil
}

func (s *mapStore) DeleteSession(ctx context.Context, handle string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key, _ := store.KeyOf(handle)
	delete(s.byKey, key)
	return nil
}

// stored returns a copy of a record with the times as the store keeps them.
func stored(r store.Record) store.Record {
	r.Claims = append([]byte(nil), r.Claims...)
	for _, t := range []*time.Time{&r.CreatedAt, &r.SeenAt, &r.ExpiresAt} {
		*t = time.UnixMilli(t.UnixMilli()).UTC()
	}
	return r
}

// A store of one's own has these four methods, and passes [storetest.Run]. The methods
// of [store.Index], [store.Marks], [store.Locker] and [store.Counter] may be added for the
// features that need them.
func ExampleSessions() {
	var sessions store.Sessions = newMapStore() // for Config.Session.Store

	ctx := context.Background()
	r := &store.Record{Realm: "next-auth", Subject: "ada", Claims: []byte(`{"sub":"ada"}`), ExpiresAt: time.Now().Add(time.Hour)}
	handle, err := sessions.CreateSession(ctx, r)
	if err != nil {
		log.Fatal(err)
	}
	found, err := sessions.FindSession(ctx, handle)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(found.Subject, "version", found.Version)

	if err := sessions.DeleteSession(ctx, handle); err != nil {
		log.Fatal(err)
	}
	_, err = sessions.FindSession(ctx, handle)
	fmt.Println(err)
	// Output:
	// ada version 1
	// store: not found
}
