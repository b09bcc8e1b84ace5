package api_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/api"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/internal/cookie"
	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// A gone is the response to a client that has left.
type gone struct{ *httptest.ResponseRecorder }

func (gone) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestAnswer_ClientLeft(t *testing.T) {
	const line = "a client left before its answer"
	a := apptest.New(t)
	if a.Session(); strings.Contains(a.Log.String(), line) {
		t.Errorf("a client that stays: the log has %s", a.Log)
	}
	req, rec := apptest.NewRequest("GET", "/api/auth/session", nil)
	a.Router.ServeHTTP(gone{rec}, req)
	if log := a.Log.String(); !strings.Contains(log, line) || !strings.Contains(log, "broken pipe") || strings.Contains(log, "WARN") {
		t.Errorf("the log has %s", log)
	}
}

// The application may add to a header of an answer, which is not to change another.
func TestAnswer_HeadersAreApart(t *testing.T) {
	r := gin.New()
	names := []string{"Cache-Control", "Pragma", "Expires", "X-Content-Type-Options"}
	r.Use(func(c *gin.Context) {
		c.Next()
		for _, name := range names {
			c.Writer.Header().Add(name, "added")
		}
	}, apptest.NewAuth(t).Middleware())
	req, rec := apptest.NewRequest("GET", "/api/auth/providers", nil)
	r.ServeHTTP(rec, req)
	for i, want := range []string{"private, no-cache, no-store", "no-cache", "0", "nosniff"} {
		if got := strings.Join(rec.Header()[names[i]], " | "); got != want+" | added" {
			t.Errorf("%s is %q", names[i], got)
		}
	}
}

// The answer to HEAD has no body.
func TestAnswer_HeadOfUnknownPath(t *testing.T) {
	r := apptest.NewRouter(apptest.NewAuth(t))
	for method, body := range map[string]bool{"HEAD": false, "GET": true} {
		req, rec := apptest.NewRequest(method, "http://localhost:3000/api/auth/session/x", nil)
		if r.ServeHTTP(rec, req); rec.Code != http.StatusBadRequest || (rec.Body.Len() > 0) != body {
			t.Errorf("%s answers %d %q", method, rec.Code, rec.Body)
		}
	}
}

// A conflictingStore refuses each change of a session while conflicting is set.
type conflictingStore struct {
	*store.Memory
	conflicting atomic.Bool
}

func (s *conflictingStore) ReplaceSession(ctx context.Context, handle string, r *store.Record) (string, error) {
	if s.conflicting.Load() {
		return "", store.ErrConflict
	}
	return s.Memory.ReplaceSession(ctx, handle, r)
}

// The front end can send an update again that met those of other requests. A read, which
// renews the session, needs no such answer.
func TestUpdateSession_Conflict(t *testing.T) {
	s := new(conflictingStore)
	a := apptest.New(t, func(c *apptest.Config) {
		s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
		c.Session.Store, c.Session.UpdateAge = s, time.Second
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			p.Token.Nickname += string(p.Update)
			return p.Token, nil
		}
	})
	a.SignIn()
	s.conflicting.Store(true)
	if res := a.Update(`{"a":1}`); res.StatusCode != http.StatusConflict || !strings.Contains(res.Text, "Try again") {
		t.Errorf("the update answers %d %s", res.StatusCode, res.Text)
	}
	a.Clock.Advance(time.Second)
	if res := a.Get("/api/auth/session"); res.StatusCode != http.StatusOK {
		t.Errorf("a read answers %d %s", res.StatusCode, res.Text)
	}
	s.conflicting.Store(false)
	if res := a.Update(`{"a":1}`); res.StatusCode != http.StatusOK || a.SessionIn(res) == nil {
		t.Errorf("the update answers %d %s", res.StatusCode, res.Text)
	}
}

// What is no text updates nothing.
func TestUpdateSession_InvalidUTF8(t *testing.T) {
	updates := 0
	a := apptest.New(t, func(c *apptest.Config) {
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			if p.Trigger == nuxtauth.TriggerUpdate {
				updates++
			}
			return p.Token, nil
		}
	})
	a.SignIn()
	if res := a.Post("/api/auth/session", url.Values{"csrfToken": {a.CSRF()}, "data": {"\xff"}}); res.StatusCode != http.StatusBadRequest || updates != 0 {
		t.Errorf("%d %s, %d updates", res.StatusCode, res.Text, updates)
	}
}

