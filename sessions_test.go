package nuxtauth_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

func TestUpdate_AndSignOutInHandler(t *testing.T) {
	var ended []string
	var fail bool
	auth := apptest.NewAuth(t, func(cfg *apptest.Config) {
		cfg.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[apptest.Token, apptest.Session]) (*apptest.Session, error) {
			if fail {
				return nil, apptest.ErrDown
			}
			p.Session.User.Role = p.Token.Nickname
			return p.Session, nil
		}
		cfg.Events.SignOut = func(_ context.Context, e nuxtauth.SignOutEvent[apptest.Token]) { ended = append(ended, e.Token.Name) }
	})
	var step func(c *gin.Context)
	r := gin.New()
	r.Use(auth.Middleware())
	r.POST("/", func(c *gin.Context) { step(c) })
	do := func(cookies []*http.Cookie, f func(c *gin.Context)) apptest.Response {
		step = f
		req, rec := apptest.NewRequest("POST", "/", cookies)
		r.ServeHTTP(rec, req)
		return apptest.Recorded(rec)
	}
	nickname := func(tok *apptest.Token) error { tok.Nickname = "Countess"; return nil }
	ada := apptest.Issue(t, auth, "Ada")

	res := do(ada, func(c *gin.Context) {
		if err := auth.Update(c, nickname); err != nil {
			t.Error(err)
		}
		if s := nuxtauth.SessionFrom[apptest.Session](c); s.User.Role != "Countess" || auth.Session(c) != s || auth.Token(c).Nickname != "Countess" {
			t.Errorf("after Update the request has %+v and %+v", s, auth.Token(c))
		}
	})
	updated := res.Cookies()
	if len(updated) != 1 {
		t.Fatalf("Update sets %v", updated)
	}
	do(updated, func(c *gin.Context) {
		if got := auth.Session(c).User.Role; got != "Countess" {
			t.Errorf("the next request has %q", got)
		}
	})
	res = do(ada, func(c *gin.Context) {
		fail = true
		defer func() { fail = false }()
		if err := auth.Update(c, nickname); err == nil {
			t.Error("Update returns no error of the Session callback")
		}
		if err := auth.Update(c, func(tok *apptest.Token) error { tok.Nickname = "x"; return apptest.ErrDown }); err != apptest.ErrDown {
			t.Errorf("Update returns %v", err)
		}
		if auth.Token(c).Nickname != "" {
			t.Error("a failed Update changed the token")
		}
	})
	if n := len(res.Cookies()); n != 0 {
		t.Errorf("a failed Update set %d cookies", n)
	}
	do(nil, func(c *gin.Context) {
		if err := auth.Update(c, nickname); err != nuxtauth.ErrSignedOut {
			t.Errorf("signed out, Update returns %v", err)
		}
		if err := auth.SignOut(c); err != nil {
			t.Errorf("signed out, SignOut returns %v", err)
		}
	})
	res = do(ada, func(c *gin.Context) {
		if err := auth.SignOut(c); err != nil {
			t.Error(err)
		}
		if auth.Session(c) != nil || auth.Token(c) != nil || c.MustGet("session").(*apptest.Session) != nil {
			t.Error("after SignOut the request is still signed in")
		}
	})
	if got := res.SetCookies(); !slices.Equal(got, []string{"next-auth.session-token-"}) || !slices.Equal(ended, []string{"Ada"}) {
		t.Errorf("SignOut sets %v, events %v", got, ended)
	}
}

func TestUpdate_StoreFaultIsNotErrSignedOut(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.Use)
	var updated, access error
	a.Router.GET("/both", func(c *gin.Context) {
		updated = a.Auth.Update(c, func(t *apptest.Token) error { t.Nickname = "x"; return nil })
		_, access = a.Auth.AccessToken(c)
	})
	a.SignIn()
	s.Fail(apptest.ErrDown)
	a.Get("/both")
	if updated == nil || errors.Is(updated, nuxtauth.ErrSignedOut) {
		t.Errorf("Update returns %v", updated)
	}
	if access == nil || errors.Is(access, nuxtauth.ErrSignedOut) {
		t.Errorf("AccessToken returns %v", access)
	}
}

func TestIssue_StartsSeparateSession(t *testing.T) {
	a := apptest.New(t, apptest.NewStore().UseAsDenyList)
	var tok apptest.Token
	a.Router.GET("/copy", func(c *gin.Context) { tok = *a.Auth.Token(c) })
	a.SignIn()
	a.Get("/copy")
	cookies, err := apptest.Cookies(a.Auth.Issue(t.Context(), &tok))
	if err != nil {
		t.Fatal(err)
	}
	issued := a.Another()
	issued.SetCookie(cookies[0].Name, cookies[0].Value)
	a.SignOut()
	if issued.Session() == nil {
		t.Error("it ended with the session that its token comes from")
	}
}

func TestAccessToken_SaysWhyThereIsNone(t *testing.T) {
	a := apptest.NewOpenIDApp(t)
	if res := a.Get("/api"); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("signed out: %d", res.StatusCode)
	}
	b := apptest.New(t)
	var err error
	b.Router.GET("/api", func(c *gin.Context) { _, err = b.Auth.AccessToken(c) })
	b.SignIn()
	if b.Get("/api"); !errors.Is(err, nuxtauth.ErrNoAccessToken) || !strings.Contains(err.Error(), "embed nuxtauth.ProviderTokens") {
		t.Error(err)
	}
}

