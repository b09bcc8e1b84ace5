package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// overHTTP is the command that loads a bare Gin server and one of a scenario with wrk, in
// turns.
func overHTTP(args []string) error {
	flags := flag.NewFlagSet("http", flag.ExitOnError)
	name := flags.String("scenario", "nuxtauth/v4", "the scenario to compare with bare Gin")
	rounds := flags.Int("rounds", 3, "number of loads of each server")
	seconds := flags.Int("seconds", 5, "duration of one load")
	connections := flags.String("connections", "2,10,50", "numbers of connections")
	procs := flags.Int("procs", 1, "GOMAXPROCS of the servers; wrk has one thread")
	if err := flags.Parse(args); err != nil {
		return err
	}
	counts, err := numbers(*connections)
	if err != nil {
		return err
	}
	wrk, err := exec.LookPath("wrk")
	if err != nil {
		return errors.New("wrk is not installed: apt-get install wrk, brew install wrk, or https://github.com/wg/wrk")
	}
	bare, err := start("gin", *procs)
	if err != nil {
		return err
	}
	defer bare.stop()
	other, err := start(*name, *procs)
	if err != nil {
		return err
	}
	defer other.stop()
	bare.Headers = other.Headers // the same request for both

	fmt.Printf("%s compared with bare Gin: medians of %d rounds of %d s, GOMAXPROCS=%d, wrk with one thread.\n\n", *name, *rounds, *seconds, *procs)
	fmt.Println("| connections | bare Gin, requests/s | requests/s | ratio | bare Gin p50, p99 | p50, p99 | ratios |")
	fmt.Println("|--:|--:|--:|--:|--:|--:|--:|")
	for _, n := range counts {
		var all [2][]load
		for range *rounds {
			for i, s := range []*server{bare, other} {
				l, err := s.load(wrk, n, *seconds)
				if err != nil {
					return err
				}
				all[i] = append(all[i], l)
			}
		}
		row(n, all[0], all[1])
	}
	return nil
}

// row prints the medians of two servers, and those of the ratios in each round.
func row(connections int, bare, other []load) {
	rate := func(l load) float64 { return l.rate }
	p50 := func(l load) float64 { return float64(l.p50) }
	p99 := func(l load) float64 { return float64(l.p99) }
	middle := func(of func(load) float64, loads []load) float64 {
		values := make([]float64, len(loads))
		for i, l := range loads {
			values[i] = of(l)
		}
		return quartiles(values).median
	}
	ratio := func(of func(load) float64) float64 {
		values := make([]float64, len(bare))
		for i := range values {
			values[i] = of(other[i]) / of(bare[i])
		}
		return quartiles(values).median
	}
	took := func(of func(load) float64, loads []load) time.Duration {
		return time.Duration(middle(of, loads)).Round(10 * time.Microsecond)
	}
	fmt.Printf("| %d | %.0f | %.0f | %.2f | %v, %v | %v, %v | %.2f, %.2f |\n", connections,
		middle(rate, bare), middle(rate, other), ratio(rate),
		took(p50, bare), took(p99, bare), took(p50, other), took(p99, other), ratio(p50), ratio(p99))
}

func numbers(list string) ([]int, error) {
	var all []int
	for field := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is not a number of connections", field)
		}
		all = append(all, n)
	}
	return all, nil
}

// server is a process of this program that serves one scenario.
type server struct {
	URL     string
	Headers []string // of a signed-in request, "Name: value"

	process *exec.Cmd
	stdin   io.Closer
}

func start(name string, procs int) (*server, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &server{process: exec.Command(program, "serve", name)}
	s.process.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(procs))
	s.process.Stderr = os.Stderr
	if s.stdin, err = s.process.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, s)
	}
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("start a server of %s: %w", name, err)
	}
	return s, nil
}

// stop ends the process by closing its standard input.
func (s *server) stop() {
	s.stdin.Close()
	s.process.Wait()
}

// serve is the command of a server's process.
func serve(args []string) error {
	if len(args) != 1 {
		return errors.New("serve: write the name of a scenario")
	}
	for _, s := range scenarios() {
		if s.name != args[0] {
			continue
		}
		c, err := newClient(s)
		if err != nil {
			return err
		}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		ready := server{URL: "http://" + listener.Addr().String() + c.request.URL.Path}
		for name, values := range c.request.Header {
			ready.Headers = append(ready.Headers, name+": "+strings.Join(values, "; "))
		}
		if err := json.NewEncoder(os.Stdout).Encode(ready); err != nil {
			return err
		}
		go func() {
			io.Copy(io.Discard, os.Stdin)
			listener.Close()
		}()
		if err := http.Serve(listener, c.handler); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	}
	return fmt.Errorf("there is no scenario %q", args[0])
}

// load is the result of one run of wrk.
type load struct {
	rate     float64 // requests per second
	p50, p99 time.Duration
}

var (
	latencyLine = regexp.MustCompile(`(?m)^\s+(50|99)%\s+([\d.]+)(us|ms|s)$`)
	rateLine    = regexp.MustCompile(`(?m)^Requests/sec:\s+([\d.]+)$`)
)

func (s *server) load(wrk string, connections, seconds int) (load, error) {
	args := []string{"--latency", "-t", "1", "-c", strconv.Itoa(connections), "-d", strconv.Itoa(seconds) + "s"}
	for _, h := range s.Headers {
		args = append(args, "-H", h)
	}
	out, err := exec.Command(wrk, append(args, s.URL)...).CombinedOutput()
	if err != nil {
		return load{}, fmt.Errorf("wrk: %w: %s", err, out)
	}
	return readLoad(string(out))
}

// readLoad parses the report of wrk. A report with failed requests is an error.
func readLoad(report string) (load, error) {
	var l load
	if strings.Contains(report, "Non-2xx") || strings.Contains(report, "Socket errors") {
		return l, fmt.Errorf("wrk reports errors: %s", report)
	}
	for _, m := range latencyLine.FindAllStringSubmatch(report, -1) {
		d, err := time.ParseDuration(m[2] + m[3])
		if err != nil {
			return l, err
		}
		if m[1] == "50" {
			l.p50 = d
		} else {
			l.p99 = d
		}
	}
	if m := rateLine.FindStringSubmatch(report); m != nil {
		l.rate, _ = strconv.ParseFloat(m[1], 64) // an error leaves 0, which is rejected below
	}
	if l.rate == 0 || l.p50 == 0 || l.p99 == 0 {
		return l, fmt.Errorf("the report of wrk has no latency or rate: %s", report)
	}
	return l, nil
}
