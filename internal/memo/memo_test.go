package memo_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/memo"
)

type asked struct {
	sync.Mutex
	times int
}

func (a *asked) count() int {
	a.Lock()
	defer a.Unlock()
	return a.times
}

// answer returns an asker that counts.
func (a *asked) answer(value string, life time.Duration, err error) func(context.Context) (string, time.Duration, error) {
	return func(context.Context) (string, time.Duration, error) {
		a.Lock()
		defer a.Unlock()
		a.times++
		return value, life, err
	}
}

func TestAnAnswerIsRememberedForItsLife(t *testing.T) {
	now := time.Unix(1000, 0)
	m := memo.New[string](func() time.Time { return now })
	var a asked
	for range 3 {
		if v, err := m.Do(t.Context(), "k", a.answer("v", time.Minute, nil)); v != "v" || err != nil {
			t.Fatalf("%q, %v", v, err)
		}
	}
	if a.count() != 1 {
		t.Errorf("asked %d times", a.count())
	}
	now = now.Add(time.Minute)
	m.Do(t.Context(), "k", a.answer("v", time.Minute, nil))
	if a.count() != 2 {
		t.Errorf("asked %d times after the answer's life", a.count())
	}
	m.Do(t.Context(), "other", a.answer("v", time.Minute, nil))
	if a.count() != 3 {
		t.Error("one key has the answer of another")
	}
}

func TestErrorsAreRememberedToo(t *testing.T) {
	m := memo.New[string](time.Now)
	var a asked
	down := errors.New("down")
	for range 2 {
		if _, err := m.Do(t.Context(), "k", a.answer("", time.Minute, down)); !errors.Is(err, down) {
			t.Fatal(err)
		}
	}
	if a.count() != 1 {
		t.Errorf("asked %d times", a.count())
	}
}

func TestAnAnswerWithoutLifeIsForgotten(t *testing.T) {
	m := memo.New[string](time.Now)
	var a asked
	for range 2 {
		m.Do(t.Context(), "k", a.answer("v", 0, nil))
	}
	if a.count() != 2 {
		t.Errorf("asked %d times", a.count())
	}
}

func TestManyAskersAskOnce(t *testing.T) {
	m := memo.New[string](time.Now)
	var a asked
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if v, err := m.Do(t.Context(), "k", a.answer("v", time.Minute, nil)); v != "v" || err != nil {
				t.Errorf("%q, %v", v, err)
			}
		})
	}
	wg.Wait()
	if a.count() != 1 {
		t.Errorf("asked %d times", a.count())
	}
}

func TestACallerWhoLeavesDoesNotStopTheAsking(t *testing.T) {
	m := memo.New[string](time.Now)
	ctx, leave := context.WithCancel(t.Context())
	asking, finish := make(chan struct{}), make(chan struct{})
	left := make(chan error)
	go func() {
		_, err := m.Do(ctx, "k", func(ctx context.Context) (string, time.Duration, error) {
			close(asking)
			<-finish
			return "v", time.Minute, ctx.Err()
		})
		left <- err
	}()
	<-asking
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the caller who left got %v", err)
	}
	close(finish)
	var a asked
	if v, err := m.Do(t.Context(), "k", a.answer("again", time.Minute, nil)); v != "v" || err != nil || a.count() != 0 {
		t.Errorf("%q, %v, asked again %d times", v, err, a.count())
	}
}

func TestAPanicIsAnError(t *testing.T) {
	m := memo.New[string](time.Now)
	_, err := m.Do(t.Context(), "k", func(context.Context) (string, time.Duration, error) { panic("oh") })
	if err == nil || !strings.Contains(err.Error(), "oh") {
		t.Error(err)
	}
	var a asked
	if v, err := m.Do(t.Context(), "k", a.answer("v", 0, nil)); v != "v" || err != nil {
		t.Errorf("after a panic: %q, %v", v, err)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	m := memo.New[string](time.Now)
	var a asked
	const many = 25_000
	for i := range many {
		m.Do(t.Context(), strconv.Itoa(i), a.answer("v", time.Hour, nil))
	}
	before := a.count()
	for i := range many {
		m.Do(t.Context(), strconv.Itoa(i), a.answer("v", 0, nil))
	}
	if remembered := many - (a.count() - before); remembered > 10_000 || remembered < 5_000 {
		t.Errorf("%d of %d answers are remembered", remembered, many)
	}
}
