package origin_test

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/origin"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func site(t testing.TB, cfg origin.Config) *origin.Site {
	t.Helper()
	s, err := origin.New(cfg)
	must(t, err)
	return s
}

func TestNew_URLAndBasePath(t *testing.T) {
	tests := []struct {
		name       string
		url, path  string
		wantOrigin string
		wantPath   string
	}{
		{"an origin", "https://app.example.com", "", "https://app.example.com", "/api/auth"},
		{"with a slash", "https://app.example.com/", "", "https://app.example.com", "/api/auth"},
		{"with the path", "https://app.example.com/auth", "", "https://app.example.com", "/auth"},
		{"with the path and a slash", "https://app.example.com/v1.0/my-auth/", "", "https://app.example.com", "/v1.0/my-auth"},
		{"path apart", "https://app.example.com", "/auth", "https://app.example.com", "/auth"},
		{"both, the same", "https://app.example.com/auth", "/auth", "https://app.example.com", "/auth"},
		{"capitals and default port", "HTTPS://App.Example.COM:443", "", "https://app.example.com", "/api/auth"},
		{"default port of http", "http://localhost:80", "", "http://localhost", "/api/auth"},
		{"another port", "http://localhost:3000", "", "http://localhost:3000", "/api/auth"},
		{"IPv4", "http://127.0.0.1:3000", "", "http://127.0.0.1:3000", "/api/auth"},
		{"IPv6", "http://[0:0::1]:3000", "", "http://[::1]:3000", "/api/auth"},
		{"other alphabets", "https://xn--mnchen-3ya.example", "", "https://xn--mnchen-3ya.example", "/api/auth"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := site(t, origin.Config{URL: tt.url, BasePath: tt.path})
			got, err := s.Base(&http.Request{})
			must(t, err)
			if want := (origin.Base{Origin: tt.wantOrigin, Path: tt.wantPath}); got != want || s.Path() != tt.wantPath {
				t.Errorf("got %v and path %q, want %v", got, s.Path(), want)
			}
		})
	}
}

