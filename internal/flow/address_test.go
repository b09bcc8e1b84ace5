package flow_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/provider"
)

func allowPrivate(p *provider.Provider) { p.DangerouslyAllowPrivateAddresses = true }

// The URL is that of a Profile function, which may have made it from a response.
func TestRequest_URLs(t *testing.T) {
	local := func(p *provider.Provider) { p.UserinfoURL = "http://127.0.0.1:8080/userinfo" }
	named := func(hosts ...string) func(*provider.Provider) {
		return func(p *provider.Provider) { p.InsecureHTTP = hosts }
	}
	localIssuer := func(p *provider.Provider) { p.Issuer = "http://localhost:9000" }
	for name, tt := range map[string]struct {
		url    string
		change func(*provider.Provider)
		ok     bool
	}{
		"https":                             {"https://idp.example/userinfo", nil, true},
		"not a URL":                         {"https://%", nil, false},
		"https, public address":             {"https://192.0.1.1/userinfo", nil, true},
		"https, public IPv6":                {"https://[2606:4700::1]/userinfo", nil, true},
		"http":                              {"http://idp.example/userinfo", nil, false},
		"http, public address":              {"http://203.0.113.7/userinfo", nil, false},
		"http, unspecified":                 {"http://0.0.0.0/userinfo", nil, false},
		"http, look-alike":                  {"http://localhost.evil.example/userinfo", nil, false},
		"http, 127 prefix":                  {"http://127.0.0.1.evil.example/userinfo", nil, false},
		"other scheme":                      {"ftp://idp.example/userinfo", nil, false},
		"no host":                           {"https:///userinfo", nil, false},
		"loopback":                          {"http://127.0.0.1:8080/x", nil, false},
		"loopback, IPv6":                    {"http://[::1]:8080/x", nil, false},
		"loopback, localhost":               {"http://localhost:3000/x", nil, false},
		"loopback, https":                   {"https://127.0.0.1:8080/x", nil, false},
		"loopback, mapped":                  {"https://[::ffff:127.0.0.1]:8080/x", nil, false},
		"loopback, NAT64":                   {"https://[64:ff9b::127.0.0.1]/x", nil, false},
		"loopback, private allowed":         {"https://127.0.0.1/x", allowPrivate, false},
		"server of a configured URL":        {"http://127.0.0.1:8080/x", local, true},
		"another port":                      {"http://127.0.0.1:8081/x", local, false},
		"loopback issuer":                   {"http://127.0.0.1:8081/x", localIssuer, true},
		"loopback issuer, localhost":        {"http://localhost:8081/x", localIssuer, true},
		"loopback issuer and another URL":   {"http://127.0.0.1:8081/x", func(p *provider.Provider) { localIssuer(p); local(p) }, true},
		"loopback issuer, IPv6":             {"http://[::1]:8081/x", localIssuer, true},
		"loopback issuer, not loopback":     {"http://idp.example/x", localIssuer, false},
		"loopback issuer, private":          {"https://10.0.0.1/x", localIssuer, false},
		"private":                           {"https://10.1.2.3/x", nil, false},
		"private 172":                       {"https://172.31.255.255/x", nil, false},
		"private 192":                       {"https://192.168.0.1/x", nil, false},
		"private, IPv6":                     {"https://[fd00::1]/x", nil, false},
		"private, mapped":                   {"https://[::ffff:10.0.0.1]/x", nil, false},
		"public, NAT64":                     {"https://[64:ff9b::192.0.1.1]/x", nil, true},
		"private, NAT64":                    {"https://[64:ff9b::10.0.0.1]/x", nil, false},
		"shared":                            {"https://100.64.0.1/x", nil, false},
		"private, allowed":                  {"https://10.1.2.3/x", allowPrivate, true},
		"private IPv6, allowed":             {"https://[fd00::1]/x", allowPrivate, true},
		"private, http, allowed":            {"http://10.1.2.3/x", allowPrivate, false},
		"unspecified, allowed":              {"https://0.0.0.0/x", allowPrivate, false},
		"unspecified IPv6, allowed":         {"https://[::]/x", allowPrivate, false},
		"metadata of the cloud, allowed":    {"https://169.254.169.254/x", allowPrivate, false},
		"link, IPv6, allowed":               {"https://[fe80::1]/x", allowPrivate, false},
		"group, allowed":                    {"https://224.0.0.1/x", allowPrivate, false},
		"broadcast, allowed":                {"https://255.255.255.255/x", allowPrivate, false},
		"IPv4 in IPv6, deprecated, allowed": {"https://[::127.0.0.1]/x", allowPrivate, false},
		"named":                             {"http://keycloak:8080/x", named("keycloak:8080"), true},
		"named, other scheme":               {"ftp://keycloak:8080/x", named("keycloak:8080"), false},
		"named, private":                    {"http://10.1.2.3/x", named("10.1.2.3"), true},
		"named, private, https":             {"https://10.1.2.3/x", named("10.1.2.3:443"), false},
		"named, metadata of the cloud":      {"http://169.254.169.254/x", named("169.254.169.254"), false},
		"another is named, private":         {"https://10.1.2.3/x", named("10.1.2.4"), false},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			i.handlers["/x"] = serve("{}")
			_, err := i.signIn(t, i.flow(i.oauth2(func(p *provider.Provider) {
				if tt.change != nil {
					tt.change(p)
				}
				p.Profile = func(ctx context.Context, r provider.ProfileRequest) (*provider.User, error) {
					_, err := r.Get(ctx, tt.url)
					return &provider.User{ID: "1"}, err
				}
			})))
			if tt.ok && err != nil {
				t.Errorf("refused: %v", err)
			}
			if !tt.ok {
				wantCode(t, err, "OAuthCallback")
			}
		})
	}
}

