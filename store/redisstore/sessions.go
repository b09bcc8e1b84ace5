package redisstore

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"github.com/nuxtauth/nuxtauth/store"
)

// CreateSession implements [store.Sessions].
func (s *Store) CreateSession(ctx context.Context, r *store.Record) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if err := r.Check(); err != nil {
		return "", err
	}
	handle, key := store.NewHandle()
	e := &entry{Record: *r, key: key}
	e.ID, e.Version = store.NewID(), 1
	if err := s.index(ctx, e); err != nil { // first, see index
		return "", s.fault(ctx, "create a session", err)
	}
	value, _ := e.encode()
	if err := s.set(ctx, s.sessionKey(key), value, e); err != nil {
		return "", s.fault(ctx, "create a session", err)
	}
	r.ID, r.Version = e.ID, e.Version
	return handle, nil
}

func (s *Store) set(ctx context.Context, key string, value []byte, e *entry) error {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	return s.client.Do(ctx, "SET", key, value, "PXAT", millis(e.ExpiresAt)).Err()
}

// FindSession implements [store.Sessions]. With [store.WithNewConnection] it asks on a new
// connection to one server, or to the primary that Sentinel names now; if another has
// become the primary, the client's connections to the former one end. The primary of a
// cluster that is cut off answers no longer than its cluster-node-timeout: there
// FindSession uses the connections of the client.
func (s *Store) FindSession(ctx context.Context, handle string) (*store.Record, error) {
	e, err := s.find(ctx, handle)
	if err != nil {
		return nil, err
	}
	return &e.Record, nil
}

func (s *Store) find(ctx context.Context, handle string) (*entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	key, ok := store.KeyOf(handle)
	if !ok {
		return nil, store.ErrNotFound
	}
	bounded, cancel := s.bound(ctx)
	defer cancel()
	client := s.client
	if server, ok := client.(*redis.Client); ok && store.NeedsNewConnection(ctx) {
		again := redis.NewClient(oneConnection(server.Options()))
		defer func() { _ = again.Close() }()
		client = again
	}
	value, err := client.Get(bounded, s.sessionKey(key)).Result()
	if errors.Is(err, redis.Nil) {
		return nil, store.ErrNotFound
	}
	if err != nil {
		return nil, s.fault(ctx, "find a session", err)
	}
	e, err := decode(key, value)
	if err != nil {
		return nil, s.fault(ctx, "find a session", err)
	}
	return e, nil
}

// oneConnection returns the options of a client with one connection to the same server. Its
// dialer is that of the other client, which asks Sentinel if there is one.
func oneConnection(o *redis.Options) *redis.Options {
	one := *o
	one.PoolSize, one.MaxActiveConns, one.MinIdleConns, one.PipelinePoolSize = 1, 1, 0, -1
	return &one
}

// replaceScript writes a session that exists and has a version.
//
// KEYS[1] is the session. ARGV: that version, the new value, the name of this write, the
// new expiry. It returns 1 if the value is written, 0 if the session has another
// version, and -1 if it does not exist.
//
// A client that did not get the answer sends the script again. The session then has the
// name of this write already, which is a success.
var replaceScript = redis.NewScript(`
local old = redis.call('GET', KEYS[1])
if not old then return -1 end
local version, write = string.match(old, '^(%d+) (%w+) ')
if write == ARGV[3] then return 1 end
if version ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PXAT', ARGV[4])
return 1
`)

// ReplaceSession implements [store.Sessions]. The handle stays as it is.
func (s *Store) ReplaceSession(ctx context.Context, handle string, r *store.Record) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if err := r.Check(); err != nil {
		return "", err
	}
	e, err := s.find(ctx, handle)
	if err != nil {
		return "", err
	}
	if e.Version != r.Version {
		return "", store.ErrConflict
	}
	e.Claims, e.SeenAt, e.ExpiresAt, e.IP, e.UserAgent = r.Claims, r.SeenAt, r.ExpiresAt, r.IP, r.UserAgent
	e.Version++
	if err := s.index(ctx, e); err != nil { // first, see index
		return "", s.fault(ctx, "replace a session", err)
	}
	value, write := e.encode()
	done, err := s.run(ctx, replaceScript, s.sessionKey(e.key), r.Version, value, write, millis(e.ExpiresAt))
	switch {
	case err != nil:
		return "", s.fault(ctx, "replace a session", err)
	case done < 0:
		return "", store.ErrNotFound
	case done == 0:
		return "", store.ErrConflict
	}
	r.Version = e.Version
	return handle, nil
}

// DeleteSession implements [store.Sessions].
func (s *Store) DeleteSession(ctx context.Context, handle string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	key, ok := store.KeyOf(handle)
	if !ok {
		return nil
	}
	bounded, cancel := s.bound(ctx)
	defer cancel()
	value, err := s.client.GetDel(bounded, s.sessionKey(key)).Result()
	if errors.Is(err, redis.Nil) {
		return nil
	}
	if err != nil {
		return s.fault(ctx, "end a session", err)
	}
	if e, err := decode(key, value); err == nil {
		s.unindex(ctx, e)
	}
	return nil
}
