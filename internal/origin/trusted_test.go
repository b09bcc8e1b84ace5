package origin_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/origin"
)

func TestTrusted_Patterns(t *testing.T) {
	for pattern, tt := range map[string]struct{ yes, no string }{
		"https://*.shop.example": {
			"https://berlin.shop.example https://a-b.shop.example",
			"https://shop.example https://a.b.shop.example http://berlin.shop.example https://berlin.shop.example:8443 https://Berlin.shop.example https://.shop.example https://evil.example/.shop.example https://evil.example#.shop.example https://x@berlin.shop.example https://berlin.shop.example.evil.example https://evilshop.example https://*.shop.example https://berlin.shop.example/ https://localhost null",
		},
		"https://*.shop.example:8443": {"https://berlin.shop.example:8443", "https://berlin.shop.example https://berlin.shop.example:443"},
		"capacitor://localhost":       {"capacitor://localhost", "capacitor://localhost:1 capacitor://evil http://localhost tauri://localhost"},
		"com.example.shop://callback": {"com.example.shop://callback", "com.example.shop:// com.example.shop://callback.evil com.example.shopx://callback"},
		"http://localhost:*":          {"http://localhost http://localhost:5173 http://localhost:65535", "https://localhost:5173 http://localhost.evil.example:1 http://localhost:0 http://localhost:99999 http://localhost:80 http://localhost:x http://localhost: http://127.0.0.1:5173"},
		"http://127.0.0.1:*":          {"http://127.0.0.1 http://127.0.0.1:5173", "http://127.0.0.2:5173 http://localhost:5173"},
		"http://[::1]:*":              {"http://[::1]:5173", "http://[::2]:5173"},
	} {
		t.Run(pattern, func(t *testing.T) {
			s, err := origin.New(origin.Config{URL: "https://app.example", TrustedOrigins: []string{pattern}, Debug: true})
			if err != nil {
				t.Fatal(err)
			}
			base, _ := s.Configured()
			for o := range strings.FieldsSeq(tt.yes) {
				if !s.Trusted(base, o) {
					t.Errorf("%s is not trusted", o)
				}
				if _, ok := s.CallbackURL(base, o+"/in?x=1#y"); !ok {
					t.Errorf("no callback URL leads to %s", o)
				}
			}
			for o := range strings.FieldsSeq(tt.no) {
				if s.Trusted(base, o) {
					t.Errorf("%s is trusted", o)
				}
			}
		})
	}
}

func TestTrusted_PatternsThatAreRefused(t *testing.T) {
	for pattern, want := range map[string]string{
		"*":                            "wildcard",
		"https://*":                    "wildcard",
		"https://*.":                   "wildcard",
		"http://*.shop.example":        "https origin",
		"https://a.*.example":          "first label",
		"https://*.*.example":          "first label",
		"https://x*.shop.example":      "first label",
		"https://*.Shop.example":       "first label",
		"https://*.shop.example/":      "first label",
		"https://*.com":                `below "com"`,
		"https://*.co.uk":              `below "co.uk"`,
		"https://*.github.io":          `below "github.io"`,
		"https://*.localhost":          `below "localhost"`,
		"https://*.0.0.1":              "first label",
		"https://*.10.0.0.1":           `below "10.0.0.1"`,
		"https://app.example:*":        "loopback",
		"http://localhost.example:*":   "loopback",
		"javascript://x":               "is no origin",
		"file://":                      "is no origin",
		"data://x":                     "is no origin",
		"intent://x":                   "is no origin",
		"com.example.shop":             "is no origin",
		"com.example.shop://callback/": "is no origin",
		"com.example.shop://a@b":       "is no origin",
		"COM.example.shop://callback":  "is no origin",
		"1com.example://callback":      "is no origin",
	} {
		_, err := origin.New(origin.Config{URL: "https://app.example", TrustedOrigins: []string{pattern}, Debug: true})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "TrustedOrigins") {
			t.Errorf("%s: %v, want %q", pattern, err, want)
		}
	}
	_, err := origin.New(origin.Config{URL: "https://app.example", TrustedOrigins: []string{"http://localhost:*"}})
	if err == nil || !strings.Contains(err.Error(), "debug mode") {
		t.Errorf("outside of debug mode: %v", err)
	}
}

