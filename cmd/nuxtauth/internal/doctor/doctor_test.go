package doctor_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/cmd/nuxtauth/internal/doctor"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.TestMode)
	m.Run()
}

const (
	secret = "a-secret-of-at-least-32-characters"
	public = "https://example.com" // for which the certificate of httptest is
	local  = "http://localhost:3000"
)

type (
	Token   struct{ nuxtauth.DefaultJWT }
	Session = nuxtauth.DefaultSession[nuxtauth.DefaultUser]
	Config  = nuxtauth.Config[Token, Session]
)

// A network is where the servers of a test are, by host and port. A name that it does not
// have is not resolved, and a port that is missing is refused.
type network map[string]net.Addr

// transport connects to the servers of the network. It trusts their certificates.
func (n network) transport(t *testing.T, roots *x509.CertPool) *http.Transport {
	tr := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			if to, ok := n[address]; ok {
				return new(net.Dialer).DialContext(ctx, to.Network(), to.String())
			}
			host, _, _ := net.SplitHostPort(address)
			if net.ParseIP(host).IsLoopback() || host == "example.com" {
				return new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:1") // where no server listens
			}
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		},
	}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// serve starts a server, which is at an address of the network.
func (n network) serve(t *testing.T, address string, h http.Handler) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	host, ok := strings.CutPrefix(address, "https://")
	port := ":443"
	if ok {
		srv.StartTLS()
	} else {
		srv.Start()
		host, port = strings.TrimPrefix(address, "http://"), ":80"
	}
	if !strings.Contains(host, ":") {
		host += port
	}
	t.Cleanup(srv.Close)
	n[host] = srv.Listener.Addr()
	return srv
}

// A setup is a server that is examined.
type setup struct {
	at      string                               // the address that is examined; "" means public
	serves  string                               // the address of the server; "" means at, without a path
	plain   http.HandlerFunc                     // the server at http://example.com; nil means a redirect to https
	config  func(*Config)                        // changes the configuration
	proxy   func(next http.Handler) http.Handler // in front of the server
	issuers []string                             // -issuer
	now     func() time.Time                     // of the machine that examines
	timeout time.Duration                        // of requests; 0 means one minute
	network func(n network)                      // changes where servers are
}

// examine returns the findings about a setup. Its provider is idp, if that is not nil.
func examine(t *testing.T, idp *authtest.IDP, s setup) []doctor.Finding {
	t.Helper()
	n := network{}
	at := s.at
	if at == "" {
		at = public
	}
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	address := cmp.Or(s.serves, u.Scheme+"://"+u.Host)

	cfg := Config{
		Secret: secret, URL: address, Logger: slog.New(slog.DiscardHandler),
		Providers: []provider.Provider{provider.Credentials(func(context.Context, url.Values) (*provider.User, error) { return nil, nil }, provider.Field{Name: "username"})},
	}
	if idp != nil {
		idpAddress := strings.TrimPrefix(idp.Issuer(), "http://")
		if n[idpAddress], err = net.ResolveTCPAddr("tcp", idpAddress); err != nil {
			t.Fatal(err)
		}
		cfg.Providers = append([]provider.Provider{idp.AsProvider("idp")}, cfg.Providers...)
	}
	if s.config != nil {
		s.config(&cfg)
	}
	auth, err := nuxtauth.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := gin.New()
	r.Use(auth.Middleware())
	var h http.Handler = r
	if s.proxy != nil {
		h = s.proxy(r)
	}
	srv := n.serve(t, address, h)
	var roots *x509.CertPool
	if strings.HasPrefix(address, "https://") {
		roots = srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		plain := s.plain
		if plain == nil {
			plain = func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "https://"+r.Host+r.URL.Path, http.StatusMovedPermanently)
			}
		}
		n.serve(t, "http://example.com", plain)
	}
	if s.network != nil {
		s.network(n)
	}
	return run(t, doctor.Options{URL: at, Issuers: s.issuers, Now: s.now, Transport: n.transport(t, roots), Timeout: s.timeout})
}

