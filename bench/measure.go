package main

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// cpuTime is the processor time of this process so far: of all threads, the
// garbage collector's among them. Other processes on the machine make it
// longer too, through shared caches, but far less than they do a clock's time.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // not with these arguments
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A sample is the cost of one request, on the average of many.
type sample struct {
	cpu    float64 // nanoseconds
	bytes  float64
	allocs float64
}

// measure sends the request n times. Garbage is collected when it is time, whoever
// left it: over many rounds everybody pays for what they allocate.
func (c *client) measure(n int) sample {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := cpuTime()
	for range n {
		c.send()
	}
	used := cpuTime() - start
	runtime.ReadMemStats(&after)
	return sample{
		cpu:    float64(used) / float64(n),
		bytes:  float64(after.TotalAlloc-before.TotalAlloc) / float64(n),
		allocs: float64(after.Mallocs-before.Mallocs) / float64(n),
	}
}

// timesFor is how many requests take about d.
func (c *client) timesFor(d time.Duration) int {
	n := 64
	for {
		cost := time.Duration(c.measure(n).cpu * float64(n))
		if cost >= d/4 {
			return max(1, int(float64(n)*float64(d)/float64(cost)))
		}
		n *= 2
	}
}

// A result is what the rounds say of one scenario.
type result struct {
	scenario
	cookieBytes int
	samples     []sample
	ratios      []float64 // of processor time, to bare Gin in the same round
}

// compare measures every client in every round, each right before or after bare
// Gin, so that both have the same neighbours on the machine. The order is
// another one each time.
func compare(base *client, clients []*client, rounds int, d time.Duration) []*result {
	baseTimes := base.timesFor(d)
	results := make([]*result, len(clients))
	times := make([]int, len(clients))
	for i, c := range clients {
		results[i] = &result{scenario: c.scenario, cookieBytes: len(c.request.Header.Get("Cookie"))}
		times[i] = c.timesFor(d)
	}
	for range rounds {
		for _, i := range rand.Perm(len(clients)) {
			var bare, s sample
			if rand.IntN(2) == 0 { // who comes second finds warmer caches
				bare = base.measure(about(baseTimes))
				s = clients[i].measure(about(times[i]))
			} else {
				s = clients[i].measure(about(times[i]))
				bare = base.measure(about(baseTimes))
			}
			results[i].samples = append(results[i].samples, s)
			results[i].ratios = append(results[i].ratios, s.cpu/bare.cpu)
		}
	}
	return results
}

// about varies n, so that no scenario always gets by with one garbage collection
// less than another.
func about(n int) int { return max(1, int(float64(n)*(0.5+rand.Float64()))) }

func (r *result) median(of func(sample) float64) float64 {
	values := make([]float64, len(r.samples))
	for i, s := range r.samples {
		values[i] = of(s)
	}
	return quartiles(values).median
}

func (r *result) cpu() float64    { return r.median(func(s sample) float64 { return s.cpu }) }
func (r *result) bytes() float64  { return r.median(func(s sample) float64 { return s.bytes }) }
func (r *result) allocs() float64 { return r.median(func(s sample) float64 { return s.allocs }) }

// A spread is the middle of some values and where half of them are.
type spread struct{ low, median, high float64 }

func quartiles(values []float64) spread {
	sorted := slices.Sorted(slices.Values(values))
	at := func(q float64) float64 {
		if len(sorted) == 0 {
			return 0
		}
		x := q * float64(len(sorted)-1)
		i := int(x)
		if i+1 == len(sorted) {
			return sorted[i]
		}
		return sorted[i] + (x-float64(i))*(sorted[i+1]-sorted[i])
	}
	return spread{at(0.25), at(0.5), at(0.75)}
}
