package memo_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/memo"
)

type key struct{}

// A result is what a call of Load returned.
type result struct {
	value string
	err   error
}

// goLoad calls Load in a goroutine.
func goLoad(ctx context.Context, m *memo.Memo[string], load func(context.Context) (string, time.Duration, error)) <-chan result {
	c := make(chan result, 1)
	go func() {
		v, err := m.Load(ctx, "k", load)
		c <- result{v, err}
	}()
	return c
}

// wantResult waits until all goroutines are idle, and then takes a result.
func wantResult(t *testing.T, c <-chan result, value string, err error) {
	t.Helper()
	synctest.Wait()
	select {
	case r := <-c:
		if r.value != value || !errors.Is(r.err, err) {
			t.Errorf("loaded %q, %v; want %q, %v", r.value, r.err, value, err)
		}
	default:
		t.Errorf("waits; want %q, %v", value, err)
	}
}

// blocked returns a load function that ignores its context and returns value when
// released is closed.
func blocked(value string, released <-chan struct{}) func(context.Context) (string, time.Duration, error) {
	return func(context.Context) (string, time.Duration, error) {
		<-released
		return value, time.Hour, nil
	}
}

// untilDone is a load function that waits for its context.
func untilDone(ctx context.Context) (string, time.Duration, error) {
	<-ctx.Done()
	return "", time.Hour, errors.New("load: " + ctx.Err().Error())
}

func TestLoad_OnceForAllCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := memo.New(memo.Options[string]{})
		var l loads
		release := make(chan struct{})
		var callers []<-chan result
		for range 50 {
			callers = append(callers, goLoad(t.Context(), m, func(ctx context.Context) (string, time.Duration, error) {
				<-release
				return l.returning("v", 0, nil)(ctx)
			}))
		}
		synctest.Wait()
		close(release)
		for _, c := range callers {
			wantResult(t, c, "v", nil)
		}
		if n := l.Load(); n != 1 {
			t.Errorf("loaded %d times", n)
		}
	})
}

func TestLoad_ContextOfALoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := memo.New(memo.Options[string]{Timeout: time.Minute})
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "v"), time.Second)
		defer cancel()
		start := time.Now()
		v, err := m.Load(ctx, "k", func(ctx context.Context) (string, time.Duration, error) {
			if d, ok := ctx.Deadline(); !ok || d.Sub(start) != time.Minute {
				t.Errorf("deadline after %v, %v", d.Sub(start), ok)
			}
			v, _ := ctx.Value(key{}).(string)
			return v, 0, ctx.Err()
		})
		if v != "v" || err != nil {
			t.Errorf("got %q, %v", v, err)
		}
	})
}

func TestLoad_CanceledCaller(t *testing.T) {
	m := memo.New(memo.Options[string]{})
	var l loads
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Load(ctx, "k", l.returning("v", time.Hour, nil)); !errors.Is(err, context.Canceled) || l.Load() != 0 {
		t.Errorf("got error %v, after %d loads", err, l.Load())
	}
	wantLoad(t, m, "k", l.returning("v", time.Hour, nil), "v", nil)
	if v, err := m.Load(ctx, "k", l.returning("w", time.Hour, nil)); v != "v" || err != nil {
		t.Errorf("a remembered value: got %q, %v", v, err)
	}
}

// A caller that leaves does not disturb the others, whether it was the first
// one or not.
func TestLoad_GoesOnForTheOtherCallers(t *testing.T) {
	for name, leaves := range map[string]int{"first": 0, "second": 1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := memo.New(memo.Options[string]{})
				release := make(chan struct{})
				load := func(ctx context.Context) (string, time.Duration, error) {
					<-release
					return "v", time.Hour, ctx.Err()
				}
				var ctxs [2]context.Context
				var cancels [2]context.CancelFunc
				var results [2]<-chan result
				for i := range 2 {
					ctxs[i], cancels[i] = context.WithCancel(t.Context())
					defer cancels[i]()
					results[i] = goLoad(ctxs[i], m, load)
					synctest.Wait()
				}
				cancels[leaves]()
				wantResult(t, results[leaves], "", context.Canceled)
				close(release)
				wantResult(t, results[1-leaves], "v", nil)
				if v, ok := m.Get("k"); !ok || v != "v" {
					t.Errorf("remembered %q, %v", v, ok)
				}
			})
		})
	}
}

