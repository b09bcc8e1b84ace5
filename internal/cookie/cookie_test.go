package cookie_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/nuxtauth/nuxtauth/internal/cookie"
)

// request is the header of a request with these Cookie lines.
func request(lines ...string) http.Header {
	return http.Header{"Cookie": lines}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestDefaults(t *testing.T) {
	plain := func(name string) cookie.Cookie { return cookie.Cookie{Name: name} }
	secure := func(name string) cookie.Cookie { return cookie.Cookie{Name: name, Secure: true} }
	tests := []struct {
		prefix string
		https  bool
		want   cookie.Names
	}{
		{"next-auth", false, cookie.Names{
			Session:     plain("next-auth.session-token"),
			CallbackURL: plain("next-auth.callback-url"),
			CSRF:        plain("next-auth.csrf-token"),
			Check:       plain("next-auth.state"),
		}},
		{"next-auth", true, cookie.Names{
			Session:     secure("__Secure-next-auth.session-token"),
			CallbackURL: secure("__Secure-next-auth.callback-url"),
			CSRF:        secure("__Host-next-auth.csrf-token"),
			Check:       secure("__Host-next-auth.state"),
		}},
		{"authjs", true, cookie.Names{
			Session:     secure("__Secure-authjs.session-token"),
			CallbackURL: secure("__Secure-authjs.callback-url"),
			CSRF:        secure("__Host-authjs.csrf-token"),
			Check:       secure("__Host-authjs.state"),
		}},
	}
	for _, tt := range tests {
		got := cookie.Defaults(tt.prefix, tt.https)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("Defaults(%q, %v): (-want +got)\n%s", tt.prefix, tt.https, diff)
		}
		if err := got.Validate(); err != nil {
			t.Errorf("Defaults(%q, %v) are not valid: %v", tt.prefix, tt.https, err)
		}
	}
}

func TestNames_CrossSite(t *testing.T) {
	names := cookie.Defaults("authjs", true)
	framed := func(name string) cookie.Cookie {
		return cookie.Cookie{Name: name, Secure: true, SameSite: http.SameSiteNoneMode, Partitioned: true}
	}
	want := cookie.Names{
		Session:     framed("__Secure-authjs.session-token"),
		CallbackURL: framed("__Secure-authjs.callback-url"),
		CSRF:        framed("__Host-authjs.csrf-token"),
		Check:       framed("__Host-authjs.state"),
	}
	if diff := cmp.Diff(want, names.CrossSite()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(cookie.Defaults("authjs", true), names); diff != "" {
		t.Errorf("the names themselves have changed: (-want +got)\n%s", diff)
	}
}

func TestCookie_Validate(t *testing.T) {
	tests := []struct {
		name  string
		c     cookie.Cookie
		wants string // part of the error; empty for none
	}{
		{"plain", cookie.Cookie{Name: "a"}, ""},
		{"with all", cookie.Cookie{Name: "__Secure-a", Domain: ".example.com", Secure: true, SameSite: http.SameSiteNoneMode}, ""},
		{"no name", cookie.Cookie{}, "not a cookie name"},
		{"space in the name", cookie.Cookie{Name: "a b"}, "not a cookie name"},
		{"line break in the name", cookie.Cookie{Name: "a\r\nSet-Cookie: b"}, "not a cookie name"},
		{"attribute in the domain", cookie.Cookie{Name: "a", Domain: "example.com; Path=/x"}, "not a cookie domain"},
		{"hyphens and digits in the domain", cookie.Cookie{Name: "a", Domain: "my-app9.azAZ0.example"}, ""},
		{"port in the domain", cookie.Cookie{Name: "a", Domain: "example.com:80"}, "not a cookie domain"},
		{"space in the domain", cookie.Cookie{Name: "a", Domain: "example. com"}, "not a cookie domain"},
		{"all kinds of characters in the name", cookie.Cookie{Name: "azAZ09!#$%&'*+-.^_`|~"}, ""},
		{"host prefix without Secure", cookie.Cookie{Name: "__Host-a"}, "needs Secure"},
		{"host prefix with a domain", cookie.Cookie{Name: "__Host-a", Secure: true, Domain: "example.com"}, "no domain"},
		{"host prefix", cookie.Cookie{Name: "__Host-a", Secure: true}, ""},
		{"part of a prefix", cookie.Cookie{Name: "__Secure"}, ""},
		{"secure prefix in other case", cookie.Cookie{Name: "__secure-a"}, "needs Secure"},
		{"a prefix alone without Secure", cookie.Cookie{Name: "__Secure-"}, "needs Secure"},
		{"secure prefix without Secure", cookie.Cookie{Name: "__Secure-a"}, "needs Secure"},
		{"cross-site without Secure", cookie.Cookie{Name: "a", SameSite: http.SameSiteNoneMode}, "SameSite=None"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.c.Validate()
			if tt.wants == "" {
				must(t, err)
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.wants) {
				t.Errorf("got error %v, want one with %q", err, tt.wants)
			}
		})
	}
}