// The codes of a sign-in that the application refuses, or spoils.
func TestSignIn_CodeOfRefusal(t *testing.T) {
	cause := errors.New("a fault")
	for name, tt := range map[string]struct {
		user       *provider.User
		err, after error // of Authorize, and of the SignIn callback
		want, log  string
	}{
		"SignIn callback with a code":    {&provider.User{ID: "1"}, nil, &provider.Error{Code: "Banned", Err: cause}, "Banned", "a fault"},
		"SignIn callback without a code": {&provider.User{ID: "1"}, nil, &provider.Error{Err: cause}, "AccessDenied", "a fault"},
		"SignIn callback with a fault":   {&provider.User{ID: "1"}, nil, cause, "AccessDenied", "a fault"},
		"user without an ID":             {&provider.User{Name: "Ada"}, nil, nil, "Callback", "returned a user without an ID"},
		"user and a code":                {&provider.User{}, &provider.Error{Code: "Locked", Err: cause}, nil, "Locked", "a fault"},
		"user and a fault":               {&provider.User{}, cause, nil, "Callback", "a fault"},
	} {
		a := apptest.New(t, func(c *apptest.Config) {
			c.Providers = []provider.Provider{provider.Credentials(func(context.Context, url.Values) (*provider.User, error) { return tt.user, tt.err })}
			c.Callbacks.SignIn = func(context.Context, nuxtauth.SignInParams) error { return tt.after }
		})
		res := a.Post("/api/auth/callback/credentials", a.CredentialsForm("ada", "lovelace"))
		if to := a.URLIn(res); to != a.URL+"/api/auth/error?error="+tt.want || a.Session() != nil {
			t.Errorf("%s leads to %s", name, to)
		}
		if log := a.Log.String(); !strings.Contains(log, tt.log) {
			t.Errorf("%s: the log has %s", name, log)
		}
	}
}

