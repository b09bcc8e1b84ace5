package redisstore

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/nuxtauth/nuxtauth/store"
)

// indexScript enters a session in an index, a sorted set of the keys of sessions
// by the time until which they are in it.
//
// KEYS[1] is the index. ARGV: the key of the session, and that time. Entries
// whose time is over go, and the index goes with its last one. The clock is that
// of Redis, as it is for the sessions.
var indexScript = redis.NewScript(`
local now = redis.call('TIME')
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now[1] * 1000)
redis.call('ZADD', KEYS[1], 'GT', ARGV[2], ARGV[1])
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
redis.call('PEXPIREAT', KEYS[1], last[2])
return 1
`)

// index makes sure that List and DeleteWhere find a session that is about to be
// written.
//
// A session and its indexes are on different servers of a cluster, so they can't
// be written together, and a process may die between any two writes. The order
// of the writes makes that harmless:
//
//   - A session is written after its indexes, and its indexes name it for longer
//     than it lives. So every living session is in its indexes, and no way of
//     failing leaves one that can't be ended.
//   - A session is removed before it is removed from its indexes. What is left
//     there names nothing, is ignored, and goes when its time is over.
//   - Nobody removes from an index what names nothing, because its session may
//     be about to be written.
//
// An entry stays a quarter longer than the session would live, so that a session
// that is prolonged all the time does not write its indexes each time; and at
// least a minute longer, because the servers of a cluster have their own clocks.
func (s *Store) index(ctx context.Context, e *entry) error {
	if !e.ExpiresAt.Add(time.Minute).After(e.indexed) {
		return nil
	}
	e.indexed = e.ExpiresAt.Add(max(time.Until(e.ExpiresAt)/4, time.Minute))
	for _, index := range s.indexes(e) {
		if _, err := s.run(ctx, indexScript, index, e.key[:], millis(e.indexed)); err != nil {
			return err
		}
	}
	return nil
}

// unindex removes from their indexes sessions that have ended. Its failure is
// none of the caller's: an entry too many is harmless, see index.
func (s *Store) unindex(ctx context.Context, ended ...*entry) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	_, _ = s.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, e := range ended {
			for _, index := range s.indexes(e) {
				pipe.ZRem(ctx, index, e.key[:])
			}
		}
		return nil
	})
}

// indexes returns the keys of the indexes that name a session.
func (s *Store) indexes(e *entry) []string {
	keys := []string{s.subjectKey(e.Subject)}
	if e.Provider != "" && e.ProviderSubject != "" {
		keys = append(keys, s.providerKey(kindProviderSubject, e.Provider, e.ProviderSubject))
	}
	if e.Provider != "" && e.ProviderSession != "" {
		keys = append(keys, s.providerKey(kindProviderSession, e.Provider, e.ProviderSession))
	}
	return keys
}

// List implements [store.Store]. It reads the sessions with their claims.
func (s *Store) List(ctx context.Context, subject string) ([]*store.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var records []*store.Record
	err := s.each(ctx, store.Filter{Subject: subject}, func(found []*entry) error {
		for _, e := range found {
			e.Claims = nil
			records = append(records, &e.Record)
		}
		return nil
	})
	if err != nil {
		return nil, fault(ctx, "list", err)
	}
	slices.SortFunc(records, func(a, b *store.Record) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return records, nil
}

// DeleteWhere implements [store.Store]. Each session ends atomically, the
// sessions do so one after the other: one that is created meanwhile may stay.
// After an error some may have ended, as many as it returns; call it again.
func (s *Store) DeleteWhere(ctx context.Context, f store.Filter) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := f.Check(); err != nil {
		return 0, err
	}
	ended := 0
	err := s.each(ctx, f, func(found []*entry) error {
		n, err := s.remove(ctx, found)
		ended += n
		return err
	})
	if err != nil {
		return ended, fault(ctx, "delete", err)
	}
	return ended, nil
}

// batch is how many sessions one round trip deals with.
const batch = 256

// each calls do with the living sessions that f selects, a batch at a time. It
// tries all batches, and returns what failed.
func (s *Store) each(ctx context.Context, f store.Filter, do func([]*entry) error) error {
	members, err := s.members(ctx, f)
	if err != nil {
		return err
	}
	var problems []error
	for keys := range slices.Chunk(members, batch) {
		found, err := s.load(ctx, keys)
		problems = append(problems, err)
		found = slices.DeleteFunc(found, func(e *entry) bool { return !f.Matches(&e.Record) })
		if len(found) > 0 {
			problems = append(problems, do(found))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(problems...)
}

// members returns the keys of the sessions among which are those that f selects.
func (s *Store) members(ctx context.Context, f store.Filter) ([]string, error) {
	var index string
	switch {
	case f.Subject == "" && f.ProviderSession != "":
		index = s.providerKey(kindProviderSession, f.Provider, f.ProviderSession)
	case f.Subject == "" && f.ProviderSubject != "":
		index = s.providerKey(kindProviderSubject, f.Provider, f.ProviderSubject)
	default:
		index = s.subjectKey(f.Subject)
	}
	ctx, cancel := s.bound(ctx)
	defer cancel()
	return s.client.ZRange(ctx, index, 0, -1).Result()
}

// load returns the sessions that are still there. With an error it may return
// some of them.
func (s *Store) load(ctx context.Context, members []string) ([]*entry, error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	keys := make([]store.Key, len(members))
	pipe := s.client.Pipeline()
	answers := make([]*redis.StringCmd, len(members))
	for i, member := range members {
		copy(keys[i][:], member)
		answers[i] = pipe.Get(ctx, s.sessionKey(keys[i]))
	}
	_, failed := pipe.Exec(ctx)
	if errors.Is(failed, redis.Nil) { // an answer, to the first that is not there
		failed = nil
	}
	var found []*entry
	for i, answer := range answers {
		value, err := answer.Result()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if err == nil {
			var e *entry
			if e, err = decode(keys[i], value); err == nil {
				found = append(found, e)
			}
		}
		failed = cmp.Or(failed, err)
	}
	return found, failed
}

// remove ends sessions and returns how many were still there.
func (s *Store) remove(ctx context.Context, found []*entry) (int, error) {
	bounded, cancel := s.bound(ctx)
	defer cancel()
	pipe := s.client.Pipeline()
	answers := make([]*redis.IntCmd, len(found))
	for i, e := range found {
		answers[i] = pipe.Del(bounded, s.sessionKey(e.key))
	}
	_, failed := pipe.Exec(bounded)
	ended := 0
	var gone []*entry
	for i, answer := range answers {
		n, err := answer.Result()
		if err == nil {
			gone = append(gone, found[i])
			ended += int(n)
		}
		failed = cmp.Or(failed, err)
	}
	s.unindex(ctx, gone...)
	return ended, failed
}
