package api_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// The list of sessions has the browser, and not the server that renders its pages.
func TestLocal_ListedClient(t *testing.T) {
	a := newLocal(t, rotating)
	first := a.signIn()
	for _, tt := range []struct{ agent, listed string }{{"node", "Go-http-client/1.1"}, {"Phone", "Phone"}, {"node", "Phone"}} {
		req := a.Request("POST", "/api/auth/local/refresh", "application/json", `{"refreshToken":"`+first.RefreshToken+`"}`)
		req.Header.Set("User-Agent", tt.agent)
		first = a.tokensIn(a.Do(req))
		list, err := a.Auth.ListSessions(context.Background(), "1")
		if err != nil || len(list) != 1 || list[0].UserAgent != tt.listed || list[0].LastSeen.Time().Unix() != a.Clock.Now().Unix() {
			t.Errorf("after a refresh by %s: %+v, %v", tt.agent, list, err)
		}
		a.Clock.Advance(2 * time.Minute)
	}
}

// Whatever ends a session ends its tokens at once.
func TestLocal_EndedSession(t *testing.T) {
	for name, end := range map[string]func(a *localApp, tokens localTokens) error{
		"RevokeSession": func(a *localApp, _ localTokens) error {
			list, err := a.Auth.ListSessions(context.Background(), "1")
			if err != nil || len(list) != 1 || list[0].Provider != "credentials" || list[0].UserAgent == "" {
				return errors.New("the session is not listed")
			}
			_, err = a.Auth.RevokeSession(context.Background(), "1", list[0].ID)
			return err
		},
		"RevokeSessions": func(a *localApp, _ localTokens) error {
			_, err := a.Auth.RevokeSessions(context.Background(), "1")
			return err
		},
		"RevokeSessions in another process": func(a *localApp, _ localTokens) error {
			_, err := a.replica().Auth.RevokeSessions(context.Background(), "1")
			return err
		},
		"SignOut of a handler": func(a *localApp, tokens localTokens) error {
			var err error
			a.Router.POST("/leave", func(c *gin.Context) { err = a.Auth.SignOut(c) })
			req := a.Request("POST", "/leave", "", "")
			req.Header.Set("Authorization", "Bearer "+tokens.Token)
			a.Do(req)
			return err
		},
		"the handle at a sign-out with a cookie": func(a *localApp, tokens localTokens) error {
			b := a.Another()
			b.SetCookie(apptest.SessionCookie, handleIn(tokens))
			b.SignOut()
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newLocal(t)
			tokens := a.signIn()
			a.signedIn("before", tokens, true)
			if err := end(a, tokens); err != nil {
				t.Fatal(err)
			}
			a.signedIn("afterwards", tokens, false)
		})
	}
}

// Each browser has a session of its own, of which one can end the others.
func TestLocal_OtherSessions(t *testing.T) {
	a := newLocal(t)
	first, second := a.signIn(), a.signIn()
	a.SignIn()
	a.Router.POST("/others", func(c *gin.Context) {
		if n, err := a.Auth.RevokeOtherSessions(c); n != 2 || err != nil {
			t.Errorf("%d sessions, %v", n, err)
		}
	})
	req := a.another().Request("POST", "/others", "", "")
	req.Header.Set("Authorization", "Bearer "+second.Token)
	a.another().Do(req)
	a.signedIn("the other", first, false)
	a.signedIn("the session of the request", second, true)
	if a.Session() != nil {
		t.Error("the session of the cookie has not ended")
	}

	third := a.signIn()
	a.want("sign-out", a.do("POST", "logout", "", `{"refreshToken":"`+third.RefreshToken+`"}`), 200, "")
	a.signedIn("after the sign-out of another browser", second, true)
}

