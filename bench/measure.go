package main

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// cpuTime returns the processor time of this process: of all threads, including those of
// the garbage collector. Other processes on the machine have less effect on it, through
// shared caches, than on elapsed time.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // not possible with these arguments
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// sample is the average cost of a request.
type sample struct {
	cpu    float64 // nanoseconds
	bytes  float64
	allocs float64
}

// measure sends the request n times. The garbage collector runs as usual: over many
// rounds each scenario has the cost of its own allocations.
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

// timesFor returns the number of requests that take about d.
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

// result has the samples of one scenario.
type result struct {
	scenario
	cookieBytes int
	samples     []sample
	ratios      []float64 // of processor time, to bare Gin in the same round
}

// compare measures each client in each round directly before or after bare Gin, so that
// other processes on the machine affect both. The order is random.
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
			if rand.IntN(2) == 0 { // the second one has warmer caches
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

// about returns n with a random factor, so that the number of garbage collections in a
// measurement varies.
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

// spread has the quartiles of some values.
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
