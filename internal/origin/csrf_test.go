package origin_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth/internal/origin"
)

// A forgery is one row of csrf.json.
type forgery struct {
	Version     string         `json:"version"`
	Name        string         `json:"name"`
	Secret      jsontext.Value `json:"secret"`
	CookieValue string         `json:"cookieValue"`
	BodyValue   string         `json:"bodyValue"`
	IsPost      bool           `json:"isPost"`
	Expect      struct {
		Verified      bool   `json:"verified"`
		CookieTrusted bool   `json:"cookieTrusted"`
		CSRFToken     string `json:"csrfToken"` // "" for null: a new token, not known in advance
	} `json:"expect"`
}

func forgeries(t testing.TB) []forgery {
	t.Helper()
	data, err := os.ReadFile("../../testdata/vectors/csrf.json")
	must(t, err)
	var file struct {
		Vectors []forgery `json:"vectors"`
	}
	must(t, json.Unmarshal(data, &file))
	if len(file.Vectors) != 119 {
		t.Fatalf("%d vectors, expected 119", len(file.Vectors))
	}
	return file.Vectors
}

// secrets are the secrets of a row.
func (f forgery) secrets(t testing.TB) []string {
	t.Helper()
	if f.Secret.Kind() == '[' {
		var several []string
		must(t, json.Unmarshal(f.Secret, &several))
		return several
	}
	var one string
	must(t, json.Unmarshal(f.Secret, &one))
	return []string{one}
}

// csrfDeviations are the rows with another result on purpose.
var csrfDeviations = []struct {
	reason  string
	applies func(f forgery, secrets []string) bool
	rows    int
}{
	{"an empty token is not a token: it would be the same for all users",
		func(f forgery, _ []string) bool { return f.Name == "empty token with correct hash" }, 7},
	{"Auth.js hashes with its secrets joined by commas, so that every rotation breaks all tokens; each secret verifies here, and such a cookie gets a new token",
		func(f forgery, secrets []string) bool { return len(secrets) > 1 && f.Expect.CookieTrusted }, 9},
}

func TestCSRF_NodeVectors(t *testing.T) {
	count := make([]int, len(csrfDeviations))
	for _, f := range forgeries(t) {
		t.Run(f.Version+"/"+f.Name, func(t *testing.T) {
			secrets := f.secrets(t)
			want := f.Expect
			for i, deviation := range csrfDeviations {
				if deviation.applies(f, secrets) {
					count[i]++
					want.CookieTrusted, want.Verified, want.CSRFToken = false, false, ""
					break
				}
			}
			token, ok := origin.NewCSRF(secrets...).Check(f.CookieValue)
			if ok != want.CookieTrusted || token != want.CSRFToken {
				t.Errorf("got %q, %v; want %q, %v", token, ok, want.CSRFToken, want.CookieTrusted)
			}
			if verified := ok && f.IsPost && origin.Equal(token, f.BodyValue); verified != want.Verified {
				t.Errorf("verified %v, want %v", verified, want.Verified)
			}
		})
	}
	for i, deviation := range csrfDeviations {
		if count[i] != deviation.rows {
			t.Errorf("%d rows deviate, want %d: %s", count[i], deviation.rows, deviation.reason)
		}
	}
}

func TestCSRF_Check(t *testing.T) {
	c := origin.NewCSRF("secret")
	token, value := c.Issue()
	if !regexp.MustCompile(`^[0-9a-f]{64}\|[0-9a-f]{64}$`).MatchString(value) || !strings.HasPrefix(value, token+"|") || len(token) != 64 {
		t.Errorf("issued %q, %q", token, value)
	}
	if got, ok := c.Check(value); got != token || !ok {
		t.Errorf("its own token: got %q, %v", got, ok)
	}
	if second, _ := c.Issue(); second == token {
		t.Errorf("issued %q twice", token)
	}
	if _, ok := origin.NewCSRF("another").Check(value); ok {
		t.Error("another secret accepts the token")
	}
	for i := range len(value) {
		forged := value[:i] + string(rune(value[i]^1)) + value[i+1:]
		if _, ok := c.Check(forged); ok {
			t.Errorf("accepted with byte %d changed: %q", i, forged)
		}
	}
	for i := range len(value) {
		if _, ok := c.Check(value[:i]); ok {
			t.Errorf("accepted when cut to %d bytes", i)
		}
	}
	if _, ok := c.Check(value + "x"); ok {
		t.Error("accepted with a byte too many")
	}
}

func TestCSRF_Rotation(t *testing.T) {
	token, value := origin.NewCSRF("old").Issue()
	rotated := origin.NewCSRF("new", "old", "older")
	if got, ok := rotated.Check(value); got != token || !ok {
		t.Errorf("got %q, %v", got, ok)
	}
	_, value = rotated.Issue()
	if _, ok := origin.NewCSRF("new").Check(value); !ok {
		t.Error("the first secret did not sign the new token")
	}
}

func TestCSRF_WithoutASecret(t *testing.T) {
	token := strings.Repeat("a", 64)
	sum := sha256.Sum256([]byte(token)) // needs no secret
	forged := token + "|" + hex.EncodeToString(sum[:])
	for _, secrets := range [][]string{nil, {""}, {"secret", ""}} {
		c := origin.NewCSRF(secrets...)
		if _, ok := c.Check(forged); ok {
			t.Errorf("%q: accepted a token that needs no secret", secrets)
		}
	}
	c := origin.NewCSRF()
	if _, value := c.Issue(); func() bool { _, ok := c.Check(value); return ok }() {
		t.Error("accepted a token issued without a secret")
	}
}

