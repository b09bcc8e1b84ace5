package conformance_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest/hostile"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// issuedValues returns the values that an application seals or issues at sign-ins and
// sign-outs, by purpose. None may be accepted for another.
func issuedValues(t *testing.T, a *apptest.OpenIDApp, prefix string) map[string]string {
	t.Helper()
	values := make(map[string]string)
	add := func(name, value string) {
		if value == "" {
			t.Fatalf("there is no %s", name)
		}
		values[name] = value
	}
	started := a.Another()
	to, err := url.Parse(started.Start("idp"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range started.Cookies() {
		if strings.HasPrefix(c.Name, prefix+".state.") {
			add("check cookie", c.Value)
		}
	}
	add("CSRF cookie", started.Cookie(prefix+".csrf-token"))
	add("CSRF token", started.CSRF())
	add("callback-url cookie", started.Cookie(prefix+".callback-url"))
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		add(name, to.Query().Get(name))
	}

	signedIn := a.Another()
	back := a.IDP.SignIn(t, signedIn.Start("idp"), "alice")
	add("code", back.URL.Query().Get("code"))
	signedIn.Follow(back)
	add("session", signedIn.Cookie(prefix+".session-token"))
	add("access token", signedIn.AccessToken())
	s := a.IDP.Sessions()[len(a.IDP.Sessions())-1]
	add("logout token", a.IDP.LogoutToken(t, s.Subject, s.ID))
	add("ID token", a.IDP.LogoutToken(t, s.Subject, s.ID, hostile.LogoutIDToken))
	add("session's ID at the provider", s.ID)
	signedOut := a.Another()
	signedOut.SignIn()
	logout, err := url.Parse(signedOut.SignOutTo("/signed-out"))
	if err != nil {
		t.Fatal(err)
	}
	add("logout state", logout.Query().Get("state"))
	return values
}

func TestToken_ServesOnePurpose(t *testing.T) {
	for _, protocol := range []nuxtauth.Protocol{nuxtauth.NextAuth, nuxtauth.AuthJS} {
		for name, storage := range apptest.OpenIDStorages {
			t.Run(protocol.String()+" "+name, func(t *testing.T) {
				a := apptest.NewOpenIDApp(t, storage, apptest.Federated, func(c *apptest.OpenIDConfig) { c.Protocol = protocol })
				prefix := protocol.String()
				values := issuedValues(t, a, prefix)
				for what, value := range values {
					b := a.Another()
					if what != "session" {
						b.SetCookie(prefix+".session-token", value)
						if s := b.Session(); s != nil {
							t.Errorf("the %s is a session: %+v", what, s)
						}
						b.Client = apptest.NewBrowser()
						b.SetCookie(prefix+".session-token.0", value)
						if got := b.Get("/me").Text; got != "null" {
							t.Errorf("the %s is a session in a chunk: %s", what, got)
						}
						req := b.Request("GET", "/private", "", "")
						req.Header.Set("Authorization", "Bearer "+value)
						b.Client = apptest.NewBrowser()
						if res := b.Do(req); res.StatusCode != http.StatusUnauthorized {
							t.Errorf("the %s is a Bearer token: %d", what, res.StatusCode)
						}
					}
					b.Client = apptest.NewBrowser()
					back := a.IDP.SignIn(t, b.Start("idp"), "alice")
					if what != "check cookie" { // that of another browser has another state
						for _, c := range b.Cookies() {
							if strings.HasPrefix(c.Name, prefix+".state.") {
								b.SetCookie(c.Name, value)
							}
						}
						if b.Follow(back); b.Session() != nil {
							t.Errorf("the %s is a check cookie", what)
						}
					}
					if what != "logout state" {
						if res := b.Get("/api/auth/signout/idp?state=" + url.QueryEscape(value)); res.Header.Get("Location") != a.URL {
							t.Errorf("the %s is a logout state: %s", what, res.Header.Get("Location"))
						}
					}
					if what != "logout token" {
						if res := b.Post("/api/auth/backchannel-logout/idp", url.Values{"logout_token": {value}}); res.StatusCode != http.StatusBadRequest {
							t.Errorf("the %s is a logout token: %d", what, res.StatusCode)
						}
					}
					if what != "CSRF cookie" {
						b.Client = apptest.NewBrowser()
						b.SetCookie(prefix+".csrf-token", value)
						if res := b.Post("/api/auth/signin/idp", url.Values{"csrfToken": {value}, "json": {"true"}}); strings.HasPrefix(b.Site.URLIn(res), a.IDP.Issuer()) {
							t.Errorf("the %s is a CSRF cookie", what)
						}
					}
				}
				for what, value := range values {
					if what != "callback-url cookie" && strings.Contains(a.Log.String(), value) {
						t.Errorf("the log has the %s", what)
					}
				}
			})
		}
	}
}

func TestCookie_BrokenIsSignedOut(t *testing.T) {
	apptest.EachStorage(t, func(t *testing.T, storage func(*apptest.Config)) {
		a := apptest.New(t, storage)
		a.SignIn()
		good := a.Cookie(apptest.SessionCookie)
		if good == "" {
			t.Fatal("the session is not in one cookie")
		}
		middle := len(good) / 2
		values := []string{
			good[:len(good)-1], good[1:], good[:middle], good + "A", good + ".", "." + good, good + good, good + "=", strings.ToUpper(good), strings.ToLower(good),
			good[:middle] + "%00" + good[middle:], good[:middle] + " " + good[middle:], url.QueryEscape(good + "\n"), good + "%0a", "%" + good, "%zz", "%ff%fe",
			strings.Repeat(".", 4), strings.Repeat(".", 3000), "....", "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0....", "null", "undefined", "true", "{}", "[object Object]", "0", "-1", "' OR 1=1--", "../../etc/passwd",
			strings.Repeat("A", 4000), strings.Repeat("\u00e9", 100), "\"", "\"\"", "=", "==", ";", ",",
		}
		for _, value := range values {
			if value == good {
				continue
			}
			for _, name := range []string{apptest.SessionCookie, apptest.SessionCookie + ".0"} {
				req := httptest.NewRequest("GET", "/api/auth/session", nil)
				req.Header.Set("Cookie", name+"="+value)
				rec := httptest.NewRecorder()
				a.Router.ServeHTTP(rec, req)
				if rec.Code != http.StatusOK || rec.Body.String() != "{}" {
					t.Errorf("%s=%s: status %d: %s", name, shorten(value), rec.Code, rec.Body)
				}
				apptest.NotSignedIn(t, shorten(value), apptest.Recorded(rec))
				req = httptest.NewRequest("GET", "/me", nil)
				req.Header.Set("Cookie", name+"="+value)
				rec = httptest.NewRecorder()
				if a.Router.ServeHTTP(rec, req); rec.Code != http.StatusOK || rec.Body.String() != "null" {
					t.Errorf("/me with %s=%s: status %d: %s", name, shorten(value), rec.Code, rec.Body)
				}
			}
		}
		if a.Session() == nil {
			t.Error("the valid cookie is rejected")
		}
		unaffected(a)
	})
}

// A sibling domain can set cookies of the same name. Of several values the first that is a
// session is always used, and chunks of different values are never joined.
func TestCookie_DuplicatesAreNotMixed(t *testing.T) {
	a := apptest.New(t)
	cookie := func(name string) string {
		cookies := apptest.Issue(t, apptest.NewAuth(t), name)
		return cookies[0].Value
	}
	ada, eve := cookie("Ada"), cookie("Eve")
	half := len(ada) / 2
	for _, tt := range []struct{ cookies, want string }{
		{apptest.SessionCookie + "=" + ada + "; " + apptest.SessionCookie + "=" + eve, "Ada"},
		{apptest.SessionCookie + "=" + eve + "; " + apptest.SessionCookie + "=" + ada, "Eve"},
		{apptest.SessionCookie + "=; " + apptest.SessionCookie + "=" + ada, "Ada"},
		{apptest.SessionCookie + "=" + ada + "; " + apptest.SessionCookie + ".0=" + eve, "Ada"},
		{apptest.SessionCookie + ".0=" + eve + "; " + apptest.SessionCookie + "=" + ada, "Ada"},
		{apptest.SessionCookie + ".0=" + ada[:half] + "; " + apptest.SessionCookie + ".1=" + ada[half:], "Ada"},
		{apptest.SessionCookie + ".1=" + ada[half:] + "; " + apptest.SessionCookie + ".0=" + ada[:half], "Ada"},
		{apptest.SessionCookie + ".0=" + ada[:half] + "; " + apptest.SessionCookie + ".1=" + eve[half:], ""},
		{apptest.SessionCookie + ".0=" + ada[:half] + "; " + apptest.SessionCookie + ".0=" + eve + "; " + apptest.SessionCookie + ".1=" + ada[half:], "Ada"},
		{apptest.SessionCookie + ".0=" + ada + "; " + apptest.SessionCookie + ".2=x", ""},
		{apptest.SessionCookie + ".1=" + ada, ""},
		{apptest.SessionCookie + ".00=" + ada, ""},
		{apptest.SessionCookie + ".0x=" + ada, ""},
		{"x" + apptest.SessionCookie + "=" + ada, ""},
		{strings.ToUpper(apptest.SessionCookie) + "=" + ada, ""},
		{"__Secure-" + apptest.SessionCookie + "=" + ada, ""},
		{"__Host-" + apptest.SessionCookie + "=" + ada, ""},
		{"__secure-" + apptest.SessionCookie + "=" + ada, ""},
		{apptest.SessionCookie + " =" + ada, "Ada"},
		{"=" + apptest.SessionCookie + "=" + ada, ""},
		{"x=\"; " + apptest.SessionCookie + "=" + ada + "\"", ""},
	} {
		for range 3 {
			rec := httptest.NewRecorder()
			req := httptest.NewRequest("GET", "/api/auth/session", nil)
			req.Header.Set("Cookie", tt.cookies)
			a.Router.ServeHTTP(rec, req)
			got := ""
			for _, name := range []string{"Ada", "Eve"} {
				if strings.Contains(rec.Body.String(), name) {
					got += name
				}
			}
			if rec.Code != http.StatusOK || got != tt.want {
				t.Errorf("%.60s…: status %d, the session of %q, want %q", tt.cookies, rec.Code, got, tt.want)
			}
		}
	}
	unaffected(a)
}

func TestCookie_ThousandsCostLittle(t *testing.T) {
	a := apptest.New(t)
	for _, prefix := range []string{apptest.SessionCookie + ".", "next-auth.state.", "next-auth.csrf-token.", "x"} {
		for _, value := range []string{"x", strings.Repeat("y", 200)} {
			var cookies strings.Builder
			for i := range 1000 {
				fmt.Fprintf(&cookies, "%s%d=%s; ", prefix, i, value)
			}
			for _, path := range []string{"/me", "/api/auth/session", "/api/auth/signin", "/api/auth/callback/credentials"} {
				request := "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: " + cookies.String() + "\r\n\r\n"
				answers := raw(a.Site, request)
				if len(answers) != 1 {
					t.Fatalf("%s: %d answers", path, len(answers))
				}
				apptest.NotSignedIn(t, path, answers[0])
				if n := len(answers[0].Header["Set-Cookie"]); n > 12 {
					t.Errorf("%s with a thousand %s: %d cookies in the response", path, prefix, n)
				}
			}
		}
	}
	unaffected(a)
}

// Tokens that were sealed with the secret for another purpose or by another version:
// without a subject or a time, not yet valid, or with members of wrong types.
func TestToken_IncompleteIsNoSession(t *testing.T) {
	a := apptest.New(t)
	codec, err := token.NewNextAuth("", apptest.Secret)
	if err != nil {
		t.Fatal(err)
	}
	now := a.Clock.Now().Unix()
	times := fmt.Sprintf(`,"iat":%d,"exp":%d`, now, now+3600)
	for _, claims := range []string{
		`{}`, `{"sub":"1"}`, fmt.Sprintf(`{"sub":"1","iat":%d}`, now), fmt.Sprintf(`{"sub":"1","exp":%d}`, now+3600), `{"name":"x"` + times + `}`, `{"sub":""` + times + `}`, `{"sub":null` + times + `}`,
		`{"sub":1` + times + `}`, `{"sub":["1"]` + times + `}`, `{"sub":{"$ne":""}` + times + `}`, `{"sub":"1","sub":"2"` + times + `}`, `{"sub":"1","nbf":` + fmt.Sprint(now+3600) + times + `}`, `{"sub":"1","nbf":"x"` + times + `}`,
		fmt.Sprintf(`{"sub":"1","iat":%d,"exp":%d}`, now-7200, now-3600), fmt.Sprintf(`{"sub":"1","iat":"%d","exp":"%d"}`, now, now+3600), fmt.Sprintf(`{"sub":"1","iat":%d,"exp":1e999}`, now), fmt.Sprintf(`{"sub":"1","iat":%d,"exp":-1}`, now),
		fmt.Sprintf(`{"sub":"1","iat":%d,"exp":null}`, now), `{"sub":"1","name":7` + times + `}`,
	} {
		sealed, err := codec.Seal(t.Context(), []byte(claims))
		if err != nil {
			t.Fatal(err)
		}
		a.SetCookie(apptest.SessionCookie, sealed)
		if s := a.Session(); s != nil {
			t.Errorf("%s is the session %+v", claims, s)
		}
		if _, err := apptest.ReadToken[apptest.Token](requestWith(sealed), nuxtauth.ReaderConfig{Secret: apptest.Secret, URL: "http://x", Now: a.Clock.Now}); err == nil {
			t.Errorf("the Reader accepts %s", claims)
		}
	}
	unaffected(a)
}

func requestWith(session string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	r.AddCookie(&http.Cookie{Name: apptest.SessionCookie, Value: session})
	return r
}

// No value in a record of the store opens a session, and values that are no handle do not
// change the store.
func TestStore_RecordsOpenNoSession(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.Use)
	a.Router.GET("/private", a.Auth.Require(), func(c *gin.Context) { c.String(http.StatusOK, "in") })
	a.SignIn()
	handle := a.Cookie(apptest.SessionCookie)
	r, err := s.FindSession(t.Context(), handle)
	if err != nil {
		t.Fatal(err)
	}
	key, _ := store.KeyOf(handle)
	if strings.Contains(fmt.Sprintf("%+v %s", r, r.Claims), handle) {
		t.Error("the record contains the handle")
	}
	for _, value := range []string{r.ID, fmt.Sprint(key), fmt.Sprintf("%x", key), string(r.Claims), r.Subject, r.CreatedAt.Format(time.RFC3339)} {
		b := a.Another()
		req := b.Request("GET", "/private", "", "")
		req.Header.Set("Cookie", apptest.SessionCookie+"="+url.QueryEscape(value))
		if res := b.Do(req); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s opens a session: %d", shorten(value), res.StatusCode)
		}
	}
	if calls := s.Calls(); slices.Contains(calls, "ReplaceSession") || slices.Contains(calls, "DeleteSession") {
		t.Errorf("the store was changed: %v", calls)
	}
	unaffected(a)
}

// Handles are 256 random bits in base64, so that none can be guessed.
func TestStore_HandlesAreRandom(t *testing.T) {
	seen := make(map[string]bool)
	var heads, tails [256]bool
	for range 5000 {
		handle, _ := store.NewHandle()
		raw, err := base64.RawURLEncoding.DecodeString(handle)
		if err != nil || len(raw) < 16 || seen[handle] {
			t.Fatalf("%q: %v", handle, err)
		}
		seen[handle], heads[raw[0]], tails[raw[len(raw)-1]] = true, true, true
	}
	if slices.Contains(heads[:], false) || slices.Contains(tails[:], false) {
		t.Error("some bytes never occur")
	}
}
