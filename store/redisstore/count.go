package redisstore

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/nuxtauth/nuxtauth/store"
)

// countScript adds to a counter, whose key expires with its window.
//
// KEYS[1] is the counter, "<value> <call>". ARGV: the number to add, the largest value,
// the window in milliseconds, and the name of this call. It returns the value.
//
// A client that did not get the answer sends the script again. The counter then has the
// name of this call already, unless another has changed it since.
var countScript = redis.NewScript(`
local old = redis.call('GET', KEYS[1])
local count, call = 0, ''
if old then
	count, call = string.match(old, '^(%d+) (%w+)$')
	count = tonumber(count)
end
if call == ARGV[4] then return count end
local new = math.max(math.min(count + tonumber(ARGV[1]), tonumber(ARGV[2])), 0)
if new == count then return count end
if new == 0 then
	redis.call('DEL', KEYS[1])
elseif count == 0 then
	redis.call('SET', KEYS[1], new .. ' ' .. ARGV[4], 'PX', ARGV[3])
else
	redis.call('SET', KEYS[1], new .. ' ' .. ARGV[4], 'KEEPTTL')
end
return new
`)

// Count implements [store.Counter]. The window ends by the clock of Redis. Only the memory
// of Redis bounds the number of counters. If it is full, Count returns [store.ErrFull],
// unless it only reads.
func (s *Store) Count(ctx context.Context, name string, n int, window time.Duration) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if n > 0 && window < time.Millisecond {
		return 0, fmt.Errorf("redisstore: count: the window %v is below 1 ms", window)
	}
	n = max(min(n, store.MaxCount), -store.MaxCount) // the numbers of Lua do not have 64 bits
	call := rand.Text()[:12]
	value, err := s.run(ctx, countScript, s.key(kindCount, hash(name)), n, store.MaxCount, window.Milliseconds(), call)
	if err != nil {
		return 0, s.fault(ctx, "count", err)
	}
	return value, nil
}
