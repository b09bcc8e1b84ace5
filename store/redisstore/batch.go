package redisstore

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/nuxtauth/nuxtauth/store"
)

// batch is the number of sessions of one round trip.
const batch = 256

// each calls do with the living sessions of an index that match, a batch at a time. It
// tries all batches until the context ends, and returns their errors.
func (s *Store) each(ctx context.Context, index string, match func(*store.Record) bool, do func([]*entry) error) error {
	members, err := s.members(ctx, index)
	if err != nil {
		return err
	}
	var problems []error
	for keys := range slices.Chunk(members, batch) {
		if err := ctx.Err(); err != nil {
			problems = append(problems, err)
			break
		}
		found, err := s.load(ctx, keys)
		problems = append(problems, err)
		found = slices.DeleteFunc(found, func(e *entry) bool { return !match(&e.Record) })
		if len(found) > 0 {
			problems = append(problems, do(found))
		}
	}
	return errors.Join(problems...)
}

// members returns the keys of the sessions in an index.
func (s *Store) members(ctx context.Context, index string) ([]string, error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	return s.client.ZRange(ctx, index, 0, -1).Result()
}

// load returns those of the sessions that still exist. With an error it may return some of
// them.
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
	if errors.Is(failed, redis.Nil) { // no error: one of the sessions does not exist
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

// remove ends sessions and returns the number of those that still existed.
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
