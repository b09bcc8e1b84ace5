package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// markScript marks a name.
//
// KEYS[1] is the mark, "<time> <call>". ARGV: the ttl in milliseconds, and the name of this
// call. It returns the time, and 1 if the name was not marked, else 0. The numbers of Lua
// have 53 bits, which a time in microseconds does not exceed.
//
// A client that did not get the answer sends the script again. The mark then has the name
// of this call already, which is still the first, at a later time.
var markScript = redis.NewScript(`
local now = redis.call('TIME')
local at, ttl, first = now[1] * 1000000 + now[2], tonumber(ARGV[1]), ARGV[2]
local old = redis.call('GET', KEYS[1])
if old then
	local last, call = string.match(old, '^(%d+) (%w+)$')
	at, ttl, first = math.max(at, last + 1), math.max(ttl, redis.call('PTTL', KEYS[1])), call
end
redis.call('SET', KEYS[1], string.format('%.0f %s', at, first), 'PX', string.format('%.0f', ttl))
return {at, first == ARGV[2] and 1 or 0}
`)

// Mark implements [store.Marks], by the clock of Redis. If that is set back, marks of other
// names may have larger times until it has caught up. So they may after a failover to a
// server whose clock is behind. If the memory of Redis is full, Mark returns
// [store.ErrFull].
func (s *Store) Mark(ctx context.Context, name string, ttl time.Duration) (at int64, first bool, err error) {
	if err := checkTTL(ctx, "mark", ttl); err != nil {
		return 0, false, err
	}
	bounded, cancel := s.bound(ctx)
	defer cancel()
	keys, call := []string{s.key(kindMark, hash(name))}, rand.Text()[:12]
	answer, err := markScript.Run(bounded, s.client, keys, ttl.Milliseconds(), call).Int64Slice()
	if err == nil && len(answer) != 2 {
		err = errors.New("the server did not answer with the mark")
	}
	if err != nil {
		return 0, false, s.fault(ctx, "mark", err)
	}
	return answer[0], answer[1] == 1, nil
}

// Marked implements [store.Marks].
func (s *Store) Marked(ctx context.Context, names ...string) ([]int64, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, nil
	}
	bounded, cancel := s.bound(ctx)
	defer cancel()
	keys := make([]string, len(names))
	for i, name := range names {
		keys[i] = s.key(kindMark, hash(name))
	}
	marks, err := s.client.MGet(bounded, keys...).Result()
	if err == nil && len(marks) != len(names) {
		err = errors.New("the server did not answer with the marks")
	}
	if err != nil {
		return nil, s.fault(ctx, "read marks", err)
	}
	times := make([]int64, len(names))
	for i, mark := range marks {
		if mark == nil {
			continue
		}
		text, _ := mark.(string)
		at, _, _ := strings.Cut(text, " ")
		if times[i], err = strconv.ParseInt(at, 10, 64); err != nil {
			return nil, s.fault(ctx, "read marks", errors.New("unreadable mark"))
		}
	}
	return times, nil
}