func TestEqual(t *testing.T) {
	for _, tt := range []struct {
		cookie, body string
		want         bool
	}{
		{"abc", "abc", true}, {"abc", "abd", false}, {"abc", "ABC", false}, {"abc", "ab", false}, {"abc", "", false}, {"", "abc", false}, {"", "", false},
	} {
		if got := origin.Equal(tt.cookie, tt.body); got != tt.want {
			t.Errorf("%q, %q: got %v", tt.cookie, tt.body, got)
		}
	}
}

func TestCrossSite(t *testing.T) {
	tests := []struct {
		name    string
		origins []string
		site    string // Sec-Fetch-Site
		want    bool
	}{
		{"own page", []string{app}, "same-origin", false},
		{"own page, in a browser without Sec-Fetch-Site", []string{app}, "", false},
		{"a trusted page on another host", []string{other}, "same-site", false},
		{"a trusted page on another site", []string{other}, "cross-site", false},
		{"no browser", nil, "", false},
		{"typed into the address bar", nil, "none", false},
		{"own page without an Origin", nil, "same-origin", false},
		{"own form under Referrer-Policy: no-referrer", []string{"null"}, "same-origin", false},

		{"another site", []string{"https://evil.example"}, "cross-site", true},
		{"another site, in a browser without Sec-Fetch-Site", []string{"https://evil.example"}, "", true},
		{"another site that claims the same origin", []string{"https://evil.example"}, "same-origin", true},
		{"a sibling host", []string{"https://shop.example.com"}, "same-site", true},
		{"own host without TLS", []string{"http://app.example.com"}, "cross-site", true},
		{"own host on another port", []string{app + ":8443"}, "same-site", true},
		{"another site without an Origin", nil, "cross-site", true},
		{"a sibling host without an Origin", nil, "same-site", true},
		{"a word that no browser sends", nil, "friendly", true},
		{"a sandboxed frame", []string{"null"}, "cross-site", true},
		{"an opaque origin, in a browser without Sec-Fetch-Site", []string{"null"}, "", true},
		{"an empty Origin", []string{""}, "same-origin", true},
		{"one good Origin and a bad one", []string{app, "https://evil.example"}, "same-origin", true},
	}
	s := site(t, origin.Config{URL: app, TrustedOrigins: []string{other}})
	b := origin.Base{Origin: app, Path: "/api/auth"}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &http.Request{Header: http.Header{}}
			for _, o := range tt.origins {
				r.Header.Add("Origin", o)
			}
			if tt.site != "" {
				r.Header.Set("Sec-Fetch-Site", tt.site)
			}
			if got := s.CrossSite(b, r); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// An application on a trusted origin is another one here.
func TestSameOrigin(t *testing.T) {
	s := site(t, origin.Config{URL: app, TrustedOrigins: []string{other}})
	b := origin.Base{Origin: app, Path: "/api/auth"}
	for _, tt := range []struct {
		name          string
		origins, site []string // Origin and Sec-Fetch-Site
		want          bool
	}{
		{"both headers", []string{app}, []string{"same-origin"}, true},
		{"a browser without Sec-Fetch-Site", []string{app}, nil, true},
		{"a browser without Origin", nil, []string{"same-origin"}, true},

		{"no browser", nil, nil, false},
		{"another site", []string{"https://evil.example"}, []string{"cross-site"}, false},
		{"another site, in a browser without Sec-Fetch-Site", []string{"https://evil.example"}, nil, false},
		{"another site, in a browser without Origin", nil, []string{"cross-site"}, false},
		{"another Origin alone", []string{"https://evil.example"}, []string{"same-origin"}, false},
		{"another Sec-Fetch-Site alone", []string{app}, []string{"same-site"}, false},
		{"a trusted origin", []string{other}, []string{"same-origin"}, false},
		{"an opaque origin", []string{"null"}, []string{"same-origin"}, false},
		{"the address bar", nil, []string{"none"}, false},
		{"empty headers", []string{""}, []string{""}, false},
		{"a second Origin", []string{app, "https://evil.example"}, []string{"same-origin"}, false},
		{"a second Sec-Fetch-Site", []string{app}, []string{"same-origin", "cross-site"}, false},
	} {
		h := http.Header{}
		if tt.origins != nil {
			h["Origin"] = tt.origins
		}
		if tt.site != nil {
			h["Sec-Fetch-Site"] = tt.site
		}
		if got := s.SameOrigin(b, &http.Request{Header: h}); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func FuzzCSRFCookie(f *testing.F) {
	for _, row := range forgeries(f) {
		f.Add(row.CookieValue)
	}
	c := origin.NewCSRF("secret", "s")
	f.Fuzz(func(t *testing.T, value string) {
		token, ok := c.Check(value)
		if !ok {
			if token != "" {
				t.Errorf("%q: token %q, but not accepted", value, token)
			}
			return
		}
		// The definition, by other means.
		parts := strings.Split(value, "|")
		signed := false
		for _, secret := range []string{"secret", "s"} {
			sum := sha256.Sum256([]byte(parts[0] + secret))
			signed = signed || len(parts) > 1 && parts[1] == hex.EncodeToString(sum[:])
		}
		if !signed || token != parts[0] || len(token) != 64 {
			t.Errorf("%q: accepted with token %q", value, token)
		}
	})
}

func BenchmarkCSRFCheck(b *testing.B) {
	c := origin.NewCSRF(strings.Repeat("s", 44))
	_, value := c.Issue()
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := c.Check(value); !ok {
			b.Fatal("refused")
		}
	}
}
