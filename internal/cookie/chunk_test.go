package cookie_test

import (
	"crypto/tls"
	"errors"
	"fmt"
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

// deviations are the vectors that we answer differently on purpose, by label.
var deviations = map[string]struct {
	reason string
	read   string // the value we read
	err    error  // the error, reading or writing
	sets   func(v vector) []set
}{
	"len 43268": {reason: "a value is capped at 32 KB and 10 chunks", err: cookie.ErrTooLarge},
	"len 43301": {reason: "a value is capped at 32 KB and 10 chunks", err: cookie.ErrTooLarge},
	"12 chunks reversed order (numeric sort, .10 after .9)": {reason: "a value is capped at 32 KB and 10 chunks", err: cookie.ErrTooLarge},
	"gap: .0 and .2 only (joined anyway)":                   {reason: "a gap means that a part is lost", err: cookie.ErrIncomplete},
	"base + chunk (NaN sort; implementation-defined)":       {reason: "the plain cookie is whole by itself", read: "BASE"},
	"prefix quirk: name-extra is concatenated":              {reason: "names match exactly", read: "AAA"},
	"prefix quirk: same-prefix cookie is cleaned too": {reason: "names match exactly", sets: func(v vector) []set {
		return []set{{Name: v.Name, Value: v.Value, HasExpires: true}}
	}},
}

func TestChunksAreThoseOfTheNodeServers(t *testing.T) {
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
				got, _, err := c.Read(requestOf(pairs(v.Cookies)))
				if got != want || !errors.Is(err, deviation.err) {
					t.Errorf("read %.40q, %v; want %.40q, %v", got, err, want, deviation.err)
				}
				return
			case "chunk":
				_, present, err := c.Read(requestOf(v.Existing))
				must(t, err)
				if err := c.Write(h, present, v.Value, expires); !errors.Is(err, deviation.err) {
					t.Fatalf("got error %v, want %v", err, deviation.err)
				}
			case "clean":
				_, present, err := c.Read(requestOf(v.Existing))
				must(t, err)
				c.Clear(h, present)
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

func TestReadChoosesTheSameValueWhateverElseIsSent(t *testing.T) {
	thousand := make([]string, 1000)
	for i := range thousand {
		thousand[i] = fmt.Sprintf("%s.%d=%d", name, 999-i, (999-i)%10)
	}
	long := strings.Repeat("x", 4000)
	tests := []struct {
		name    string
		lines   []string
		want    string
		present int // how many cookies a sign-out clears
		err     error
	}{
		{"nothing", nil, "", 0, nil},
		{"an empty line", []string{""}, "", 0, nil},
		{"one", []string{"a=b; " + name + "=v"}, "v", 1, nil},
		{"one, empty", []string{name + "="}, "", 1, nil},
		{"one, quoted", []string{name + `="v"`}, "v", 1, nil},
		{"no percent decoding", []string{name + "=%41"}, "%41", 1, nil},
		{"chunks over two lines", []string{name + ".1=b; x=y", name + ".0=a"}, "ab", 2, nil},
		{"the first of two values", []string{name + "=mine; " + name + "=planted"}, "mine", 1, nil},
		{"an empty one before the value", []string{name + "=; " + name + "=mine"}, "mine", 1, nil},
		{"the first of two chunks", []string{name + ".0=a; " + name + ".1=b; " + name + ".1=X; " + name + ".0=Y"}, "ab", 2, nil},
		{"the plain cookie beats chunks", []string{name + ".0=a; " + name + ".1=b; " + name + "=whole"}, "whole", 3, nil},
		{"an empty plain cookie does not", []string{name + "=; " + name + ".0=a; " + name + ".1=b"}, "ab", 3, nil},
		{"the plain cookie beats a broken set", []string{name + ".7=x; " + name + "=whole"}, "whole", 2, nil},
		{"no first chunk", []string{name + ".1=b"}, "", 1, cookie.ErrIncomplete},
		{"a gap", []string{name + ".0=a; " + name + ".2=c"}, "", 2, cookie.ErrIncomplete},
		{"a gap of an empty chunk", []string{name + ".0=a; " + name + ".1=; " + name + ".2=c"}, "", 3, cookie.ErrIncomplete},
		{"ten chunks, last first", []string{strings.Join(thousand[990:], "; ")}, "0123456789", 10, nil},
		{"a thousand chunks", []string{strings.Join(thousand, "; ")}, "0123456789", 10, nil},
		{"leading zero", []string{name + ".00=a; " + name + ".01=b"}, "", 0, nil},
		{"signs", []string{name + ".+1=a; " + name + ".-1=b"}, "", 0, nil},
		{"a number beyond all integers", []string{name + ".999999999999999999999=a"}, "", 0, nil},
		{"not a number", []string{name + ".a=1; " + name + ".=2; " + name + ".1.0=3; " + name + ".١=4"}, "", 0, nil},
		{"other cookies that start alike", []string{name + "-extra=1; " + name + "s=2; " + name + "0=3"}, "", 0, nil},
		{"other case", []string{strings.ToUpper(name) + "=1"}, "", 0, nil},
		{"the prefixed twin", []string{"__Secure-" + name + "=1"}, "", 0, nil},
		{"too much in one", []string{name + "=" + strings.Repeat("x", cookie.MaxSize+1)}, "", 1, cookie.ErrTooLarge},
		{"too much in ten", []string{strings.Join([]string{name + ".0=" + long, name + ".1=" + long, name + ".2=" + long, name + ".3=" + long,
			name + ".4=" + long, name + ".5=" + long, name + ".6=" + long, name + ".7=" + long, name + ".8=" + long}, ";")}, "", 9, cookie.ErrTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, present, err := session.Read(request(tt.lines...))
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got %.40q, %v; want %.40q, %v", got, err, tt.want, tt.err)
			}
			h := http.Header{}
			session.Clear(h, present)
			if n := len(h["Set-Cookie"]); n != tt.present {
				t.Errorf("a sign-out clears %d cookies, want %d: %v", n, tt.present, h["Set-Cookie"])
			}
		})
	}
}

