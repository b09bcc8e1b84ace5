package nuxtauth_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest/hostile"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

// A journal notes events.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

// check reports other events than those wanted since the last call.
func (j *journal) check(t *testing.T, what string, want ...string) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	if !slices.Equal(j.lines, want) {
		t.Errorf("%s: %s, want %s", what, strings.Join(j.lines, "; "), strings.Join(want, "; "))
	}
	j.lines = nil
}

// noted adds each event of sessions and of failed sign-ins to a journal.
func noted[T nuxtauth.TokenType](j *journal) (e nuxtauth.Events[T, apptest.Session]) {
	e.RefuseSignIn = func(_ context.Context, e nuxtauth.RefuseSignInEvent) {
		j.add("refused %s %s %t %s %s", e.Provider, e.Code, e.Err != nil, e.IP, e.UserAgent)
	}
	e.LimitSignIn = func(_ context.Context, e nuxtauth.LimitSignInEvent) {
		j.add("limited %s %s %v %s %s", e.Provider, e.By, e.Window, e.IP, e.UserAgent)
	}
	e.UpdateSession = func(_ context.Context, e nuxtauth.UpdateSessionEvent) {
		j.add("updated %s %t %s %s", e.Subject, e.FrontEnd, e.IP, e.UserAgent)
	}
	e.RevokeSessions = func(_ context.Context, e nuxtauth.RevokeSessionsEvent) {
		j.add("revoked %s %t %t %s %t %d", e.Subject, e.SessionID != "", e.Others, e.Provider, e.ProviderSubject != "", e.Count)
	}
	e.RefreshTokens = func(_ context.Context, e nuxtauth.RefreshTokensEvent) {
		j.add("refreshed %s %s", e.Subject, e.Provider)
	}
	return e
}

const eventClient = " 127.0.0.1 Go-http-client/1.1"

func TestEvents_FailedSignIns(t *testing.T) {
	var j journal
	a := apptest.New(t, func(c *apptest.Config) {
		c.Events = noted[apptest.Token](&j)
		c.SignInLimit.PerAccount = 2
	})
	for range 2 {
		a.Post("/api/auth/callback/credentials", a.CredentialsForm("ada", "wrong"))
		j.check(t, "a wrong password", "refused credentials CredentialsSignin false"+eventClient)
	}
	a.Post("/api/auth/callback/credentials", a.CredentialsForm("ada", "lovelace"))
	j.check(t, "too many", "limited credentials account 15m0s"+eventClient)

	for name, err := range map[string]error{
		"AccessDenied": nuxtauth.RedirectTo("/waiting"),
		"Locked":       &nuxtauth.Error{Code: "Locked"},
	} {
		b := apptest.New(t, func(c *apptest.Config) {
			c.Events = noted[apptest.Token](&j)
			c.Callbacks.SignIn = func(context.Context, nuxtauth.SignInParams) error { return err }
		})
		b.Post("/api/auth/callback/credentials", b.CredentialsForm("ada", "lovelace"))
		j.check(t, name, "refused credentials "+name+" true"+eventClient)
	}
	o := apptest.NewOpenIDApp(t, func(c *apptest.OpenIDConfig) { c.Events = noted[apptest.OpenIDToken](&j) })
	to := o.Start("idp")
	o.IDP.SetFaults(hostile.TokenServerError)
	o.Do(o.IDP.SignIn(t, to, "alice"))
	j.check(t, "a provider that is down", "refused idp OAuthCallback true"+eventClient)
}