func TestNew_Errors(t *testing.T) {
	const app = "https://app.example.com"
	tests := []struct {
		name  string
		cfg   origin.Config
		wants []string
	}{
		{"nothing", origin.Config{}, []string{`URL is empty`, `"https://app.example.com"`, `TrustHost`}},
		{"no scheme", origin.Config{URL: "app.example.com"}, []string{`URL "app.example.com" is not an absolute`, `"https://app.example.com"`}},
		{"a host and port alone", origin.Config{URL: "localhost:3000"}, []string{`not an absolute`}},
		{"another scheme", origin.Config{URL: "ftp://app.example.com"}, []string{`not an absolute`}},
		{"no host", origin.Config{URL: "https:///api/auth"}, []string{`not an absolute`}},
		{"not a URL", origin.Config{URL: "https://app.example.com:x"}, []string{`not an absolute`}},
		{"a query", origin.Config{URL: app + "/auth?x=1"}, []string{`a query or a fragment: write "https://app.example.com/auth"`}},
		{"an empty fragment", origin.Config{URL: app + "#"}, []string{`a query or a fragment`}},
		{"a user", origin.Config{URL: "https://user:hunter2@app.example.com"}, []string{`an @`}},
		{"not ASCII", origin.Config{URL: "https://münchen.example"}, []string{`a host that is not valid`, `xn--`}},
		{"port too high", origin.Config{URL: app + ":70000"}, []string{`a host that is not valid`}},
		{"an old IPv4 notation", origin.Config{URL: "http://0x7f.1"}, []string{`a host that is not valid`}},
		{"dots in the URL's path", origin.Config{URL: app + "/a/../b"}, []string{`the path of URL "/a/../b" has a dot segment`}},
		{"relative base path", origin.Config{URL: app, BasePath: "api/auth"}, []string{`BasePath "api/auth" does not start with a slash: write one such as "/api/auth"`}},
		{"trailing slash", origin.Config{URL: app, BasePath: "/api/auth/"}, []string{`a slash too many`}},
		{"double slash", origin.Config{URL: app, BasePath: "//auth"}, []string{`a slash too many`}},
		{"root", origin.Config{URL: app, BasePath: "/"}, []string{`every route`}},
		{"dot segment", origin.Config{URL: app, BasePath: "/api/./auth"}, []string{`a dot segment`}},
		{"backslash", origin.Config{URL: app, BasePath: `/api\auth`}, []string{`a character other than`}},
		{"percent", origin.Config{URL: app, BasePath: "/api%2fauth"}, []string{`a character other than`}},
		{"a parameter of the router", origin.Config{URL: app, BasePath: "/:tenant/auth"}, []string{`a character other than`}},
		{"wildcard origin", origin.Config{URL: app, TrustedOrigins: []string{"*"}}, []string{`TrustedOrigins: "*" has a wildcard`}},
		{"wildcard in an origin", origin.Config{URL: app, TrustedOrigins: []string{"https://*.com"}}, []string{`a wildcard below "com"`}},
		{"origin without scheme", origin.Config{URL: app, TrustedOrigins: []string{"app.example.com"}}, []string{`is no origin`}},
		{"null origin", origin.Config{URL: app, TrustedOrigins: []string{"null"}}, []string{`is no origin`}},
		{"empty origin", origin.Config{URL: app, TrustedOrigins: []string{""}}, []string{`is no origin`}},
		{"origin with a slash", origin.Config{URL: app, TrustedOrigins: []string{"https://b.example/"}}, []string{`write "https://b.example"`}},
		{"origin with a path", origin.Config{URL: app, TrustedOrigins: []string{"https://b.example/x?y"}}, []string{`write "https://b.example"`}},
		{"origin in capitals", origin.Config{URL: app, TrustedOrigins: []string{"https://B.example"}}, []string{`write "https://b.example"`}},
		{"origin with the default port", origin.Config{URL: app, TrustedOrigins: []string{"https://b.example:443"}}, []string{`write "https://b.example"`}},
		{"origin whose scheme is in capitals", origin.Config{URL: app, TrustedOrigins: []string{"HTTPS://b.example"}}, []string{`write "https://b.example"`}},
		{"scheme alone", origin.Config{URL: app, TrustedOrigins: []string{"https"}}, []string{`is no origin`}},
		{"origin of another scheme", origin.Config{URL: app, TrustedOrigins: []string{"ftp://b.example"}}, []string{`TrustedOrigins: "ftp://b.example" is no origin`}},
		{"origin with a host that is a number", origin.Config{URL: app, TrustedOrigins: []string{"https://0x7f"}}, []string{`a host that is not valid`}},
		{"origin with a user", origin.Config{URL: app, TrustedOrigins: []string{"https://u@b.example"}}, []string{`a host that is not valid`}},
		{"everything at once", origin.Config{BasePath: "x", TrustedOrigins: []string{"*", "y"}}, []string{`URL is empty`, `BasePath "x"`, `TrustedOrigins: "*"`, `TrustedOrigins: "y"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := origin.New(tt.cfg)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tt.wants {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %s:\n%v", want, err)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows a password: %v", err)
			}
		})
	}
}

func TestNew_CopiesTrustedOrigins(t *testing.T) {
	trusted := []string{"https://b.example"}
	s := site(t, origin.Config{URL: "https://a.example", TrustedOrigins: trusted})
	trusted[0] = "https://evil.example"
	if b := (origin.Base{Origin: "https://a.example"}); s.Trusted(b, "https://evil.example") || !s.Trusted(b, "https://b.example") {
		t.Error("the list of trusted origins changed with the caller's slice")
	}
}

func TestBase_URL(t *testing.T) {
	b := origin.Base{Origin: "https://app.example.com", Path: "/api/auth"}
	for want, got := range map[string]string{
		"https://app.example.com/api/auth":                        b.URL(),
		"https://app.example.com/api/auth/signin":                 b.URL("signin"),
		"https://app.example.com/api/auth/callback/github":        b.URL("callback", "github"),
		"https://app.example.com/api/auth/callback/a%2F..%3Fb%23": b.URL("callback", "a/..?b#"),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if !b.Secure() || (origin.Base{Origin: "http://app.example.com"}).Secure() || (origin.Base{}).Secure() {
		t.Error("Secure does not follow the scheme")
	}
}

// A from is what a request says about the address of the application.
type from struct {
	host, forwardedHost, forwardedProto string
	tls                                 bool
}

func (f from) request() *http.Request {
	r := &http.Request{Host: f.host, Header: http.Header{}}
	if f.forwardedHost != "" {
		r.Header.Set("X-Forwarded-Host", f.forwardedHost)
	}
	if f.forwardedProto != "" {
		r.Header.Set("X-Forwarded-Proto", f.forwardedProto)
	}
	if f.tls {
		r.TLS = &tls.ConnectionState{}
	}
	return r
}

func TestSiteBase_ConfiguredURL(t *testing.T) {
	s := site(t, origin.Config{URL: "https://app.example.com", TrustHost: true})
	r := from{host: "evil.example", forwardedHost: "evil.example", forwardedProto: "http"}.request()
	r.Header.Set("Forwarded", "host=evil.example;proto=http")
	r.Header.Set("X-Original-URL", "https://evil.example/")
	got, err := s.Base(r)
	must(t, err)
	if got.Origin != "https://app.example.com" {
		t.Errorf("got %q", got.Origin)
	}
}

func TestSite_Configured(t *testing.T) {
	for _, tt := range []struct {
		cfg  origin.Config
		want string
	}{
		{origin.Config{URL: "https://app.example.com/auth"}, "https://app.example.com/auth"},
		{origin.Config{TrustHost: true, TrustedOrigins: []string{"https://app.example.com"}}, ""},
	} {
		got, ok := site(t, tt.cfg).Configured()
		if got.Origin+got.Path != tt.want || ok != (tt.want != "") {
			t.Errorf("%+v: %v, %t", tt.cfg, got, ok)
		}
	}
}

func TestSiteBase_TrustHost(t *testing.T) {
	tests := []struct {
		name string
		from from
		want string // empty for an error
	}{
		{"Host alone", from{host: "localhost:3000"}, "http://localhost:3000"},
		{"Host over TLS", from{host: "app.example.com", tls: true}, "https://app.example.com"},
		{"both forwarded", from{host: "backend:8080", forwardedHost: "app.example.com", forwardedProto: "https"}, "https://app.example.com"},
		{"the scheme forwarded", from{host: "app.example.com", forwardedProto: "https"}, "https://app.example.com"},
		{"the host forwarded", from{host: "backend", forwardedHost: "app.example.com:8443", tls: true}, "https://app.example.com:8443"},
		{"http before TLS", from{host: "app.example.com", forwardedProto: "http", tls: true}, "http://app.example.com"},
		{"a chain of proxies", from{host: "b", forwardedHost: "app.example.com , inner.example", forwardedProto: "https, http"}, "https://app.example.com"},
		{"capitals and default port", from{host: "APP.example.com:443", forwardedProto: "HTTPS"}, "https://app.example.com"},
		{"IPv6", from{host: "[::1]:3000"}, "http://[::1]:3000"},
		{"underscore, as container networks have", from{host: "my_service:80"}, "http://my_service"},

		{"no host", from{}, ""},
		{"http on the port of https", from{host: "app:443"}, "http://app:443"},
		{"https on the port of http", from{host: "app:80", tls: true}, "https://app:80"},
		{"every kind of character", from{host: "azAZ-09_.example"}, "http://azaz-09_.example"},
		{"the highest port", from{host: "app:65535"}, "http://app:65535"},
		{"the longest label", from{host: strings.Repeat("x", 63) + ".example"}, "http://" + strings.Repeat("x", 63) + ".example"},
		{"the longest name", from{host: strings.Repeat("x.", 123) + "example"}, "http://" + strings.Repeat("x.", 123) + "example"},
		{"a last label with a digit and other letters", from{host: "a.0xfg"}, "http://a.0xfg"},
		{"a last label with digits and a hyphen", from{host: "a.1-2"}, "http://a.1-2"},
		{"a last label with a hexadecimal number and more", from{host: "a.0x1_2"}, "http://a.0x1_2"},

		{"a scheme that is none", from{host: "a", forwardedProto: "javascript"}, ""},
		{"an empty first value", from{host: "a", forwardedHost: ", b"}, ""},
		{"a path", from{host: "a", forwardedHost: "app.example.com/evil"}, ""},
		{"a user", from{host: "a", forwardedHost: "app.example.com@evil.example"}, ""},
		{"a character before a", from{host: "a", forwardedHost: "app`.example.com"}, ""},
		{"a character after z", from{host: "a", forwardedHost: "app{.example.com"}, ""},
		{"a character after Z", from{host: "a", forwardedHost: "app[.example.com"}, ""},
		{"a backslash", from{host: "a", forwardedHost: `app.example.com\evil`}, ""},
		{"a query", from{host: "a", forwardedHost: "app.example.com?x"}, ""},
		{"a space", from{host: "a", forwardedHost: "app.example.com evil"}, ""},
		{"a line break", from{host: "a", forwardedHost: "app.example.com\r\nX: y"}, ""},
		{"a percent sign", from{host: "a", forwardedHost: "app%2eexample.com"}, ""},
		{"not ASCII", from{host: "a", forwardedHost: "ⓔvil.example"}, ""},
		{"a letter that lower case makes ASCII", from{host: "a", forwardedHost: "\u212Aafka.example"}, ""},
		{"a port that is none", from{host: "a", forwardedHost: "app.example.com:x"}, ""},
		{"an empty port", from{host: "a", forwardedHost: "app.example.com:"}, ""},
		{"port zero", from{host: "a", forwardedHost: "app.example.com:0"}, ""},
		{"a port too high", from{host: "a", forwardedHost: "app.example.com:65536"}, ""},
		{"a port with a sign", from{host: "a", forwardedHost: "app.example.com:+80"}, ""},
		{"two ports", from{host: "a", forwardedHost: "app.example.com:80:80"}, ""},
		{"a trailing dot", from{host: "a", forwardedHost: "app.example.com."}, ""},
		{"an empty label", from{host: "a", forwardedHost: "app..example.com"}, ""},
		{"a label too long", from{host: "a", forwardedHost: strings.Repeat("x", 64) + ".example"}, ""},
		{"a name too long", from{host: "a", forwardedHost: strings.Repeat("x.", 123) + "examples"}, ""},
		{"hexadecimal IPv4", from{host: "a", forwardedHost: "0x7f.0.0.1"}, ""},
		{"hexadecimal at the end", from{host: "a", forwardedHost: "127.0.0.0x1"}, ""},
		{"short IPv4", from{host: "a", forwardedHost: "127.1"}, ""},
		{"octal IPv4", from{host: "a", forwardedHost: "127.0.0.01"}, ""},
		{"a hexadecimal number", from{host: "a", forwardedHost: "0xff"}, ""},
		{"a hexadecimal number in capitals", from{host: "a", forwardedHost: "1.0xAF"}, ""},
		{"a hexadecimal number without digits", from{host: "a", forwardedHost: "1.0x"}, ""},
		{"a name that ends in a number", from{host: "a", forwardedHost: "127.9"}, ""},
		{"a number", from{host: "a", forwardedHost: "2130706433"}, ""},
		{"IPv6 without brackets", from{host: "a", forwardedHost: "::1"}, ""},
		{"an open bracket", from{host: "a", forwardedHost: "[::1"}, ""},
		{"an open bracket and a port", from{host: "a", forwardedHost: "[::1:80"}, ""},
		{"brackets around IPv4", from{host: "a", forwardedHost: "[127.0.0.1]"}, ""},
		{"brackets around a name", from{host: "a", forwardedHost: "[app.example.com]"}, ""},
		{"IPv6 with a zone", from{host: "a", forwardedHost: "[fe80::1%25eth0]"}, ""},
		{"IPv4 in IPv6", from{host: "a", forwardedHost: "[::ffff:127.0.0.1]"}, ""},
	}
	s := site(t, origin.Config{TrustHost: true, BasePath: "/auth"})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := s.Base(tt.from.request())
			if tt.want == "" {
				if err == nil || got != (origin.Base{}) {
					t.Errorf("got %v, %v; want an error", got, err)
				}
				return
			}
			must(t, err)
			if want := (origin.Base{Origin: tt.want, Path: "/auth"}); got != want {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestSiteBase_TrustedOrigins(t *testing.T) {
	for name, trusted := range map[string][]string{
		"one": {"https://b.example"},
		"two": {"https://a.example", "https://b.example"},
	} {
		t.Run(name, func(t *testing.T) {
			s := site(t, origin.Config{TrustHost: true, TrustedOrigins: trusted})
			got, err := s.Base(from{host: "b.example", forwardedProto: "https"}.request())
			if err != nil || got.Origin != "https://b.example" {
				t.Errorf("got %v, %v", got, err)
			}
			for _, f := range []from{{host: "evil.example", forwardedProto: "https"}, {host: "b.example"}, {host: "b.example:8443", forwardedProto: "https"}} {
				if got, err := s.Base(f.request()); err == nil {
					t.Errorf("%+v: got %v, want an error", f, got)
				}
			}
		})
	}
}

func TestNew_TrustedOrigins(t *testing.T) {
	trusted := []string{"http://localhost:5173", "http://b.example:443", "https://b.example:80", "https://[::1]:8443"}
	s := site(t, origin.Config{URL: "https://a.example", TrustedOrigins: trusted})
	for _, o := range trusted {
		if !s.Trusted(origin.Base{Origin: "https://a.example"}, o) {
			t.Errorf("%q is not trusted", o)
		}
	}
}

func TestSiteBase_ZeroSite(t *testing.T) {
	if got, err := (&origin.Site{}).Base(from{host: "app.example.com"}.request()); err == nil {
		t.Errorf("got %v, want an error", got)
	}
}

var exactOrigin = regexp.MustCompile(`^https?://([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:]+\])(:[1-9][0-9]*)?$`)

func FuzzForwardedHost(f *testing.F) {
	for _, host := range []string{"app.example.com", "localhost:3000", "[::1]:80", "a, b", "a@b", `a\b`, "0x7f.1", "127.0.0.1", "a:0", "xn--a", "A.", "\u212A", "[::ffff:1.2.3.4]", "a/b?c#d", "a\r\nb"} {
		f.Add(host, "https")
		f.Add(host, "http,https")
	}
	s := site(f, origin.Config{TrustHost: true})
	f.Fuzz(func(t *testing.T, host, proto string) {
		b, err := s.Base(from{host: "backend", forwardedHost: host, forwardedProto: proto}.request())
		if err != nil {
			return
		}
		if !exactOrigin.MatchString(b.Origin) {
			t.Fatalf("%q, %q: origin %q", host, proto, b.Origin)
		}
		u, err := url.Parse(b.Origin)
		if err != nil || u.Scheme+"://"+u.Host != b.Origin || u.User != nil || u.Path != "" {
			t.Fatalf("%q, %q: net/url reads %q as %#v, %v", host, proto, b.Origin, u, err)
		}
		again, err := s.Base(from{host: u.Host, forwardedProto: u.Scheme}.request())
		if err != nil || again != b {
			t.Errorf("%q becomes %v, %v", b.Origin, again, err)
		}
		if got, ok := s.CallbackURL(b, b.Origin+"/x"); got != b.Origin+"/x" || !ok {
			t.Errorf("%q is not accepted for %q: %q, %v", b.Origin+"/x", b.Origin, got, ok)
		}
	})
}