// run examines with the defaults of tests.
func run(t *testing.T, o doctor.Options) []doctor.Finding {
	t.Helper()
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	o.UserAgent = "test"
	var all []doctor.Finding
	if err := doctor.Run(t.Context(), o, func(f doctor.Finding) { all = append(all, f) }); err != nil {
		t.Fatal(err)
	}
	return all
}

// faults compares the findings that are not ok, in their order, with lines such as
// "fail proxy: any client".
func faults(t *testing.T, all []doctor.Finding, want ...string) {
	t.Helper()
	var got []string
	for _, f := range all {
		if f.Status != doctor.OK {
			got = append(got, fmt.Sprintf("%s %s: %s", f.Status, f.Check, f.Text))
			if f.Fix == "" {
				t.Errorf("%s has nothing to do", got[len(got)-1])
			}
		} else if f.Fix != "" {
			t.Errorf("%q is ok, and has %q to do", f.Text, f.Fix)
		}
	}
	same := len(got) == len(want)
	for i := range min(len(got), len(want)) {
		status, part, _ := strings.Cut(want[i], ": ")
		same = same && strings.HasPrefix(got[i], status+": ") && strings.Contains(got[i], part)
	}
	if !same {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// has reports whether a finding that is ok has this text.
func has(all []doctor.Finding, check, part string) bool {
	for _, f := range all {
		if f.Status == doctor.OK && f.Check == check && strings.Contains(f.Text, part) {
			return true
		}
	}
	return false
}

// at2026 is the time that a server has whose answers are dated.
var at2026 = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// dated is a proxy in front of a server with a clock that stands still.
func dated(next http.Handler) http.Handler {
	return rewrite(func(_ *http.Request, h http.Header) { h.Set("Date", at2026.Format(http.TimeFormat)) })(next)
}

// clock returns a clock that is ahead of that of such a server.
func clock(ahead time.Duration) func() time.Time {
	return func() time.Time { return at2026.Add(ahead) }
}

// abort closes the connection without an answer.
func abort(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func TestRun_RightSetups(t *testing.T) {
	idp := authtest.StartIDP(t)
	for name, tt := range map[string]struct {
		setup
		ok map[string]string // texts of findings, by check
	}{
		"https": {setup{}, map[string]string{
			"public URL":   public + "/api/auth",
			"cookies":      "__Host-next-auth.csrf-token, __Secure-next-auth.callback-url",
			"https":        "http redirects to https",
			"provider":     `"idp": a sign-in redirects to http://127.0.0.1`,
			"callback URL": `register this one at the provider "idp": https://example.com/api/auth/callback/idp`,
			"issuer":       "keys for signatures: 1",
			"session":      "{}",
			"CSRF":         "accepted",
		}},
		"on this machine":    {setup{at: local}, map[string]string{"https": "not needed", "cookies": "next-auth.csrf-token"}},
		"http is redirected": {setup{at: "http://example.com", serves: public}, map[string]string{"http": "redirects to https"}},
		"Auth.js":            {setup{config: func(c *Config) { c.Protocol = nuxtauth.AuthJS }}, map[string]string{"session": "null", "cookies": "__Secure-authjs.callback-url"}},
		"a base path": {setup{at: public + "/app/auth", config: func(c *Config) { c.BasePath = "/app/auth" }}, map[string]string{
			"API": "https://example.com/app/auth answers, with 2 providers",
		}},
		"a prefix":                {setup{config: func(c *Config) { c.Cookies.Prefix = "shop" }}, map[string]string{"cookies": "__Secure-shop.session-token"}},
		"a domain":                {setup{config: func(c *Config) { c.Cookies.Domain = "example.com" }}, map[string]string{"cookies": "__Secure-next-auth.session-token (for example.com and all hosts below)"}},
		"a store":                 {setup{config: func(c *Config) { c.Session.Store = store.NewMemory(store.MemoryOptions{}) }}, map[string]string{"cookies": "__Secure-next-auth.session-token"}},
		"TrustHost":               {setup{config: func(c *Config) { c.URL, c.TrustHost, c.TrustedOrigins = "", true, []string{public} }}, map[string]string{"proxy": "does not depend"}},
		"credentials":             {setup{config: func(c *Config) { c.Providers = c.Providers[1:] }}, map[string]string{"CSRF": "accepted", "provider": "its sign-ins need input", "API": `the provider "credentials"`}},
		"no server at 80":         {setup{network: func(n network) { delete(n, "example.com:80") }}, map[string]string{"https": "no server at http"}},
		"an error at 80":          {setup{plain: http.NotFound}, map[string]string{"https": "http answers with status 404"}},
		"a lost connection at 80": {setup{plain: abort}, map[string]string{"https": "no server at http"}},
		"another port":            {setup{at: public + ":8443"}, map[string]string{"public URL": public + ":8443/api/auth"}},
		"a host below localhost":  {setup{at: "http://app.localhost:3000"}, map[string]string{"https": "not needed"}},
		"cookies of the proxy":    {setup{proxy: rewrite(func(_ *http.Request, h http.Header) { h.Add("Set-Cookie", "AWSALB=x") })}, map[string]string{"cookies": "__Secure-next-auth.session-token"}},
		"a clock behind, leeway":  {setup{now: clock(15 * time.Second), proxy: dated}, map[string]string{"clock": "less than 15s"}},
		"a clock ahead, leeway":   {setup{now: clock(-14 * time.Second), proxy: dated}, map[string]string{"clock": "less than 15s"}},
		"the default port":        {setup{at: "https://EXAMPLE.com:443/", serves: public}, map[string]string{"public URL": public + "/api/auth"}},
	} {
		t.Run(name, func(t *testing.T) {
			all := examine(t, idp, tt.setup)
			faults(t, all)
			for _, check := range []string{"API", "caches", "clock", "public URL", "size of cookies"} {
				if !has(all, check, "") {
					t.Errorf("no finding %q", check)
				}
			}
			for check, part := range tt.ok {
				if !has(all, check, part) {
					t.Errorf("no finding %q has %q: %+v", check, part, all)
				}
			}
		})
	}
}

func TestRun_Addresses(t *testing.T) {
	for address, want := range map[string]string{
		"":                         "is no address",
		"example.com":              "is no address",
		"ftp://example.com":        "is no address",
		"https://a:b@example.com":  "user name or a password",
		"https://example.com/?a=b": "write https://example.com/",
		"https://example.com/x#y":  "write https://example.com/x",
	} {
		err := doctor.Run(t.Context(), doctor.Options{URL: address, Timeout: time.Second, Now: time.Now}, func(f doctor.Finding) { t.Error(f) })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: the error is %v, want %q", address, err, want)
		}
	}
	err := doctor.Run(t.Context(), doctor.Options{URL: local, Issuers: []string{"id.example.com"}, Timeout: time.Second, Now: time.Now}, func(f doctor.Finding) { t.Error(f) })
	if err == nil || !strings.Contains(err.Error(), `"id.example.com" is no https address`) {
		t.Errorf("the error is %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := doctor.Run(ctx, doctor.Options{URL: local, Timeout: time.Second, Now: time.Now}, func(doctor.Finding) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

// The examination begins no session, and sends no secret of the server anywhere.
func TestRun_LeavesNoSession(t *testing.T) {
	sessions := store.NewMemory(store.MemoryOptions{})
	var log bytes.Buffer
	all := examine(t, authtest.StartIDP(t), setup{config: func(c *Config) {
		c.Session.Store = sessions
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		c.Events.SignIn = func(context.Context, nuxtauth.SignInEvent[Token]) { t.Error("a sign-in") }
	}})
	faults(t, all)
	if n := strings.Count(log.String(), "level=ERROR"); n > 0 {
		t.Errorf("the log has %d errors: %s", n, log.String())
	}
}
