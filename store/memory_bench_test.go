package store_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// BenchmarkMemorySize reports what a session takes, with 100,000 of them, and how
// much of that are its strings and claims.
func BenchmarkMemorySize(b *testing.B) {
	const n = 100_000
	for b.Loop() {
		given := 0
		for i := range 100 {
			r := session(i)
			given += len(r.Claims) + len(r.Realm) + len(r.Subject) + len(r.Provider) + len(r.ProviderSubject) + len(r.IP) + len(r.UserAgent)
		}
		before := heap()
		m := store.NewMemory(store.MemoryOptions{})
		fill(b, m, n)
		b.ReportMetric(float64(heap()-before)/n, "B/session")
		b.ReportMetric(float64(m.Bytes())/n, "counted-B/session")
		b.ReportMetric(float64(given)/100, "given-B/session")
		runtime.KeepAlive(m)
	}
}

// BenchmarkMemoryMarkSize and BenchmarkMemoryCountSize report what a mark and a
// counter take, with 100,000 of them.
func BenchmarkMemoryMarkSize(b *testing.B) {
	benchmarkSize(b, "B/mark", func(m *store.Memory, name string) error {
		_, _, err := m.Mark(b.Context(), name, time.Hour)
		return err
	})
}

func BenchmarkMemoryCountSize(b *testing.B) {
	benchmarkSize(b, "B/count", func(m *store.Memory, name string) error {
		_, err := m.Count(b.Context(), name, 1, time.Hour)
		return err
	})
}

func benchmarkSize(b *testing.B, unit string, add func(m *store.Memory, name string) error) {
	const n = 100_000
	for b.Loop() {
		before := heap()
		m := store.NewMemory(store.MemoryOptions{})
		for i := range n {
			if err := add(m, fmt.Sprint(i)); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(heap()-before)/n, unit)
		runtime.KeepAlive(m)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}

// BenchmarkMemoryFull reports the longest time of a CreateSession, of a thousand, in a
// store that is full with a million sessions, of which none or all have expired.
func BenchmarkMemoryFull(b *testing.B) {
	const n = 1_000_000
	var c clock
	m := store.NewMemory(store.MemoryOptions{MaxSessions: n, MaxBytes: 1 << 40, Now: c.Now})
	fill(b, m, n)
	longest := func(b *testing.B, want error) {
		var most, total time.Duration
		calls := 0
		for b.Loop() {
			for range 1000 {
				r := session(n + calls)
				r.ExpiresAt = c.Now().Add(time.Hour)
				start := time.Now()
				_, err := m.CreateSession(context.Background(), r)
				took := time.Since(start)
				if !errors.Is(err, want) {
					b.Fatalf("CreateSession: %v, want %v", err, want)
				}
				most, total = max(most, took), total+took
				calls++
			}
		}
		b.ReportMetric(float64(most.Microseconds()), "max-µs/create")
		b.ReportMetric(float64(total.Nanoseconds())/float64(calls), "ns/create")
	}
	b.Run("none expired", func(b *testing.B) { longest(b, store.ErrFull) })
	c.Advance(2 * time.Hour)
	b.Run("all expired", func(b *testing.B) { longest(b, nil) })
}

func BenchmarkMemory(b *testing.B) {
	ctx := context.Background()
	m := store.NewMemory(store.MemoryOptions{})
	handles := fill(b, m, 100_000)

	b.Run("Find", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := m.FindSession(ctx, handles[i%len(handles)]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("FindParallel", func(b *testing.B) {
		b.ReportAllocs()
		var worker atomic.Int64
		b.RunParallel(func(pb *testing.PB) {
			for i := int(worker.Add(1)) * 7919; pb.Next(); i++ {
				if _, err := m.FindSession(ctx, handles[i%len(handles)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
	b.Run("Replace", func(b *testing.B) {
		b.ReportAllocs()
		r, err := m.FindSession(ctx, handles[0])
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, err := m.ReplaceSession(ctx, handles[0], r); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("CreateDelete", func(b *testing.B) {
		b.ReportAllocs()
		r := session(0)
		for b.Loop() {
			handle, err := m.CreateSession(ctx, r)
			if err != nil {
				b.Fatal(err)
			}
			if err := m.DeleteSession(ctx, handle); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Mark", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := m.Mark(ctx, "a", time.Hour); err != nil {
				b.Fatal(err)
			}
		}
	})
}
