package session_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
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

// A copy of the sealed cookie is not adopted again after its session has ended.
func TestAdopt_RevokeSessionEndsSealedCopy(t *testing.T) {
	a, sealed := newAdoptingApp(t, apptest.NewStore())
	phone := sealed()
	copied := phone.Copy()
	phone.Session()
	list, err := listSessions(t.Context(), a.Auth, "1")
	if err != nil || len(list) != 1 {
		t.Fatalf("%d sessions, %v", len(list), err)
	}
	a.Clock.Advance(2 * time.Minute)
	if err := revokeSession(t.Context(), a.Auth, "1", list[0].ID); err != nil {
		t.Fatal(err)
	}
	if phone.Session() != nil || copied.Session() != nil {
		t.Error("the session goes on, or was adopted again")
	}
}

// The browser signs in again, or signs out, with the sealed cookie of a session
// that has been adopted.
func TestAdopt_EndOfSealedCookieEndsRecord(t *testing.T) {
	for name, end := range map[string]func(*apptest.App){
		"sign-in":  func(b *apptest.App) { b.SignIn() },
		"sign-out": func(b *apptest.App) { b.SignOut() },
	} {
		a, sealed := newAdoptingApp(t, apptest.NewStore())
		phone := sealed()
		late := phone.Copy()
		phone.Session()
		before, err := listSessions(t.Context(), a.Auth, "1")
		if err != nil || len(before) != 1 {
			t.Fatalf("%s: %d sessions, %v", name, len(before), err)
		}
		end(late)
		after, err := listSessions(t.Context(), a.Auth, "1")
		if err != nil || slices.ContainsFunc(after, func(s nuxtauth.SessionInfo) bool { return s.ID == before[0].ID }) {
			t.Errorf("%s: the session is listed, %v", name, err)
		}
		if phone.Session() != nil {
			t.Errorf("%s: the session goes on", name)
		}
	}
}

// Another process is moving the session into the store.
func TestAdopt_UpdateMeanwhileIsConflict(t *testing.T) {
	apptest.Bubble(t, func(t *testing.T) {
		s := apptest.NewStore()
		a, sealed := newAdoptingApp(t, s)
		b := apptest.New(t, func(c *apptest.Config) { c.Session.Store, c.Session.AdoptCookies, c.Now = s, true, a.Clock.Now })
		results := make(chan error, 2)
		b.Router.POST("/set", func(c *gin.Context) { results <- b.Auth.Update(c, countess) })
		b.Router.POST("/others", func(c *gin.Context) { results <- revokeOtherSessions(c, b.Auth) })
		phone := sealed()
		value := phone.Cookie(apptest.SessionCookie)
		phone.Session()
		b.SetCookie(apptest.SessionCookie, value)
		for _, path := range []string{"/set", "/others"} {
			b.Post(path, nil)
			if err := receive(t, results, "the result of "+path); !errors.Is(err, nuxtauth.ErrConflict) {
				t.Errorf("%s returns %v", path, err)
			}
		}
	})
}

func TestAdopt_BearerRevokesNoOthers(t *testing.T) {
	a, sealed := newAdoptingApp(t, apptest.NewStore())
	phone := sealed()
	var got error
	a.Router.GET("/others", func(c *gin.Context) { got = revokeOtherSessions(c, a.Auth) })
	req := a.Another().Request("GET", "/others", "", "")
	req.Header.Set("Authorization", "Bearer "+phone.Cookie(apptest.SessionCookie))
	a.Do(req)
	if !errors.Is(got, store.ErrUnsupported) {
		t.Errorf("RevokeOtherSessions returns %v", got)
	}
}

// The access token has expired, and two processes get the first requests.
func TestAdopt_RefreshInTwoProcesses(t *testing.T) {
	old := apptest.NewOpenIDApp(t)
	old.SignIn()
	value := old.Cookie(apptest.SessionCookie)
	s := store.NewMemory(store.MemoryOptions{Now: old.Clock.Now})
	adopt := func(c *apptest.OpenIDConfig) { c.Session.Store, c.Session.AdoptCookies = s, true }
	a, b := apptest.NewReplica(t, old.IDP, old.Clock, adopt), apptest.NewReplica(t, old.IDP, old.Clock, adopt)
	old.Clock.Advance(6 * time.Minute)
	a.SetCookie(apptest.SessionCookie, value)
	b.SetCookie(apptest.SessionCookie, value)
	if a.Session() == nil {
		t.Fatal("the first request is signed out")
	}
	if token := a.AccessToken(); token == "" || a.Refreshes() != 1 {
		t.Errorf("the access token is %q after %d refreshes", token, a.Refreshes())
	}
	if b.Session() == nil {
		t.Error("the first request of the other process is signed out")
	}
	adopted := a.Another()
	adopted.SetCookie(apptest.SessionCookie, a.Cookie(apptest.SessionCookie))
	if adopted.Session() == nil {
		t.Error("the adopted session has ended")
	}
}

func TestAdopt_RefreshInParallelRequests(t *testing.T) {
	old := apptest.NewOpenIDApp(t)
	old.SignIn()
	value := old.Cookie(apptest.SessionCookie)
	a := apptest.NewReplica(t, old.IDP, old.Clock, func(c *apptest.OpenIDConfig) {
		c.Session.Store, c.Session.AdoptCookies = store.NewMemory(store.MemoryOptions{Now: old.Clock.Now}), true
	})
	old.Clock.Advance(6 * time.Minute)
	tokens := make(chan string, 8)
	for range cap(tokens) {
		b := a.Another()
		b.SetCookie(apptest.SessionCookie, value)
		go func() { tokens <- b.Get("/api").Text }()
	}
	first := receive(t, tokens, "an access token")
	for range cap(tokens) - 1 {
		if got := receive(t, tokens, "an access token"); got != first || got == "" {
			t.Errorf("the access tokens are %q and %q", first, got)
		}
	}
	if n := a.Refreshes(); n != 1 {
		t.Errorf("%d refreshes", n)
	}
	if log := a.Log.String(); strings.Contains(log, "level=ERROR") || strings.Contains(log, "level=WARN") {
		t.Errorf("the log has %s", log)
	}
}
