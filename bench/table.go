package main

import (
	"errors"
	"flag"
	"fmt"
	"regexp"
	"runtime"
	"time"
)

// requests is the command that compares single requests.
func requests(args []string) error {
	flags := flag.NewFlagSet("requests", flag.ExitOnError)
	rounds := flags.Int("rounds", 30, "number of measurements of each scenario")
	d := flags.Duration("time", 100*time.Millisecond, "processor time of one measurement")
	run := flags.String("run", "", "only the scenarios whose names match this regular expression")
	if err := flags.Parse(args); err != nil {
		return err
	}
	only, err := regexp.Compile(*run)
	if err != nil {
		return err
	}
	if *rounds < 1 || *d <= 0 || flags.NArg() > 0 {
		return errors.New("write -rounds above 0, -time above 0, and no arguments")
	}

	var clients []*client
	for _, s := range scenarios() {
		if !only.MatchString(s.name) {
			continue
		}
		c, err := newClient(s)
		if err != nil {
			return err
		}
		clients = append(clients, c)
	}
	base, err := newClient(scenario{name: "gin", make: bareGin})
	if err != nil {
		return err
	}
	results := compare(base, clients, *rounds, *d)
	fmt.Printf("%s, %s/%s, %d CPUs, %d rounds of %v.\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), *rounds, *d)
	printTable(results)
	printTargets(results)
	return nil
}

func printTable(results []*result) {
	fmt.Println("| signed-in `GET /me` | CPU, bare Gin = 1 | half of the rounds | CPU µs | bytes | allocs |")
	fmt.Println("|---|--:|--:|--:|--:|--:|")
	for _, r := range results {
		q := quartiles(r.ratios)
		fmt.Printf("| %s | %.1f | %.1f–%.1f | %.1f | %.0f | %.0f |\n",
			r.title, q.median, q.low, q.high, r.cpu()/1000, r.bytes(), r.allocs())
	}
}

// target is a limit for results. It is skipped if a scenario that it needs was not
// measured.
type target struct {
	what    string
	needs   []string
	limit   float64
	stretch float64 // 0: none
	atLeast bool    // the limit is a minimum
	value   func(r []*result) float64
}

var targets = []target{
	{"signed out, bare Gin = 1", []string{"nuxtauth/signed-out"}, 1.3, 1.15, false, ratio},
	{"v4 token, bare Gin = 1", []string{"nuxtauth/v4"}, 4.5, 3.5, false, ratio},
	{"v4 token, allocations above bare Gin", []string{"nuxtauth/v4", "gin"}, 16, 10, false, moreAllocs},
	{"v5 token, bare Gin = 1", []string{"nuxtauth/v5"}, 6, 5, false, ratio},
	{"v4 token and `CacheFor`, bare Gin = 1", []string{"nuxtauth/cached"}, 2.2, 1.8, false, ratio},
	{"v4 token and `CacheFor`, allocations above bare Gin", []string{"nuxtauth/cached", "gin"}, 6, 0, false, moreAllocs},
	{"`GET /api/auth/session`, bare Gin = 1", []string{"nuxtauth/session"}, 9, 7, false, ratio},
	{"v4 token, times cheaper than golang-jwt by hand", []string{"nuxtauth/v4", "golang-jwt"}, 2.2, 3, true, cheaper},
	{"v4 token, times cheaper than the cookies of gin-contrib/sessions", []string{"nuxtauth/v4", "gin-contrib-cookie"}, 5, 7, true, cheaper},
	{"three cookies, growth of cost over growth of bytes", []string{"nuxtauth/three-chunks", "nuxtauth/v4"}, 1, 0, false, func(r []*result) float64 {
		cost := (ratio(r[:1]) - 1) / (ratio(r[1:]) - 1)
		return cost / (float64(r[0].cookieBytes) / float64(r[1].cookieBytes))
	}},
}

func ratio(r []*result) float64      { return quartiles(r[0].ratios).median }
func moreAllocs(r []*result) float64 { return r[0].allocs() - r[1].allocs() }
func cheaper(r []*result) float64    { return ratio(r[1:]) / ratio(r[:1]) }

func printTargets(results []*result) {
	byName := make(map[string]*result)
	for _, r := range results {
		byName[r.name] = r
	}
	fmt.Println("\n| target | want | stretch | is | |")
	fmt.Println("|---|--:|--:|--:|---|")
	for _, t := range targets {
		var needed []*result
		for _, name := range t.needs {
			if r := byName[name]; r != nil {
				needed = append(needed, r)
			}
		}
		if len(needed) < len(t.needs) {
			continue
		}
		sign, stretch, verdict := "≤", "", "met"
		is := t.value(needed)
		if t.atLeast {
			sign = "≥"
		}
		if t.stretch > 0 {
			stretch = fmt.Sprintf("%s %g", sign, t.stretch)
		}
		if t.atLeast && is < t.limit || !t.atLeast && is > t.limit {
			verdict = "missed"
		}
		fmt.Printf("| %s | %s %g | %s | %.2f | %s |\n", t.what, sign, t.limit, stretch, is, verdict)
	}
}