func TestEvents_Sessions(t *testing.T) {
	var j journal
	a := apptest.New(t, func(c *apptest.Config) {
		c.Session.Store, c.Events = store.NewMemory(store.MemoryOptions{}), noted[apptest.Token](&j)
	})
	a.Router.POST("/rename", func(c *gin.Context) {
		if err := a.Auth.Update(c, func(t *apptest.Token) error { t.Name = "Countess"; return nil }); err != nil {
			t.Error(err)
		}
	})
	a.Router.POST("/others", func(c *gin.Context) {
		if _, err := a.Auth.RevokeOtherSessions(c); err != nil {
			t.Error(err)
		}
	})
	a.SignIn()
	a.Another().SignIn()
	j.check(t, "sign-ins")
	a.Update(`{"name":"Ada"}`)
	j.check(t, "an update of the front end", "updated 1 true"+eventClient)
	a.Post("/rename", nil)
	j.check(t, "an update of a handler", "updated 1 false"+eventClient)
	a.Post("/others", nil)
	j.check(t, "the other sessions", "revoked 1 true true  false 1")
	a.Post("/others", nil)
	j.check(t, "no other sessions")
	if n, err := a.Auth.RevokeSessions(t.Context(), "1"); n != 1 || err != nil {
		t.Error(n, err)
	}
	j.check(t, "all sessions", "revoked 1 false false  false 1")
	if found, err := a.Auth.RevokeSession(t.Context(), "1", "nothing"); found || err != nil {
		t.Error(found, err)
	}
	j.check(t, "no session")
	a.Update(`{"name":"Ada"}`)
	j.check(t, "an update without a session")
}

func TestEvents_Providers(t *testing.T) {
	apptest.EachOpenIDStorage(t, func(t *testing.T, storage func(*apptest.OpenIDConfig)) {
		var j journal
		a := apptest.NewOpenIDApp(t, storage, func(c *apptest.OpenIDConfig) { c.Events = noted[apptest.OpenIDToken](&j) })
		a.SignIn()
		a.Clock.Advance(5*time.Minute - 10*time.Second)
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() { a.Copy().Get("/me") })
		}
		all.Wait()
		subject := a.IDP.Sessions()[0].Subject
		j.check(t, "a refresh", "refreshed "+subject+" idp")
	})

	var j journal
	a := apptest.NewOpenIDApp(t, apptest.Backchannel, func(c *apptest.OpenIDConfig) {
		c.Session.Store, c.Events = store.NewMemory(store.MemoryOptions{}), noted[apptest.OpenIDToken](&j)
	})
	a.SignIn()
	s := a.IDP.Sessions()[0]
	a.Post("/api/auth/backchannel-logout/idp", map[string][]string{"logout_token": {a.IDP.LogoutToken(t, s.Subject, s.ID)}})
	j.check(t, "a logout at the provider", "revoked  false false idp true 1")
}

// A panic in an event is logged, and changes nothing.
func TestEvents_OfSessionsAreGuarded(t *testing.T) {
	a := apptest.New(t, func(c *apptest.Config) {
		c.Session.Store = store.NewMemory(store.MemoryOptions{})
		c.Events.RefuseSignIn = func(context.Context, nuxtauth.RefuseSignInEvent) { panic("a bug") }
		c.Events.UpdateSession = func(context.Context, nuxtauth.UpdateSessionEvent) { panic("a bug") }
		c.Events.RevokeSessions = func(context.Context, nuxtauth.RevokeSessionsEvent) { panic("a bug") }
		c.Events.LimitSignIn = func(context.Context, nuxtauth.LimitSignInEvent) { panic("a bug") }
		c.SignInLimit.PerNetwork = 1
	})
	a.SignIn()
	a.Update(`{}`)
	for range 2 {
		a.Post("/api/auth/callback/credentials", a.CredentialsForm("ada", "wrong"))
	}
	if n, err := a.Auth.RevokeSessions(t.Context(), "1"); n != 1 || err != nil {
		t.Error(n, err)
	}
	for _, name := range []string{"RefuseSignIn", "UpdateSession", "RevokeSessions", "LimitSignIn"} {
		if !strings.Contains(a.Log.String(), `panicked" function="the `+name+` event"`) {
			t.Errorf("no record of %s: %s", name, a.Log)
		}
	}
}
