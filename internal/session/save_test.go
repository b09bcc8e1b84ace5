package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

// withNickname has updates of the front end set the nickname in the token.
func withNickname(c *apptest.Config) {
	c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
		var u struct {
			Nickname string `json:"nickname"`
		}
		if err := p.Update.Decode(&u); err != nil {
			return nil, nuxtauth.Unavailable(err)
		}
		if u.Nickname != "" {
			p.Token.Nickname = u.Nickname
		}
		return p.Token, nil
	}
}

func TestCookie_SealedOnlyWhenNeeded(t *testing.T) {
	const session = "next-auth.session-token="
	nickname := ""
	a := apptest.New(t, func(cfg *apptest.Config) {
		cfg.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			if nickname != "" {
				p.Token.Nickname = nickname
			}
			return p.Token, nil
		}
	})
	a.SignIn()
	if got := a.Get("/me").SetCookies(); len(got) != 0 {
		t.Errorf("an ordinary request sets %v", got)
	}
	a.Clock.Advance(59 * time.Second)
	if got := a.Get("/api/auth/session").SetCookies(); slices.Contains(got, session) {
		t.Errorf("within a minute GET session sets %v", got)
	}
	a.Clock.Advance(time.Second)
	if got := a.Get("/api/auth/session").SetCookies(); !slices.Contains(got, session) {
		t.Errorf("GET session sets %v", got)
	}
	nickname = "Countess"
	if got := a.Get("/me").SetCookies(); !slices.Equal(got, []string{session}) {
		t.Errorf("a changed token sets %v", got)
	}
	if got := a.Get("/me").SetCookies(); len(got) != 0 {
		t.Errorf("the next request sets %v", got)
	}
	a.Clock.Advance(24*time.Hour - time.Second)
	if got := a.Get("/me").SetCookies(); len(got) != 0 {
		t.Errorf("just before UpdateAge a request sets %v", got)
	}
	a.Clock.Advance(time.Second)
	if got := a.Get("/me").SetCookies(); !slices.Equal(got, []string{session}) {
		t.Errorf("at UpdateAge a request sets %v", got)
	}
	a.Clock.Advance(30*24*time.Hour + time.Minute)
	if s := a.Session(); s != nil {
		t.Errorf("unused for MaxAge, the session is %+v", s)
	}
}

func TestCookie_RenewalIsNotCached(t *testing.T) {
	a := apptest.New(t)
	a.SignIn()
	a.Clock.Advance(25 * time.Hour)
	res := a.Get("/me")
	if len(res.Cookies()) != 1 || !strings.Contains(res.Header.Get("Cache-Control"), "no-store") || res.Header.Get("Vary") != "Cookie" {
		t.Errorf("got %v", res.Header)
	}
}

func TestCookie_TooLargeTokenLosesNothing(t *testing.T) {
	size := 0
	a := apptest.New(t, func(cfg *apptest.Config) {
		cfg.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			p.Token.SessionToken = strings.Repeat("x", size)
			return p.Token, nil
		}
	})
	a.SignIn()
	before := a.Cookie("next-auth.session-token")
	size = 40_000
	if s := a.Session(); s == nil || s.User.Name != "Ada Lovelace" {
		t.Errorf("the session is %+v", s)
	}
	if a.Cookie("next-auth.session-token") != before {
		t.Error("the cookie changed")
	}
	if !strings.Contains(a.Log.String(), "too large for cookies: keep less in it") {
		t.Errorf("the log does not suggest a solution: %s", a.Log)
	}

	b := apptest.New(t, func(cfg *apptest.Config) {
		cfg.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			p.Token.SessionToken = strings.Repeat("x", size)
			return p.Token, nil
		}
	})
	res := b.Post("/api/auth/callback/credentials", url.Values{"username": {"ada"}, "password": {"lovelace"}, "csrfToken": {b.CSRF()}})
	if got := res.Header.Get("Location"); got != b.URL+"/api/auth/error?error=Callback" {
		t.Errorf("a sign-in leads to %q", got)
	}
	if strings.Contains(strings.Join(res.Header["Set-Cookie"], ""), "session-token") {
		t.Error("a part of a session cookie")
	}
	if _, err := b.Auth.Issue(t.Context(), &apptest.Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}, SessionToken: strings.Repeat("x", size)}); !errors.Is(err, nuxtauth.ErrTokenTooLarge) {
		t.Errorf("Issue returns %v", err)
	}
}