func TestNames_Validate(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*cookie.Names)
		wants  []string
	}{
		"defaults": {func(*cookie.Names) {}, nil},
		"two problems": {func(n *cookie.Names) {
			n.CSRF.Name = n.CallbackURL.Name
			n.Check.Name = n.Session.Name + ".0"
		}, []string{`two cookies have the name "next-auth.callback-url"`, `"next-auth.session-token.0" belongs to a chunk`}},
		"callback URL":          {func(n *cookie.Names) { n.CallbackURL.Name = n.Session.Name + ".0" }, []string{`"next-auth.session-token.0" belongs to a chunk`}},
		"CSRF":                  {func(n *cookie.Names) { n.CSRF.Name = n.Session.Name + ".9" }, []string{`"next-auth.session-token.9" belongs to a chunk`}},
		"no chunk":              {func(n *cookie.Names) { n.CSRF.Name = n.Session.Name + ".10" }, nil},
		"name of the session":   {func(n *cookie.Names) { n.CSRF.Name = n.Session.Name }, []string{`two cookies have the name "next-auth.session-token"`}},
		"two, with one domain":  {func(n *cookie.Names) { n.Check.Domain, n.CSRF.Domain = "x/y", "x/y" }, []string{`"x/y" is not a cookie domain`}},
		"two, with two domains": {func(n *cookie.Names) { n.Check.Domain, n.CSRF.Domain = "x/y", "z/y" }, []string{`"z/y" is not a cookie domain`, `"x/y" is not a cookie domain`}},
		"a cookie's own":        {func(n *cookie.Names) { n.Check.Domain = "x/y" }, []string{`not a cookie domain`}},
	} {
		t.Run(name, func(t *testing.T) {
			names := cookie.Defaults("next-auth", false)
			tt.change(&names)
			err := names.Validate()
			if len(tt.wants) == 0 {
				must(t, err)
				return
			}
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tt.wants {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error %q does not say %q", err, want)
				}
			}
			if n := strings.Count(err.Error(), "\n") + 1; n != len(tt.wants) {
				t.Errorf("%d problems, want %d: %v", n, len(tt.wants), err)
			}
		})
	}
}

func TestValue(t *testing.T) {
	tests := []struct {
		name  string
		lines []string
		want  string
		found bool
	}{
		{"alone", []string{"a=1"}, "1", true},
		{"among others", []string{"x=0; a=1; y=2"}, "1", true},
		{"on a second line, as HTTP/2 may send it", []string{"x=0", "a=1"}, "1", true},
		{"the first of several", []string{"a=1; a=2", "a=3"}, "1", true},
		{"the first even if empty", []string{"a=; a=2"}, "", true},
		{"missing", []string{"ab=1; b=2"}, "", false},
		{"no cookies", nil, "", false},
		{"no equals sign", []string{"a; b=1"}, "", false},
		{"spaces and tabs", []string{" \t a \t = \t 1 \t ;b=2"}, "1", true},
		{"no space after the semicolon", []string{"x=0;a=1"}, "1", true},
		{"equals signs in the value", []string{"a=b=c=="}, "b=c==", true},
		{"quoted", []string{`a="1"`}, "1", true},
		{"quoted, empty", []string{`a=""`}, "", true},
		{"one quote", []string{`a="`}, `"`, true},
		{"a quote in front", []string{`a="1`}, `"1`, true},
		{"a quote at the end", []string{`a=1"`}, `1"`, true},
		{"escaped", []string{"a=http%3A%2F%2Flocalhost%3A3000"}, "http://localhost:3000", true},
		{"escaped text", []string{"a=%C3%BC%e6%b5%8b"}, "ü测", true},
		{"a broken escape leaves all as it is", []string{"a=%41%zz"}, "%41%zz", true},
		{"a cut escape leaves all as it is", []string{"a=%41%4"}, "%41%4", true},
		{"an escape that is not UTF-8 leaves all as it is", []string{"a=%41%ff"}, "%41%ff", true},
		{"an escape with a bad second digit", []string{"a=%4z"}, "%4z", true},
		{"an escape with a bad first digit", []string{"a=%z4"}, "%z4", true},
		{"a byte before the digits", []string{"a=%/0"}, "%/0", true},
		{"a byte after the digits", []string{"a=%3:"}, "%3:", true},
		{"bytes beside the letters", []string{"a=%6@"}, "%6@", true},
		{"a letter after f", []string{"a=%4g"}, "%4g", true},
		{"a letter after F", []string{"a=%4G"}, "%4G", true},
		{"a byte before a", []string{"a=%4`"}, "%4`", true},
		{"the first and last hexadecimal letters", []string{"a=%c3%bA%C3%aA%c2%aF"}, "\u00fa\u00ea\u00af", true},
		{"digits 0 and 9", []string{"a=%30%39"}, "09", true},
		{"escapes of letters that are not UTF-8", []string{"a=%aA%fF"}, "%aA%fF", true},
		{"a plus stays a plus", []string{"a=1+2"}, "1+2", true},
		{"other case is another cookie", []string{"A=1"}, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, found := cookie.Cookie{Name: "a"}.Value(request(tt.lines...))
			if got != tt.want || found != tt.found {
				t.Errorf("got %q, %v; want %q, %v", got, found, tt.want, tt.found)
			}
		})
	}
}

