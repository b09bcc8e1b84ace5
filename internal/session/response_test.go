package session_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

// responseStorages are the storages in which a session can be changed and ended.
var responseStorages = []string{"cookie", "deny-list", "memory", "memory, cached", "gin-contrib's cookie store"}

// newRoutedApp starts an application with the route GET /nickname, which answers
// with the nickname in the token, or with "signed out".
func newRoutedApp(t *testing.T, storage string, change ...func(*apptest.Config)) *apptest.App {
	a := apptest.New(t, append([]func(*apptest.Config){apptest.Storages[storage]}, change...)...)
	a.Router.GET("/nickname", func(c *gin.Context) {
		if tok := a.Auth.Token(c); tok != nil {
			c.String(http.StatusOK, "nickname "+tok.Nickname)
			return
		}
		c.String(http.StatusOK, "signed out")
	})
	return a
}

func countess(t *apptest.Token) error { t.Nickname = "countess"; return nil }

// The header of the response is sent, so that there is no cookie any more.
func TestUpdate_AfterBodyIsError(t *testing.T) {
	for _, storage := range responseStorages {
		t.Run(storage, func(t *testing.T) {
			a := newRoutedApp(t, storage)
			var got error
			var after string
			a.Router.POST("/update", func(c *gin.Context) {
				c.String(http.StatusOK, "streaming")
				got = a.Auth.Update(c, countess)
				after = a.Auth.Token(c).Nickname
			})
			a.SignIn()
			a.Post("/update", nil)
			if got == nil {
				t.Error("Update returns no error")
			}
			if after != "" {
				t.Errorf("the request has the nickname %q", after)
			}
			if got := a.Get("/nickname").Text; got != "nickname " {
				t.Errorf("the next request has %q", got)
			}
		})
	}
}

func TestSignOut_AfterBodyIsError(t *testing.T) {
	for _, storage := range responseStorages {
		t.Run(storage, func(t *testing.T) {
			a := newRoutedApp(t, storage)
			var got error
			var after *apptest.Session
			a.Router.POST("/leave", func(c *gin.Context) {
				c.String(http.StatusOK, "streaming")
				got = a.Auth.SignOut(c)
				after = a.Auth.Session(c)
			})
			a.SignIn()
			a.Post("/leave", nil)
			if got == nil {
				t.Error("SignOut returns no error")
			}
			if after == nil {
				t.Error("the request is signed out")
			}
			if a.Session() == nil {
				t.Error("the session ended")
			}
		})
	}
}

// reroute has the router answer a request as one to another path.
func reroute(a *apptest.App, c *gin.Context, path string) {
	c.Request.Method, c.Request.URL.Path = "GET", path
	a.Router.HandleContext(c)
	c.Abort()
}

func TestHandleContext_HasUpdatedSession(t *testing.T) {
	for _, storage := range responseStorages {
		t.Run(storage, func(t *testing.T) {
			a := newRoutedApp(t, storage)
			a.Router.POST("/update", func(c *gin.Context) {
				if err := a.Auth.Update(c, countess); err != nil {
					t.Error(err)
				}
				reroute(a, c, "/nickname")
			})
			a.SignIn()
			a.Clock.Advance(25 * time.Hour) // each load is a renewal
			if got := a.Post("/update", nil).Text; got != "nickname countess" {
				t.Errorf("the second route has %q", got)
			}
			if got := a.Get("/nickname").Text; got != "nickname countess" {
				t.Errorf("the next request has %q", got)
			}
		})
	}
}

// The JWT callback changes the token at each load.
func TestHandleContext_DoesNotUndoUpdate(t *testing.T) {
	for _, storage := range responseStorages {
		t.Run(storage, func(t *testing.T) {
			a := newRoutedApp(t, storage, func(c *apptest.Config) {
				c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
					p.Token.SessionToken += "x"
					return p.Token, nil
				}
			})
			a.Router.POST("/update", func(c *gin.Context) {
				if err := a.Auth.Update(c, countess); err != nil {
					t.Error(err)
				}
				reroute(a, c, "/nickname")
			})
			a.SignIn()
			res := a.Post("/update", nil)
			if n := strings.Count(strings.Join(res.Header["Set-Cookie"], "\n"), apptest.SessionCookie); n > 1 {
				t.Errorf("the response sets %d session cookies", n)
			}
			if got := a.Get("/nickname").Text; got != "nickname countess" {
				t.Errorf("the next request has %q", got)
			}
		})
	}
}

func TestHandleContext_StaysSignedOut(t *testing.T) {
	for _, storage := range responseStorages {
		t.Run(storage, func(t *testing.T) {
			a := newRoutedApp(t, storage)
			a.Router.POST("/leave", func(c *gin.Context) {
				if err := a.Auth.SignOut(c); err != nil {
					t.Error(err)
				}
				reroute(a, c, "/nickname")
			})
			a.SignIn()
			a.Clock.Advance(25 * time.Hour)
			res := a.Post("/leave", nil)
			if res.Text != "signed out" {
				t.Errorf("the second route has %q", res.Text)
			}
			if !slices.Contains(res.SetCookies(), apptest.SessionCookie+"-") || a.Session() != nil {
				t.Errorf("the response signs in again: cookies %v", res.SetCookies())
			}
		})
	}
}

// The API is a second route too.
func TestHandleContext_APIHasSessionOfResponse(t *testing.T) {
	for _, storage := range responseStorages {
		t.Run(storage, func(t *testing.T) {
			a := newRoutedApp(t, storage, func(c *apptest.Config) {
				c.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[apptest.Token, apptest.Session]) (*apptest.Session, error) {
					p.Session.User.Role = p.Token.Nickname
					return p.Session, nil
				}
			})
			a.Router.POST("/update", func(c *gin.Context) {
				if err := a.Auth.Update(c, countess); err != nil {
					t.Error(err)
				}
				reroute(a, c, "/api/auth/session")
			})
			a.Router.POST("/leave", func(c *gin.Context) {
				if err := a.Auth.SignOut(c); err != nil {
					t.Error(err)
				}
				reroute(a, c, "/api/auth/session")
			})
			a.SignIn()
			if s := a.SessionIn(a.Post("/update", nil)); s == nil || s.User.Role != "countess" {
				t.Errorf("after Update the API answers with %+v", s)
			}
			if s := a.Session(); s == nil || s.User.Role != "countess" {
				t.Errorf("the next request has %+v", s)
			}
			if s := a.SessionIn(a.Post("/leave", nil)); s != nil {
				t.Errorf("after SignOut the API answers with %+v", s)
			}
			if s := a.Session(); s != nil {
				t.Errorf("the next request has %+v", s)
			}
		})
	}
}
