package main

import (
	"os"
	"testing"

	"github.com/gin-gonic/gin"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	os.Exit(m.Run())
}

func TestScenario_Response(t *testing.T) {
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			if _, err := newClient(s); err != nil {
				t.Error(err)
			}
		})
	}
}

// BenchmarkMe sends one request after the other. To compare two commits:
//
//	go test -run '^$' -bench Me/nuxtauth -count 10 >new.txt
//	benchstat old.txt new.txt
func BenchmarkMe(b *testing.B) {
	for _, s := range scenarios() {
		b.Run(s.name, func(b *testing.B) {
			c, err := newClient(s)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			start := cpuTime()
			for b.Loop() {
				c.send()
			}
			b.ReportMetric(float64(cpuTime()-start)/float64(b.N), "cpu-ns/op")
		})
	}
}

// BenchmarkParallel sends as many requests concurrently as the flag -cpu has CPUs, which
// shows contention on locks.
func BenchmarkParallel(b *testing.B) {
	for _, s := range scenarios() {
		b.Run(s.name, func(b *testing.B) {
			c, err := newClient(s)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			start := cpuTime()
			b.RunParallel(func(pb *testing.PB) {
				local := &client{scenario: c.scenario, handler: c.handler, request: c.request}
				for pb.Next() {
					local.send()
				}
			})
			b.ReportMetric(float64(cpuTime()-start)/float64(b.N), "cpu-ns/op")
		})
	}
}
