package cookie_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nuxtauth/nuxtauth/internal/cookie"
)

func wantLines(t *testing.T, h http.Header, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, h["Set-Cookie"]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

const attributes = "; Path=/; HttpOnly; SameSite=Lax"

// Cookies of one name and another domain are two cookies for a browser.
func TestSet_KeepsLinesOfOtherDomains(t *testing.T) {
	h := http.Header{"Set-Cookie": {
		"a=0; Path=/; Domain=example.com",
		"a=1; domain = .Example.COM ; Path=/",
		"a=2; Domain=; Path=/x",
		"a=3; Domain=b.example.com; Domain=example.com",
		"a=3; Domain=example.com; Domain=",
		"a=4; Domain=example.com; Domain=b.example.com",
		"a=domain; Path=/Domain=example.com",
	}}
	must(t, cookie.Cookie{Name: "a", Domain: "example.com"}.Set(h, "5", time.Time{}))
	wantLines(t, h, "a=5; Domain=example.com"+attributes, "a=2; Domain=; Path=/x",
		"a=4; Domain=example.com; Domain=b.example.com", "a=domain; Path=/Domain=example.com")
	cookie.Cookie{Name: "a"}.Clear(h)
	wantLines(t, h, "a=5; Domain=example.com"+attributes, "a=; Max-Age=0"+attributes,
		"a=4; Domain=example.com; Domain=b.example.com")
	cookie.Cookie{Name: "a", Domain: ".B.example.com"}.Clear(h)
	wantLines(t, h, "a=5; Domain=example.com"+attributes, "a=; Max-Age=0"+attributes,
		"a=; Max-Age=0; Domain=.B.example.com"+attributes)
}

func TestClearScope(t *testing.T) {
	c := cookie.Cookie{Name: "a", Secure: true, SameSite: http.SameSiteStrictMode}
	const attributes = "; Path=/; HttpOnly; Secure; SameSite=Strict"
	for _, tt := range []struct {
		name   string
		c      cookie.Cookie
		domain string
		want   []string
	}{
		{"parent domain", c, "example.com", []string{"a=; Max-Age=0; Domain=example.com" + attributes}},
		{"host alone", withDomain(c, "example.com"), "", []string{"a=; Max-Age=0" + attributes}},
		{"own domain", withDomain(c, "example.com"), "example.com", nil},
		{"own domain, spelled otherwise", withDomain(c, "example.com"), ".Example.com", nil},
		{"own host", c, "", nil},
		{"prefix without domains", cookie.Cookie{Name: "__host-a", Secure: true}, "example.com", nil},
		{"prefix with domains", cookie.Cookie{Name: "__Secure-a", Secure: true}, "example.com",
			[]string{"__Secure-a=; Max-Age=0; Domain=example.com; Path=/; HttpOnly; Secure; SameSite=Lax"}},
		{"no domain", c, "example.com; Path=/x", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{}
			tt.c.ClearScope(h, tt.domain)
			wantLines(t, h, tt.want...)
		})
	}
}

func withDomain(c cookie.Cookie, domain string) cookie.Cookie {
	c.Domain = domain
	return c
}

func TestChunked_ClearScope(t *testing.T) {
	c := cookie.Chunked{Cookie: cookie.Cookie{Name: "s", Domain: "a.example.com"}, Size: 2}
	found := c.Read(request("s=v; s.1=w; x=y"))
	h := http.Header{}
	c.ClearScope(h, found.Present, "example.com")
	c.ClearScope(h, found.Present, "")
	want := []string{
		"s=; Max-Age=0; Domain=example.com" + attributes, "s.1=; Max-Age=0; Domain=example.com" + attributes,
		"s=; Max-Age=0" + attributes, "s.1=; Max-Age=0" + attributes,
	}
	wantLines(t, h, want...)

	// The cookies of the own domain are written beside them, and only these are
	// replaced by a second write.
	must(t, c.Write(h, found.Present, "aa", time.Time{}))
	want = append(want, "s=aa; Domain=a.example.com"+attributes, "s.1=; Max-Age=0; Domain=a.example.com"+attributes)
	wantLines(t, h, want...)
	c.ClearScope(h, found.Present, "a.example.com")
	wantLines(t, h, want...)
	c.Clear(h, 0)
	want[4] = "s=; Max-Age=0; Domain=a.example.com" + attributes
	wantLines(t, h, want...)
}