// A distant provider must not name servers of this host or of its network.
func TestDiscovery_NamesNoLocalServer(t *testing.T) {
	for _, member := range []string{"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"} {
		for _, at := range []string{"http://127.0.0.1:8080/", "http://localhost/", "http://[::1]/", "https://localhost/", "https://10.0.0.1/", "https://169.254.169.254/"} {
			t.Run(member+" "+at, func(t *testing.T) {
				i := newIDP()
				i.metadata[member] = at
				// Another endpoint on this server is configured.
				f := i.flow(i.oidc(func(p *provider.Provider) {
					if member != "token_endpoint" {
						p.TokenURL = "http://127.0.0.1:8080/token"
					}
				}))
				_, _, err := f.Start(t.Context(), redirectURI, nil)
				wantCode(t, err, "OAuthSignin")
			})
		}
	}

	i := newIDP()
	i.metadata["token_endpoint"] = "http://127.0.0.1:8080/token"
	f := i.flow(i.oidc(func(p *provider.Provider) { p.TokenURL = "http://127.0.0.1:8081/token" }))
	if _, err := i.signIn(t, f); err != nil {
		t.Errorf("with a configured endpoint: %v", err)
	}
}

// resolveTo makes the resolver return one address for all names.
func resolveTo(t *testing.T, ip string) {
	before := net.DefaultResolver
	t.Cleanup(func() { net.DefaultResolver = before })
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		go answerQuery(there, net.ParseIP(ip).To4())
		return here, nil
	}}
}

// answerQuery answers one query, in the form of DNS over TCP.
func answerQuery(conn net.Conn, ip net.IP) {
	defer conn.Close()
	query := make([]byte, 2048)
	n, err := conn.Read(query)
	if err != nil || n < 2 {
		return
	}
	var m dnsmessage.Message
	if m.Unpack(query[2:n]) != nil {
		return
	}
	m.Response, m.Authoritative, m.Additionals = true, true, nil
	if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1},
			Body:   &dnsmessage.AResource{A: [4]byte(ip)},
		}}
	}
	answer := must(m.Pack())
	conn.Write(append([]byte{byte(len(answer) >> 8), byte(len(answer))}, answer...))
}

// listen counts the connections to a loopback address, which it closes.
func listen(t *testing.T) (port string, connections *atomic.Int32) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	connections = new(atomic.Int32)
	done := make(chan struct{})
	t.Cleanup(func() { listener.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			conn.Close()
		}
	}()
	_, port, _ = net.SplitHostPort(listener.Addr().String())
	return port, connections
}

// The name server of a provider chooses the address of each connection.
func TestDial_ChecksResolvedAddress(t *testing.T) {
	for name, tt := range map[string]struct {
		ip     string
		host   string
		change func(*provider.Provider)
		want   string // in the error
	}{
		"loopback":                  {"127.0.0.1", "idp.example", func(*provider.Provider) {}, "loopback"},
		"loopback, private allowed": {"127.0.0.1", "idp.example", allowPrivate, "loopback"},
		"private":                   {"10.0.0.1", "idp.example", func(*provider.Provider) {}, "DangerouslyAllowPrivateAddresses"},
		"link":                      {"169.254.169.254", "idp.example", allowPrivate, "not the address of a server"},
	} {
		t.Run(name, func(t *testing.T) {
			port, connections := listen(t)
			resolveTo(t, tt.ip)
			i := newIDP()
			i.issuer = "https://" + tt.host + ":" + port
			_, _, err := flow.New(i.oidc(tt.change), flow.Config{}).Start(t.Context(), redirectURI, nil)
			wantCode(t, err, "OAuthSignin")
			if !strings.Contains(err.Error(), tt.want) || connections.Load() != 0 {
				t.Errorf("%d connections, %v", connections.Load(), err)
			}
		})
	}
}

