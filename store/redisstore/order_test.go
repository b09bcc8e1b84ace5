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

// A hook stands between a client and Redis.
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

var errDied = errors.New("the process has died")

// dieAfter lets so many round trips happen, and the next one too if the process
// dies before it has the answer.
func dieAfter(trips int, answerLost bool) hook {
	trip := func(do func() error) error {
		trips--
		if trips >= 0 {
			return do()
		}
		if trips == -1 && answerLost {
			_ = do()
		}
		return errDied
	}
	return hook{
		process: func(next redis.ProcessHook) redis.ProcessHook {
			return func(ctx context.Context, cmd redis.Cmder) error {
				err := trip(func() error { return next(ctx, cmd) })
				if errors.Is(err, errDied) {
					cmd.SetErr(err)
				}
				return err
			}
		},
		pipeline: func(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
			return func(ctx context.Context, cmds []redis.Cmder) error {
				err := trip(func() error { return next(ctx, cmds) })
				for _, cmd := range cmds {
					if errors.Is(err, errDied) {
						cmd.SetErr(err)
					}
				}
				return err
			}
		},
	}
}

func TestAProcessThatDiesLeavesNoSessionThatCantBeEnded(t *testing.T) {
	session := func() *store.Record {
		r := provided()
		r.ExpiresAt = time.Now().Add(time.Hour)
		return r
	}
	for name, do := range map[string]func(ctx context.Context, s *redisstore.Store, handle string, r *store.Record) error{
		"create": func(ctx context.Context, s *redisstore.Store, _ string, _ *store.Record) error {
			_, err := s.Create(ctx, session())
			return err
		},
		"replace": func(ctx context.Context, s *redisstore.Store, handle string, r *store.Record) error {
			r.ExpiresAt = r.ExpiresAt.Add(100 * time.Hour)
			_, err := s.Replace(ctx, handle, r)
			return err
		},
		"delete": func(ctx context.Context, s *redisstore.Store, handle string, _ *store.Record) error {
			return s.Delete(ctx, handle)
		},
		"delete all": func(ctx context.Context, s *redisstore.Store, _ string, r *store.Record) error {
			_, err := s.DeleteWhere(ctx, store.Filter{Subject: r.Subject})
			return err
		},
	} {
		for i := range 2 * len(filters) {
			answerLost, f := i%2 == 1, filters[i/2]
			for trips := 0; ; trips++ {
				m := double(t)
				s := open(t, connect(t, "redis://"+m.Addr()), redisstore.Options{Timeout: patient})
				r := session()
				handle := create(t, s, r)

				dying := connect(t, "redis://"+m.Addr())
				dying.AddHook(dieAfter(trips, answerLost))
				err := do(t.Context(), open(t, dying, redisstore.Options{Timeout: patient}), handle, r)
				if err != nil && !errors.Is(err, errDied) {
					t.Fatalf("%s after %d round trips: %v", name, trips, err)
				}
				endsAll(t, m, s, r, f)
				if err == nil && trips > 8 { // the longest of them has 5, and a script may take 2
					break
				}
			}
		}
	}
}

// provided is a session with all that a provider may say, and filters are those
// by which the provider ends it.
func provided() *store.Record {
	r := typicalSession()
	r.ProviderSubject, r.ProviderSession = "583231", "sid"
	return r
}

var filters = [...]store.Filter{
	{Provider: "github", ProviderSubject: "583231"},
	{Provider: "github", ProviderSession: "sid"},
}

// endsAll fails the test unless all living sessions of a user are listed and can
// be ended by a filter, after a long time and another sign-in.
func endsAll(t *testing.T, m *miniredis.Miniredis, s *redisstore.Store, r *store.Record, f store.Filter) {
	t.Helper()
	m.SetTime(time.Now().Add(50 * time.Hour))
	create(t, s, provided())

	living := 0
	for _, key := range m.Keys() {
		if strings.HasPrefix(key, "nuxtauth:s:") {
			living++
		}
	}
	if list, err := s.List(t.Context(), r.Subject); err != nil || len(list) != living {
		t.Errorf("List = %d sessions, %v, of %d", len(list), err, living)
	}
	if n, err := s.DeleteWhere(t.Context(), f); err != nil || n != living {
		t.Errorf("DeleteWhere(%+v) = %d, %v, of %d", f, n, err, living)
	}
}