// The function decides about origins alone, and not about texts that are none.
func TestTrusted_Function(t *testing.T) {
	asked := map[string]bool{}
	s, err := origin.New(origin.Config{TrustHost: true, TrustOrigin: func(o string) bool {
		asked[o] = true
		return strings.HasSuffix(o, "-tenant.example") || !strings.HasPrefix(o, "http")
	}})
	if err != nil {
		t.Fatal(err)
	}
	base := origin.Base{Origin: "https://a-tenant.example", Path: "/api/auth"}
	for o, want := range map[string]bool{
		"https://b-tenant.example":      true,
		"https://b.example":             false,
		"com.example.shop://callback":   true,
		"null":                          false,
		"":                              false,
		"javascript://b-tenant.example": false,
		"https://x@b-tenant.example":    false,
		"https://B-tenant.example":      false,
		"-tenant.example":               false,
	} {
		if got := s.Trusted(base, o); got != want {
			t.Errorf("%q: %v", o, got)
		}
	}
	if asked["null"] || asked[""] || asked["javascript://b-tenant.example"] {
		t.Errorf("the function was asked for %v", asked)
	}
	for host, ok := range map[string]bool{"b-tenant.example": true, "b.example": false} {
		r := httptest.NewRequest("GET", "https://"+host+"/api/auth/session", nil)
		if _, err := s.Base(r); (err == nil) != ok {
			t.Errorf("a request for %s: %v", host, err)
		}
	}
}

// One pattern is enough for a server that takes its address from the request to refuse other hosts.
func TestSiteBase_PatternsOfTrustedOrigins(t *testing.T) {
	for pattern, host := range map[string]string{"https://*.shop.example": "https://berlin.shop.example", "http://localhost:*": "http://localhost:5173"} {
		s := site(t, origin.Config{TrustHost: true, TrustedOrigins: []string{pattern}, Debug: true})
		if got, err := s.Base(httptest.NewRequest("GET", host, nil)); err != nil || got.Origin != host {
			t.Errorf("%s: got %v, %v", pattern, got, err)
		}
		if got, err := s.Base(httptest.NewRequest("GET", "https://evil.example", nil)); err == nil {
			t.Errorf("%s: got %v, want an error", pattern, got)
		}
	}
}

// A callback URL of an application on the device is not that of a browser.
func TestCallbackURL_Application(t *testing.T) {
	s, err := origin.New(origin.Config{URL: "https://app.example", TrustedOrigins: []string{"com.example.shop://callback", "tauri://localhost", "com.example.empty://"}})
	if err != nil {
		t.Fatal(err)
	}
	base, _ := s.Configured()
	for raw, want := range map[string]string{
		"com.example.shop://callback":          "com.example.shop://callback",
		"com.example.shop://callback?code=1":   "com.example.shop://callback?code=1",
		"com.example.shop://callback/in?x=1#y": "com.example.shop://callback/in?x=1#y",
		"COM.example.shop://callback/in":       "com.example.shop://callback/in",
		"com.example.shop://callback/../in/./": "com.example.shop://callback/in/",
		"com.example.shop://callback//in":      "",
		"tauri://localhost/in":                 "tauri://localhost/in",
		"com.example.empty://?x":               "com.example.empty://?x",
		"com.example.shop:/callback":           "",
		"com.example.shop:callback":            "",
		"com.example.shop:///callback":         "",
		"com.example.empty:///in":              "com.example.empty:///in",
		"com.example.empty:///a/../in?x#y":     "com.example.empty:///in?x#y",
		"com.example.empty:////in":             "",
		"com.example.empty:///..//in":          "",
		"com.example.empty://other/in":         "",
		"com.example.empty:/in":                "",
		"com.example.shop://other":             "",
		"com.example.shop://callback@other/":   "",
		"com.example.shop://callback:1/":       "",
		`com.example.shop:\\callback`:          "",
		`com.example.shop://callback\@other`:   "",
		"com.example.other://callback":         "",
		"javascript://callback/%0aalert(1)":    "",
	} {
		if got, ok := s.CallbackURL(base, raw); got != want || ok != (want != "") {
			t.Errorf("%s: got %q, %v, want %q", raw, got, ok, want)
		}
	}
}

// A proxy in front replaces the public path.
func TestNew_PublicPath(t *testing.T) {
	for name, tt := range map[string]struct {
		url, path     string
		public, local string
	}{
		"both":     {"https://app.example/shop/auth", "/auth", "https://app.example/shop/auth", "/auth"},
		"URL":      {"https://app.example/shop/auth", "", "https://app.example/shop/auth", "/shop/auth"},
		"BasePath": {"https://app.example", "/auth", "https://app.example/auth", "/auth"},
		"none":     {"https://app.example", "", "https://app.example/api/auth", "/api/auth"},
	} {
		s, err := origin.New(origin.Config{URL: tt.url, BasePath: tt.path})
		if err != nil {
			t.Fatal(err)
		}
		if base, _ := s.Configured(); base.URL() != tt.public || s.Path() != tt.local {
			t.Errorf("%s: %s and %s", name, base.URL(), s.Path())
		}
	}
}
