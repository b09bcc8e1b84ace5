package origin_test

import (
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth/internal/origin"
)

const (
	local = "http://localhost:3000"
	app   = "https://app.example.com"
	other = "https://other.example:8443"
)

// A redirect is one row of redirect.json.
type redirect struct {
	URL     string `json:"url"`
	BaseURL string `json:"baseUrl"`
	V4      struct {
		Result string `json:"result"`
		Error  string `json:"error"`
	} `json:"v4"`
	BrowserOfResult struct {
		Href string `json:"href"`
	} `json:"browserOfResult"`
}

func redirects(t testing.TB) []redirect {
	t.Helper()
	data, err := os.ReadFile("../../testdata/vectors/redirect.json")
	must(t, err)
	var file struct {
		Vectors []redirect `json:"vectors"`
	}
	must(t, json.Unmarshal(data, &file))
	if len(file.Vectors) != 218 {
		t.Fatalf("%d vectors, expected 218", len(file.Vectors))
	}
	return file.Vectors
}

// relative are the references without a leading slash to which next-auth
// responds with 500, and what CallbackURL makes of them.
var relative = map[string]string{
	"dashboard": "/dashboard", "./x": "/x", "../x": "/x", "?q=1": "/?q=1", "#frag": "/#frag", "*": "/*", ":": "/:", `\`: "/",
}

// rules are the deviations from next-auth 4. The first that applies to a row
// says what CallbackURL returns instead.
var rules = []struct {
	name    string
	reason  string
	applies func(redirect) bool
	want    func(redirect) string
	rows    int
}{
	{"too long", "a cookie has to hold the URL: 2048 bytes",
		func(r redirect) bool { return len(r.URL) > 2048 },
		toBase, 2},
	{"not http", "a browser shows blob: URLs as the application's own origin",
		func(r redirect) bool { return strings.HasPrefix(r.V4.Result, "blob:") },
		toBase, 2},
	{"user name", "a reader takes https://evil.com@app for evil.com, and browsers warn or drop the name",
		func(r redirect) bool {
			return regexp.MustCompile(`^https?://[^/]*@`).MatchString(r.BrowserOfResult.Href)
		},
		toBase, 6},
	{"no two slashes after the scheme", "a host to one parser, a path to another",
		func(r redirect) bool { return regexp.MustCompile(`^https?:[/\\]?[^/\\]`).MatchString(r.V4.Result) },
		toBase, 4},
	{"path with two slashes in front", "without the origin it names another host",
		func(r redirect) bool { return strings.HasPrefix(r.BrowserOfResult.Href, r.BaseURL+"//") },
		toBase, 32},
	{"relative", "next-auth fails (500); it is resolved as a browser does at the root",
		func(r redirect) bool { return r.V4.Error != "" && relative[r.URL] != "" },
		func(r redirect) string { return r.BaseURL + relative[r.URL] }, 16},
	{"no URL at all", "next-auth fails (500); the caller uses the base, never an error status",
		func(r redirect) bool { return r.V4.Error != "" },
		toBase, 29},
	{"written anew", "the same place, spelled the way the browser spells it",
		func(redirect) bool { return true },
		func(r redirect) string { return r.BrowserOfResult.Href }, 38},
}

func toBase(r redirect) string { return r.BaseURL }

func TestCallbackURL_NodeVectors(t *testing.T) {
	count := map[string]int{}
	for _, r := range redirects(t) {
		s := site(t, origin.Config{URL: r.BaseURL})
		b := origin.Base{Origin: r.BaseURL, Path: "/api/auth"}
		got, ok := s.CallbackURL(b, r.URL)
		if ok {
			checkStays(t, b.Origin, r.URL, got)
		} else {
			got = r.BaseURL // what callers do
		}
		if r.V4.Error == "" && got == r.V4.Result {
			continue
		}
		for _, rule := range rules {
			if rule.applies(r) {
				count[rule.name]++
				if want := rule.want(r); got != want {
					t.Errorf("%.80q at %s: got %.80q, want %.80q (%s: %s)", r.URL, r.BaseURL, got, want, rule.name, rule.reason)
				}
				break
			}
		}
	}
	for _, rule := range rules {
		if count[rule.name] != rule.rows {
			t.Errorf("the rule %q decides %d rows, want %d", rule.name, count[rule.name], rule.rows)
		}
	}
}

