package cookie_test

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/nuxtauth/nuxtauth/internal/cookie"
)

const name = "next-auth.session-token"

var (
	expires = time.Date(2026, 12, 23, 8, 0, 0, 0, time.UTC)
	session = cookie.Chunked{Cookie: cookie.Cookie{Name: name}, Size: cookie.NextAuthSize}
)

// A vector is one row of chunking.json.
type vector struct {
	Version  string
	Op       string
	Label    string
	Name     string
	Existing map[string]string
	Value    string
	Cookies  any // the Set-Cookie lines of chunk and clean, the request of read
}

// set is what matters of a Set-Cookie line.
type set struct {
	Name, Value string
	Cleared     bool
	HasExpires  bool
}

func vectors(t *testing.T) []vector {
	t.Helper()
	data, err := os.ReadFile("../../testdata/vectors/chunking.json")
	must(t, err)
	var file struct{ Vectors []vector }
	must(t, json.Unmarshal(data, &file, json.MatchCaseInsensitiveNames(true)))
	if len(file.Vectors) != 50 {
		t.Fatalf("%d vectors, expected 50", len(file.Vectors))
	}
	return file.Vectors
}

// deviations are the vectors with another result on purpose, by label.
var deviations = map[string]struct {
	reason string
	read   string // the value that is read
	err    error  // of writing
	sets   func(v vector) []set
}{
	"len 43268": {reason: "a value is capped at 32 KB and 10 chunks", err: cookie.ErrTooLarge},
	"len 43301": {reason: "a value is capped at 32 KB and 10 chunks", err: cookie.ErrTooLarge},
	"12 chunks reversed order (numeric sort, .10 after .9)": {reason: "a value is capped at 32 KB and 10 chunks", err: cookie.ErrTooLarge},
	"gap: .0 and .2 only (joined anyway)":                   {reason: "a gap means that a part is lost"},
	"base + chunk (NaN sort; implementation-defined)":       {reason: "the plain cookie is whole by itself", read: "BASE"},
	"prefix quirk: name-extra is concatenated":              {reason: "names match exactly", read: "AAA"},
	"prefix quirk: same-prefix cookie is cleaned too": {reason: "names match exactly", sets: func(v vector) []set {
		return []set{{Name: v.Name, Value: v.Value, HasExpires: true}}
	}},
}

