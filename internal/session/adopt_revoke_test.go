package session_test

import (
	"context"
	"net/http"
	"runtime"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

// newAdoptingApp starts an application with a store that adopts the sessions that
// another application sealed in cookies. sealed signs in there and returns a
// browser with that cookie.
func newAdoptingApp(t *testing.T, s *apptest.Store, change ...func(*apptest.Config)) (a *apptest.App, sealed func() *apptest.App) {
	old := apptest.New(t)
	change = append([]func(*apptest.Config){s.Use, func(c *apptest.Config) { c.Session.AdoptCookies = true }}, change...)
	a = apptest.New(t, change...)
	a.Router.POST("/others", func(c *gin.Context) {
		if err := revokeOtherSessions(c, a.Auth); err != nil {
			c.String(http.StatusInternalServerError, err.Error())
		}
	})
	return a, func() *apptest.App {
		device, b := old.Another(), a.Another()
		device.SignIn()
		b.SetCookie(apptest.SessionCookie, device.Cookie(apptest.SessionCookie))
		return b
	}
}

func TestAdopt_RevokeOthersEndsSealedSessions(t *testing.T) {
	for name, adoptedBefore := range map[string]bool{"adopted by the request": false, "adopted before": true} {
		t.Run(name, func(t *testing.T) {
			a, sealed := newAdoptingApp(t, apptest.NewStore())
			phone, laptop, tablet, stored := sealed(), sealed(), sealed(), a.Another()
			stored.SignIn()
			if tablet.Session() == nil || adoptedBefore && phone.Session() == nil {
				t.Fatal("a sealed session is not adopted")
			}
			if res := phone.Post("/others", nil); res.StatusCode != http.StatusOK {
				t.Fatal(res.Text)
			}
			for name, b := range map[string]*apptest.App{"in a cookie": laptop, "adopted": tablet, "in the store": stored} {
				if b.Session() != nil {
					t.Errorf("another session, %s, is valid", name)
				}
			}
			if phone.Session() == nil {
				t.Error("the session of the request ended")
			}
			if laptop.SignIn(); laptop.Session() == nil || phone.Session() == nil {
				t.Error("a session that starts later is not valid, or ended the other")
			}
		})
	}
}

func TestAdopt_RevokeEndsSealedAndStored(t *testing.T) {
	s := apptest.NewStore()
	a, sealed := newAdoptingApp(t, s)
	phone, laptop := sealed(), a.Another()
	laptop.SignIn()
	s.RunBefore("Mark", func() { s.Fail(apptest.ErrDown) })
	if err := revokeSessions(t.Context(), a.Auth, "1"); err == nil {
		t.Error("the deny-list failed, and there is no error")
	}
	s.Fail(nil)
	if err := revokeSessions(t.Context(), a.Auth, "1"); err != nil {
		t.Fatal(err)
	}
	if phone.Session() != nil {
		t.Error("a session in a cookie is valid")
	}
	if laptop.Session() != nil {
		t.Error("a session in the store is valid")
	}
}

// The front end sends many requests at once.
func TestAdopt_ParallelRequestsMakeOneSession(t *testing.T) {
	for _, path := range []string{"/me", "/api/auth/session"} {
		a, sealed := newAdoptingApp(t, apptest.NewStore(), func(c *apptest.Config) {
			c.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[apptest.Token, apptest.Session]) (*apptest.Session, error) {
				for range 100 { // the others load the session too, unless the library has them wait
					runtime.Gosched()
				}
				return p.Session, nil
			}
		})
		phone := sealed()
		start, answers := make(chan struct{}), make([]apptest.Response, 20)
		var wg sync.WaitGroup
		for i := range answers {
			b := phone.Copy()
			wg.Go(func() {
				<-start
				answers[i] = b.Get(path)
			})
		}
		close(start)
		wg.Wait()
		for i, res := range answers {
			if a.SessionIn(res) == nil {
				t.Errorf("%s: request %d is signed out", path, i)
			}
			for _, c := range res.Cookies() {
				if c.Name == apptest.SessionCookie {
					phone.SetCookie(c.Name, c.Value)
					if phone.Copy().Session() == nil {
						t.Errorf("%s: the cookie of answer %d is not a session", path, i)
					}
				}
			}
		}
		if list, err := listSessions(t.Context(), a.Auth, "1"); err != nil || len(list) != 1 {
			t.Errorf("%s: %d sessions, %v", path, len(list), err)
		}
	}
}

// The browser may send the sealed cookie again before it has the answer.
func TestAdopt_SealedCookieMakesOneSession(t *testing.T) {
	a, sealed := newAdoptingApp(t, apptest.NewStore())
	phone := sealed()
	for i := range 3 {
		if late := phone.Copy(); late.Session() == nil {
			t.Errorf("request %d with the sealed cookie is signed out", i)
		}
	}
	if list, err := listSessions(t.Context(), a.Auth, "1"); err != nil || len(list) != 1 {
		t.Errorf("%d sessions, %v", len(list), err)
	}
}
