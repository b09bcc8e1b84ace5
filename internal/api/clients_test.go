package api_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

// @auth/sveltekit sends no CSRF token. What browsers say of the origin stands for it, in the
// protocol of Auth.js alone.
func TestCSRF_ProofByOrigin(t *testing.T) {
	for name, tt := range map[string]struct {
		protocol nuxtauth.Protocol
		header   map[string]string // SITE is the origin of the application
		token    string
		ok       bool
	}{
		"both headers":              {nuxtauth.AuthJS, map[string]string{"X-Auth-Return-Redirect": "1", "Sec-Fetch-Site": "same-origin", "Origin": "SITE"}, "", true},
		"Sec-Fetch-Site":            {nuxtauth.AuthJS, map[string]string{"X-Auth-Return-Redirect": "1", "Sec-Fetch-Site": "same-origin"}, "", true},
		"Origin":                    {nuxtauth.AuthJS, map[string]string{"X-Auth-Return-Redirect": "1", "Origin": "SITE"}, "", true},
		"neither":                   {nuxtauth.AuthJS, map[string]string{"X-Auth-Return-Redirect": "1"}, "", false},
		"a form":                    {nuxtauth.AuthJS, map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "SITE"}, "", false},
		"same site":                 {nuxtauth.AuthJS, map[string]string{"X-Auth-Return-Redirect": "1", "Sec-Fetch-Site": "same-site"}, "", false},
		"address bar":               {nuxtauth.AuthJS, map[string]string{"X-Auth-Return-Redirect": "1", "Sec-Fetch-Site": "none"}, "", false},
		"another site":              {nuxtauth.AuthJS, map[string]string{"X-Auth-Return-Redirect": "1", "Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, "", false},
		"another origin":            {nuxtauth.AuthJS, map[string]string{"X-Auth-Return-Redirect": "1", "Origin": "https://evil.example"}, "", false},
		"a trusted origin":          {nuxtauth.AuthJS, map[string]string{"X-Auth-Return-Redirect": "1", "Origin": "https://front.example"}, "", false},
		"headers that contradict":   {nuxtauth.AuthJS, map[string]string{"X-Auth-Return-Redirect": "1", "Sec-Fetch-Site": "cross-site", "Origin": "SITE"}, "", false},
		"null":                      {nuxtauth.AuthJS, map[string]string{"X-Auth-Return-Redirect": "1", "Origin": "null"}, "", false},
		"wrong token":               {nuxtauth.AuthJS, map[string]string{"X-Auth-Return-Redirect": "1", "Sec-Fetch-Site": "same-origin"}, strings.Repeat("0", 64), false},
		"the protocol of next-auth": {nuxtauth.NextAuth, map[string]string{"X-Auth-Return-Redirect": "1", "Sec-Fetch-Site": "same-origin", "Origin": "SITE"}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			a := apptest.New(t, func(c *apptest.Config) { c.Protocol, c.TrustedOrigins = tt.protocol, []string{"https://front.example"} })
			form := url.Values{"username": {"ada"}, "password": {"lovelace"}}
			if tt.token != "" {
				form.Set("csrfToken", tt.token)
			}
			req := a.Request("POST", "/api/auth/callback/credentials", apptest.FormType, form.Encode())
			for h, v := range tt.header {
				req.Header.Set(h, strings.ReplaceAll(v, "SITE", a.URL))
			}
			res := a.Do(req)
			if signedIn := a.Session() != nil; signedIn != tt.ok {
				t.Errorf("signed in: %v, %d %s", signedIn, res.StatusCode, res.Text)
			}
		})
	}
}

// Clients of next-auth v4 take any other status for a failure.
func TestSignIn_RedirectOfCallbackIsNoFailure(t *testing.T) {
	for _, protocol := range []nuxtauth.Protocol{nuxtauth.NextAuth, nuxtauth.AuthJS} {
		a := apptest.New(t, func(c *apptest.Config) {
			c.Protocol = protocol
			c.Callbacks.SignIn = func(context.Context, nuxtauth.SignInParams) error { return nuxtauth.RedirectTo("/terms") }
		})
		res := a.Post("/api/auth/callback/credentials", a.CredentialsForm("ada", "lovelace"))
		if res.StatusCode != http.StatusOK || a.URLIn(res) != a.URL+"/terms" || a.Session() != nil {
			t.Errorf("%v: %d %s", protocol, res.StatusCode, res.Text)
		}
	}
}

func TestHead(t *testing.T) {
	a := apptest.New(t)
	a.SignIn()
	head := func(path string) *httptest.ResponseRecorder {
		req, rec := apptest.NewRequest("HEAD", path, a.Cookies())
		a.Router.ServeHTTP(rec, req)
		return rec
	}
	for _, action := range []string{"session", "csrf", "providers", "signin", "signout", "error", "verify-request"} {
		get := a.Get("/api/auth/" + action)
		res := a.Do(a.Request("HEAD", "/api/auth/"+action, "", ""))
		if res.StatusCode != get.StatusCode || res.Header.Get("Content-Type") != get.Header.Get("Content-Type") || res.Text != "" {
			t.Errorf("%s: HEAD %d %q %q, GET %d", action, res.StatusCode, res.Header.Get("Content-Type"), res.Text, get.StatusCode)
		}
	}
	for action, allow := range map[string]string{"callback/credentials": "GET, POST", "backchannel-logout/x": "POST", "_log": "POST"} {
		if rec := head("/api/auth/" + action); rec.Code != http.StatusMethodNotAllowed || rec.Header().Get("Allow") != allow {
			t.Errorf("%s: %d, Allow %q", action, rec.Code, rec.Header().Get("Allow"))
		}
	}
	if rec := head("/api/auth/nothing"); rec.Code != http.StatusBadRequest {
		t.Errorf("an unknown action: %d", rec.Code)
	}
}

