package guard_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/guard"
)

// start returns a started Context.
func start(parent context.Context, timeout time.Duration) *guard.Context {
	c := new(guard.Context)
	c.Start(parent, timeout)
	return c
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// Each way to end a Context gives one error for ever, whether Done was called
// before the end, after it, or never.
func TestContext_Err(t *testing.T) {
	for name, tt := range map[string]struct {
		end  func(c *guard.Context, cancelParent context.CancelFunc)
		want error
	}{
		"stopped":         {func(c *guard.Context, _ context.CancelFunc) { c.Stop() }, context.Canceled},
		"parent canceled": {func(_ *guard.Context, cancel context.CancelFunc) { cancel() }, context.Canceled},
		"timed out":       {func(*guard.Context, context.CancelFunc) { time.Sleep(time.Second) }, context.DeadlineExceeded},
		"timed out, stopped": {func(c *guard.Context, _ context.CancelFunc) {
			time.Sleep(time.Second)
			synctest.Wait()
			if c.Err() == nil {
				t.Error("the timeout is not an error")
			}
			c.Stop()
		}, context.DeadlineExceeded},
		"stopped, timed out": {func(c *guard.Context, _ context.CancelFunc) {
			c.Stop()
			time.Sleep(time.Second)
		}, context.Canceled},
		"stopped twice": {func(c *guard.Context, _ context.CancelFunc) {
			c.Stop()
			c.Stop()
		}, context.Canceled},
	} {
		for when, done := range map[string]struct{ before, after bool }{
			"without Done": {}, "Done before": {before: true}, "Done after": {after: true}, "Done before and after": {true, true},
		} {
			t.Run(name+"/"+when, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					parent, cancel := context.WithCancel(t.Context())
					defer cancel()
					c := start(parent, time.Second)
					var early <-chan struct{}
					if done.before {
						early = c.Done()
					}
					if err := c.Err(); err != nil || done.before && isClosed(early) {
						t.Fatalf("ended with %v before its end", err)
					}
					tt.end(c, cancel)
					synctest.Wait()
					if done.after && !isClosed(c.Done()) {
						t.Error("Done is open after the end")
					}
					if done.before && !isClosed(early) {
						t.Error("the channel of before the end is open")
					}
					if err := context.Cause(c); err != tt.want {
						t.Errorf("got cause %v, want %v", err, tt.want)
					}
					for range 2 {
						if err := c.Err(); err != tt.want {
							t.Errorf("got error %v, want %v", err, tt.want)
						}
						cancel() // an end after the end changes nothing
						time.Sleep(time.Minute)
					}
				})
			})
		}
	}
}

func TestContext_KeepsTheErrorThatItReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, cancel := context.WithCancel(t.Context())
		c := start(parent, time.Second)
		time.Sleep(time.Second)
		if err := c.Err(); err != context.DeadlineExceeded {
			t.Fatal(err)
		}
		cancel()
		if err := c.Err(); err != context.DeadlineExceeded {
			t.Errorf("got %v after the parent was canceled", err)
		}
		if !isClosed(c.Done()) || c.Err() != context.DeadlineExceeded {
			t.Errorf("after Done: %v", c.Err())
		}
		child, stop := context.WithCancel(c)
		defer stop()
		if err := child.Err(); err != context.DeadlineExceeded {
			t.Errorf("got %v for a child", err)
		}
	})
}

func TestContext_Deadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct{ parent, own, want time.Duration }{
			{0, time.Second, time.Second}, {time.Minute, time.Second, time.Second}, {time.Second, time.Minute, time.Second},
		} {
			parent, now := t.Context(), time.Now()
			if tt.parent > 0 {
				var cancel context.CancelFunc
				parent, cancel = context.WithTimeout(parent, tt.parent)
				defer cancel()
			}
			c := start(parent, tt.own)
			if d, ok := c.Deadline(); !ok || d.Sub(now) != tt.want {
				t.Errorf("parent %v, own %v: got %v, %v", tt.parent, tt.own, d.Sub(now), ok)
			}
			<-c.Done()
			if got := time.Since(now); got != tt.want || c.Err() != context.DeadlineExceeded {
				t.Errorf("parent %v, own %v: ended after %v with %v", tt.parent, tt.own, got, c.Err())
			}
		}
	})
}