// A fault is 503, never 401, and costs no session.
func TestLocal_StoreFaults(t *testing.T) {
	a := newLocal(t)
	tokens := a.signIn()
	a.store.Fail(apptest.ErrDown)
	a.want("login", a.do("POST", "login", "", `{"username":"ada","password":"lovelace"}`), 503, "Unavailable")
	a.want("session", a.session(tokens.Token), 503, "Unavailable")
	a.want("refresh", a.refresh(tokens.RefreshToken), 503, "Unavailable")
	a.want("logout", a.do("POST", "logout", "Bearer "+tokens.Token, ""), 503, "Unavailable")
	a.want("logout", a.do("POST", "logout", "", `{"refreshToken":"`+tokens.RefreshToken+`"}`), 503, "Unavailable")
	a.want("wrong credentials", a.do("POST", "login", "", `{"username":"ada","password":"wrong"}`), 401, "CredentialsSignin")
	a.want("no token of ours", a.refresh("x"), 401, "InvalidToken")
	a.store.Fail(nil)
	a.signedIn("afterwards", tokens, true)
}

// The renewal of a session fails: its tokens are good all the same.
func TestLocal_RenewalFaults(t *testing.T) {
	a := newLocal(t)
	tokens := a.signIn()
	a.Clock.Advance(25 * time.Hour)
	a.store.RunBefore("ReplaceSession", func() { a.store.Fail(apptest.ErrDown) })
	res := a.refresh(tokens.RefreshToken)
	a.store.Fail(nil)
	a.signedIn("after the fault", a.tokensIn(res), true)
}

func TestLocal_CallbackErrors(t *testing.T) {
	var jwt, view, signIn error
	a := newLocal(t, func(c *apptest.Config) {
		c.Callbacks.SignIn = func(context.Context, nuxtauth.SignInParams) error { return signIn }
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			return p.Token, jwt
		}
		c.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[apptest.Token, apptest.Session]) (*apptest.Session, error) {
			return p.Session, view
		}
	})
	const ada = `{"username":"ada","password":"lovelace"}`
	for what, tt := range map[string]struct {
		err    error
		status int
		code   string
	}{
		"error":       {errors.New("secret-detail"), 403, "AccessDenied"},
		"own code":    {&nuxtauth.Error{Code: "EmailNotVerified"}, 403, "EmailNotVerified"},
		"redirect":    {nuxtauth.RedirectTo("/verify"), 403, "AccessDenied"},
		"unavailable": {nuxtauth.Unavailable(errors.New("secret-detail")), 503, "Unavailable"},
	} {
		signIn = tt.err
		log := len(a.Log.String())
		res := a.do("POST", "login", "", ada)
		a.want("SignIn: "+what, res, tt.status, tt.code)
		cause := strings.ReplaceAll(tt.err.Error(), `"`, `\"`) // as the log quotes it
		if logged := a.Log.String()[log:]; !strings.Contains(logged, cause) && !strings.Contains(logged, "/verify") {
			t.Errorf("SignIn: %s: the log has %s", what, logged)
		}
		if strings.Contains(res.Text, "secret-detail") || (what == "redirect") != strings.Contains(res.Text, `"url":"`+a.URL+`/verify"`) {
			t.Errorf("%s: %s", what, res.Text)
		}
	}
	signIn = nil
	for what, tt := range map[string]struct {
		err           error
		login, status int
		loginCode     string
		code          string
	}{
		"error":       {errors.New("secret-detail"), 503, 401, "Unavailable", "InvalidToken"},
		"own code":    {&nuxtauth.Error{Code: "Suspended"}, 403, 401, "Suspended", "InvalidToken"},
		"unavailable": {nuxtauth.Unavailable(errors.New("secret-detail")), 503, 503, "Unavailable", "Unavailable"},
	} {
		tokens := a.signIn()
		jwt = tt.err
		a.want("JWT: "+what, a.do("POST", "login", "", ada), tt.login, tt.loginCode)
		a.want("JWT: "+what, a.refresh(tokens.RefreshToken), tt.status, tt.code)
		jwt = nil
		a.signedIn("JWT: "+what+", afterwards", tokens, tt.status == 503)

		tokens = a.signIn()
		view = tt.err
		a.want("Session: "+what, a.session(tokens.Token), tt.status, tt.code)
		view = nil
		a.signedIn("Session: "+what+", afterwards", tokens, tt.status == 503)
	}
	if !strings.Contains(a.Log.String(), "secret-detail") {
		t.Error("the cause is not in the log")
	}
}

