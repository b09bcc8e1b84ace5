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

func TestEveryScenarioAnswers(t *testing.T) {
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			if _, err := newClient(s); err != nil {
				t.Error(err)
			}
		})
	}
}

// BenchmarkMe is one request after the other. For two commits:
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

// BenchmarkParallel is as many requests at a time as -cpu says, and so shows
// what waits for a lock.
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
				own := &client{scenario: c.scenario, handler: c.handler, request: c.request}
				for pb.Next() {
					own.send()
				}
			})
			b.ReportMetric(float64(cpuTime()-start)/float64(b.N), "cpu-ns/op")
		})
	}
}
