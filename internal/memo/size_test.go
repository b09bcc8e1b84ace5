package memo_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/memo"
)

type node struct {
	next *node
	text string
}

func TestSizeOf(t *testing.T) {
	const word = 8
	kilo := strings.Repeat("x", 1000)
	ring := &node{text: kilo}
	ring.next = ring
	self := []any{nil, kilo}
	self[0] = self
	for _, tt := range []struct {
		name     string
		value    any
		min, max int
	}{
		{"nil", nil, 0, 0},
		{"integer", 7, word, word},
		{"string", kilo, 1016, 1016},
		{"nil pointer", (*node)(nil), word, word},
		{"pointer", &node{text: kilo}, word + 24 + 1000, word + 24 + 1000},
		{"pointer to itself", ring, word + 24 + 1000, word + 24 + 1000},
		{"shared pointer", [2]*node{ring, ring}, 2*word + 24 + 1000, 2*word + 24 + 1000},
		{"capacity of a slice", make([]byte, 1, 1000), 24 + 1000, 24 + 1000},
		{"nil slice", []string(nil), 24, 24},
		{"slice of strings", []string{kilo, kilo}, 24 + 2*1016, 24 + 2*1016},
		{"slice in itself", self, 24 + 2*16 + 24 + 1016, 24 + 2*16 + 24 + 1016},
		{"array", [3]string{"abc", "", kilo}, 48 + 1003, 48 + 1003},
		{"array of numbers", [1000]int64{}, 8000, 8000},
		{"nil map", map[string]string(nil), word, word},
		{"map", map[string]string{kilo: kilo}, 2000, 2600},
		{"map of numbers", numbers(1000), 16 * 1000, 48 * 1000},
		{"interface in a struct", struct{ v any }{kilo}, 16 + 1016, 16 + 1016},
		{"struct in a struct", struct{ n, m node }{node{text: kilo}, node{text: kilo}}, 48 + 2000, 48 + 2000},
		{"time zone", time.Now(), 24, 24},
		{"function", func() string { return kilo }, word, word},
		{"channel", make(chan string, 1000), word, word},
		{"mutex", &sync.Mutex{}, word + 8, word + 8},
	} {
		if got := memo.SizeOf(tt.value); got < tt.min || got > tt.max {
			t.Errorf("%s: %d bytes, want %d to %d", tt.name, got, tt.min, tt.max)
		}
	}
}

func numbers(n int) map[int64]int64 {
	m := make(map[int64]int64)
	for i := range n {
		m[int64(i)] = int64(i)
	}
	return m
}

// A value that takes too long to look through counts as more than every bound.
func TestSizeOf_TooLarge(t *testing.T) {
	var list *node
	for range 100 {
		list = &node{next: list}
	}
	wide := make([]string, 1<<20)
	keys := make(map[string]int)
	for i := range 1 << 17 {
		keys[fmt.Sprint(i)] = i
	}
	var nested any = "x"
	for range 1000 {
		nested = []any{nested}
	}
	for name, v := range map[string]any{"deep": list, "wide": wide, "map": keys, "nested": nested, "wide array": (*[1 << 20]string)(wide)} {
		if got := memo.SizeOf(v); got != memo.TooLarge {
			t.Errorf("%s: %d bytes", name, got)
		}
	}
	if got := memo.SizeOf(make([]string, 10_000)); got != 24+160_000 {
		t.Errorf("10,000 strings: %d bytes", got)
	}
}

func BenchmarkSizeOf(b *testing.B) {
	p := newPerson(1, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		memo.SizeOf(p)
	}
}
