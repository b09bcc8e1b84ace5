package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// markScript remembers a value until a time.
//
// KEYS[1] is the mark, "<value> <expiry> <call>". ARGV: value, expiry, and the
// name of this call. It returns 1 if there was no mark, and 0 if there was.
//
// The client sends a script again when the first answer got lost. Then the mark
// has the name of this very call already, which is fresh. Values are compared as
// text, because the numbers of Lua do not hold 64 bits.
var markScript = redis.NewScript(`
local old = redis.call('GET', KEYS[1])
if not old then
	redis.call('SET', KEYS[1], table.concat(ARGV, ' '), 'PXAT', ARGV[2])
	return 1
end
local value, expires, call = string.match(old, '^(%d+) (%d+) (%w+)$')
if call == ARGV[3] then return 1 end
if #ARGV[1] > #value or (#ARGV[1] == #value and ARGV[1] > value) then value = ARGV[1] end
if tonumber(ARGV[2]) > tonumber(expires) then expires = ARGV[2] end
redis.call('SET', KEYS[1], table.concat({value, expires, call}, ' '), 'PXAT', expires)
return 0
`)

// Mark implements [store.Marks].
func (s *Store) Mark(ctx context.Context, name string, value int64, expires time.Time) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if value <= 0 {
		return false, fmt.Errorf("redisstore: a mark of %d is not above 0", value)
	}
	call := rand.Text()[:12]
	fresh, err := s.run(ctx, markScript, s.key(kindMark, hash(name)), value, millis(expires), call)
	if err != nil {
		return false, fault(ctx, "mark", err)
	}
	return fresh == 1, nil
}

// Marked implements [store.Marks].
func (s *Store) Marked(ctx context.Context, names ...string) ([]int64, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	bounded, cancel := s.bound(ctx)
	defer cancel()
	pipe := s.client.Pipeline()
	answers := make([]*redis.StringCmd, len(names))
	for i, name := range names {
		answers[i] = pipe.Get(bounded, s.key(kindMark, hash(name)))
	}
	if _, err := pipe.Exec(bounded); err != nil && !errors.Is(err, redis.Nil) {
		return nil, fault(ctx, "marked", err)
	}
	values := make([]int64, len(names))
	for i, answer := range answers {
		mark, err := answer.Result()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if err != nil {
			return nil, fault(ctx, "marked", err)
		}
		value, _, _ := strings.Cut(mark, " ")
		if values[i], err = strconv.ParseInt(value, 10, 64); err != nil {
			return nil, fault(ctx, "marked", errors.New("unreadable mark"))
		}
	}
	return values, nil
}