// Lines of another domain, or of another cookie, are not taken back.
func TestChunked_ClearLeavesOtherScopes(t *testing.T) {
	lines := []string{"s.0=x; Domain=example.com", "s=y; Domain=example.com", "other=z; Path=/"}
	h := http.Header{"Set-Cookie": slices.Clone(lines)}
	cookie.Chunked{Cookie: cookie.Cookie{Name: "s"}}.Clear(h, 0)
	wantLines(t, h, lines...)
}

func TestChunked_ClearScope_LeavesAbsentCookies(t *testing.T) {
	h := http.Header{}
	session.ClearScope(h, 0, "example.com")
	wantLines(t, h)
}

func TestParentDomains(t *testing.T) {
	for _, tt := range []struct {
		host string
		want []string
	}{
		{"a.b.example.com:3000", []string{"b.example.com", "example.com"}},
		{"a.b.example.com", []string{"b.example.com", "example.com"}},
		{"App.Example.COM", []string{"example.com"}},
		{"app.example.com.", []string{"example.com"}},
		{"my_app.my-site.example", []string{"my-site.example"}},
		{"example.com", nil},
		{"localhost:3000", nil},
		{"localhost", nil},
		{"", nil},
		{":80", nil},
		{".", nil},
		{"127.0.0.1:3000", nil},
		{"127.0.0.1", nil},
		{"0x7f.0.0.0x1", nil},
		{"a.b.9", nil},
		{"[::1]:3000", nil},
		{"[::1]", nil},
		{"::1", nil},
		{"[::ffff:192.0.2.1]:80", nil},
		{"[::ffff:192.0.2.1]", nil},
		{"fe80::1.2.3.4%eth0.example.com", nil},
		{"a.example.com; Secure", nil},
		{"a.exa mple.com", nil},
		{"a.exämple.com", nil},
		{"a.b.-com", []string{"b.-com"}},
		{"a.b.7com", nil},
		{":3000", nil},
		{"a..example.com", nil},
		{".a.example.com", nil},
		{"a.example.com..", nil},
		{"8.7.6.5.4.3.2.1.example.com", []string{"4.3.2.1.example.com", "3.2.1.example.com", "2.1.example.com", "1.example.com", "example.com"}},
		{strings.Repeat("x.", 125) + "com", []string{"x.x.x.x.x.com", "x.x.x.x.com", "x.x.x.com", "x.x.com", "x.com"}},
		{"xx." + strings.Repeat("x.", 124) + "com", nil},
	} {
		if got := cookie.ParentDomains(tt.host); !slices.Equal(got, tt.want) {
			t.Errorf("%q: got %q, want %q", tt.host, got, tt.want)
		}
	}
}

// Whatever a request says that its host is, no attribute gets into a line.
func FuzzParentDomains(f *testing.F) {
	for _, host := range []string{"a.b.example.com:3000", "[::1]:80", "127.0.0.1", "a..b", "a.b; c", "x.\r\ny.z"} {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, host string) {
		domains := cookie.ParentDomains(host)
		if len(domains) > 5 {
			t.Errorf("%q: %d domains", host, len(domains))
		}
		for _, domain := range domains {
			if err := (cookie.Cookie{Name: "a", Domain: domain}).Validate(); err != nil || !strings.Contains(strings.ToLower(host), "."+domain) || !strings.Contains(domain, ".") {
				t.Errorf("%q: domain %q, %v", host, domain, err)
			}
		}
	})
}