// The last caller cancels the load. Its result is not remembered, and the next
// caller starts another one, even if the first ignores its context.
func TestLoad_EndsWithTheLastCaller(t *testing.T) {
	for name, obeys := range map[string]bool{"obeys": true, "ignores its context": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := memo.New(memo.Options[string]{})
				release := make(chan struct{})
				var loadCtx context.Context
				load := func(ctx context.Context) (string, time.Duration, error) {
					loadCtx = ctx
					if obeys {
						return untilDone(ctx)
					}
					return blocked("old", release)(ctx)
				}
				ctx, cancel := context.WithCancel(t.Context())
				one, two := goLoad(ctx, m, load), goLoad(ctx, m, load)
				synctest.Wait()
				cancel()
				wantResult(t, one, "", context.Canceled)
				wantResult(t, two, "", context.Canceled)
				if err := loadCtx.Err(); err != context.Canceled {
					t.Errorf("the context of the load: %v", err)
				}

				again := make(chan struct{})
				second := goLoad(t.Context(), m, blocked("new", again))
				synctest.Wait()
				close(release) // the first load ends while the second goes on
				synctest.Wait()
				if v, ok := m.Get("k"); ok {
					t.Errorf("%q is remembered", v)
				}
				third := goLoad(t.Context(), m, blocked("not called", again))
				synctest.Wait()
				close(again)
				wantResult(t, second, "new", nil)
				wantResult(t, third, "new", nil)
				if v, _ := m.Get("k"); v != "new" {
					t.Errorf("%q is remembered", v)
				}
			})
		})
	}
}

// The next caller does not share a load that the last one has just canceled.
func TestLoad_StartsAnewAtOnce(t *testing.T) {
	m := memo.New(memo.Options[string]{})
	for range 100 {
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := m.Load(ctx, "k", func(ctx context.Context) (string, time.Duration, error) {
			cancel()
			return untilDone(ctx)
		}); err != context.Canceled {
			t.Fatal(err)
		}
		var l loads
		wantLoad(t, m, "k", l.returning("new", 0, nil), "new", nil)
	}
}

func TestLoad_Detached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := memo.New(memo.Options[string]{Detached: true})
		release := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		first := goLoad(ctx, m, func(ctx context.Context) (string, time.Duration, error) {
			<-release
			return "v", time.Hour, ctx.Err()
		})
		synctest.Wait()
		cancel()
		wantResult(t, first, "", context.Canceled)
		second := goLoad(t.Context(), m, blocked("not called", release))
		synctest.Wait()
		close(release)
		wantResult(t, second, "v", nil)
		if v, _ := m.Get("k"); v != "v" {
			t.Errorf("%q is remembered", v)
		}
	})
}

func TestLoad_Timeout(t *testing.T) {
	for name, detached := range map[string]bool{"attached": false, "detached": true} {
		for name2, timeout := range map[string]time.Duration{"default": 0, "own": time.Second} {
			t.Run(name+"/"+name2, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := memo.New(memo.Options[string]{Timeout: timeout, Detached: detached})
					start, release := time.Now(), make(chan struct{})
					one, two := goLoad(t.Context(), m, blocked("late", release)), goLoad(t.Context(), m, blocked("late", release))
					if timeout == 0 {
						timeout = 30 * time.Second
					}
					time.Sleep(timeout - time.Millisecond)
					synctest.Wait()
					if len(one)+len(two) > 0 {
						t.Error("ended early")
					}
					time.Sleep(time.Millisecond)
					wantResult(t, one, "", context.DeadlineExceeded)
					wantResult(t, two, "", context.DeadlineExceeded)
					if got := time.Since(start); got != timeout {
						t.Errorf("after %v", got)
					}
					var l loads
					wantLoad(t, m, "k", l.returning("new", time.Hour, nil), "new", nil)
					close(release)
					synctest.Wait()
					if v, _ := m.Get("k"); v != "new" {
						t.Errorf("%q is remembered", v)
					}
				})
			})
		}
	}
}

// A load that ends in time leaves nothing behind that ends later.
func TestLoad_ReleasesItsTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := memo.New(memo.Options[string]{Timeout: time.Second})
		var ctx context.Context
		load := func(c context.Context) (string, time.Duration, error) {
			ctx = c
			return "v", time.Hour, nil
		}
		wantLoad(t, m, "k", load, "v", nil)
		synctest.Wait()
		if ctx.Err() != context.Canceled {
			t.Errorf("the context of the load: %v", ctx.Err())
		}
		time.Sleep(time.Minute)
		if v, _ := m.Get("k"); v != "v" {
			t.Errorf("%q is remembered", v)
		}
	})
}

