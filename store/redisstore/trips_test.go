package redisstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/redisstore"
)

// counting returns a hook that counts the round trips of a client with one caller.
func counting(trips *int) hook {
	return hook{
		process: func(next redis.ProcessHook) redis.ProcessHook {
			return func(ctx context.Context, cmd redis.Cmder) error {
				*trips++
				return next(ctx, cmd)
			}
		},
		pipeline: func(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
			return func(ctx context.Context, cmds []redis.Cmder) error {
				*trips++
				return next(ctx, cmds)
			}
		},
	}
}

func TestRedis_RoundTripsPerCall(t *testing.T) {
	trips := 0
	client := connect(t, "redis://"+fakeRedis(t).Addr())
	client.AddHook(counting(&trips))
	s := open(t, client, redisstore.Options{Timeout: longTimeout})
	useAll(t, s) // Redis has all scripts then

	ctx := t.Context()
	local, r, other := typicalSession(), provided(), provided()
	local.Provider, local.ProviderSubject = "", ""
	r.Subject, other.Subject, other.ProviderSubject = "ada", "bob", "583232"
	var handle string
	var lease store.Lease
	for _, c := range []struct {
		call string
		want int
		do   func() error
	}{
		{"CreateSession without a provider", 2, func() error { _, err := s.CreateSession(ctx, local); return err }},
		{"CreateSession with all names", 2, func() (err error) { handle, err = s.CreateSession(ctx, r); return err }},
		{"FindSession", 1, func() error { _, err := s.FindSession(ctx, handle); return err }},
		{"ReplaceSession", 2, func() error { _, err := s.ReplaceSession(ctx, handle, r); return err }},
		{"ReplaceSession that prolongs by a week less an hour", 2, func() error {
			r.ExpiresAt = r.ExpiresAt.Add(7*24*time.Hour - time.Hour)
			_, err := s.ReplaceSession(ctx, handle, r)
			return err
		}},
		{"ReplaceSession that prolongs to the time until which the indexes have it", 3, func() error {
			r.ExpiresAt = r.ExpiresAt.Add(13 * time.Hour) // a quarter of 30 days in all
			_, err := s.ReplaceSession(ctx, handle, r)
			return err
		}},
		{"ListSessions", 2, func() error { _, err := s.ListSessions(ctx, realm, r.Subject, 10); return err }},
		{"ListSessions of an unknown user", 1, func() error { _, err := s.ListSessions(ctx, realm, "unknown", 10); return err }},
		{"DeleteSessionByID", 4, func() error { _, err := s.DeleteSessionByID(ctx, realm, local.Subject, local.ID); return err }},
		{"CreateSession of another", 2, func() error { _, err := s.CreateSession(ctx, other); return err }},
		{"DeleteSessions but one", 2, func() error { _, err := s.DeleteSessions(ctx, realm, other.Subject, other.ID); return err }},
		{"DeleteProviderSubject", 4, func() error {
			_, err := s.DeleteProviderSubject(ctx, realm, other.Provider, other.ProviderSubject)
			return err
		}},
		{"DeleteSession", 2, func() error { return s.DeleteSession(ctx, handle) }},
		{"Mark", 1, func() error { _, _, err := s.Mark(ctx, "b", time.Hour); return err }},
		{"Marked", 1, func() error { _, err := s.Marked(ctx, "a", "b", "c"); return err }},
		{"Count", 1, func() error { _, err := s.Count(ctx, "b", 1, time.Hour); return err }},
		{"Count once more", 1, func() error { _, err := s.Count(ctx, "b", 1, time.Hour); return err }},
		{"Count that reads", 1, func() error { _, err := s.Count(ctx, "b", 0, 0); return err }},
		{"Count back to 0", 1, func() error { _, err := s.Count(ctx, "b", -2, 0); return err }},
		{"Lock", 1, func() (err error) { lease, err = s.Lock(ctx, "b", time.Hour); return err }},
		{"Extend", 1, func() error { return lease.Extend(ctx, time.Hour) }},
		{"Release", 1, func() error { lease.Release(); return nil }},
		{"Check", 1, func() error { return s.Check(ctx) }},
		{"Release of a released lease", 0, func() error { lease.Release(); return nil }},
	} {
		trips = 0
		if err := c.do(); err != nil {
			t.Fatalf("%s: %v", c.call, err)
		}
		if trips != c.want {
			t.Errorf("%s is %d round trips, want %d", c.call, trips, c.want)
		}
	}
}

// A Redis that lost its scripts, as after a restart, gets them again.
func TestRedis_ScriptsAfterARestart(t *testing.T) {
	client := connect(t, "redis://"+fakeRedis(t).Addr())
	s := open(t, client, redisstore.Options{Timeout: longTimeout})
	for range 2 {
		if err := client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		r := provided()
		handle := create(t, s, r)
		if err := client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		r.ExpiresAt = r.ExpiresAt.Add(1000 * time.Hour)
		if _, err := s.ReplaceSession(t.Context(), handle, r); err != nil {
			t.Error(err)
		}
		if n, err := s.DeleteProviderSession(t.Context(), realm, r.Provider, r.ProviderSession); err != nil || n != 1 {
			t.Errorf("DeleteProviderSession = %d, %v, want 1", n, err)
		}
	}
}