// Without a secret there is no cookie of a sign-in, whatever encrypts the sessions.
func TestNewCookieSet_WithoutSecret(t *testing.T) {
	own, err := token.NewNextAuth("", apptest.Secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []api.Protocol{api.NextAuth, api.AuthJS} {
		for _, codec := range []token.Codec{nil, own} {
			if _, err := api.NewCookieSet(p, cookie.Defaults(p.Prefix(), false), "", codec, nil); err == nil {
				t.Errorf("%T: no error", p)
			}
			if _, err := api.NewCookieSet(p, cookie.Defaults(p.Prefix(), false), "", codec, []string{apptest.Secret}); err != nil {
				t.Errorf("%T: %v", p, err)
			}
		}
	}
}

func TestProviders_SendsLogoutTokens(t *testing.T) {
	list := []provider.Provider{
		{ID: "on", Type: provider.TypeOIDC, Issuer: "https://id.example", BackchannelLogout: true},
		{ID: "off", Type: provider.TypeOIDC, Issuer: "https://id.example"},
		{ID: "form", Type: provider.TypeCredentials, BackchannelLogout: true},
	}
	all, err := api.NewProviders(list, flow.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]bool{"on": true, "off": false, "form": false, "unknown": false} {
		if got := all.SendsLogoutTokens(id); got != want {
			t.Errorf("%s: %t", id, got)
		}
	}
}

// An application with a limit of its own has none of the library, also of callbacks.
func TestLimit_SkippedAcceptsCallbacks(t *testing.T) {
	for skip, want := range map[bool]string{true: "/home", false: "/api/auth/error?error=TooManyAttempts&retryAfter=60"} {
		idp := apptest.StartIDP(t)
		a := apptest.New(t, apptest.WithProviders(idp), func(c *apptest.Config) {
			s := newFullCounter(c.Now)
			s.full[":callback:net:"] = 1000
			c.Session.Store, c.SignInLimit.Skip = s, skip
		})
		if to := a.Follow(idp.SignIn(t, a.Start("idp"), "alice")).Header.Get("Location"); to != a.URL+want {
			t.Errorf("skip %t: the callback leads to %s", skip, to)
		}
	}
}

// A provider sends its logout token again if the sessions could not be ended, and not if
// the token is wrong.
func TestLogout_ErrorOfRefusal(t *testing.T) {
	for name, tt := range map[string]struct {
		fault  error
		leaves bool // the request ends before the token is verified, as when the server stops
		token  string
		want   string
	}{
		"wrong token":          {nil, false, "x", "invalid_request"},
		"store down":           {apptest.ErrDown, false, "", "logout_failed"},
		"store that can't":     {store.ErrUnsupported, false, "", "logout_failed"},
		"end of the request":   {nil, true, "", "logout_failed"},
		"right, and remembers": {nil, false, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := apptest.NewStore()
			a := apptest.NewOpenIDApp(t, apptest.Backchannel, func(c *apptest.OpenIDConfig) {
				s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
				c.Session.Store = s
			})
			a.SignIn()
			if tt.token == "" {
				tt.token = a.IDP.LogoutToken(t, a.IDP.Sessions()[0].Subject, "")
			}
			if tt.fault != nil {
				s.RunBefore("DeleteProviderSubject", func() { s.Fail(tt.fault) })
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if tt.leaves {
				cancel()
			}
			req, rec := apptest.NewRequest("POST", "/api/auth/backchannel-logout/idp", nil)
			req.Header.Set("Content-Type", apptest.FormType)
			req.Host = strings.TrimPrefix(a.URL, "http://")
			req.Body = io.NopCloser(strings.NewReader("logout_token=" + tt.token))
			a.Router.ServeHTTP(rec, req.WithContext(ctx))
			s.Fail(nil)
			if got := rec.Body.String(); tt.want == "" && (rec.Code != http.StatusOK || got != "") ||
				tt.want != "" && (rec.Code != http.StatusBadRequest || !strings.Contains(got, `"error":"`+tt.want+`"`)) {
				t.Errorf("%d %s", rec.Code, got)
			}
			if ended := a.Session() == nil; ended != (tt.want == "") {
				t.Errorf("the session ended: %t", ended)
			}
		})
	}
}

// A logout token that can't be remembered has ended its sessions nevertheless.
func TestLogout_TokenIsNotRemembered(t *testing.T) {
	for _, fails := range []bool{false, true} {
		s := apptest.NewStore()
		a := apptest.NewOpenIDApp(t, apptest.Backchannel, func(c *apptest.OpenIDConfig) {
			s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
			c.Session.DenyList = s
		})
		a.SignIn()
		if fails { // at the second mark, that of the token
			s.RunBefore("Mark", func() { s.RunBefore("Mark", func() { s.Fail(apptest.ErrDown) }) })
		}
		session := a.IDP.Sessions()[0]
		res := postLogoutToken(a, a.IDP.LogoutToken(t, session.Subject, ""))
		s.Fail(nil)
		log := a.Log.String()
		if res.StatusCode != http.StatusOK || a.Session() != nil || strings.Contains(log, "a logout token could not be remembered") != fails {
			t.Errorf("fails %t: %d %s, calls %v, the log has %s", fails, res.StatusCode, res.Text, s.Calls(), log)
		}
	}
}

// A warning comes back a minute after the last one, however many requests cause it.
func TestWarnings_ComeBack(t *testing.T) {
	a := apptest.New(t)
	for i, want := range []int{1, 1, 2, 2, 3} { // at 0, 40, 80, 120 and 160 seconds
		a.Get("/api/auth/callback/unknown")
		if n := strings.Count(a.Log.String(), "names a provider"); n != want {
			t.Errorf("after request %d there are %d", i+1, n)
		}
		a.Clock.Advance(40 * time.Second)
	}
}

// A form that names no provider, and a client whose address is its own, are no mistakes of
// the configuration.
func TestWarnings_NoneWithoutCause(t *testing.T) {
	for _, protocol := range []nuxtauth.Protocol{nuxtauth.NextAuth, nuxtauth.AuthJS} {
		a := apptest.New(t, func(c *apptest.Config) { c.Protocol = protocol })
		a.Post("/api/auth/signin", url.Values{"csrfToken": {a.CSRF()}})
		if log := a.Log.String(); strings.Contains(log, "WARN") {
			t.Errorf("%v: the log has %s", protocol, log)
		}
	}
	log := new(apptest.LogBuffer)
	g := newGuesser(t, func(c *apptest.Config) {
		c.SignInLimit.PerNetwork = 1
		c.Logger = slog.New(slog.NewTextHandler(log, nil))
	})
	for range 2 {
		g.guess(here, "ada", "wrong")
	}
	if text := log.String(); !strings.Contains(text, "too many attempts") || strings.Contains(text, "many clients together") {
		t.Errorf("the log has %s", text)
	}
}

// A preflight of another origin gets one answer, and a request for another host a line in
// the log.
func TestWarnings_OfRefusals(t *testing.T) {
	log := new(apptest.LogBuffer)
	r := apptest.NewRouter(apptest.NewAuth(t, func(c *apptest.Config) {
		c.URL, c.TrustHost, c.TrustedOrigins = "", true, []string{trustedOrigin}
		c.Logger = slog.New(slog.NewTextHandler(log, nil))
	}))
	req, rec := apptest.NewRequest("OPTIONS", trustedOrigin+"/api/auth/session", nil)
	req.Header.Set("Origin", "https://evil.example")
	req.Header.Set("Access-Control-Request-Method", "POST")
	if r.ServeHTTP(rec, req); rec.Body.String() != `{"message":"This origin is not in the TrustedOrigins of the application."}` {
		t.Errorf("the preflight gets %d %s", rec.Code, rec.Body)
	}
	req, rec = apptest.NewRequest("GET", "https://evil.example/api/auth/session", nil)
	if r.ServeHTTP(rec, req); rec.Code != http.StatusBadRequest || !strings.Contains(log.String(), "a request for a host") {
		t.Errorf("the request gets %d %s, the log has %s", rec.Code, rec.Body, log)
	}
}

// A cookie that opens no session is not one that could not be checked.
func TestSession_EndedIsNotUnavailable(t *testing.T) {
	a := apptest.New(t)
	a.SetCookie(apptest.SessionCookie, "garbage")
	res := a.Get("/api/auth/session")
	if res.Text != "{}" || res.Header.Get("X-Auth-Unavailable") != "" || res.Header.Get("Retry-After") != "" {
		t.Errorf("%s, headers %v", res.Text, res.Header)
	}
}