// The flood is 1 MB of each: a scan that is not linear would not end here.
func TestAFloodOfCookiesDoesNotHideTheSession(t *testing.T) {
	for _, junk := range []string{";", "=;", "a;", "a=b;", name + "-=1;", name + ".0=1;", name + "=;", `"`, " ", name} {
		flood := strings.Repeat(junk, 1<<20/len(junk))
		got, _, err := session.Read(request(flood+";"+name+"=v", flood))
		if got != "v" || err != nil {
			t.Errorf("%q: got %.40q, %v", junk, got, err)
		}
		if v, found := session.Cookie.Value(request(flood)); len(v) > len(flood) {
			t.Errorf("%q: got %d bytes, %v", junk, len(v), found)
		}
	}
}

func TestReadingASessionAllocatesNothing(t *testing.T) {
	tests := []struct {
		name   string
		header http.Header
		want   float64
	}{
		{"no cookies", http.Header{}, 0},
		{"cookies of others", request("_ga=GA1.1.1; theme=dark; next-auth.csrf-token=abc"), 0},
		{"one cookie", request("_ga=GA1.1.1; " + name + "=" + strings.Repeat("x", 700)), 0},
		{"three chunks, joined", request(name + ".0=a; " + name + ".1=b; " + name + ".2=c"), 1},
	}
	for _, tt := range tests {
		got := testing.AllocsPerRun(100, func() {
			if _, _, err := session.Read(tt.header); err != nil {
				t.Fatal(err)
			}
		})
		if got != tt.want {
			t.Errorf("%s: %v allocations, want %v", tt.name, got, tt.want)
		}
	}
}

func TestEveryCookieFitsABrowserWithAnyName(t *testing.T) {
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
			if got, _, err := c.Read(request(strings.Join(back, "; "))); got != value || err != nil {
				t.Errorf("name of %d bytes, size %d: read %d bytes, %v", length, size, len(got), err)
			}
		}
	}
}

func TestAValueThatDoesNotFitLeavesTheResponseAlone(t *testing.T) {
	tests := []struct {
		name  string
		c     cookie.Chunked
		value string
		want  error
	}{
		{"beyond 32 KB", session, strings.Repeat("v", cookie.MaxSize+1), cookie.ErrTooLarge},
		{"more than ten chunks", cookie.Chunked{Cookie: session.Cookie, Size: 5}, strings.Repeat("v", 51), cookie.ErrTooLarge},
		{"no room beside the name", cookie.Chunked{Cookie: cookie.Cookie{Name: strings.Repeat("n", 4094)}}, "v", cookie.ErrTooLarge},
		{"a character that needs an escape", session, "a;b", nil},
		{"a character beyond ASCII", session, "é", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{"Set-Cookie": {"a=1"}}
			_, present, _ := tt.c.Read(request(name + "=old"))
			err := tt.c.Write(h, present, tt.value, expires)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("got error %v, want %v", err, tt.want)
			}
			if diff := cmp.Diff([]string{"a=1"}, h["Set-Cookie"]); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestTheLastWriteOfAnAnswerIsTheWholeTruth(t *testing.T) {
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

// A real cookie jar and TLS: the session grows, shrinks and ends, and never
// leaves a cookie behind.
func TestABrowserKeepsExactlyTheCurrentSession(t *testing.T) {
	c := cookie.Chunked{Cookie: cookie.Defaults("next-auth", true).Session}
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, present, err := c.Read(r.Header)
		if err == nil {
			err = c.Write(w.Header(), present, strings.Repeat("v", int(r.ContentLength)), time.Now().Add(time.Hour))
		}
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
		for _, kept := range jar.Cookies(at) {
			total += len(kept.Value)
		}
		if n := len(jar.Cookies(at)); n != step.cookies || total != step.bytes {
			t.Errorf("%d bytes: the jar holds %d cookies with %d bytes, want %d cookies", step.bytes, n, total, step.cookies)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	others := "_ga=GA1.1.1234567890.1700000000; theme=dark; next-auth.csrf-token=" + strings.Repeat("a", 131) + "; next-auth.callback-url=http%3A%2F%2Flocalhost%3A3000; "
	chunk := strings.Repeat("x", cookie.NextAuthSize)
	for _, bench := range []struct {
		name   string
		header http.Header
	}{
		{"none", request(strings.TrimSuffix(others, "; "))},
		{"single", request(others + name + "=" + strings.Repeat("x", 700))},
		{"chunks3", request(others + name + ".0=" + chunk + "; " + name + ".1=" + chunk + "; " + name + ".2=" + chunk)},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := session.Read(bench.header); err != nil {
					b.Fatal(err)
				}
			}
		})
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