// What a name server says of localhost is not trusted either, and http to it is not secret
// elsewhere.
func TestDial_ChecksAddressOfLocalhost(t *testing.T) {
	i := newIDP()
	issuer := i.oidc(func(p *provider.Provider) { p.Issuer = "http://localhost:9000" })
	container := i.oidc(func(p *provider.Provider) { p.InsecureHTTP = []string{"keycloak:8080", "localhost:9090"} })
	endpoint := i.oauth2(func(p *provider.Provider) {
		p.TokenURL, p.UserinfoURL = "http://localhost/token", "https://127.0.0.1/userinfo"
	})
	for _, tt := range []struct {
		p                 provider.Provider
		address, resolved string
		ok                bool
	}{
		{issuer, "localhost:9000", "127.0.0.1:9000", true},
		{issuer, "localhost:9000", "[::1]:9000", true},
		{issuer, "localhost:9000", "[::ffff:127.0.0.1]:9000", true},
		{issuer, "localhost:8080", "127.0.0.1:8080", true},
		{issuer, "idp.example:443", "127.0.0.1:443", true},
		{issuer, "localhost:9000", "203.0.113.7:9000", false},
		{issuer, "localhost:9000", "[2606:4700::1]:9000", false},
		{issuer, "127.0.0.1:9000", "203.0.113.7:9000", false},
		{endpoint, "localhost:80", "127.0.0.1:80", true},
		{endpoint, "127.0.0.1:443", "127.0.0.1:443", true},
		{endpoint, "localhost:443", "127.0.0.1:443", false},
		{endpoint, "127.0.0.1:80", "127.0.0.1:80", false},
		{endpoint, "idp.example:80", "127.0.0.1:80", false},
		{endpoint, "idp.example:443", "203.0.113.7:443", true},
		{endpoint, "idp.example:443", "", false},
		{container, "keycloak:8080", "10.0.0.5:8080", true},
		{container, "keycloak:8081", "10.0.0.5:8081", false},
		{container, "keycloak:8080", "127.0.0.1:8080", true},
		{container, "localhost:9090", "127.0.0.1:9090", true},
		{container, "keycloak:8080", "169.254.169.254:8080", false},
	} {
		if err := flow.CheckDial(tt.p, tt.address, tt.resolved); (err == nil) != tt.ok {
			t.Errorf("issuer %q: %s as %s: %v", tt.p.Issuer, tt.address, tt.resolved, err)
		}
	}
}

// setProxy sets the proxy of the environment.
func setProxy(t *testing.T, proxy func(*http.Request) (*url.URL, error)) {
	shared := http.DefaultTransport.(*http.Transport)
	before := shared.Proxy
	t.Cleanup(func() { shared.Proxy = before })
	shared.Proxy = proxy
}

func TestDial_WithoutProxy(t *testing.T) {
	setProxy(t, nil)
	i := newIDP()
	i.onNetwork(t)
	if _, err := i.signIn(t, flow.New(i.oidc(), flow.Config{Now: clock})); err != nil {
		t.Error(err)
	}
}

// A proxy that is not known is no reason to do without.
func TestDial_ProxyUnknown(t *testing.T) {
	fault := errors.New("the proxy is unknown")
	setProxy(t, func(*http.Request) (*url.URL, error) { return nil, fault })
	i := newIDP()
	i.onNetwork(t)
	_, _, err := flow.New(i.oidc(), flow.Config{Now: clock}).Start(t.Context(), redirectURI, nil)
	if !errors.Is(err, fault) || len(i.requests) != 0 {
		t.Errorf("%d requests, %v", len(i.requests), err)
	}
}

// A proxy is part of the environment of the application, and resolves the names itself.
func TestDial_ProxyOfEnvironment(t *testing.T) {
	port, connections := listen(t)
	setProxy(t, http.ProxyURL(&url.URL{Scheme: "http", Host: "127.0.0.1:" + port}))
	i := newIDP()
	_, _, err := flow.New(i.oidc(), flow.Config{}).Start(t.Context(), redirectURI, nil)
	wantCode(t, err, "OAuthSignin")
	if connections.Load() == 0 {
		t.Errorf("no connection to the proxy: %v", err)
	}
}
