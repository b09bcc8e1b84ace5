package redisstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/redisstore"
)

// counting returns a hook that counts the round trips of one caller.
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

func TestACallCostsAsManyRoundTripsAsDocumented(t *testing.T) {
	trips := 0
	client := connect(t, "redis://"+double(t).Addr())
	client.AddHook(counting(&trips))
	s := open(t, client, redisstore.Options{Timeout: patient})
	useAll(t, s) // Redis knows all scripts from now on

	ctx := t.Context()
	plain, provided, renamed := typicalSession(), typicalSession(), typicalSession()
	provided.Subject, provided.ProviderSession = "ada", "sid"
	renamed.Subject, renamed.ProviderSubject, renamed.ProviderSession = "bob", "583231", "another sid"
	var handle, renamedHandle string
	var unlock func()
	for _, c := range []struct {
		call string
		want int
		do   func() error
	}{
		{"Create", 2, func() error { _, err := s.Create(ctx, plain); return err }},
		{"Create with a session at a provider", 3, func() (err error) { handle, err = s.Create(ctx, provided); return err }},
		{"Create with another name at the provider", 4, func() (err error) { renamedHandle, err = s.Create(ctx, renamed); return err }},
		{"Find", 1, func() error { _, err := s.Find(ctx, handle); return err }},
		{"Replace", 2, func() error { _, err := s.Replace(ctx, handle, provided); return err }},
		{"Replace that prolongs by a week less an hour", 2, func() error {
			provided.ExpiresAt = provided.ExpiresAt.Add(7*24*time.Hour - time.Hour)
			_, err := s.Replace(ctx, handle, provided)
			return err
		}},
		{"Replace that prolongs to the time until which the indexes know it", 4, func() error {
			provided.ExpiresAt = provided.ExpiresAt.Add(13 * time.Hour) // a quarter of 30 days in all
			_, err := s.Replace(ctx, handle, provided)
			return err
		}},
		{"Replace that prolongs in all indexes", 5, func() error {
			renamed.ExpiresAt = renamed.ExpiresAt.Add(8 * 24 * time.Hour)
			_, err := s.Replace(ctx, renamedHandle, renamed)
			return err
		}},
		{"List", 2, func() error { _, err := s.List(ctx, plain.Subject); return err }},
		{"List of nobody", 1, func() error { _, err := s.List(ctx, "nobody"); return err }},
		{"DeleteWhere", 4, func() error { _, err := s.DeleteWhere(ctx, store.Filter{Subject: plain.Subject}); return err }},
		{"DeleteWhere at a provider", 4, func() error {
			_, err := s.DeleteWhere(ctx, store.Filter{Provider: renamed.Provider, ProviderSubject: renamed.ProviderSubject})
			return err
		}},
		{"Delete", 2, func() error { return s.Delete(ctx, handle) }},
		{"Mark", 1, func() error { _, err := s.Mark(ctx, "b", 1, plain.ExpiresAt); return err }},
		{"Marked", 1, func() error { _, err := s.Marked(ctx, "a", "b", "c"); return err }},
		{"Count", 1, func() error { _, err := s.Count(ctx, "b", 1, time.Hour); return err }},
		{"Count once more", 1, func() error { _, err := s.Count(ctx, "b", 1, time.Hour); return err }},
		{"Count that only looks", 1, func() error { _, err := s.Count(ctx, "b", 0, 0); return err }},
		{"Count back to 0", 1, func() error { _, err := s.Count(ctx, "b", -2, 0); return err }},
		{"Lock", 1, func() (err error) { unlock, err = s.Lock(ctx, "b", time.Hour); return err }},
		{"unlock", 1, func() error { unlock(); return nil }},
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
