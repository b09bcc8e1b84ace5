package redisstore_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/redisstore"
)

// A hook is between a client and Redis.
type hook struct {
	process  func(next redis.ProcessHook) redis.ProcessHook
	pipeline func(next redis.ProcessPipelineHook) redis.ProcessPipelineHook
}

func (h hook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (h hook) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return h.process(next) }

func (h hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	if h.pipeline == nil {
		return next
	}
	return h.pipeline(next)
}

var errStopped = errors.New("the process has stopped")

// stopAfter makes a process stop after so many round trips, and one more whose answer it
// does not get if answerLost is set.
func stopAfter(trips int, answerLost bool) hook {
	trip := func(do func() error) error {
		trips--
		if trips >= 0 {
			return do()
		}
		if trips == -1 && answerLost {
			_ = do()
		}
		return errStopped
	}
	return hook{
		process: func(next redis.ProcessHook) redis.ProcessHook {
			return func(ctx context.Context, cmd redis.Cmder) error {
				err := trip(func() error { return next(ctx, cmd) })
				if errors.Is(err, errStopped) {
					cmd.SetErr(err)
				}
				return err
			}
		},
		pipeline: func(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
			return func(ctx context.Context, cmds []redis.Cmder) error {
				err := trip(func() error { return next(ctx, cmds) })
				for _, cmd := range cmds {
					if errors.Is(err, errStopped) {
						cmd.SetErr(err)
					}
				}
				return err
			}
		},
	}
}

func TestRedis_StoppedProcessLeavesIndexedSessions(t *testing.T) {
	session := func() *store.Record {
		r := provided()
		r.ExpiresAt = time.Now().Add(time.Hour)
		return r
	}
	for name, do := range map[string]func(ctx context.Context, s *redisstore.Store, handle string, r *store.Record) error{
		"create": func(ctx context.Context, s *redisstore.Store, _ string, _ *store.Record) error {
			_, err := s.CreateSession(ctx, session())
			return err
		},
		"replace": func(ctx context.Context, s *redisstore.Store, handle string, r *store.Record) error {
			r.ExpiresAt = r.ExpiresAt.Add(100 * time.Hour)
			_, err := s.ReplaceSession(ctx, handle, r)
			return err
		},
		"delete": func(ctx context.Context, s *redisstore.Store, handle string, _ *store.Record) error {
			return s.DeleteSession(ctx, handle)
		},
		"delete all": func(ctx context.Context, s *redisstore.Store, _ string, r *store.Record) error {
			_, err := s.DeleteSessions(ctx, realm, r.Subject, "")
			return err
		},
	} {
		for i := range 2 * len(ends) {
			answerLost, end := i%2 == 1, ends[i/2]
			for trips := 0; ; trips++ {
				m := fakeRedis(t)
				s := open(t, connect(t, "redis://"+m.Addr()), redisstore.Options{Timeout: longTimeout})
				r := session()
				handle := create(t, s, r)

				stopping := connect(t, "redis://"+m.Addr())
				stopping.AddHook(stopAfter(trips, answerLost))
				err := do(t.Context(), open(t, stopping, redisstore.Options{Timeout: longTimeout}), handle, r)
				if err != nil && !errors.Is(err, errStopped) {
					t.Fatalf("%s after %d round trips: %v", name, trips, err)
				}
				endsAll(t, m, s, r, end)
				if err == nil && trips > 8 { // more than the longest of them has
					break
				}
			}
		}
	}
}

// provided is a session with all names at a provider, and ends are the ways in which it can
// be ended with others.
func provided() *store.Record {
	r := typicalSession()
	r.ProviderSubject, r.ProviderSession = "583231", "sid"
	return r
}

var ends = []func(ctx context.Context, s *redisstore.Store, r *store.Record) (int, error){
	func(ctx context.Context, s *redisstore.Store, r *store.Record) (int, error) {
		return s.DeleteSessions(ctx, r.Realm, r.Subject, "")
	},
	func(ctx context.Context, s *redisstore.Store, r *store.Record) (int, error) {
		return s.DeleteProviderSubject(ctx, r.Realm, r.Provider, r.ProviderSubject)
	},
	func(ctx context.Context, s *redisstore.Store, r *store.Record) (int, error) {
		return s.DeleteProviderSession(ctx, r.Realm, r.Provider, r.ProviderSession)
	},
}

// endsAll fails the test unless all living sessions like r are listed and can be ended,
// after a long time and another sign-in.
func endsAll(t *testing.T, m *miniredis.Miniredis, s *redisstore.Store, r *store.Record, end func(context.Context, *redisstore.Store, *store.Record) (int, error)) {
	t.Helper()
	m.SetTime(time.Now().Add(50 * time.Hour))
	create(t, s, provided())

	living := 0
	for _, key := range m.Keys() {
		if strings.HasPrefix(key, "nuxtauth:v1:s:") {
			living++
		}
	}
	if list, err := s.ListSessions(t.Context(), realm, r.Subject, 100); err != nil || len(list) != living {
		t.Errorf("ListSessions = %d sessions, %v, of %d", len(list), err, living)
	}
	if n, err := end(t.Context(), s, r); err != nil || n != living {
		t.Errorf("%d sessions ended, %v, of %d", n, err, living)
	}
}