func TestLocal_Events(t *testing.T) {
	var events []string
	a := newLocal(t, func(c *apptest.Config) {
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			events = append(events, "JWT "+string(p.Trigger))
			return p.Token, nil
		}
		c.Events.SignIn = func(_ context.Context, e nuxtauth.SignInEvent[apptest.Token]) {
			events = append(events, "SignIn "+e.User.ID+" "+e.Account.Provider+" "+e.Token.Subject)
		}
		c.Events.Session = func(_ context.Context, e nuxtauth.SessionEvent[apptest.Token, apptest.Session]) {
			events = append(events, "Session "+e.Token.Subject)
		}
		c.Events.SignOut = func(_ context.Context, e nuxtauth.SignOutEvent[apptest.Token]) {
			events = append(events, "SignOut "+e.Token.Subject)
		}
	})
	tokens := a.signIn()
	a.session(tokens.Token)
	a.refresh(tokens.RefreshToken)
	for range 2 {
		a.do("POST", "logout", "", `{"refreshToken":"`+tokens.RefreshToken+`"}`)
	}
	want := "JWT signIn, SignIn 1 credentials 1, JWT , Session 1, JWT , SignOut 1"
	if got := strings.Join(events, ", "); got != want {
		t.Errorf("events: %s, want %s", got, want)
	}
}