// checkStays asserts, without the parser under test, that no browser leaves the
// origin for result.
func checkStays(t testing.TB, origin, raw, result string) {
	t.Helper()
	// After "origin/" nothing can change the host any more, and a path that
	// begins with one slash stays when the origin is cut off.
	if rest, ok := strings.CutPrefix(result, origin); !ok || rest != "" && (rest[0] != '/' || strings.HasPrefix(rest, "//") || strings.HasPrefix(rest, `/\`)) {
		t.Errorf("%q leads to %q, which is not at %q", raw, result, origin)
	}
	if strings.ContainsFunc(result, func(r rune) bool { return r <= ' ' || r > '~' }) {
		t.Errorf("%q leads to %q, which is not printable ASCII", raw, result)
	}
	if len(result) > 2048 {
		t.Errorf("%.80q leads to %d bytes", raw, len(result))
	}
	// net/url refuses some escapes that browsers keep.
	u, err := url.Parse(regexp.MustCompile(`%`).ReplaceAllString(result, "."))
	if err != nil || u.Scheme+"://"+u.Host != origin || u.User != nil || u.Opaque != "" {
		t.Errorf("%q leads to %q, which net/url reads as %#v, %v", raw, result, u, err)
	}
}

func TestCallbackURL(t *testing.T) {
	tests := []struct {
		raw  string
		want string // empty when it must not be used
	}{
		// what nuxt-auth sends
		{"/protected", app + "/protected"},
		{app + "/protected?tab=1#top", app + "/protected?tab=1#top"},
		{app, app},
		{"/", app + "/"},
		{"", ""},
		{"undefined", ""},
		{"null", ""},
		{" undefined\n", ""},
		{other + "/from/the/front-end", other + "/from/the/front-end"},
		{"http://other.example:8443/", ""},
		{"https://other.example/", ""},

		// relative
		{"page", app + "/page"},
		{"a/b?c#d", app + "/a/b?c#d"},
		{"undefined/x", app + "/undefined/x"},
		{"//app.example.com/x", app + "/x"},
		{`\\app.example.com\x`, app + "/x"},
		{"//other.example:8443/x", other + "/x"},
		{"//evil.com", ""},
		{`/\evil.com`, ""},
		{"/\t/evil.com", ""},
		{"/\n\r\\evil.com", ""},
		{"///evil.com", ""},
		{"/.//evil.com", ""},
		{"/%2e//evil.com", ""},
		{"/a/..//evil.com", ""},
		{`/.\/evil.com`, ""},
		{"/a//evil.com", app + "/a//evil.com"},
		{"/%2f/evil.com", app + "/%2f/evil.com"},
		{"/?//evil.com", app + "/?//evil.com"},
		{"a/b:c", app + "/a/b:c"},
		{"page?at=10:30", app + "/page?at=10:30"},
		{"page#10:30", app + "/page#10:30"},
		{"-a:b", app + "/-a:b"},
		{"1a:b", app + "/1a:b"},
		{":80", app + "/:80"},
		{"page:1", ""},
		{"a+b-c.d9:x", ""},
		{"z:x", ""},
		{"Z:x", ""},
		{"evil.com:80/", ""},
		{"evil.com:80", ""},

		// absolute
		{"HTTPS://APP.Example.com:443/X", app + "/X"},
		{"ftp://app.example.com/x", ""},
		{"https:///\\/app.example.com/x", app + "/x"},
		{`https:\\app.example.com\x\y`, app + "/x/y"},
		{" \x00https://app.example.com/x\x1f ", app + "/x"},
		{"ht\ntps:/\t/app.exa\rmple.com/x", app + "/x"},
		{"https://app.example.com:00443/x", app + "/x"},
		{"https://app.example.com?x", app + "/?x"},
		{"https://app.example.com#x", app + "/#x"},
		{"https://app.example.com//evil.com", ""},
		{"https:app.example.com/x", ""},
		{"https:/app.example.com/x", ""},
		{`https:\app.example.com/x`, ""},
		{"http://app.example.com/x", ""},
		{"https://app.example.com:80/x", ""},
		{"https://app.example.com:/x", ""},
		{"https://app.example.com.evil.com/x", ""},
		{"https://app.example.com./x", ""},
		{"https://evilapp.example.com/x", ""},
		{"https://app.example.com@evil.com/x", ""},
		{"https://evil.com@app.example.com/x", ""},
		{"https://@app.example.com/x", ""},
		{`https://app.example.com\@evil.com`, app + "/@evil.com"},
		{"https://app%2eexample.com/x", ""},
		{"https://app.example.com%00.evil.com", ""},
		{"https://ⓐpp.example.com/x", ""},
		{"https://app。example.com/x", ""},
		{"javascript:alert(1)", ""},
		{"javascript://app.example.com/%0aalert(1)", ""},
		{"java\nscript:alert(1)", ""},
		{"data:text/html,x", ""},
		{"blob:https://app.example.com/x", ""},
		{"view-source:https://app.example.com/x", ""},
		{"wss://app.example.com/x", ""},
		{"https://", ""},
		{"https:", ""},

		// written anew
		{"/a b\"<>`{}^|'\\c", app + "/a%20b%22%3C%3E%60%7B%7D%5E|'/c"},
		{"/x?a b\"<>'`{}\\", app + "/x?a%20b%22%3C%3E%27`{}\\"},
		{"/x#a b\"<>'`{}", app + "/x#a%20b%22%3C%3E'%60{}"},
		{"/x?#", app + "/x?#"},
		{"/ü?ü#ü", app + "/%C3%BC?%C3%BC#%C3%BC"},
		{"/a\x00b\x7f", app + "/a%00b%7F"},
		{"/%zz%2F%", app + "/%zz%2F%"},
		{"/a!~?b!~#c!~", app + "/a!~?b!~#c!~"},
		{"!a!", app + "/!a!"},
		{"/a/b/..", app + "/a/"},
		{"/a/./b/../c/%2E%2e/d/.", app + "/a/d/"},
		{"/../../x/..", app + "/"},
		{"/x\r\nSet-Cookie: a=b", app + "/xSet-Cookie:%20a=b"},
		{"/\xff", ""},
		{"/" + strings.Repeat("a", 2047), ""},
		{"/" + strings.Repeat("ü", 700), ""},
		{"/x" + strings.Repeat("\t", 2047), ""},
		{"/x" + strings.Repeat("\t", 2046), app + "/x"},
		{"/" + strings.Repeat("a", 2047-len(app)), app + "/" + strings.Repeat("a", 2047-len(app))},
	}
	s := site(t, origin.Config{URL: app, TrustedOrigins: []string{other}})
	b := origin.Base{Origin: app, Path: "/api/auth"}
	for _, tt := range tests {
		got, ok := s.CallbackURL(b, tt.raw)
		if !ok {
			got = ""
		}
		if got != tt.want {
			t.Errorf("%.80q: got %.80q, want %.80q", tt.raw, got, tt.want)
		}
	}
}

func TestCallbackURL_WithoutABase(t *testing.T) {
	s := site(t, origin.Config{TrustHost: true})
	for _, raw := range []string{"/", "//evil.com", "https://evil.com", "x"} {
		if got, ok := s.CallbackURL(origin.Base{}, raw); ok {
			t.Errorf("%q: got %q", raw, got)
		}
	}
}

func TestTrusted(t *testing.T) {
	s := site(t, origin.Config{URL: app, TrustedOrigins: []string{other}})
	b := origin.Base{Origin: app}
	for origin, want := range map[string]bool{
		app: true, other: true,
		"": false, "null": false, app + "/": false, "http://app.example.com": false, app + ":443": false,
		"https://x.app.example.com": false, "https://app.example.com.evil.com": false, "https://other.example": false,
		"HTTPS://APP.EXAMPLE.COM": false,
	} {
		if got := s.Trusted(b, origin); got != want {
			t.Errorf("%q: got %v", origin, got)
		}
	}
}

// Hosts that a browser takes for an IPv4 address, and others that are no names.
func TestCallbackURL_OddHosts(t *testing.T) {
	const all = "https://abcdefghijklmnopqrstuvwxyz-0123456789_.example"
	s := site(t, origin.Config{URL: app, TrustedOrigins: []string{all, "https://1.0xag", "https://0xg", "https://0x7f.0.0.a1"}})
	b := origin.Base{Origin: app}
	for raw, ok := range map[string]bool{
		all + "/x": true, strings.ToUpper(all) + "/x": true,
		"https://1.0xag/": true, "https://0xg/": true, "https://0x7f.0.0.a1/": true,
		"https://0xff/": false, "https://1.0xAF/": false, "https://1.0x/": false, "https://127.9/": false, "https://0/": false,
		"https://010.0.0.1/": false, "https://1.2.3.256/": false, "https://a.1/": false,
	} {
		if got, got2 := s.CallbackURL(b, raw); got2 != ok {
			t.Errorf("%q: got %q, %v", raw, got, got2)
		}
	}
}

func FuzzCallbackURL(f *testing.F) {
	for _, r := range redirects(f) {
		if r.BaseURL == local {
			f.Add(r.URL)
		}
	}
	s := site(f, origin.Config{URL: local})
	b := origin.Base{Origin: local, Path: "/api/auth"}
	f.Fuzz(func(t *testing.T, raw string) {
		got, ok := s.CallbackURL(b, raw)
		if !ok {
			return
		}
		checkStays(t, local, raw, got)
		if again, ok := s.CallbackURL(b, got); !ok || again != got {
			t.Errorf("%q becomes %q, and that %q, %v", raw, got, again, ok)
		}
	})
}

func BenchmarkCallbackURL(b *testing.B) {
	s := site(b, origin.Config{URL: app})
	base := origin.Base{Origin: app, Path: "/api/auth"}
	for name, raw := range map[string]string{"path": "/protected", "absolute": app + "/protected/page?tab=1#top"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := s.CallbackURL(base, raw); !ok {
					b.Fatal("refused")
				}
			}
		})
	}
}