// Gin requires a copy of its context in a goroutine. Such a copy has no response.
func TestAccessToken_CopiedContextInGoroutine(t *testing.T) {
	apptest.EachOpenIDStorage(t, func(t *testing.T, storage func(*apptest.OpenIDConfig)) {
		a := apptest.NewOpenIDApp(t, storage)
		problem := make(chan any, 1)
		a.Router.GET("/job", func(c *gin.Context) {
			copied := c.Copy()
			a.Clock.Advance(6 * time.Minute) // a slow handler
			go func() {
				defer func() { problem <- recover() }()
				a.Auth.AccessToken(copied)
			}()
			v := <-problem
			problem <- v
		})
		a.SignIn()
		a.Get("/job")
		if v := <-problem; v != nil {
			t.Errorf("AccessToken panics: %v", v)
		}
		if a.AccessToken() == "" {
			t.Error("the refresh token was lost")
		}
	})
}

// The copy and the original share what they loaded (for the race detector).
func TestAccessToken_CopyLeavesRequestUnchanged(t *testing.T) {
	a := apptest.NewOpenIDApp(t, apptest.OpenIDStorages["memory"])
	a.Router.GET("/both", func(c *gin.Context) {
		c.String(http.StatusOK, "streaming") // no cookie can be set any more
		copied := c.Copy()
		a.Clock.Advance(6 * time.Minute)
		var wg sync.WaitGroup
		for _, c := range []*gin.Context{c, copied} {
			wg.Go(func() { a.Auth.AccessToken(c) })
		}
		wg.Wait()
	})
	a.SignIn()
	a.Get("/both")
}

// Each method of Auth on a copied context. A panic in its goroutine would end the
// process.
func TestAuth_CopiedContext(t *testing.T) {
	isCopy := func(err error) bool { return err != nil && strings.Contains(err.Error(), "copy of the gin.Context") }
	signedOut := func(err error) bool { return errors.Is(err, nuxtauth.ErrSignedOut) }
	ok := func(err error) bool { return err == nil }
	for name, tt := range map[string]struct {
		call        func(a *apptest.OpenIDApp, c *gin.Context) error
		in, out     func(error) bool // what the error has to be, signed in and out
		notInCookie bool             // only sessions of a store
	}{
		"Update": {call: func(a *apptest.OpenIDApp, c *gin.Context) error {
			return a.Auth.Update(c, func(t *apptest.OpenIDToken) error { t.Note = "changed"; return nil })
		}, in: isCopy, out: signedOut},
		"SignOut": {call: func(a *apptest.OpenIDApp, c *gin.Context) error { return a.Auth.SignOut(c) }, in: isCopy, out: isCopy},
		"AccessToken": {call: func(a *apptest.OpenIDApp, c *gin.Context) error {
			_, err := a.Auth.AccessToken(c)
			return err
		}, in: ok, out: signedOut},
		"RevokeOtherSessions": {call: func(a *apptest.OpenIDApp, c *gin.Context) error {
			_, err := a.Auth.RevokeOtherSessions(c)
			return err
		}, in: ok, out: signedOut, notInCookie: true},
		"ListSessions": {call: func(a *apptest.OpenIDApp, c *gin.Context) error {
			token := a.Auth.Token(c)
			if token == nil {
				return nuxtauth.ErrSignedOut
			}
			list, err := a.Auth.ListSessions(c, token.Subject)
			if err == nil && (len(list) != 1 || !list[0].Current) {
				err = errors.New("the list does not have the session of the request")
			}
			return err
		}, in: ok, out: signedOut, notInCookie: true},
		"Session": {call: func(a *apptest.OpenIDApp, c *gin.Context) error {
			if (a.Auth.Session(c) == nil) != (a.Auth.Token(c) == nil) || nuxtauth.SessionFrom[apptest.Session](c) != a.Auth.Session(c) {
				return errors.New("Session, Token and SessionFrom differ")
			}
			if a.Auth.Session(c) == nil {
				return nuxtauth.ErrSignedOut
			}
			return nil
		}, in: ok, out: signedOut},
		"SessionID": {call: func(a *apptest.OpenIDApp, c *gin.Context) error {
			if a.Auth.SessionID(c) == "" {
				return nuxtauth.ErrSignedOut
			}
			return nil
		}, in: ok, out: signedOut, notInCookie: true},
		"RevokeSessions": {call: func(a *apptest.OpenIDApp, c *gin.Context) error {
			_, err := a.Auth.RevokeSessions(c, "another user")
			return err
		}, in: ok, out: ok, notInCookie: true},
	} {
		for _, where := range []string{"cookie", "memory"} {
			if tt.notInCookie && where == "cookie" {
				continue
			}
			t.Run(name+", "+where, func(t *testing.T) {
				a := apptest.NewOpenIDApp(t, apptest.OpenIDStorages[where])
				var got error
				var panicked any
				a.Router.GET("/job", func(c *gin.Context) {
					copied := c.Copy()
					done := make(chan struct{})
					go func() {
						defer close(done)
						defer func() { panicked = recover() }()
						got = tt.call(a, copied)
					}()
					<-done
				})
				check := func(state string, want func(error) bool) {
					if a.Get("/job"); panicked != nil || !want(got) {
						t.Errorf("%s: got error %v, panic %v", state, got, panicked)
					}
				}
				check("signed out", tt.out)
				a.SignIn()
				check("signed in", tt.in)
				if a.Session() == nil {
					t.Error("the session ended")
				}
			})
		}
	}
}
