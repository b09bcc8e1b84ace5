package memo_test

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"weak"

	"github.com/nuxtauth/nuxtauth/internal/memo"
)

// loads counts how often a value was loaded.
type loads struct{ atomic.Int64 }

// returning returns a load function that counts its calls.
func (l *loads) returning(value string, life time.Duration, err error) func(context.Context) (string, time.Duration, error) {
	return func(context.Context) (string, time.Duration, error) {
		l.Add(1)
		return value, life, err
	}
}

func wantLoad(t *testing.T, m *memo.Memo[string], key string, load func(context.Context) (string, time.Duration, error), want string, wantErr error) {
	t.Helper()
	if v, err := m.Load(t.Context(), key, load); v != want || !errors.Is(err, wantErr) {
		t.Errorf("loaded %q, %v; want %q, %v", v, err, want, wantErr)
	}
}

func TestLoad_RemembersForTheLifeOfAValue(t *testing.T) {
	now := time.Unix(1000, 0)
	m := memo.New(memo.Options[string]{Now: func() time.Time { return now }})
	var l loads
	get := func(want bool) {
		t.Helper()
		if v, ok := m.Get("k"); ok != want || ok && v != "v" {
			t.Errorf("Get returns %q, %v", v, ok)
		}
	}
	get(false)
	for range 3 {
		wantLoad(t, m, "k", l.returning("v", time.Minute, nil), "v", nil)
		get(true)
	}
	if n := l.Load(); n != 1 {
		t.Errorf("loaded %d times", n)
	}
	now = now.Add(time.Minute - 1)
	get(true)
	now = now.Add(1)
	get(false)
	wantLoad(t, m, "k", l.returning("v", time.Minute, nil), "v", nil)
	if n := l.Load(); n != 2 {
		t.Errorf("loaded %d times after the value's life", n)
	}
	wantLoad(t, m, "other", l.returning("w", time.Minute, nil), "w", nil)
	get(true)
}

func TestLoad_RemembersErrors(t *testing.T) {
	m := memo.New(memo.Options[string]{})
	var l loads
	down := errors.New("down")
	for range 2 {
		wantLoad(t, m, "k", l.returning("", time.Minute, down), "", down)
	}
	if n := l.Load(); n != 1 {
		t.Errorf("loaded %d times", n)
	}
	if v, ok := m.Get("k"); ok {
		t.Errorf("Get returns %q in place of an error", v)
	}
}

func TestLoad_RemembersNothingWithoutLife(t *testing.T) {
	for _, life := range []time.Duration{0, -time.Minute} {
		m := memo.New(memo.Options[string]{})
		var l loads
		for range 2 {
			wantLoad(t, m, "k", l.returning("v", life, nil), "v", nil)
		}
		if n := l.Load(); n != 2 {
			t.Errorf("life %v: loaded %d times", life, n)
		}
	}
}

func TestMemo_IsBounded(t *testing.T) {
	for name, m := range map[string]*memo.Memo[string]{
		"by entries": memo.New(memo.Options[string]{}).Bound(1000, 1<<30),
		"by bytes":   memo.New(memo.Options[string]{Size: func(string) int { return 840 }}).Bound(1<<30, 1000*1000),
	} {
		t.Run(name, func(t *testing.T) {
			var l loads
			const many = 10_000
			for i := range many {
				wantLoad(t, m, strconv.Itoa(i), l.returning("v", time.Hour, nil), "v", nil)
			}
			remembered := 0
			for i := range many {
				if _, ok := m.Get(strconv.Itoa(i)); ok {
					remembered++
				}
			}
			if remembered > 1000 || remembered < 500 {
				t.Errorf("%d of %d values are remembered", remembered, many)
			}
		})
	}
}

func TestMemo_RemembersNothingThatIsTooLarge(t *testing.T) {
	const bytes = 32 * 1000
	for _, size := range []int{1000, 1 << 30} {
		m := memo.New(memo.Options[string]{Size: func(string) int { return size }}).Bound(1<<30, bytes)
		var l loads
		wantLoad(t, m, "k", l.returning("v", time.Hour, nil), "v", nil)
		if _, ok := m.Get("k"); ok {
			t.Errorf("%d bytes: remembered", size)
		}
	}
	m := memo.New(memo.Options[string]{}).Bound(1<<30, bytes)
	var l loads
	key := strings.Repeat("k", 1000)
	wantLoad(t, m, key, l.returning("v", time.Hour, nil), "v", nil)
	if _, ok := m.Get(key); ok {
		t.Error("key: remembered")
	}
	long := errors.New(strings.Repeat("e", 1000))
	wantLoad(t, m, "k", l.returning("", time.Hour, long), "", long)
	wantLoad(t, m, "k", l.returning("v", time.Hour, nil), "v", nil)
	if _, ok := m.Get("k"); !ok {
		t.Error("what fits is not remembered")
	}
}

// A person stands for a session of an application.
type person struct {
	Name   string
	Claims map[string]string
	Groups []string
}

func heap() int {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int(stats.HeapAlloc)
}

