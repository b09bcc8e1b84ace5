package main

import (
	"strings"
	"testing"
	"time"
)

const wrkReport = `Running 5s test @ http://127.0.0.1:33211/me
  1 threads and 10 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.93ms    4.33ms  43.23ms   91.34%
    Req/Sec    13.52k     2.81k   19.04k    64.00%
  Latency Distribution
     50%  500.00us
     75%    0.94ms
     90%    4.71ms
     99%    1.02s
  67291 requests in 5.00s, 9.69MB read
Requests/sec:  13449.55
Transfer/sec:      1.94MB
`

func TestReadLoad_Report(t *testing.T) {
	got, err := readLoad(wrkReport)
	want := load{rate: 13449.55, p50: 500 * time.Microsecond, p99: 1020 * time.Millisecond}
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestReadLoad_FailedRequests(t *testing.T) {
	for _, report := range []string{
		wrkReport + "  Non-2xx or 3xx responses: 5\n",
		wrkReport + "  Socket errors: connect 0, read 4, write 0, timeout 0\n",
		strings.Replace(wrkReport, "99%", "98%", 1),
		"",
	} {
		if l, err := readLoad(report); err == nil {
			t.Errorf("got %+v of %q", l, report)
		}
	}
}

func TestNewClient_WrongResponse(t *testing.T) {
	_, err := newClient(scenario{name: "wrong", make: bareGin, want: `{"name":"*","role":"user"}`})
	if err == nil || !strings.Contains(err.Error(), "wrong") {
		t.Errorf("got %v, want an error with the scenario", err)
	}
}

func TestQuartiles_Outliers(t *testing.T) {
	got := quartiles([]float64{900, 3, 1, 2, 4})
	if want := (spread{2, 3, 4}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestMemoryStore_SignsIn(t *testing.T) {
	for _, k := range memoryStores {
		signIn, _ := k.open()
		for i := range 3 {
			if err := signIn(userAt(i)); err != nil {
				t.Errorf("%s: %v", k.title, err)
			}
		}
	}
}

func TestUserAt_SharesNoString(t *testing.T) {
	a, b := userAt(1).values(), userAt(2).values()
	for name := range a {
		if len(a[name]) != len(b[name]) || a[name] == b[name] && name != "role" {
			t.Errorf("%s: %q and %q, want as many other characters", name, a[name], b[name])
		}
	}
}

func TestWorkload_Succeeds(t *testing.T) {
	for _, c := range workloads {
		if err := c.run(10, 4); err != nil {
			t.Errorf("%s: %v", c.title, err)
		}
	}
}
