package clientip_test

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/clientip"
)

// A source is a request of a framework.
type source struct{ client, remote string }

func (s source) ClientIP() string { return s.client }
func (s source) RemoteIP() string { return s.remote }

func noPlatform(clientip.Source) string { return "" }

func TestResolver_Platform(t *testing.T) {
	for name, tt := range map[string]struct {
		trustsAny bool
		platform  string
		want      string
	}{
		"named":                        {true, "203.0.113.9", "203.0.113.9"},
		"without its header":           {true, "", "198.51.100.1"},
		"the framework asks it itself": {false, "203.0.113.9", "192.0.2.9"},
	} {
		t.Run(name, func(t *testing.T) {
			r := clientip.New(func(clientip.Source) bool { return tt.trustsAny }, func(clientip.Source) string { return tt.platform })
			got := r.Of(source{"192.0.2.9", "10.0.0.1"}, http.Header{"X-Forwarded-For": {"198.51.100.1"}})
			if got.IP != tt.want {
				t.Errorf("got %q, want %q", got.IP, tt.want)
			}
		})
	}
}

func TestResolver_Doubt(t *testing.T) {
	forwarded := http.Header{"X-Forwarded-For": {"198.51.100.1"}}
	for name, tt := range map[string]struct {
		trustsAny bool
		src       source
		header    http.Header
		want      string // in the text; "" for no doubt
	}{
		"public client":                        {false, source{"203.0.113.5", "203.0.113.5"}, nil, ""},
		"client behind a proxy that is named":  {false, source{"198.51.100.1", "10.0.0.1"}, forwarded, ""},
		"client behind any proxy":              {true, source{"198.51.100.1", "10.0.0.1"}, forwarded, ""},
		"proxy that is not named":              {false, source{"10.0.0.1", "10.0.0.1"}, forwarded, "X-Forwarded-For is ignored"},
		"proxy without the header":             {true, source{"10.0.0.1", "10.0.0.1"}, nil, "no X-Forwarded-For"},
		"socket":                               {true, source{"", ""}, nil, "no X-Forwarded-For"},
		"public proxy, or a client's header":   {true, source{"198.51.100.1", "203.0.113.5"}, forwarded, "TrustedPlatform"},
		"public client that sends no header":   {true, source{"203.0.113.5", "203.0.113.5"}, nil, ""},
		"header of any client, proxies named":  {false, source{"203.0.113.5", "203.0.113.5"}, forwarded, ""},
		"proxy of a private net that is named": {false, source{"10.9.9.9", "10.0.0.1"}, forwarded, "X-Forwarded-For is ignored"},
	} {
		t.Run(name, func(t *testing.T) {
			r := clientip.New(func(clientip.Source) bool { return tt.trustsAny }, noPlatform)
			got := r.Doubt(tt.src, tt.header)
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q in it", got, tt.want)
			}
		})
	}
}

func TestResolver_Of(t *testing.T) {
	const client, proxy = "198.51.100.1", "192.0.2.9" // proxy is what the framework makes of the header
	for name, tt := range map[string]struct {
		trustsAny bool
		remote    string
		forwarded []string
		want      string
	}{
		"configured proxies": {false, "10.0.0.1", []string{client}, proxy},

		"public address, forged header":       {true, "203.0.113.5", []string{client}, "203.0.113.5"},
		"public IPv6 address, forged header":  {true, "2001:db8::5", []string{client}, "2001:db8::5"},
		"public address in IPv6":              {true, "::ffff:203.0.113.5", []string{client}, "::ffff:203.0.113.5"},
		"private address":                     {true, "10.0.0.1", []string{client}, client},
		"private address in IPv6":             {true, "::ffff:10.0.0.1", []string{client}, client},
		"private IPv6 address":                {true, "fd00::1", []string{"2001:db8::7"}, "2001:db8::7"},
		"loopback":                            {true, "127.0.0.1", []string{client}, client},
		"IPv6 loopback":                       {true, "::1", []string{client}, client},
		"link-local address":                  {true, "169.254.0.1", []string{client}, "169.254.0.1"},
		"Unix socket":                         {true, "", []string{client}, client},
		"Unix socket without a header":        {true, "", nil, ""},
		"forged beginning":                    {true, "10.0.0.1", []string{"6.6.6.6, 198.51.100.1"}, client},
		"two forged entries":                  {true, "10.0.0.1", []string{"6.6.6.6, 7.7.7.7,198.51.100.1"}, client},
		"forged line":                         {true, "10.0.0.1", []string{"6.6.6.6", client}, client},
		"spaces":                              {true, "10.0.0.1", []string{"6.6.6.6,\t198.51.100.1 "}, client},
		"no address in the header":            {true, "10.0.0.1", []string{"<script>"}, "10.0.0.1"},
		"no address at the end of the header": {true, "10.0.0.1", []string{client + ","}, "10.0.0.1"},
		"address with a port in the header":   {true, "10.0.0.1", []string{client + ":80"}, "10.0.0.1"},
		"empty header":                        {true, "10.0.0.1", []string{""}, "10.0.0.1"},
		"no header":                           {true, "10.0.0.1", nil, "10.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			r := clientip.New(func(clientip.Source) bool { return tt.trustsAny }, noPlatform)
			h := http.Header{"User-Agent": {"agent"}}
			if tt.forwarded != nil {
				h["X-Forwarded-For"] = tt.forwarded
			}
			if got, want := r.Of(source{proxy, tt.remote}, h), (clientip.Client{IP: tt.want, UserAgent: "agent"}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestResolver_AsksTheFrameworkOnce(t *testing.T) {
	var calls atomic.Int64
	first := source{"192.0.2.9", "203.0.113.5"}
	r := clientip.New(func(src clientip.Source) bool {
		calls.Add(1)
		return src == first
	}, noPlatform)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if got := r.Of(first, http.Header{}); got != (clientip.Client{IP: "203.0.113.5"}) {
				t.Errorf("got %+v", got)
			}
		})
	}
	wg.Wait()
	if n := calls.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestClient_Network(t *testing.T) {
	for ip, want := range map[string]string{
		"198.51.100.1":          "198.51.100.1",
		"::ffff:198.51.100.1":   "198.51.100.1",
		"2001:db8:1:2:3:4:5:6":  "2001:db8:1:2::/64",
		"2001:db8:1:2::9%eth0":  "2001:db8:1:2::/64",
		"::1":                   "::/64",
		"":                      "unknown",
		"@":                     "unknown",
		"198.51.100.1:80":       "unknown",
		"198.51.100.1, 1.2.3.4": "unknown",
	} {
		if got := (clientip.Client{IP: ip}).Network(); got != want {
			t.Errorf("%q: got %q, want %q", ip, got, want)
		}
	}
}
