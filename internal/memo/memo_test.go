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
	m := memo.New(memo.Options[string]{Now: func() time.Time { return now }})
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
	m := memo.New(memo.Options[string]{})
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
	m := memo.New(memo.Options[string]{})
	var a asked
	for range 2 {
		m.Do(t.Context(), "k", a.answer("v", 0, nil))
	}
	if a.count() != 2 {
		t.Errorf("asked %d times", a.count())
	}
}

func TestManyAskersAskOnce(t *testing.T) {
	m := memo.New(memo.Options[string]{})
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
	m := memo.New(memo.Options[string]{})
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
	m := memo.New(memo.Options[string]{})
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
	for name, o := range map[string]memo.Options[string]{
		"by the number of answers": {Answers: 1000},
		"by their size":            {Bytes: 1000 * 1000, Size: func(string) int { return 995 }},
	} {
		t.Run(name, func(t *testing.T) {
			m := memo.New(o)
			var a asked
			const many = 10_000
			for i := range many {
				m.Do(t.Context(), strconv.Itoa(i), a.answer("v", time.Hour, nil))
			}
			remembered := 0
			for i := range many {
				if _, ok := m.Recall(strconv.Itoa(i)); ok {
					remembered++
				}
			}
			if remembered > 1000 || remembered < 500 {
				t.Errorf("%d of %d answers are remembered", remembered, many)
			}
		})
	}
}

func TestAnAnswerThatIsTooLargeIsNotRemembered(t *testing.T) {
	m := memo.New(memo.Options[string]{Bytes: 1000, Size: func(string) int { return 1001 }})
	var a asked
	if v, err := m.Do(t.Context(), "k", a.answer("v", time.Hour, nil)); v != "v" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
	if _, ok := m.Recall("k"); ok {
		t.Error("it is remembered")
	}
}

func TestWhatWasDroppedIsAskedAgain(t *testing.T) {
	for name, drop := range map[string]func(*memo.Memo[string]){
		"Drop":  func(m *memo.Memo[string]) { m.Drop("k") },
		"Clear": func(m *memo.Memo[string]) { m.Clear() },
	} {
		t.Run(name, func(t *testing.T) {
			m := memo.New(memo.Options[string]{})
			var a asked
			m.Do(t.Context(), "k", a.answer("old", time.Hour, nil))
			drop(m)
			if _, ok := m.Recall("k"); ok {
				t.Error("it is remembered")
			}

			// An answer on its way is not remembered either.
			m.Do(t.Context(), "k", func(context.Context) (string, time.Duration, error) {
				drop(m)
				return "late", time.Hour, nil
			})
			if v, ok := m.Recall("k"); ok {
				t.Errorf("%q is remembered", v)
			}
			if v, err := m.Do(t.Context(), "k", a.answer("new", time.Hour, nil)); v != "new" || err != nil {
				t.Errorf("%q, %v", v, err)
			}
		})
	}
}

func TestWhoAsksAfterADropDoesNotGetAnAnswerOfBefore(t *testing.T) {
	for name, drop := range map[string]func(*memo.Memo[string]){
		"Drop":  func(m *memo.Memo[string]) { m.Drop("k") },
		"Clear": func(m *memo.Memo[string]) { m.Clear() },
	} {
		t.Run(name, func(t *testing.T) {
			m := memo.New(memo.Options[string]{})
			asking, finish := make(chan struct{}), make(chan struct{})
			done := make(chan struct{})
			go func() {
				defer close(done)
				m.Do(t.Context(), "k", func(context.Context) (string, time.Duration, error) {
					close(asking)
					<-finish
					return "old", time.Hour, nil
				})
			}()
			<-asking
			drop(m)
			var a asked
			if v, err := m.Do(t.Context(), "k", a.answer("new", time.Hour, nil)); v != "new" || err != nil {
				t.Errorf("%q, %v", v, err)
			}
			close(finish)
			<-done
			if v, _ := m.Recall("k"); v != "new" {
				t.Errorf("%q is remembered", v)
			}
		})
	}
}

func TestRecallKnowsNoErrors(t *testing.T) {
	m := memo.New(memo.Options[string]{})
	var a asked
	m.Do(t.Context(), "k", a.answer("v", time.Hour, errors.New("down")))
	if v, ok := m.Recall("k"); ok {
		t.Errorf("%q", v)
	}
}

func BenchmarkRecall(b *testing.B) {
	m := memo.New(memo.Options[string]{})
	var a asked
	key := strings.Repeat("k", 700) // as long as a session cookie
	m.Do(b.Context(), key, a.answer("v", time.Hour, nil))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, ok := m.Recall(key); !ok {
				b.Fatal("forgotten")
			}
		}
	})
}