// Users of the application: a disabled one gets 403, and one who is deleted, or gets a new
// password, has no tokens any more.
func TestLocal_Users(t *testing.T) {
	ctx := context.Background()
	var users *apptest.UserStore
	a := newLocal(t, func(c *apptest.Config) {
		users = apptest.UseUsers(c)
		if err := users.Memory.CreateUser(ctx, &store.User{ID: "1", Email: "ada@example.com", Name: "Ada"}, nil); err != nil {
			t.Fatal(err)
		}
	})
	const ada = `{"username":"ada","password":"lovelace"}`

	tokens := a.signIn()
	users.Fail(true)
	a.want("the store of users fails", a.do("POST", "login", "", ada), 503, "Unavailable")
	users.Fail(false)
	a.signedIn("afterwards", tokens, true)

	disable := func(on bool) {
		if _, err := users.Memory.UpdateUser(ctx, "1", func(u *store.User) error { u.Disabled = on; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	disable(true)
	a.want("disabled", a.do("POST", "login", "", ada), 403, "AccessDenied")
	disable(false)

	// The user is disabled while the session begins: it ends again.
	a.store.Calls()
	users.RunBefore("FindUser", func() { users.RunBefore("FindUser", func() { disable(true) }) })
	a.want("disabled meanwhile", a.do("POST", "login", "", ada), 403, "AccessDenied")
	if calls := strings.Join(a.store.Calls(), " "); !strings.Contains(calls, "CreateSession") || !strings.Contains(calls, "DeleteSession") {
		t.Errorf("the store was called: %s", calls)
	}
	disable(false)
	if list, err := a.Auth.ListSessions(ctx, "1"); len(list) != 1 || err != nil {
		t.Errorf("%d sessions, %v", len(list), err)
	}

	if err := a.Auth.DeleteUser(ctx, "1"); err != nil {
		t.Fatal(err)
	}
	a.signedIn("deleted", tokens, false)
	a.want("deleted", a.do("POST", "login", "", ada), 403, "AccessDenied")
}

// The guards of the application count a session without a cookie like any other.
func TestLocal_Guards(t *testing.T) {
	a := newLocal(t)
	a.Router.GET("/guarded", a.Auth.Require(), func(c *gin.Context) { c.String(http.StatusOK, a.Auth.Subject(c)) })
	a.Router.GET("/recent", a.Auth.RequireRecent(10*time.Minute), func(c *gin.Context) { c.String(http.StatusOK, "recent") })
	get := func(path, token string) apptest.Response {
		req := a.Request("GET", path, "", "")
		req.Header.Set("Authorization", "Bearer "+token)
		return a.Do(req)
	}
	tokens := a.signIn()
	if res := get("/guarded", tokens.Token); res.Text != "1" {
		t.Errorf("guarded: %d %s", res.StatusCode, res.Text)
	}
	if res := get("/recent", tokens.Token); res.Text != "recent" {
		t.Errorf("recent: %d %s", res.StatusCode, res.Text)
	}
	a.Clock.Advance(11 * time.Minute)
	tokens = a.tokensIn(a.refresh(tokens.RefreshToken))
	if res := get("/recent", tokens.Token); res.StatusCode != 401 {
		t.Errorf("a refresh counts as a sign-in: %d %s", res.StatusCode, res.Text)
	}
	a.store.Fail(apptest.ErrDown)
	if res := get("/guarded", tokens.Token); res.StatusCode != 503 {
		t.Errorf("the store is down: %d %s", res.StatusCode, res.Text)
	}
}

// A session without JSON is an error of the application, and goes on.
func TestLocal_ViewWithoutJSON(t *testing.T) {
	type session = nuxtauth.DefaultSession[fragileUser]
	log, broken := new(apptest.LogBuffer), new(atomic.Bool)
	cfg := nuxtauth.Config[apptest.Token, session]{
		Secret: apptest.Secret, URL: "http://localhost:3000", Logger: slog.New(slog.NewTextHandler(log, nil)),
		Providers: []provider.Provider{provider.Credentials(apptest.Authorize)},
		Session:   nuxtauth.SessionConfig{Store: store.NewMemory(store.MemoryOptions{})},
		Local:     nuxtauth.LocalConfig{Provider: "credentials"},
	}
	cfg.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[apptest.Token, session]) (*session, error) {
		p.Session.User.broken = broken
		return p.Session, nil
	}
	auth, err := nuxtauth.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := gin.New()
	r.Use(auth.Middleware())
	send := func(method, path, authorization, body string) *httptest.ResponseRecorder {
		req, rec := apptest.NewRequest(method, "/api/auth/local/"+path, nil)
		req.Header.Set("Authorization", authorization)
		if body != "" {
			req.Header.Set("Content-Type", "application/json")
			req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		}
		r.ServeHTTP(rec, req)
		return rec
	}
	var tokens localTokens
	if err := json.Unmarshal(send("POST", "login", "", `{"username":"ada","password":"lovelace"}`).Body.Bytes(), &tokens); err != nil {
		t.Fatal(err)
	}
	broken.Store(true)
	rec := send("GET", "session", "Bearer "+tokens.Token, "")
	if rec.Code != 500 || !strings.Contains(rec.Body.String(), `"code":"Unavailable"`) || !strings.Contains(log.String(), "the JSON of the session failed") {
		t.Errorf("%d %s, and the log: %s", rec.Code, rec.Body, log)
	}
	broken.Store(false)
	if rec := send("GET", "session", "Bearer "+tokens.Token, ""); rec.Code != 200 {
		t.Errorf("afterwards: %d %s", rec.Code, rec.Body)
	}
}

// A service that shares the store opens none of the tokens, nor the handle in one of them.
func TestLocal_ReaderOpensNoToken(t *testing.T) {
	a := newLocal(t)
	tokens := a.signIn()
	handle, _, _ := strings.Cut(tokens.RefreshToken, ".")
	if _, err := a.store.FindSession(t.Context(), handle); err != nil {
		t.Fatalf("the handle of the session: %v", err)
	}
	for name, value := range map[string]string{"access token": tokens.Token, "refresh token": tokens.RefreshToken, "handle": handle} {
		cfg := nuxtauth.ReaderConfig{Secret: apptest.Secret, URL: a.URL, Store: a.store, Now: a.Clock.Now}
		for _, header := range [][2]string{{"Authorization", "Bearer " + value}, {"Cookie", apptest.SessionCookie + "=" + value}} {
			req, _ := apptest.NewRequest("GET", "/", nil)
			req.Header.Set(header[0], header[1])
			if tok, err := apptest.ReadToken[apptest.Token](req, cfg); !errors.Is(err, token.ErrInvalid) || tok != nil {
				t.Errorf("the %s in %s: %+v, %v", name, header[0], tok, err)
			}
		}
	}
}