type key struct{}

func TestContext_Value(t *testing.T) {
	c := start(context.WithValue(t.Context(), key{}, "v"), time.Hour)
	defer c.Stop()
	if got := c.Value(key{}); got != "v" {
		t.Errorf("got %v", got)
	}
	c.Done()
	if got := c.Value(key{}); got != "v" {
		t.Errorf("got %v after Done", got)
	}
}

func TestContext_EndsItsChildren(t *testing.T) {
	for name, derive := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"WithTimeout": func(c context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(c, time.Hour)
		},
		"WithCancel": context.WithCancel,
		"Context": func(c context.Context) (context.Context, context.CancelFunc) {
			child := start(c, time.Hour)
			return child, child.Stop
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := start(t.Context(), time.Hour)
			child, cancel := derive(c)
			defer cancel()
			if err := child.Err(); err != nil {
				t.Fatal(err)
			}
			done := child.Done()
			c.Stop()
			<-done
			if err := child.Err(); err != context.Canceled {
				t.Errorf("got %v", err)
			}
			late, cancel := derive(c)
			defer cancel()
			<-late.Done()
			if err := late.Err(); err != context.Canceled {
				t.Errorf("a child made after Stop: got %v", err)
			}
		})
	}
}

func TestContext_PassesOnTheCauseOfItsParent(t *testing.T) {
	want := errors.New("shutting down")
	for name, done := range map[string]bool{"without Done": false, "with Done": true} {
		parent, cancel := context.WithCancelCause(t.Context())
		c := start(parent, time.Hour)
		if done {
			c.Done()
		}
		cancel(want)
		if err := context.Cause(c); err != want {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// Package context starts a goroutine for each child of a context that it does
// not know.
func TestContext_NeedsNoGoroutineForAChild(t *testing.T) {
	c := start(t.Context(), time.Hour)
	defer c.Stop()
	for range 10 {
		_, cancel := context.WithCancel(c)
		defer cancel()
	}
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	if n := strings.Count(string(stacks), "propagateCancel"); n > 0 {
		t.Errorf("%d goroutines watch the context", n)
	}
}

func TestContext_WithoutStart(t *testing.T) {
	new(guard.Context).Stop()
}

func TestContext_AllocatesNothingWithoutDone(t *testing.T) {
	const runs = 100
	parent := context.WithValue(t.Context(), key{}, "v")
	contexts := make([]guard.Context, runs+1)
	next := 0
	allocs := testing.AllocsPerRun(runs, func() {
		c := &contexts[next]
		next++
		c.Start(parent, time.Hour)
		if _, ok := c.Deadline(); !ok || c.Err() != nil || c.Value(key{}) != "v" {
			t.Fatal("not a context")
		}
		c.Stop()
		if c.Err() != context.Canceled {
			t.Fatal("not stopped")
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// Goroutines that a callback leaves behind use the context during Stop and
// after it.
func TestContext_ServesGoroutinesThatOutliveStop(t *testing.T) {
	for range 50 {
		c := start(t.Context(), time.Hour)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				c.Value(key{})
				c.Err()
				child, cancel := context.WithTimeout(c, time.Hour)
				defer cancel()
				<-child.Done()
				<-c.Done()
				if child.Err() != context.Canceled || c.Err() != context.Canceled {
					t.Errorf("child %v, context %v", child.Err(), c.Err())
				}
			})
		}
		c.Stop()
		wg.Wait()
	}
}

func BenchmarkContext(b *testing.B) {
	parent := b.Context()
	b.Run("guard", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			start(parent, guard.Timeout).Stop()
		}
	})
	b.Run("context", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, cancel := context.WithTimeout(parent, guard.Timeout)
			cancel()
		}
	})
}