// Cookies of an application in a frame of another site.
func TestCookies_CrossSite(t *testing.T) {
	a := apptest.New(t, func(c *apptest.Config) {
		c.URL, c.Cookies.CrossSite, c.TrustedOrigins = "https://app.example", true, []string{"https://portal.example"}
	})
	req, rec := apptest.NewRequest("GET", "/api/auth/signin?callbackUrl=/home", nil)
	a.Router.ServeHTTP(rec, req)
	lines := rec.Header()["Set-Cookie"]
	if len(lines) != 2 {
		t.Errorf("cookies %q", lines)
	}
	issued, err := a.Auth.Issue(t.Context(), &apptest.Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range issued.Cookies {
		lines = append(lines, c.String())
	}
	for _, line := range lines {
		for _, attribute := range []string{"; HttpOnly", "; Secure", "; SameSite=None", "; Partitioned"} {
			if !strings.Contains(line, attribute) {
				t.Errorf("no %s in %s", attribute, line)
			}
		}
	}
	policy := rec.Header().Get("Content-Security-Policy")
	if !slices.Contains(strings.Split(policy, "; "), "frame-ancestors 'self' https://portal.example") || rec.Header().Get("X-Frame-Options") != "" {
		t.Errorf("policy %q, X-Frame-Options %q", policy, rec.Header().Get("X-Frame-Options"))
	}

	// A form of the page in the frame is one of the application, that of another site is not.
	csrf := rec.Result().Cookies()
	post := func(header ...string) int {
		_, token, _ := strings.Cut(rec.Body.String(), `name="csrfToken" value="`)
		token, _, _ = strings.Cut(token, `"`)
		req, post := apptest.NewRequest("POST", "/api/auth/callback/credentials", csrf)
		form := url.Values{"username": {"ada"}, "password": {"lovelace"}, "csrfToken": {token}}.Encode()
		withForm := httptest.NewRequest("POST", "https://app.example/api/auth/callback/credentials", strings.NewReader(form))
		withForm.Header = req.Header
		withForm.Header.Set("Content-Type", apptest.FormType)
		for i := 0; i < len(header); i += 2 {
			withForm.Header.Set(header[i], header[i+1])
		}
		a.Router.ServeHTTP(post, withForm)
		if strings.Contains(strings.Join(post.Header()["Set-Cookie"], " "), "session-token=") {
			return http.StatusOK
		}
		return http.StatusForbidden
	}
	if post("Origin", "https://app.example", "Sec-Fetch-Site", "same-origin") != http.StatusOK {
		t.Error("the form in the frame is refused")
	}
	if post("Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site") == http.StatusOK {
		t.Error("the form of another site signs in")
	}
}

func TestCookies_SameSiteByDefault(t *testing.T) {
	a := apptest.New(t)
	res := a.Get("/api/auth/signin")
	for _, line := range res.Header["Set-Cookie"] {
		if !strings.Contains(line, "; SameSite=Lax") || strings.Contains(line, "Partitioned") {
			t.Errorf("the cookie is %s", line)
		}
	}
	if policy := res.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") || res.Header.Get("X-Frame-Options") != "DENY" {
		t.Errorf("policy %q", policy)
	}
}

// A proxy in front strips a prefix: URLs and redirects have it, requests do not.
func TestURL_PublicPathDiffers(t *testing.T) {
	a := apptest.New(t, func(c *apptest.Config) { c.URL, c.BasePath = "https://app.example/shop/auth", "/auth" })
	req, rec := apptest.NewRequest("GET", "/auth/signin", nil)
	a.Router.ServeHTTP(rec, req)
	if !strings.Contains(rec.Body.String(), `action="https://app.example/shop/auth/callback/credentials"`) {
		t.Errorf("the page is %d %s", rec.Code, rec.Body)
	}
	req, rec = apptest.NewRequest("GET", "/shop/auth/csrf", nil)
	if a.Router.ServeHTTP(rec, req); rec.Code != http.StatusNotFound {
		t.Errorf("the public path is answered, too: %d", rec.Code)
	}
}

func TestCORS_AuthorizationHeader(t *testing.T) {
	a := apptest.New(t, func(c *apptest.Config) {
		c.TrustedOrigins = []string{"https://*.front.example", "capacitor://localhost"}
		c.TrustOrigin = func(origin string) bool {
			if origin == "https://panic.example" {
				panic("a bug of the application")
			}
			return origin == "https://tenant.example"
		}
	})
	for origin, ok := range map[string]bool{
		"https://berlin.front.example": true, "capacitor://localhost": true, "https://tenant.example": true,
		"https://front.example": false, "https://evil.example": false, "https://panic.example": false,
	} {
		req := a.Request("OPTIONS", "/api/auth/session", "", "")
		req.Header.Set("Origin", origin)
		req.Header.Set("Access-Control-Request-Method", "GET")
		req.Header.Set("Access-Control-Request-Headers", "authorization")
		res := a.Do(req)
		allowed := res.Header.Get("Access-Control-Allow-Origin") == origin && strings.Contains(res.Header.Get("Access-Control-Allow-Headers"), "Authorization")
		if allowed != ok {
			t.Errorf("%s: %d %v", origin, res.StatusCode, res.Header)
		}
	}
}