// A client that gets no answer sends a command again, although Redis may have carried it
// out.
func TestRedis_CommandsSentTwice(t *testing.T) {
	client := connect(t, "redis://"+fakeRedis(t).Addr())
	client.AddHook(hook{
		process: func(next redis.ProcessHook) redis.ProcessHook {
			return func(ctx context.Context, cmd redis.Cmder) error {
				_ = next(ctx, cmd)
				cmd.SetErr(nil)
				return next(ctx, cmd)
			}
		},
		pipeline: func(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
			return func(ctx context.Context, cmds []redis.Cmder) error {
				_ = next(ctx, cmds)
				for _, cmd := range cmds {
					cmd.SetErr(nil)
				}
				return next(ctx, cmds)
			}
		},
	})
	s := open(t, client, redisstore.Options{Timeout: longTimeout})
	ctx, cancel := context.WithTimeout(t.Context(), longTimeout)
	defer cancel()
	r := typicalSession()
	handle := create(t, s, r)
	if _, err := s.ReplaceSession(ctx, handle, r); err != nil || r.Version != 2 {
		t.Errorf("ReplaceSession: version %d, %v", r.Version, err)
	}
	for _, want := range []bool{true, false} {
		at, first, err := s.Mark(ctx, "a", time.Hour)
		if err != nil || first != want {
			t.Errorf("Mark = %v, %v, want %v", first, err, want)
		}
		if times, err := s.Marked(ctx, "a"); err != nil || times[0] != at {
			t.Errorf("Marked = %d, %v, want %d", times, err, at)
		}
	}
	for _, step := range []struct{ n, want int }{{2, 2}, {3, 5}, {-1, 4}, {0, 4}, {-4, 0}, {1, 1}} {
		if got, err := s.Count(ctx, "a", step.n, time.Hour); err != nil || got != step.want {
			t.Errorf("Count of %d = %d, %v, want %d", step.n, got, err, step.want)
		}
	}
	for range 2 {
		lease, err := s.Lock(ctx, "a", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if err := lease.Extend(ctx, time.Hour); err != nil {
			t.Errorf("Extend: %v", err)
		}
		lease.Release()
	}
	if list, err := s.ListSessions(ctx, realm, r.Subject, 10); err != nil || len(list) != 1 {
		t.Errorf("ListSessions = %d sessions, %v", len(list), err)
	}
	if err := s.DeleteSession(ctx, handle); err != nil {
		t.Errorf("DeleteSession: %v", err)
	}
}

// An index has a session before it is written. A reader that removes the entry would lose
// the session.
func TestRedis_ReaderLeavesNewIndexEntries(t *testing.T) {
	m := fakeRedis(t)
	reader := open(t, connect(t, "redis://"+m.Addr()), redisstore.Options{Timeout: longTimeout})
	slow := connect(t, "redis://"+m.Addr())
	r := typicalSession()
	slow.AddHook(hook{process: func(next redis.ProcessHook) redis.ProcessHook {
		return func(ctx context.Context, cmd redis.Cmder) error {
			if cmd.Name() == "set" {
				if list, err := reader.ListSessions(ctx, realm, r.Subject, 10); err != nil || len(list) != 0 {
					t.Errorf("ListSessions = %d sessions, %v", len(list), err)
				}
				if n, err := reader.DeleteSessions(ctx, realm, r.Subject, ""); err != nil || n != 0 {
					t.Errorf("DeleteSessions = %d, %v", n, err)
				}
			}
			return next(ctx, cmd)
		}
	}})
	create(t, open(t, slow, redisstore.Options{Timeout: longTimeout}), r)
	if list, err := reader.ListSessions(t.Context(), realm, r.Subject, 10); err != nil || len(list) != 1 {
		t.Errorf("ListSessions = %d sessions, %v, want 1", len(list), err)
	}
}

// The slower of two writers has an earlier expiry of the session.
func TestRedis_LateWriterLeavesIndexEntries(t *testing.T) {
	for _, end := range ends {
		m := fakeRedis(t)
		url := "redis://" + m.Addr()
		fast := open(t, connect(t, url), redisstore.Options{Timeout: longTimeout})
		r := provided()
		start := time.Now()
		r.ExpiresAt = start.Add(time.Hour)
		handle := create(t, fast, r)

		late := *r
		slow := connect(t, url)
		slow.AddHook(hook{
			process: func(next redis.ProcessHook) redis.ProcessHook { return next },
			pipeline: func(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
				return func(ctx context.Context, cmds []redis.Cmder) error { // of the indexes
					r.ExpiresAt = start.Add(100 * time.Hour)
					if _, err := fast.ReplaceSession(ctx, handle, r); err != nil {
						t.Error(err)
					}
					return next(ctx, cmds)
				}
			},
		})
		late.ExpiresAt = start.Add(2 * time.Hour)
		_, err := open(t, slow, redisstore.Options{Timeout: longTimeout}).ReplaceSession(t.Context(), handle, &late)
		if !errors.Is(err, store.ErrConflict) || late.Version != 1 {
			t.Errorf("ReplaceSession: version %d, %v, want %q", late.Version, err, store.ErrConflict)
		}
		endsAll(t, m, fast, r, end)
	}
}