func TestValue_ZeroCookie(t *testing.T) {
	if v, found := (cookie.Cookie{}).Value(request("; =x; a")); found {
		t.Errorf("found %q", v)
	}
}

func TestSet_Attributes(t *testing.T) {
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.FixedZone("CET", 3600))
	full := cookie.Cookie{Name: "__Secure-a", Domain: "example.com", Secure: true, SameSite: http.SameSiteStrictMode}
	tests := []struct {
		name  string
		write func(http.Header) error
		want  string
	}{
		{"the zero values", func(h http.Header) error { return cookie.Cookie{Name: "a"}.Set(h, "1", time.Time{}) },
			"a=1; Path=/; HttpOnly; SameSite=Lax"},
		{"everything", func(h http.Header) error { return full.SetFor(h, "x y|z", 15*time.Minute, now) },
			"__Secure-a=x%20y%7Cz; Max-Age=900; Domain=example.com; Path=/; Expires=Mon, 23 Nov 2026 07:15:00 GMT; HttpOnly; Secure; SameSite=Strict"},
		{"cleared", func(h http.Header) error { full.Clear(h); return nil },
			"__Secure-a=; Max-Age=0; Domain=example.com; Path=/; HttpOnly; Secure; SameSite=Strict"},
		{"cross-site", func(h http.Header) error {
			return cookie.Cookie{Name: "a", Secure: true, SameSite: http.SameSiteNoneMode}.Set(h, "1", now)
		}, "a=1; Path=/; Expires=Mon, 23 Nov 2026 07:00:00 GMT; HttpOnly; Secure; SameSite=None"},
		{"in a frame", func(h http.Header) error {
			return cookie.Cookie{Name: "a", Secure: true, SameSite: http.SameSiteNoneMode, Partitioned: true}.Set(h, "1", time.Time{})
		}, "a=1; Path=/; HttpOnly; Secure; SameSite=None; Partitioned"},
		{"a value that tries to break out", func(h http.Header) error {
			return cookie.Cookie{Name: "a"}.Set(h, "1; Domain=evil.example\r\nX: y\x00é", time.Time{})
		}, "a=1%3B%20Domain%3Devil.example%0D%0AX%3A%20y%00%C3%A9; Path=/; HttpOnly; SameSite=Lax"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{}
			must(t, tt.write(h))
			if diff := cmp.Diff([]string{tt.want}, h["Set-Cookie"]); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if got := h.Get("Cache-Control"); got != "private, no-cache, no-store" {
				t.Errorf("Cache-Control: %q", got)
			}
		})
	}
}

func TestSet_ExpiresAsHTTPHasIt(t *testing.T) {
	for at := time.Date(1970, 1, 1, 1, 2, 3, 4, time.FixedZone("", 3600)); at.Year() < 10000; at = at.Add(97*24*time.Hour + 5*time.Hour + 7*time.Minute + 11*time.Second) {
		h := http.Header{}
		must(t, cookie.Cookie{Name: "a"}.Set(h, "1", at))
		if got, want := h.Get("Set-Cookie"), "a=1; Path=/; Expires="+at.UTC().Format(http.TimeFormat)+"; HttpOnly; SameSite=Lax"; got != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	}
}