func TestChunked_NodeVectors(t *testing.T) {
	used := map[string]bool{}
	for _, v := range vectors(t) {
		t.Run(v.Version+"/"+v.Op+"/"+v.Label, func(t *testing.T) {
			deviation := deviations[v.Label]
			used[v.Label] = true
			c := cookie.Chunked{Cookie: cookie.Cookie{Name: v.Name}, Size: cookie.NextAuthSize}
			if v.Version == "v5" {
				c.Size = cookie.AuthJSSize
			}
			h := http.Header{}
			switch v.Op {
			case "read":
				want := v.Value
				if deviation.reason != "" {
					want = deviation.read
				}
				if got := c.Read(requestOf(pairs(v.Cookies))); got.Value != want {
					t.Errorf("read %.40q, want %.40q", got.Value, want)
				}
				return
			case "chunk":
				found := c.Read(requestOf(v.Existing))
				if err := c.Write(h, found.Present, v.Value, expires); !errors.Is(err, deviation.err) {
					t.Fatalf("got error %v, want %v", err, deviation.err)
				}
			case "clean":
				found := c.Read(requestOf(v.Existing))
				c.Clear(h, found.Present)
			default:
				t.Fatalf("unknown op %q", v.Op)
			}
			want := sets(v.Cookies)
			switch {
			case deviation.err != nil:
				want = nil
			case deviation.sets != nil:
				want = deviation.sets(v)
			}
			if diff := cmp.Diff(want, written(t, h)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	for label := range deviations {
		if !used[label] {
			t.Errorf("the deviation %q belongs to no vector", label)
		}
	}
}

// pairs are the request cookies of a read vector.
func pairs(cookies any) map[string]string {
	m := map[string]string{}
	for name, value := range cookies.(map[string]any) {
		m[name] = value.(string)
	}
	return m
}

// sets are the Set-Cookie lines of a chunk or clean vector.
func sets(cookies any) []set {
	var all []set
	for _, one := range cookies.([]any) {
		m := one.(map[string]any)
		_, cleared := m["maxAge"]
		all = append(all, set{m["name"].(string), m["value"].(string), cleared, m["hasExpires"].(bool)})
	}
	return all
}

// written are the Set-Cookie lines of a response header.
func written(t testing.TB, h http.Header) []set {
	t.Helper()
	var all []set
	for _, line := range h["Set-Cookie"] {
		parsed, err := http.ParseSetCookie(line)
		must(t, err)
		all = append(all, set{parsed.Name, parsed.Value, parsed.MaxAge < 0, !parsed.Expires.IsZero()})
	}
	return all
}

// requestOf is a request header with these cookies, the last name first.
func requestOf(cookies map[string]string) http.Header {
	names := make([]string, 0, len(cookies))
	for name := range cookies {
		names = append(names, name)
	}
	slices.Sort(names)
	slices.Reverse(names)
	for i, name := range names {
		names[i] = name + "=" + cookies[name]
	}
	return request(strings.Join(names, "; "))
}

func TestWrite_FitsABrowser(t *testing.T) {
	for _, length := range []int{1, 23, 32, 150, 200, 1000, 3000} {
		for _, size := range []int{0, cookie.NextAuthSize, cookie.AuthJSSize, 1 << 20} {
			c := cookie.Chunked{Cookie: cookie.Cookie{Name: strings.Repeat("n", length)}, Size: size}
			value := strings.Repeat("v", 10_000)
			h := http.Header{}
			must(t, c.Write(h, 0, value, expires))
			var back []string
			for _, s := range written(t, h) {
				if n := len(s.Name) + len(s.Value); n > 4096 {
					t.Errorf("name of %d bytes, size %d: a cookie of %d bytes", length, size, n)
				}
				back = append(back, s.Name+"="+s.Value)
			}
			if got := c.Read(request(strings.Join(back, "; "))); got.Value != value || got.More != nil {
				t.Errorf("name of %d bytes, size %d: read %d bytes", length, size, len(got.Value))
			}
		}
	}
}

func TestWrite_LargestValues(t *testing.T) {
	for name, tt := range map[string]struct {
		c     cookie.Chunked
		bytes int
		lines int
	}{
		"32 KB":                      {session, cookie.MaxSize, 9},
		"ten chunks":                 {cookie.Chunked{Cookie: session.Cookie, Size: 5}, 50, 10},
		"ten chunks of one byte":     {cookie.Chunked{Cookie: session.Cookie, Size: 1}, 10, 10},
		"nothing beside a long name": {cookie.Chunked{Cookie: cookie.Cookie{Name: strings.Repeat("n", 5000)}}, 0, 0},
		"one byte beside the name":   {cookie.Chunked{Cookie: cookie.Cookie{Name: strings.Repeat("n", 4093)}}, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{}
			must(t, tt.c.Write(h, 0, strings.Repeat("v", tt.bytes), expires))
			if n := len(h["Set-Cookie"]); n != tt.lines {
				t.Errorf("%d lines, want %d", n, tt.lines)
			}
		})
	}
}

func TestWrite_TooLarge(t *testing.T) {
	tests := []struct {
		name  string
		c     cookie.Chunked
		value string
		want  error
	}{
		{"beyond 32 KB", session, strings.Repeat("v", cookie.MaxSize+1), cookie.ErrTooLarge},
		{"more than ten chunks", cookie.Chunked{Cookie: session.Cookie, Size: 5}, strings.Repeat("v", 51), cookie.ErrTooLarge},
		{"no place beside the name", cookie.Chunked{Cookie: cookie.Cookie{Name: strings.Repeat("n", 4094)}}, "v", cookie.ErrTooLarge},
		{"a character that needs an escape", session, "a;b", nil},
		{"a character beyond ASCII", session, "é", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{"Set-Cookie": {"a=1"}}
			err := tt.c.Write(h, 1, tt.value, expires)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("got error %v, want %v", err, tt.want)
			}
			if diff := cmp.Diff([]string{"a=1"}, h["Set-Cookie"]); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestWrite_ReplacesEarlierWrites(t *testing.T) {
	const attrs = "; Path=/; HttpOnly; SameSite=Lax"
	short := cookie.Chunked{Cookie: cookie.Cookie{Name: "s"}, Size: 2}
	tests := []struct {
		name   string
		values []string
		want   []string
	}{
		{"the same twice", []string{"aa", "bb"}, []string{"s=bb" + attrs}},
		{"grown", []string{"aa", "bbbb"}, []string{"s=; Max-Age=0" + attrs, "s.0=bb" + attrs, "s.1=bb" + attrs}},
		{"shrunk", []string{"bbbb", "aa"}, []string{"s.0=; Max-Age=0" + attrs, "s.1=; Max-Age=0" + attrs, "s=aa" + attrs}},
		{"written, then signed out", []string{"aaaa", ""}, []string{"s.0=; Max-Age=0" + attrs, "s.1=; Max-Age=0" + attrs}},
		{"signed out, then in", []string{"aa", "", "bb"}, []string{"s=bb" + attrs}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{}
			for _, value := range tt.values {
				must(t, short.Write(h, 0, value, time.Time{}))
			}
			if diff := cmp.Diff(tt.want, h["Set-Cookie"]); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// A sign-out takes back what the same response has set before.
func TestClear_TakesBackEarlierWrites(t *testing.T) {
	const attrs = "; Path=/; HttpOnly; SameSite=Lax"
	short := cookie.Chunked{Cookie: cookie.Cookie{Name: "s"}, Size: 2}
	for _, tt := range []struct {
		name    string
		present cookie.Present
		value   string
		want    []string
	}{
		{"grown", 1, "bbbb", []string{"s=; Max-Age=0" + attrs, "s.0=; Max-Age=0" + attrs, "s.1=; Max-Age=0" + attrs}},
		{"new", 0, "bbbb", []string{"s.0=; Max-Age=0" + attrs, "s.1=; Max-Age=0" + attrs}},
		{"nothing", 0, "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{}
			must(t, short.Write(h, tt.present, tt.value, time.Time{}))
			short.Clear(h, tt.present)
			if diff := cmp.Diff(tt.want, h["Set-Cookie"]); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestChunked_All(t *testing.T) {
	h := http.Header{}
	session.Clear(h, cookie.All)
	want := []set{{Name: name, Cleared: true}}
	for i := range 10 {
		want = append(want, set{Name: name + "." + string(rune('0'+i)), Cleared: true})
	}
	if diff := cmp.Diff(want, written(t, h)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	must(t, session.Write(h, cookie.All, "v", expires))
	want[0] = set{Name: name, Value: "v", HasExpires: true}
	if diff := cmp.Diff(want, written(t, h)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// The session grows, shrinks and ends, and leaves no cookie in a cookie jar.
func TestChunked_CookieJar(t *testing.T) {
	c := cookie.Chunked{Cookie: cookie.Defaults("next-auth", true).Session}
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := c.Write(w.Header(), c.Read(r.Header).Present, strings.Repeat("v", int(r.ContentLength)), time.Now().Add(time.Hour))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}))
	defer srv.Close()
	jar, err := cookiejar.New(nil)
	must(t, err)
	client := &http.Client{Jar: jar, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}}}
	defer client.CloseIdleConnections()
	at, err := url.Parse(srv.URL)
	must(t, err)

	const size = cookie.NextAuthSize
	for _, step := range []struct{ bytes, cookies int }{
		{100, 1}, {3*size - 1, 3}, {2 * size, 2}, {size + 1, 2}, {size, 1}, {8 * size, 8}, {0, 0}, {1, 1},
	} {
		resp, err := client.Post(srv.URL, "text/plain", strings.NewReader(strings.Repeat("x", step.bytes)))
		must(t, err)
		must(t, resp.Body.Close())
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%d bytes: status %d", step.bytes, resp.StatusCode)
		}
		total := 0
		for _, c := range jar.Cookies(at) {
			total += len(c.Value)
		}
		if n := len(jar.Cookies(at)); n != step.cookies || total != step.bytes {
			t.Errorf("%d bytes: the jar has %d cookies with %d bytes, want %d cookies", step.bytes, n, total, step.cookies)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	value := strings.Repeat("x", 700)
	b.ReportAllocs()
	for b.Loop() {
		if err := session.Write(http.Header{}, 1, value, expires); err != nil {
			b.Fatal(err)
		}
	}
}

func TestChunked_WrittenIsWhatTheResponseSets(t *testing.T) {
	c := cookie.Chunked{Cookie: cookie.Cookie{Name: "s"}}
	long := strings.Repeat("x", 9000)
	for name, tt := range map[string]struct {
		write func(h http.Header)
		value string
		sets  cookie.Present
	}{
		"nothing":       {func(h http.Header) {}, "", 0},
		"other cookies": {func(h http.Header) { h.Add("Set-Cookie", "t=x; Path=/"); h.Add("Set-Cookie", "s.x=y; Path=/") }, "", 0},
		"another scope": {func(h http.Header) { h.Add("Set-Cookie", "s=x; Domain=example.com; Path=/") }, "", 0},
		"plain":         {func(h http.Header) { c.Write(h, 0, "v", time.Time{}) }, "v", 0b1},
		"chunks":        {func(h http.Header) { c.Write(h, 1, long, time.Time{}) }, long, 0b1111},
		"cleared":       {func(h http.Header) { c.Clear(h, 1) }, "", 0b1},
		"changed": {func(h http.Header) {
			c.Write(h, 0, long, time.Time{})
			c.Write(h, 0, "v", time.Time{})
		}, "v", 0b1111},
	} {
		h := http.Header{}
		tt.write(h)
		if value, present := c.Written(h); value != tt.value || present != tt.sets {
			t.Errorf("%s: %d bytes, sets %b, want %b", name, len(value), present, tt.sets)
		}
	}
}

func TestChunked_CheckIsTheErrorOfWrite(t *testing.T) {
	for _, c := range []cookie.Chunked{{Cookie: cookie.Cookie{Name: "s"}}, {Cookie: cookie.Cookie{Name: "s"}, Size: 10}, {Cookie: cookie.Cookie{Name: strings.Repeat("s", 5000)}}} {
		for _, value := range []string{"", "v", "a b", strings.Repeat("x", 100), strings.Repeat("x", 101), strings.Repeat("x", cookie.MaxSize), strings.Repeat("x", cookie.MaxSize+1)} {
			h := http.Header{}
			if got, want := c.Check(value), c.Write(h, 0, value, time.Time{}); got != want {
				t.Errorf("%d bytes in chunks of %d: %v, want %v", len(value), c.Size, got, want)
			}
		}
	}
}