// A client sends a command again when it got no answer, though Redis may have
// carried it out the first time.
func TestACommandThatTheClientSendsTwiceCountsOnce(t *testing.T) {
	client := connect(t, "redis://"+double(t).Addr())
	client.AddHook(hook{process: func(next redis.ProcessHook) redis.ProcessHook {
		return func(ctx context.Context, cmd redis.Cmder) error {
			_ = next(ctx, cmd)
			cmd.SetErr(nil)
			return next(ctx, cmd)
		}
	}})
	s := open(t, client, redisstore.Options{Timeout: patient})
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	r := typicalSession()
	handle := create(t, s, r)
	if _, err := s.Replace(ctx, handle, r); err != nil || r.Version != 2 {
		t.Errorf("Replace: version %d, %v", r.Version, err)
	}
	for _, want := range []bool{true, false} {
		if fresh, err := s.Mark(ctx, "a", 7, time.Now().Add(time.Hour)); err != nil || fresh != want {
			t.Errorf("Mark = %v, %v, want %v", fresh, err, want)
		}
	}
	for _, step := range []struct{ n, want int }{{2, 2}, {3, 5}, {-1, 4}, {0, 4}, {-4, 0}, {1, 1}} {
		if got, err := s.Count(ctx, "a", step.n, time.Hour); err != nil || got != step.want {
			t.Errorf("Count of %d = %d, %v, want %d", step.n, got, err, step.want)
		}
	}
	for range 2 {
		unlock, err := s.Lock(ctx, "a", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		unlock()
	}
	if list, err := s.List(ctx, r.Subject); err != nil || len(list) != 1 {
		t.Errorf("List = %d sessions, %v", len(list), err)
	}
	if err := s.Delete(ctx, handle); err != nil {
		t.Errorf("Delete: %v", err)
	}
}

// A session is about to be written when its indexes name it already. To sweep it
// out of them then would lose it.
func TestReadingAnIndexDoesNotLoseASessionThatIsBeingCreated(t *testing.T) {
	m := double(t)
	reader := open(t, connect(t, "redis://"+m.Addr()), redisstore.Options{Timeout: patient})
	slow := connect(t, "redis://"+m.Addr())
	r := typicalSession()
	slow.AddHook(hook{process: func(next redis.ProcessHook) redis.ProcessHook {
		return func(ctx context.Context, cmd redis.Cmder) error {
			if cmd.Name() == "set" {
				if list, err := reader.List(ctx, r.Subject); err != nil || len(list) != 0 {
					t.Errorf("List = %d sessions, %v", len(list), err)
				}
				if n, err := reader.DeleteWhere(ctx, store.Filter{Subject: r.Subject}); err != nil || n != 0 {
					t.Errorf("DeleteWhere = %d, %v", n, err)
				}
			}
			return next(ctx, cmd)
		}
	}})
	create(t, open(t, slow, redisstore.Options{Timeout: patient}), r)
	if list, err := reader.List(t.Context(), r.Subject); err != nil || len(list) != 1 {
		t.Errorf("List = %d sessions, %v, want 1", len(list), err)
	}
}

// The slower of two writers knows less about how long the session lives.
func TestALateWriterDoesNotTakeAProlongedSessionOutOfTheList(t *testing.T) {
	for _, f := range filters {
		m := double(t)
		url := "redis://" + m.Addr()
		fast := open(t, connect(t, url), redisstore.Options{Timeout: patient})
		r := provided()
		start := time.Now()
		r.ExpiresAt = start.Add(time.Hour)
		handle := create(t, fast, r)

		late := *r
		slow := connect(t, url)
		slow.AddHook(hook{process: func(next redis.ProcessHook) redis.ProcessHook {
			return func(ctx context.Context, cmd redis.Cmder) error {
				if cmd.Name() == "evalsha" && r.Version == 1 {
					r.ExpiresAt = start.Add(100 * time.Hour)
					if _, err := fast.Replace(ctx, handle, r); err != nil {
						t.Error(err)
					}
				}
				return next(ctx, cmd)
			}
		}})
		late.ExpiresAt = start.Add(2 * time.Hour)
		_, err := open(t, slow, redisstore.Options{Timeout: patient}).Replace(t.Context(), handle, &late)
		if !errors.Is(err, store.ErrConflict) || late.Version != 1 {
			t.Errorf("Replace: version %d, %v, want %q", late.Version, err, store.ErrConflict)
		}
		endsAll(t, m, fast, r, f)
	}
}