func TestSet_ReplacesItsLine(t *testing.T) {
	c := cookie.Cookie{Name: "a"}
	h := http.Header{"Set-Cookie": {"ab=0; Path=/", "a=foreign; Path=/x", "A=0", "a=foreign again"}}
	must(t, c.Set(h, "1", time.Time{}))
	c.Clear(h)
	must(t, c.Set(h, "2", time.Time{}))
	must(t, cookie.Cookie{Name: "b"}.Set(h, "3", time.Time{}))
	want := []string{"ab=0; Path=/", "a=2; Path=/; HttpOnly; SameSite=Lax", "A=0", "b=3; Path=/; HttpOnly; SameSite=Lax"}
	if diff := cmp.Diff(want, h["Set-Cookie"]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestSet_TooLarge(t *testing.T) {
	c := cookie.Cookie{Name: "abcd"}
	h := http.Header{}
	must(t, c.Set(h, strings.Repeat("x", 4092), time.Time{}))
	h = http.Header{}
	if err := c.Set(h, strings.Repeat("x", 4093), time.Time{}); !errors.Is(err, cookie.ErrTooLarge) {
		t.Errorf("4097 bytes: got error %v, want ErrTooLarge", err)
	}
	if err := c.SetFor(h, strings.Repeat("/", 1365), time.Minute, time.Now()); !errors.Is(err, cookie.ErrTooLarge) {
		t.Errorf("4099 bytes when escaped: got error %v, want ErrTooLarge", err)
	}
	if len(h) != 0 {
		t.Errorf("the header has %v", h)
	}
}

// TestSet_NodeLines writes every recorded Set-Cookie
// line anew and compares it to the letter.
func TestSet_NodeLines(t *testing.T) {
	for _, file := range []string{"v4.jsonl", "v5.jsonl"} {
		t.Run(file, func(t *testing.T) {
			lines := recorded(t, file)
			if len(lines) < 100 {
				t.Fatalf("%d lines recorded, expected more", len(lines))
			}
			for _, want := range lines {
				if got := rewrite(t, want); got != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
			}
		})
	}
}

// recorded are the Set-Cookie lines of a golden file.
func recorded(t *testing.T, file string) []string {
	t.Helper()
	data, err := os.ReadFile("../../testdata/golden/" + file)
	must(t, err)
	var all []string
	scan := bufio.NewScanner(bytes.NewReader(data))
	scan.Buffer(nil, len(data))
	for scan.Scan() {
		var exchange struct {
			Response struct {
				RawSetCookie []string `json:"rawSetCookie"`
			} `json:"response"`
		}
		must(t, json.Unmarshal(scan.Bytes(), &exchange))
		all = append(all, exchange.Response.RawSetCookie...)
	}
	must(t, scan.Err())
	return all
}

// rewrite parses a Set-Cookie line with net/http and writes the same again.
func rewrite(t *testing.T, line string) string {
	t.Helper()
	parsed, err := http.ParseSetCookie(line)
	must(t, err)
	value, err := url.PathUnescape(parsed.Value)
	must(t, err)
	c := cookie.Cookie{Name: parsed.Name, Domain: parsed.Domain, Secure: parsed.Secure, SameSite: parsed.SameSite}
	h := http.Header{}
	switch {
	case parsed.MaxAge < 0:
		c.Clear(h)
	case parsed.MaxAge > 0:
		life := time.Duration(parsed.MaxAge) * time.Second
		must(t, c.SetFor(h, value, life, parsed.Expires.Add(-life)))
	default:
		must(t, c.Set(h, value, parsed.Expires))
	}
	return h.Get("Set-Cookie")
}

func TestEncodeURIComponent(t *testing.T) {
	const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()"
	for c := range 256 {
		s := string([]byte{byte(c)})
		want := fmt.Sprintf("%%%02X", c)
		if strings.Contains(plain, s) {
			want = s
		}
		if got := cookie.EncodeURIComponent(s); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
	for s, want := range map[string]string{
		"": "", plain: plain, "http://localhost:3000/?a=b c": "http%3A%2F%2Flocalhost%3A3000%2F%3Fa%3Db%20c", "\u00fc": "%C3%BC", "\U0001F600": "%F0%9F%98%80",
	} {
		if got := cookie.EncodeURIComponent(s); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}

func FuzzValue(f *testing.F) {
	for _, seed := range []string{"", "1", "a=b", `"q"`, "%41", "%zz", "%ff", "é测", "x;y", "a\r\nb\x00", "token|hash", "http://localhost:3000/?a=b#c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c := cookie.Cookie{Name: "a"}
		// As a value that is set: it comes back, on one line, as one cookie.
		h := http.Header{}
		if err := c.Set(h, s, time.Time{}); err != nil {
			if len(s) < 4095/3 {
				t.Fatalf("%d bytes: %v", len(s), err)
			}
			return
		}
		parsed, err := http.ParseSetCookie(h.Get("Set-Cookie"))
		if err != nil || parsed.Name != "a" || parsed.Path != "/" || !parsed.HttpOnly || len(parsed.Unparsed) > 0 {
			t.Fatalf("net/http reads %q as %+v, %v", h.Get("Set-Cookie"), parsed, err)
		}
		got, found := c.Value(request("a=" + parsed.Value))
		if utf8.ValidString(s) && (got != s || !found) {
			t.Errorf("set %q, read %q, %v", s, got, found)
		}

		// As a Cookie header: the value is a part of it and nothing else.
		got, _ = c.Value(request(s))
		if len(got) > len(s) || !strings.Contains(s, "%") && !strings.Contains(s, got) {
			t.Errorf("read %q from %q", got, s)
		}
	})
}
