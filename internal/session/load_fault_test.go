package session_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

// A callbackApp is an application with both callbacks, which a test sets, and the route
// /private.
type callbackApp struct {
	*apptest.App
	store *apptest.Store // where the storage is "memory" or "deny-list"
	jwt   func(ctx context.Context, t *apptest.Token) error
	view  func(ctx context.Context) error
}

func newCallbackApp(t *testing.T, storage string) *callbackApp {
	s := apptest.NewStore()
	a := &callbackApp{
		store: s,
		jwt:   func(context.Context, *apptest.Token) error { return nil },
		view:  func(context.Context) error { return nil },
	}
	a.App = apptest.New(t, func(c *apptest.Config) {
		switch storage {
		case "memory":
			s.Use(c)
		case "deny-list":
			s.UseAsDenyList(c)
		}
		c.Callbacks.JWT = func(ctx context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			return p.Token, a.jwt(ctx, p.Token)
		}
		c.Callbacks.Session = func(ctx context.Context, p nuxtauth.SessionParams[apptest.Token, apptest.Session]) (*apptest.Session, error) {
			return p.Session, a.view(ctx)
		}
	})
	a.Router.GET("/private", a.Auth.Require(), func(c *gin.Context) { c.Status(http.StatusOK) })
	a.SignIn()
	return a
}

func countessOnce(_ context.Context, t *apptest.Token) error { return countess(t) }

func down(context.Context) error { return nuxtauth.Unavailable(apptest.ErrDown) }

// The store fails too when it is to save what the JWT callback did.
func TestSave_FaultOfUnavailableSession(t *testing.T) {
	a := newCallbackApp(t, "memory")
	a.jwt, a.view = countessOnce, down
	a.store.RunBefore("ReplaceSession", func() { a.store.Fail(apptest.ErrDown) })
	if res := a.Get("/private"); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("Require answers %d", res.StatusCode)
	}
	a.store.Fail(nil)
	a.view = func(context.Context) error { return nil }
	if a.Session() == nil {
		t.Error("the session ended")
	}
}

// A renewal without a change waits for a request in which the session can be checked.
func TestSave_UnavailableSessionIsNotRenewed(t *testing.T) {
	for _, storage := range []string{"cookie", "memory"} {
		a := newCallbackApp(t, storage)
		a.Clock.Advance(25 * time.Hour)
		a.view = down
		a.store.Calls()
		res := a.Get("/private")
		if res.StatusCode != http.StatusServiceUnavailable || len(res.SetCookies()) != 0 || slices.Contains(a.store.Calls(), "ReplaceSession") {
			t.Errorf("%s: Require answers %d, cookies %v", storage, res.StatusCode, res.SetCookies())
		}
	}
}

// A session that ends is not written before.
func TestSave_RejectedSessionIsNotWritten(t *testing.T) {
	a := newCallbackApp(t, "memory")
	a.jwt, a.view = countessOnce, func(context.Context) error { return errors.New("banned") }
	a.store.Calls()
	res := a.Get("/private")
	if calls := a.store.Calls(); res.StatusCode != http.StatusUnauthorized || slices.Contains(calls, "ReplaceSession") {
		t.Errorf("Require answers %d, the store has %v", res.StatusCode, calls)
	}
	if log := a.Log.String(); strings.Count(log, "level=WARN") != 1 || !strings.Contains(log, "the Session callback failed\" error=banned") {
		t.Errorf("the log has %s", log)
	}
}

// The handle of a client with a header would change with the subject.
func TestBearer_UnavailableSessionKeepsHandle(t *testing.T) {
	a := newCallbackApp(t, "memory")
	mobile := newBearerClient(a.App)
	a.jwt, a.view = func(_ context.Context, t *apptest.Token) error { return asMerged(t) }, down
	if got := mobile.get("/private").StatusCode; got != http.StatusServiceUnavailable {
		t.Errorf("Require answers %d", got)
	}
	a.jwt, a.view = func(context.Context, *apptest.Token) error { return nil }, func(context.Context) error { return nil }
	if got := mobile.get("/private").StatusCode; got != http.StatusOK {
		t.Errorf("afterwards Require answers %d", got)
	}
}

// The error of the callback counts, whatever it did to the token before.
func TestCallback_TransientErrorWithoutSubject(t *testing.T) {
	a := newCallbackApp(t, "cookie")
	a.jwt = func(ctx context.Context, t *apptest.Token) error { t.Subject = ""; return down(ctx) }
	if res := a.Get("/private"); res.StatusCode != http.StatusServiceUnavailable || clearsSession(res) {
		t.Errorf("Require answers %d, cookies %v", res.StatusCode, res.SetCookies())
	}
}

// Goroutines that a callback has left behind learn from its context that it is over.
func TestCallback_ContextEndsWithIt(t *testing.T) {
	a := newCallbackApp(t, "cookie")
	var got []context.Context
	a.jwt = func(ctx context.Context, _ *apptest.Token) error { got = append(got, ctx); return nil }
	a.view = func(ctx context.Context) error { got = append(got, ctx); return nil }
	var left []error
	a.Router.POST("/set", func(c *gin.Context) {
		if err := a.Auth.Update(c, countess); err != nil {
			t.Error(err)
		}
		for _, ctx := range got {
			left = append(left, ctx.Err())
		}
	})
	a.SignIn()
	a.Post("/set", nil)
	if len(left) < 4 || slices.Contains(left, nil) {
		t.Errorf("the errors of the contexts are %v", left)
	}
}

