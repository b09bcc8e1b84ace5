package nuxtauth_test

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
	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// everySecretOf collects what an application seals or issues in the course of
// sign-ins, sign-outs and logouts, by what it is for. None may pass for another.
func everySecretOf(t *testing.T, a *freshApp, prefix string) map[string]string {
	t.Helper()
	things := make(map[string]string)
	keep := func(name, value string) {
		if value == "" {
			t.Fatalf("there is no %s", name)
		}
		things[name] = value
	}
	visitor := a.another()
	to, err := url.Parse(visitor.start("idp"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range visitor.cookies() {
		if strings.HasPrefix(c.Name, prefix+".state.") {
			keep("ticket", c.Value)
		}
	}
	keep("CSRF cookie", visitor.cookie(prefix+".csrf-token"))
	keep("CSRF token", visitor.csrf())
	keep("callback-url cookie", visitor.cookie(prefix+".callback-url"))
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		keep(name, to.Query().Get(name))
	}

	member := &freshApp{app: a.another(), auth: a.auth, idp: a.idp}
	back := a.idp.SignIn(t, member.start("idp"), "alice")
	keep("code", back.URL.Query().Get("code"))
	member.at(back)
	keep("session", member.cookie(prefix+".session-token"))
	keep("access token", member.token())
	s := a.idp.Sessions()[len(a.idp.Sessions())-1]
	keep("logout token", a.idp.LogoutToken(t, s.Subject, s.ID))
	keep("ID token", a.idp.LogoutToken(t, s.Subject, s.ID, authtest.LogoutIDToken))
	keep("session's ID at the provider", s.ID)
	leaver := &freshApp{app: a.another(), auth: a.auth, idp: a.idp}
	leaver.signIn()
	bye, err := url.Parse(leaver.signOutTo("/bye"))
	if err != nil {
		t.Fatal(err)
	}
	keep("farewell", bye.Query().Get("state"))
	return things
}

func TestNothingThatIsIssuedPassesForSomethingElse(t *testing.T) {
	for _, protocol := range []nuxtauth.Protocol{nuxtauth.NextAuth, nuxtauth.AuthJS} {
		for name, place := range freshPlaces {
			t.Run(protocol.String()+" "+name, func(t *testing.T) {
				a := newFreshApp(t, place, federated, func(c *freshConfig) { c.Protocol = protocol })
				prefix := protocol.String()
				things := everySecretOf(t, a, prefix)
				for what, value := range things {
					b := &freshApp{app: a.another(), auth: a.auth, idp: a.idp}
					if what != "session" {
						b.setCookie(prefix+".session-token", value)
						if s := b.session(); s != nil {
							t.Errorf("the %s is a session: %+v", what, s)
						}
						b.client = newBrowser()
						b.setCookie(prefix+".session-token.0", value)
						if got := b.get("/me").body; got != "null" {
							t.Errorf("the %s is a session in a chunk: %s", what, got)
						}
						req := b.request("GET", "/private", "", "")
						req.Header.Set("Authorization", "Bearer "+value)
						b.client = newBrowser()
						if res := b.do(req); res.StatusCode != http.StatusUnauthorized {
							t.Errorf("the %s is a Bearer token: %d", what, res.StatusCode)
						}
					}
					b.client = newBrowser()
					back := a.idp.SignIn(t, b.start("idp"), "alice")
					if what != "ticket" { // another browser's ticket is of no use either: its state is another
						for _, c := range b.cookies() {
							if strings.HasPrefix(c.Name, prefix+".state.") {
								b.setCookie(c.Name, value)
							}
						}
						if b.at(back); b.session() != nil {
							t.Errorf("the %s is a ticket", what)
						}
					}
					if what != "farewell" {
						if res := b.get("/api/auth/signout/idp?state=" + url.QueryEscape(value)); res.Header.Get("Location") != a.url {
							t.Errorf("the %s is a farewell: %s", what, res.Header.Get("Location"))
						}
					}
					if what != "logout token" {
						if res := b.post("/api/auth/backchannel-logout/idp", url.Values{"logout_token": {value}}); res.StatusCode != http.StatusBadRequest {
							t.Errorf("the %s is a logout token: %d", what, res.StatusCode)
						}
					}
					if what != "CSRF cookie" {
						b.client = newBrowser()
						b.setCookie(prefix+".csrf-token", value)
						if res := b.post("/api/auth/signin/idp", url.Values{"csrfToken": {value}, "json": {"true"}}); strings.HasPrefix(urlIn(b.app, res), a.idp.Issuer()) {
							t.Errorf("the %s is a CSRF cookie", what)
						}
					}
				}
				for what, value := range things {
					if what != "callback-url cookie" && strings.Contains(a.log.String(), value) {
						t.Errorf("the log has the %s", what)
					}
				}
			})
		}
	}
}

func TestBrokenSessionCookiesAreSignedOutWhereverSessionsLive(t *testing.T) {
	everywhere(t, func(t *testing.T, place func(*Config)) {
		a := newApp(t, place)
		a.signIn()
		good := a.cookie(sessionCookie)
		if good == "" {
			t.Fatal("the session has more than one cookie")
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
			for _, name := range []string{sessionCookie, sessionCookie + ".0"} {
				req := httptest.NewRequest("GET", "/api/auth/session", nil)
				req.Header.Set("Cookie", name+"="+value)
				rec := httptest.NewRecorder()
				a.router.ServeHTTP(rec, req)
				if rec.Code != http.StatusOK || rec.Body.String() != "{}" {
					t.Errorf("%s=%s answers %d %s", name, shorten(value), rec.Code, rec.Body)
				}
				notSignedIn(t, shorten(value), response{rec.Result(), ""})
				req = httptest.NewRequest("GET", "/me", nil)
				req.Header.Set("Cookie", name+"="+value)
				rec = httptest.NewRecorder()
				if a.router.ServeHTTP(rec, req); rec.Code != http.StatusOK || rec.Body.String() != "null" {
					t.Errorf("at /me %s=%s answers %d %s", name, shorten(value), rec.Code, rec.Body)
				}
			}
		}
		if a.session() == nil {
			t.Error("the good cookie is none any more")
		}
		a.unharmed()
	})
}

// Somebody on a sibling host can toss cookies at the browser: the choice among
// several is always the same, and never makes one of two halves.
func TestTossedAndDoubledCookiesMixNobodyUp(t *testing.T) {
	a := newApp(t)
	cookie := func(name string) string {
		cookies := named(t, newAuth(t), name)
		return cookies[0].Value
	}
	ada, eve := cookie("Ada"), cookie("Eve")
	half := len(ada) / 2
	for _, tt := range []struct{ cookies, want string }{
		{sessionCookie + "=" + ada + "; " + sessionCookie + "=" + eve, "Ada"},
		{sessionCookie + "=" + eve + "; " + sessionCookie + "=" + ada, "Eve"},
		{sessionCookie + "=; " + sessionCookie + "=" + ada, "Ada"},
		{sessionCookie + "=" + ada + "; " + sessionCookie + ".0=" + eve, "Ada"},
		{sessionCookie + ".0=" + eve + "; " + sessionCookie + "=" + ada, "Ada"},
		{sessionCookie + ".0=" + ada[:half] + "; " + sessionCookie + ".1=" + ada[half:], "Ada"},
		{sessionCookie + ".1=" + ada[half:] + "; " + sessionCookie + ".0=" + ada[:half], "Ada"},
		{sessionCookie + ".0=" + ada[:half] + "; " + sessionCookie + ".1=" + eve[half:], ""},
		{sessionCookie + ".0=" + ada[:half] + "; " + sessionCookie + ".0=" + eve + "; " + sessionCookie + ".1=" + ada[half:], "Ada"},
		{sessionCookie + ".0=" + ada + "; " + sessionCookie + ".2=x", ""},
		{sessionCookie + ".1=" + ada, ""},
		{sessionCookie + ".00=" + ada, ""},
		{sessionCookie + ".0x=" + ada, ""},
		{"x" + sessionCookie + "=" + ada, ""},
		{strings.ToUpper(sessionCookie) + "=" + ada, ""},
		{"__Secure-" + sessionCookie + "=" + ada, ""},
		{"__Host-" + sessionCookie + "=" + ada, ""},
		{"__secure-" + sessionCookie + "=" + ada, ""},
		{sessionCookie + " =" + ada, "Ada"},
		{"=" + sessionCookie + "=" + ada, ""},
		{"x=\"; " + sessionCookie + "=" + ada + "\"", ""},
	} {
		for range 3 {
			rec := httptest.NewRecorder()
			req := httptest.NewRequest("GET", "/api/auth/session", nil)
			req.Header.Set("Cookie", tt.cookies)
			a.router.ServeHTTP(rec, req)
			got := ""
			for _, name := range []string{"Ada", "Eve"} {
				if strings.Contains(rec.Body.String(), name) {
					got += name
				}
			}
			if rec.Code != http.StatusOK || got != tt.want {
				t.Errorf("%.60s…: %d, the session of %q, want %q", tt.cookies, rec.Code, got, tt.want)
			}
		}
	}
	a.unharmed()
}

func TestAThousandCookiesAreNoBurden(t *testing.T) {
	a := newApp(t)
	for _, stem := range []string{sessionCookie + ".", "next-auth.state.", "next-auth.csrf-token.", "x"} {
		for _, value := range []string{"x", strings.Repeat("y", 200)} {
			var cookies strings.Builder
			for i := range 1000 {
				fmt.Fprintf(&cookies, "%s%d=%s; ", stem, i, value)
			}
			for _, path := range []string{"/me", "/api/auth/session", "/api/auth/signin", "/api/auth/callback/credentials"} {
				request := "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: " + cookies.String() + "\r\n\r\n"
				answers := a.raw(request)
				if len(answers) != 1 {
					t.Fatalf("%s: %d answers", path, len(answers))
				}
				notSignedIn(t, path, answers[0])
				if n := len(answers[0].Header["Set-Cookie"]); n > 12 {
					t.Errorf("%s with a thousand %s: %d cookies in the answer", path, stem, n)
				}
			}
		}
	}
	a.unharmed()
}

// Tokens that somebody with the secret could have sealed for another end, or
// long ago: without a subject or a time, not yet valid, of the wrong types.
func TestTokensThatAreNotWholeAreNoSession(t *testing.T) {
	a := newApp(t)
	codec, err := token.NextAuth("", secret)
	if err != nil {
		t.Fatal(err)
	}
	now := a.clock.Now().Unix()
	times := fmt.Sprintf(`,"iat":%d,"exp":%d`, now, now+3600)
	for _, claims := range []string{
		`{}`, `{"sub":"1"}`, fmt.Sprintf(`{"sub":"1","iat":%d}`, now), fmt.Sprintf(`{"sub":"1","exp":%d}`, now+3600), `{"name":"x"` + times + `}`, `{"sub":""` + times + `}`, `{"sub":null` + times + `}`,
		`{"sub":1` + times + `}`, `{"sub":["1"]` + times + `}`, `{"sub":{"$ne":""}` + times + `}`, `{"sub":"1","sub":"2"` + times + `}`, `{"sub":"1","nbf":` + fmt.Sprint(now+3600) + times + `}`, `{"sub":"1","nbf":"x"` + times + `}`,
		fmt.Sprintf(`{"sub":"1","iat":%d,"exp":%d}`, now-7200, now-3600), fmt.Sprintf(`{"sub":"1","iat":"%d","exp":"%d"}`, now, now+3600), fmt.Sprintf(`{"sub":"1","iat":%d,"exp":1e999}`, now), fmt.Sprintf(`{"sub":"1","iat":%d,"exp":-1}`, now),
		fmt.Sprintf(`{"sub":"1","iat":%d,"exp":null}`, now), `{"sub":"1","name":7` + times + `}`,
	} {
		sealed, err := codec.Seal([]byte(claims))
		if err != nil {
			t.Fatal(err)
		}
		a.setCookie(sessionCookie, sealed)
		if s := a.session(); s != nil {
			t.Errorf("%s is the session %+v", claims, s)
		}
		if _, err := nuxtauth.GetToken[Token](requestWith(sealed), nuxtauth.TokenOptions{Secret: secret, URL: "http://x", Now: a.clock.Now}); err == nil {
			t.Errorf("GetToken takes %s", claims)
		}
	}
	a.unharmed()
}

func requestWith(session string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	r.AddCookie(&http.Cookie{Name: sessionCookie, Value: session})
	return r
}

// The store is not asked for what can't be a handle of it in a way that hurts,
// and what it keeps opens nothing.
func TestWhatAStoreKeepsOpensNothing(t *testing.T) {
	s := newStore()
	a := newApp(t, s.stored)
	a.router.GET("/private", a.auth.Require(), func(c *gin.Context) { c.String(http.StatusOK, "in") })
	a.signIn()
	handle := a.cookie(sessionCookie)
	r, err := s.Find(t.Context(), handle)
	if err != nil {
		t.Fatal(err)
	}
	key, _ := store.KeyOf(handle)
	if strings.Contains(fmt.Sprintf("%+v %s", r, r.Claims), handle) {
		t.Error("the record has the handle")
	}
	for _, value := range []string{r.ID, fmt.Sprint(key), fmt.Sprintf("%x", key), string(r.Claims), r.Subject, r.CreatedAt.Format(time.RFC3339)} {
		b := a.another()
		req := b.request("GET", "/private", "", "")
		req.Header.Set("Cookie", sessionCookie+"="+url.QueryEscape(value))
		if res := b.do(req); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s opens a session: %d", shorten(value), res.StatusCode)
		}
	}
	if calls := s.called(); slices.Contains(calls, "Replace") || slices.Contains(calls, "Delete") {
		t.Errorf("the store was changed: %v", calls)
	}
	a.unharmed()
}

// Handles are 256 random bits in base64, so that nobody meets one by trying.
func TestHandlesCannotBeGuessed(t *testing.T) {
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
		t.Error("some bytes never come")
	}
}