func TestUpdate_SavedInEachStorage(t *testing.T) {
	apptest.EachStorage(t, func(t *testing.T, storage func(*apptest.Config)) {
		a := apptest.New(t, storage, withNickname)
		a.Router.GET("/nickname", func(c *gin.Context) { c.String(http.StatusOK, a.Auth.Token(c).Nickname) })
		a.Router.POST("/nickname", func(c *gin.Context) {
			if err := a.Auth.Update(c, func(t *apptest.Token) error { t.Nickname += " of " + c.Query("of"); return nil }); err != nil {
				c.String(http.StatusInternalServerError, err.Error())
			}
		})
		a.SignIn()
		a.Update(`{"nickname":"countess"}`)
		if got := a.Get("/nickname").Text; got != "countess" {
			t.Errorf("after POST /session: %q", got)
		}
		a.Post("/nickname?of=Lovelace", nil)
		if got := a.Get("/nickname").Text; got != "countess of Lovelace" {
			t.Errorf("after Update: %q", got)
		}
	})
}

func TestUpdate_SavedAfterTwoConflicts(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.Use, withNickname)
	a.Router.GET("/nickname", func(c *gin.Context) { c.String(http.StatusOK, a.Auth.Token(c).Nickname) })
	a.SignIn()
	faster := func() {
		r, err := s.Memory.FindSession(context.Background(), a.Cookie(apptest.SessionCookie))
		if err == nil {
			_, err = s.Memory.ReplaceSession(context.Background(), a.Cookie(apptest.SessionCookie), r)
		}
		if err != nil {
			t.Error(err)
		}
	}
	s.RunBefore("ReplaceSession", func() {
		faster()
		s.RunBefore("ReplaceSession", faster)
	})
	if res := a.Update(`{"nickname":"countess"}`); res.StatusCode != http.StatusOK || a.SessionIn(res) == nil {
		t.Fatal(res.Text)
	}
	if got := a.Get("/nickname").Text; got != "countess" {
		t.Errorf("the answer said 200, the store has %q", got)
	}
}

func TestUpdate_ConcurrentChangesAreSaved(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.Use)
	a.Router.POST("/append", func(c *gin.Context) {
		if err := a.Auth.Update(c, func(t *apptest.Token) error { t.Nickname += c.Query("x"); return nil }); err != nil {
			c.String(http.StatusInternalServerError, err.Error())
		}
	})
	a.Router.GET("/nickname", func(c *gin.Context) { c.String(http.StatusOK, a.Auth.Token(c).Nickname) })
	a.SignIn()
	s.RunBefore("ReplaceSession", func() { a.Copy().Post("/append?x=b", nil) })
	if res := a.Post("/append?x=a", nil); res.StatusCode != http.StatusOK {
		t.Fatal(res.Text)
	}
	if got := a.Get("/nickname").Text; got != "ba" {
		t.Errorf("after two changes the nickname is %q", got)
	}
}

func TestUpdate_EndedSession(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.Use)
	var got error
	a.Router.POST("/update", func(c *gin.Context) {
		got = a.Auth.Update(c, func(t *apptest.Token) error { t.Nickname = "x"; return nil })
	})
	a.SignIn()
	s.RunBefore("ReplaceSession", func() { a.Auth.RevokeSessions(context.Background(), "1") })
	if a.Post("/update", nil); !errors.Is(got, nuxtauth.ErrSignedOut) {
		t.Errorf("Update returns %v", got)
	}
}

func TestSave_ConflictShowsFasterChange(t *testing.T) {
	s := apptest.NewStore()
	var rotations int
	var mu sync.Mutex
	a := apptest.New(t, s.Use, func(c *apptest.Config) {
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			mu.Lock()
			defer mu.Unlock()
			if p.Account == nil && p.Token.SessionToken == "" {
				rotations++
				p.Token.SessionToken = fmt.Sprint("rotated ", rotations)
			}
			return p.Token, nil
		}
	})
	a.Router.GET("/token", func(c *gin.Context) { c.String(http.StatusOK, a.Auth.Token(c).SessionToken) })
	a.SignIn()
	s.RunBefore("ReplaceSession", func() { a.Copy().Get("/me") })
	if got := a.Get("/token").Text; got != "rotated 2" { // of the faster request
		t.Errorf("the request has %q", got)
	}
	if got := a.Get("/token").Text; got != "rotated 2" {
		t.Errorf("the store has %q", got)
	}
}

