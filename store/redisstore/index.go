package redisstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/nuxtauth/nuxtauth/store"
)

// indexScript adds a session to an index, a sorted set of the keys of sessions by the time
// until which they are in it.
//
// KEYS[1] is the index. ARGV: the key of the session, and that time. Entries whose time
// has passed are removed, and the index expires with its last entry. The clock is that of
// Redis, as it is for the sessions.
var indexScript = redis.NewScript(`
local now = redis.call('TIME')
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now[1] * 1000)
redis.call('ZADD', KEYS[1], 'GT', ARGV[2], ARGV[1])
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
redis.call('PEXPIREAT', KEYS[1], last[2])
return 1
`)

// index makes sure that a session which is about to be written is found by its indexes.
//
// A session and its indexes are on different servers of a cluster, so they can't be written
// together, and a process may stop between any two writes. The order of the writes makes
// that harmless:
//
//   - A session is written after its indexes, which have it for longer than it lives. So
//     every living session is in its indexes, and no failure leaves one that can't be
//     ended.
//   - A session is deleted before it is removed from its indexes. An entry that is left
//     has no session, is ignored, and is removed when its time has passed.
//   - An entry without a session is not removed earlier, because its session may be about
//     to be written.
//
// An entry stays for a quarter longer than the session would live, so that a session which
// is prolonged often does not write its indexes each time; and for at least a minute longer,
// because each server of a cluster has its own clock.
func (s *Store) index(ctx context.Context, e *entry) error {
	if !e.ExpiresAt.Add(time.Minute).After(e.indexed) {
		return nil
	}
	e.indexed = e.ExpiresAt.Add(max(time.Until(e.ExpiresAt)/4, time.Minute))
	add := func(eval func(ctx context.Context, c redis.Scripter, keys []string, args ...any) *redis.Cmd) error {
		ctx, cancel := s.bound(ctx)
		defer cancel()
		_, err := s.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for _, index := range s.indexes(e) {
				eval(ctx, pipe, []string{index}, e.key[:], millis(e.indexed))
			}
			return nil
		})
		return err
	}
	err := add(indexScript.EvalSha)
	if redis.HasErrorPrefix(err, "NOSCRIPT") { // a server that has not run it yet
		err = add(indexScript.Eval)
	}
	return err
}

// unindex removes ended sessions from their indexes. It ignores errors: an entry too many
// is harmless, see index.
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

// indexes returns the keys of the indexes of a session.
func (s *Store) indexes(e *entry) []string {
	keys := []string{s.indexKey(kindSubject, e.Realm, e.Subject)}
	if e.Provider != "" && e.ProviderSubject != "" {
		keys = append(keys, s.indexKey(kindProviderSubject, e.Realm, e.Provider, e.ProviderSubject))
	}
	if e.Provider != "" && e.ProviderSession != "" {
		keys = append(keys, s.indexKey(kindProviderSession, e.Realm, e.Provider, e.ProviderSession))
	}
	return keys
}

// ListSessions implements [store.Index]. It reads all sessions of the user, with their
// claims, whatever the limit.
func (s *Store) ListSessions(ctx context.Context, realm, subject string, limit int) ([]*store.Record, error) {
	if err := checkArgs(ctx, realm, subject); err != nil {
		return nil, err
	}
	if limit < 1 {
		return nil, fmt.Errorf("redisstore: list sessions: the limit %d is below 1", limit)
	}
	var records []*store.Record
	err := s.each(ctx, s.indexKey(kindSubject, realm, subject), ofUser(realm, subject), func(found []*entry) error {
		for _, e := range found {
			e.Claims = nil
			records = append(records, &e.Record)
		}
		slices.SortFunc(records, func(a, b *store.Record) int {
			return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(a.ID, b.ID))
		})
		records = slices.Delete(records, min(limit, len(records)), len(records))
		return nil
	})
	if err != nil {
		return nil, s.fault(ctx, "list sessions", err)
	}
	return records, nil
}

// DeleteSessionByID implements [store.Index].
func (s *Store) DeleteSessionByID(ctx context.Context, realm, subject, id string) (bool, error) {
	if err := checkArgs(ctx, realm, subject, id); err != nil {
		return false, err
	}
	isUser := ofUser(realm, subject)
	n, err := s.end(ctx, s.indexKey(kindSubject, realm, subject), func(r *store.Record) bool { return isUser(r) && r.ID == id })
	return n > 0, err
}

// DeleteSessions implements [store.Index]. Each session ends atomically, one after the
// other: one that is created meanwhile may stay. After an error the number is that of the
// sessions that have ended.
func (s *Store) DeleteSessions(ctx context.Context, realm, subject, exceptID string) (int, error) {
	if err := checkArgs(ctx, realm, subject); err != nil {
		return 0, err
	}
	isUser := ofUser(realm, subject)
	return s.end(ctx, s.indexKey(kindSubject, realm, subject), func(r *store.Record) bool { return isUser(r) && r.ID != exceptID })
}

// DeleteProviderSession implements [store.Index], as [Store.DeleteSessions] does.
func (s *Store) DeleteProviderSession(ctx context.Context, realm, provider, sid string) (int, error) {
	if err := checkArgs(ctx, realm, provider, sid); err != nil {
		return 0, err
	}
	return s.end(ctx, s.indexKey(kindProviderSession, realm, provider, sid), func(r *store.Record) bool {
		return r.Realm == realm && r.Provider == provider && r.ProviderSession == sid
	})
}

// DeleteProviderSubject implements [store.Index], as [Store.DeleteSessions] does.
func (s *Store) DeleteProviderSubject(ctx context.Context, realm, provider, subject string) (int, error) {
	if err := checkArgs(ctx, realm, provider, subject); err != nil {
		return 0, err
	}
	return s.end(ctx, s.indexKey(kindProviderSubject, realm, provider, subject), func(r *store.Record) bool {
		return r.Realm == realm && r.Provider == provider && r.ProviderSubject == subject
	})
}

// checkArgs refuses an ended context and an empty argument.
func checkArgs(ctx context.Context, args ...string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if slices.Contains(args, "") {
		return errors.New("redisstore: an argument that selects sessions is empty")
	}
	return nil
}

// ofUser returns a filter of the sessions of a user.
func ofUser(realm, subject string) func(*store.Record) bool {
	return func(r *store.Record) bool { return r.Realm == realm && r.Subject == subject }
}

// end ends the living sessions of an index that match, and returns their number.
func (s *Store) end(ctx context.Context, index string, match func(*store.Record) bool) (int, error) {
	ended := 0
	err := s.each(ctx, index, match, func(found []*entry) error {
		n, err := s.remove(ctx, found)
		ended += n
		return err
	})
	if err != nil {
		return ended, s.fault(ctx, "end sessions", err)
	}
	return ended, nil
}