func TestLoad_Panic(t *testing.T) {
	for name, want := range map[string]string{"a refresh": "a refresh: panic: oh", "the JWT callback": "the JWT callback: panic: oh"} {
		var log bytes.Buffer
		m := memo.New(memo.Options[string]{Name: name, Log: slog.New(slog.NewTextHandler(&log, nil))})
		_, err := m.Load(t.Context(), "k", func(context.Context) (string, time.Duration, error) { panic("oh") })
		if err == nil || err.Error() != want || !strings.Contains(log.String(), "TestLoad_Panic") {
			t.Errorf("got %v, want %q, and the stack in the log: %s", err, want, log.String())
		}
		var l loads
		wantLoad(t, m, "k", l.returning("v", 0, nil), "v", nil)
	}
	m := memo.New(memo.Options[string]{Size: func(string) int { panic("oh") }}) // without a Log
	var l loads
	for range 2 {
		_, err := m.Load(t.Context(), "k", l.returning("v", time.Hour, nil))
		if err == nil || !strings.Contains(err.Error(), "panic: oh") {
			t.Errorf("Size: got %v", err)
		}
	}
	if n := l.Load(); n != 2 {
		t.Errorf("Size: loaded %d times", n)
	}
}

func TestLoad_Goexit(t *testing.T) {
	m := memo.New(memo.Options[string]{})
	_, err := m.Load(t.Context(), "k", func(context.Context) (string, time.Duration, error) {
		runtime.Goexit()
		return "", 0, nil
	})
	if err == nil {
		t.Error("no error")
	}
	var l loads
	wantLoad(t, m, "k", l.returning("v", 0, nil), "v", nil)
}

// A load that started before Delete or Clear is neither remembered nor joined
// after it. Its own callers get its result.
func TestMemo_ForgetsLoadsUnderWay(t *testing.T) {
	for name, forget := range map[string]func(*memo.Memo[string]){
		"Delete": func(m *memo.Memo[string]) { m.Delete("k") },
		"Clear":  func(m *memo.Memo[string]) { m.Clear() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := memo.New(memo.Options[string]{})
				release := make(chan struct{})
				old := goLoad(t.Context(), m, blocked("old", release))
				synctest.Wait()
				forget(m)
				var l loads
				wantLoad(t, m, "k", l.returning("new", time.Hour, nil), "new", nil)
				close(release)
				wantResult(t, old, "old", nil)
				if v, _ := m.Get("k"); v != "new" {
					t.Errorf("%q is remembered", v)
				}
			})
		})
	}
}

func TestMemo_ConcurrentUse(t *testing.T) {
	m := memo.New(memo.Options[string]{}).Bound(64, 1<<20)
	keys := strings.Split("abcdefghijklmnopqrstuvwxyz", "")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 500 {
				k := keys[(n*7+i)%len(keys)]
				ctx, cancel := context.WithCancel(t.Context())
				if n%5 == 0 {
					cancel()
				}
				v, err := m.Load(ctx, k, func(context.Context) (string, time.Duration, error) {
					if n%3 == 0 {
						runtime.Gosched()
					}
					return "v" + k, time.Duration(n%2) * time.Hour, nil
				})
				if err == nil && v != "v"+k || err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("%q: got %q, %v", k, v, err)
				}
				cancel()
				if v, ok := m.Get(k); ok && v != "v"+k {
					t.Errorf("%q: remembered %q", k, v)
				}
				switch n % 50 {
				case 10:
					m.Delete(k)
				case 20:
					m.Clear()
				}
			}
		})
	}
	wg.Wait()
}

func TestWait_ForAllLoads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := memo.New(memo.Options[string]{Detached: true})
		if err := m.Wait(t.Context()); err != nil {
			t.Errorf("without a load: %v", err)
		}
		releases := []chan struct{}{make(chan struct{}), make(chan struct{})}
		for i, release := range releases {
			go m.Load(t.Context(), string(rune('a'+i)), blocked("v", release))
		}
		synctest.Wait()
		ended, end := context.WithTimeout(t.Context(), time.Second)
		defer end()
		if err := m.Wait(ended); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while loads run: %v", err)
		}
		waited := make(chan error, 1)
		go func() { waited <- m.Wait(t.Context()) }()
		for _, release := range releases {
			synctest.Wait()
			if len(waited) > 0 {
				t.Error("Wait returned before the last load did")
			}
			close(release)
		}
		if err := <-waited; err != nil {
			t.Errorf("after the loads: %v", err)
		}
	})
}