func TestSave_CompletesWhenClientLeaves(t *testing.T) {
	s, leave, rotations := apptest.NewStore(), func() {}, 0
	a := apptest.New(t, s.Use, func(c *apptest.Config) {
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			if p.Account == nil && p.Token.SessionToken == "" {
				rotations++
				p.Token.SessionToken = fmt.Sprint("rotated ", rotations)
			}
			return p.Token, nil
		}
		c.Callbacks.Session = func(ctx context.Context, p nuxtauth.SessionParams[apptest.Token, apptest.Session]) (*apptest.Session, error) {
			leave()
			return p.Session, ctx.Err()
		}
	})
	a.Router.GET("/token", func(c *gin.Context) { c.String(http.StatusOK, a.Auth.Token(c).SessionToken) })
	a.SignIn()
	var answer func()
	leave, answer = a.Cancelable("GET", "/me", "")
	answer()
	leave = func() {}
	if got := a.Get("/token").Text; got != "rotated 1" {
		t.Errorf("the store has %q", got)
	}
}

// The token of the JWT callback, which may have used a refresh token that is
// valid once, is saved although the Session callback fails after it.
func TestSave_TokenSurvivesTransientFault(t *testing.T) {
	count, down := 0, false
	a := apptest.New(t, func(cfg *apptest.Config) {
		cfg.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			if p.Account == nil && p.Token.Nickname != fmt.Sprint(count) {
				return nil, apptest.ErrDown // used before
			}
			count++
			p.Token.Nickname = fmt.Sprint(count)
			return p.Token, nil
		}
		cfg.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[apptest.Token, apptest.Session]) (*apptest.Session, error) {
			if down {
				return nil, nuxtauth.Unavailable(apptest.ErrDown)
			}
			return p.Session, nil
		}
	})
	a.SignIn()
	down = true
	if got := a.Get("/me").Text; got != "null" {
		t.Errorf("during the fault a handler has the session %s", got)
	}
	down = false
	if a.Session() == nil {
		t.Error("signed out by a transient fault")
	}
}

func TestSave_ExpiryMatchesStore(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.Use, func(c *apptest.Config) {
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			if p.Trigger == nuxtauth.TriggerUpdate {
				p.Token.Nickname = "x"
			}
			return p.Token, nil
		}
	})
	a.SignIn()
	a.Clock.Advance(time.Hour)
	got := a.SessionIn(a.Update(`{}`)).Expires.Time()
	r, err := s.Memory.FindSession(t.Context(), a.Cookie(apptest.SessionCookie))
	if err != nil || got.Unix() != r.ExpiresAt.Unix() {
		t.Errorf("the front end gets %v, the store has %v", got, r.ExpiresAt)
	}
}

func TestSave_LateReadDoesNotUndoSignOut(t *testing.T) {
	everywhereButInACookieAlone := map[string]func(*apptest.Config){"deny-list": apptest.Storages["deny-list"], "memory": apptest.Storages["memory"]}
	for name, storage := range everywhereButInACookieAlone {
		t.Run(name, func(t *testing.T) {
			reading, signedOut := make(chan struct{}), make(chan struct{})
			var slow sync.Once
			a := apptest.New(t, storage, func(c *apptest.Config) {
				c.Callbacks.Session = func(ctx context.Context, p nuxtauth.SessionParams[apptest.Token, apptest.Session]) (*apptest.Session, error) {
					slow.Do(func() { close(reading); <-signedOut })
					return p.Session, nil
				}
			})
			a.SignIn()
			a.Clock.Advance(25 * time.Hour) // the read is a renewal too
			late := make(chan apptest.Response)
			go func() { late <- a.Copy().Get("/api/auth/session") }()
			<-reading
			a.SignOut()
			close(signedOut)
			res := <-late
			for _, c := range res.Cookies() { // arrive after those of the sign-out
				if c.MaxAge >= 0 {
					a.SetCookie(c.Name, c.Value)
				}
			}
			if a.Session() != nil {
				t.Error("the late answer signed the user in again")
			}
		})
	}
}

func TestSave_ReadersDoNotUndoSignOut(t *testing.T) {
	for _, name := range []string{"deny-list", "memory"} {
		t.Run(name, func(t *testing.T) {
			a := apptest.New(t, apptest.WriteAtEachRead, apptest.Storages[name])
			a.SignIn()
			var wg sync.WaitGroup
			for range 16 {
				b := a.Copy()
				wg.Go(func() {
					for range 20 {
						if res := b.Get("/me"); res.StatusCode != http.StatusOK {
							t.Errorf("%d %s", res.StatusCode, res.Text)
						}
					}
				})
			}
			a.SignOut()
			wg.Wait()
			if a.Session() != nil {
				t.Error("a write revived the session")
			}
		})
	}
}