// What is remembered takes about as many bytes as the options allow. Keys are
// parts of long headers, as a session cookie is.
func TestMemo_TakesAsMuchMemoryAsItSays(t *testing.T) {
	const bytes = 8 << 20
	for name, size := range map[string]int{"small values": 0, "values of 20 KB": 20_000, "values of 200 KB": 200_000} {
		t.Run(name, func(t *testing.T) {
			before := heap()
			m := memo.New(memo.Options[[]byte]{Size: func(b []byte) int { return cap(b) }}).Bound(1<<30, bytes)
			for i := range 2 * bytes / max(size, 400) {
				header := strings.Repeat("x", 1000) + "session=" + strconv.Itoa(i)
				if _, err := m.Load(t.Context(), header[1008:], func(context.Context) ([]byte, time.Duration, error) {
					return make([]byte, size), time.Hour, nil
				}); err != nil {
					t.Fatal(err)
				}
			}
			grown := heap() - before
			if grown > bytes*3/2 || grown < bytes/4 {
				t.Errorf("the heap grew by %d KB, allowed are %d KB", grown>>10, bytes>>10)
			}
			runtime.KeepAlive(m)
		})
	}
}

func TestMemo_Forgets(t *testing.T) {
	for name, forget := range map[string]func(*memo.Memo[string]){
		"Delete":     func(m *memo.Memo[string]) { m.Delete("k") },
		"Clear":      func(m *memo.Memo[string]) { m.Clear() },
		"DeleteFunc": func(m *memo.Memo[string]) { m.DeleteFunc(func(v string) bool { return v == "old" }) },
	} {
		t.Run(name, func(t *testing.T) {
			m := memo.New(memo.Options[string]{})
			var l loads
			wantLoad(t, m, "k", l.returning("old", time.Hour, nil), "old", nil)
			forget(m)
			if _, ok := m.Get("k"); ok {
				t.Error("it is remembered")
			}
			wantLoad(t, m, "k", l.returning("new", time.Hour, nil), "new", nil)
		})
	}
	m := memo.New(memo.Options[string]{})
	var l loads
	for i := range 100 {
		wantLoad(t, m, strconv.Itoa(i), l.returning("v", time.Hour, nil), "v", nil)
	}
	m.Delete("7")
	for i := range 100 {
		if _, ok := m.Get(strconv.Itoa(i)); ok == (i == 7) {
			t.Errorf("after Delete(7): %d remembered %v", i, ok)
		}
	}
}

// The memory of what was forgotten, or has expired, can be used again.
func TestMemo_CountsWhatItForgets(t *testing.T) {
	const n = 320 // values, a third of what fits
	for name, forget := range map[string]func(*memo.Memo[string]){
		"expired": func(*memo.Memo[string]) {},
		"Clear":   func(m *memo.Memo[string]) { m.Clear() },
		"Delete": func(m *memo.Memo[string]) {
			for i := range n {
				m.Delete(strconv.Itoa(i))
			}
		},
		"DeleteFunc": func(m *memo.Memo[string]) { m.DeleteFunc(func(string) bool { return true }) },
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Unix(1000, 0)
			m := memo.New(memo.Options[string]{
				Size: func(string) int { return 800 }, Now: func() time.Time { return now },
			}).Bound(1<<30, 32*30*1000)
			var l loads
			for range 30 {
				for i := range n {
					wantLoad(t, m, strconv.Itoa(i), l.returning("v", time.Minute, nil), "v", nil)
				}
				for i := range n {
					if _, ok := m.Get(strconv.Itoa(i)); !ok {
						t.Fatalf("value %d is not remembered", i)
					}
				}
				forget(m)
				now = now.Add(time.Minute)
			}
		})
	}
}

// Values that have expired do not stay in memory until the memo is full.
func TestMemo_ReleasesExpiredValues(t *testing.T) {
	now := time.Unix(1000, 0)
	m := memo.New(memo.Options[*person]{Now: func() time.Time { return now }})
	remember := func(key string) weak.Pointer[person] {
		p, err := m.Load(t.Context(), key, func(context.Context) (*person, time.Duration, error) {
			return &person{Name: key}, time.Minute, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return weak.Make(p)
	}
	var old []weak.Pointer[person]
	for i := range 100 {
		old = append(old, remember("old"+strconv.Itoa(i)))
	}
	now = now.Add(time.Minute)
	for i := range 2000 {
		remember(strconv.Itoa(i))
	}
	runtime.GC()
	stay := 0
	for _, p := range old {
		if p.Value() != nil {
			stay++
		}
	}
	if stay > 10 {
		t.Errorf("%d of %d expired values stay", stay, len(old))
	}
	runtime.KeepAlive(m)
}

func BenchmarkGet(b *testing.B) {
	m := memo.New(memo.Options[string]{})
	var l loads
	key := strings.Repeat("k", 700) // as long as a session cookie
	if _, err := m.Load(b.Context(), key, l.returning("v", time.Hour, nil)); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, ok := m.Get(key); !ok {
				b.Fatal("forgotten")
			}
		}
	})
}

func BenchmarkLoad(b *testing.B) {
	m := memo.New(memo.Options[string]{})
	var l loads
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Load(b.Context(), "k", l.returning("v", 0, nil)); err != nil {
			b.Fatal(err)
		}
	}
}