// The client has left, and what the store would say is not known.
func TestStore_CanceledRequestIsUnavailable(t *testing.T) {
	for _, storage := range []string{"memory", "deny-list"} {
		a := newCallbackApp(t, storage)
		leave, serve := a.Cancelable("GET", "/watched", "")
		var got error
		a.Router.GET("/watched", func(c *gin.Context) { c.Next(); got = c.Errors.Last() }, a.Auth.Require())
		leave()
		serve()
		if !errors.Is(got, nuxtauth.ErrUnavailable) {
			t.Errorf("%s: Require refuses the request with %v", storage, got)
		}
		if strings.Contains(a.Log.String(), "level=ERROR") {
			t.Errorf("%s: the log has an error: %s", storage, a.Log)
		}
		if a.Session() == nil {
			t.Errorf("%s: the session ended", storage)
		}
	}
}

// An update of the front end is written also if no callback changes anything. A mere read
// seals a token anew once it is a minute old, and any request once it is a day old.
func TestSession_WrittenByAge(t *testing.T) {
	for name, tt := range map[string]struct {
		age     time.Duration
		method  string
		path    string
		written bool
	}{
		"update, young":              {time.Second, "POST", "/api/auth/session", true},
		"read, 59 seconds":           {59 * time.Second, "GET", "/api/auth/session", false},
		"read, a minute":             {time.Minute, "GET", "/api/auth/session", true},
		"another path, almost a day": {24*time.Hour - time.Second, "GET", "/me", false},
		"another path, a day":        {24 * time.Hour, "GET", "/me", true},
	} {
		t.Run(name, func(t *testing.T) {
			a := newCallbackApp(t, "cookie")
			now := a.Clock.Now()
			a.Clock.Advance(now.Truncate(time.Second).Add(time.Second).Sub(now)) // tokens have whole seconds
			a.SignIn()
			csrf := a.CSRF()
			a.Clock.Advance(tt.age)
			res := a.Do(a.Request(tt.method, tt.path, "application/json", `{"csrfToken":"`+csrf+`","data":{}}`))
			if a.SessionIn(res) == nil || slices.Contains(res.SetCookies(), apptest.SessionCookie+"=") != tt.written {
				t.Errorf("%s, cookies %v", res.Text, res.SetCookies())
			}
		})
	}
}

// Another process is moving the session into the store: the request has it from its
// cookie, the callbacks run once, and an update is refused because it would be lost.
func TestAdopt_InAnotherProcess(t *testing.T) {
	s := apptest.NewStore()
	a, sealed := newAdoptingApp(t, s)
	ran := 0
	b := apptest.New(t, func(c *apptest.Config) {
		c.Session.Store, c.Session.AdoptCookies, c.Now = s, true, a.Clock.Now
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			ran++
			return p.Token, nil
		}
	})
	phone := sealed()
	b.SetCookie(apptest.SessionCookie, phone.Cookie(apptest.SessionCookie))
	phone.Session()
	if res := b.Get("/me"); b.SessionIn(res) == nil || ran != 1 || len(res.SetCookies()) != 0 {
		t.Errorf("%s, %d callbacks, cookies %v", res.Text, ran, res.SetCookies())
	}
	if res := b.Update(`{}`); res.StatusCode != http.StatusConflict {
		t.Errorf("an update answers %d %s", res.StatusCode, res.Text)
	}
	if ids := stored(t, s, "1"); len(ids) != 1 {
		t.Errorf("the store has %v", ids)
	}
}

// The first of two cookies is garbage, and sessions are cached: under the second alone.
func TestCache_TriesEachValue(t *testing.T) {
	a := apptest.New(t, func(c *apptest.Config) { c.Session.CacheFor = time.Minute })
	a.SignIn()
	line := strings.Join([]string{pair("garbage"), pair(a.Cookie(apptest.SessionCookie))}, "; ")
	for range 2 {
		if a.SessionIn(sendCookies(a, "/me", line)) == nil {
			t.Error("signed out")
		}
	}
	if a.SessionIn(sendCookies(a, "/me", pair("garbage"))) != nil {
		t.Error("the garbage alone is a session")
	}
}

// Whether the new user was signed out everywhere is not known: nothing is written.
func TestSave_NewSubjectNeedsDenyList(t *testing.T) {
	a := newCallbackApp(t, "deny-list")
	a.jwt = func(_ context.Context, t *apptest.Token) error { a.store.Fail(apptest.ErrDown); return asMerged(t) }
	res := a.Get("/me")
	a.store.Fail(nil)
	if len(res.SetCookies()) != 0 || !strings.Contains(a.Log.String(), "could not be renewed") {
		t.Errorf("%s, cookies %v; the log has %s", res.Text, res.SetCookies(), a.Log)
	}
}

// A renewal asks the deny-list once, and once more if the user changes.
func TestDenyList_IsAskedOnce(t *testing.T) {
	for subject, calls := range map[string]int{"1": 1, "2": 2} {
		a := newCallbackApp(t, "deny-list")
		a.jwt = func(_ context.Context, t *apptest.Token) error {
			t.Nickname, t.Subject = "countess", subject
			return nil
		}
		a.store.Calls()
		res := a.Get("/me")
		if got := a.store.Calls(); len(got) != calls || !slices.Contains(res.SetCookies(), apptest.SessionCookie+"=") {
			t.Errorf("the deny-list has %v, cookies %v", got, res.SetCookies())
		}
	}
}
