package redisstore_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/redisstore"
)

func TestRedis_UnreadableMarkIsAFault(t *testing.T) {
	client := connect(t, "redis://"+fakeRedis(t).Addr())
	s := open(t, client, redisstore.Options{Timeout: longTimeout})
	if _, _, err := s.Mark(t.Context(), "a", time.Hour); err != nil {
		t.Fatal(err)
	}
	client.Set(t.Context(), keys(t, client)[0], "something else", time.Hour)
	if at, first, err := s.Mark(t.Context(), "a", time.Hour); err == nil || at != 0 || first {
		t.Errorf("Mark = %d, %v, %v, want a fault", at, first, err)
	}
	if times, err := s.Marked(t.Context(), "b", "a"); err == nil || times != nil {
		t.Errorf("Marked = %d, %v, want a fault", times, err)
	}
}

// The marks of one name stay in order when the clock is set back, and the expiry is by that
// clock.
func TestRedis_MarksWhenTheClockIsSetBack(t *testing.T) {
	m := fakeRedis(t)
	s := open(t, connect(t, "redis://"+m.Addr()), redisstore.Options{Timeout: longTimeout})
	now := time.Now()
	last := int64(0)
	for i, step := range []time.Duration{0, 0, -time.Minute, 0, -time.Hour, 24 * time.Hour} {
		now = now.Add(step)
		m.SetTime(now)
		at, first, err := s.Mark(t.Context(), "a", 100*time.Hour)
		if err != nil || first != (i == 0) || at <= last || step < 0 && at != last+1 {
			t.Errorf("step %d: Mark = %d, %v, %v after %d", i, at, first, err, last)
		}
		last = at
	}
	if last != now.UnixMicro() {
		t.Errorf("Mark = %d, and it is %d", last, now.UnixMicro())
	}
}

func TestRedis_UnreadableCounterIsAFault(t *testing.T) {
	client := connect(t, "redis://"+fakeRedis(t).Addr())
	s := open(t, client, redisstore.Options{Timeout: longTimeout})
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

// A lease that was released is lost, even if Redis did not receive that.
func TestRedis_ReleasedLeaseIsLost(t *testing.T) {
	client := connect(t, "redis://"+fakeRedis(t).Addr())
	s := open(t, client, redisstore.Options{Timeout: longTimeout})
	lease, err := s.Lock(t.Context(), "a", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if err := lease.Extend(t.Context(), time.Minute); err != nil {
		t.Errorf("Extend: %v", err)
	}
	var lose atomic.Bool
	client.AddHook(hook{process: func(next redis.ProcessHook) redis.ProcessHook {
		return func(ctx context.Context, cmd redis.Cmder) error {
			if lose.Load() {
				cmd.SetErr(errStopped)
				return errStopped
			}
			return next(ctx, cmd)
		}
	}})
	lose.Store(true)
	lease.Release()
	lose.Store(false)
	if err := lease.Extend(t.Context(), time.Minute); !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("Extend = %v, want %q", err, store.ErrLeaseLost)
	}
}
