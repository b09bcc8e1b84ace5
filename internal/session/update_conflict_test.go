package session_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

// yield lets the other requests go on, so that they meet in the store.
func yield() {
	for range 50 {
		runtime.Gosched()
	}
}

// A busyStore lets other requests go on before each call. While conflicting is
// set, Replace returns a conflict and changes nothing.
type busyStore struct {
	*store.Memory
	conflicting atomic.Bool
}

func (s *busyStore) FindSession(ctx context.Context, handle string) (*store.Record, error) {
	yield()
	return s.Memory.FindSession(ctx, handle)
}

func (s *busyStore) ReplaceSession(ctx context.Context, handle string, r *store.Record) (string, error) {
	yield()
	if s.conflicting.Load() {
		return "", store.ErrConflict
	}
	return s.Memory.ReplaceSession(ctx, handle, r)
}

// newCountingApp starts an application with a counter in the token. Updates by
// POST /count and those of the front end add one, and GET /count answers with it.
// The errors of Update go to errs. Between the load of the session and the
// update, POST /count calls ready.
func newCountingApp(t *testing.T, ready func()) (a *apptest.App, s *busyStore, errs chan error) {
	s, errs = new(busyStore), make(chan error, 100)
	count := func(t *apptest.Token) { t.Nickname = strconv.Itoa(countOf(t) + 1) }
	a = apptest.New(t, func(c *apptest.Config) {
		s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
		c.Session.Store = s
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			if p.Trigger == nuxtauth.TriggerUpdate {
				count(p.Token)
			}
			return p.Token, nil
		}
	})
	a.Router.POST("/count", func(c *gin.Context) {
		ready()
		errs <- a.Auth.Update(c, func(t *apptest.Token) error { count(t); return nil })
	})
	a.Router.GET("/count", func(c *gin.Context) { c.String(http.StatusOK, strconv.Itoa(countOf(a.Auth.Token(c)))) })
	a.SignIn()
	return a, s, errs
}

func countOf(t *apptest.Token) int {
	n, _ := strconv.Atoi(t.Nickname)
	return n
}

// noError checks that the log has no line at the error level.
func noError(t *testing.T, a *apptest.App) {
	t.Helper()
	if log := a.Log.String(); strings.Contains(log, "level=ERROR") {
		t.Errorf("the log has errors: %.300s", log)
	}
}

func TestUpdate_ConcurrentOnesAreDoneOrRefused(t *testing.T) {
	const n = 30
	var loaded sync.WaitGroup
	loaded.Add(n)
	a, _, errs := newCountingApp(t, func() { loaded.Done(); loaded.Wait() })
	var wg sync.WaitGroup
	for range n {
		b := a.Copy()
		wg.Go(func() { b.Post("/count", nil) })
	}
	wg.Wait()
	done := 0
	for range n {
		switch err := <-errs; {
		case err == nil:
			done++
		case !isConflict(err) && !errors.Is(err, nuxtauth.ErrSignedOut):
			t.Errorf("Update returns %v", err)
		}
	}
	if got := a.Get("/count").Text; done == 0 || got != strconv.Itoa(done) {
		t.Errorf("%d updates are done, the token has %s", done, got)
	}
	noError(t, a)
}

func TestUpdate_ConcurrentFrontEndsAreDoneOrRefused(t *testing.T) {
	const n = 30
	a, _, _ := newCountingApp(t, nil)
	body := `{"csrfToken":"` + a.CSRF() + `","data":{}}`
	start, answers := make(chan struct{}), make([]apptest.Response, n)
	var wg sync.WaitGroup
	for i := range n {
		b := a.Copy()
		wg.Go(func() {
			<-start
			answers[i] = b.PostJSON("/api/auth/session", body)
		})
	}
	close(start)
	wg.Wait()
	done := 0
	for _, res := range answers {
		switch {
		case res.StatusCode == http.StatusOK && res.Text != "{}":
			done++
		case res.StatusCode != http.StatusConflict:
			t.Errorf("an update answers %d %s", res.StatusCode, res.Text)
		}
	}
	if got := a.Get("/count").Text; done == 0 || got != strconv.Itoa(done) {
		t.Errorf("%d updates are done, the token has %s", done, got)
	}
	noError(t, a)
}

func TestUpdate_LastingConflictIsRefused(t *testing.T) {
	apptest.Bubble(t, func(t *testing.T) {
		a, s, errs := newCountingApp(t, func() {})
		s.conflicting.Store(true)
		if res := a.Update(`{}`); res.StatusCode != http.StatusConflict {
			t.Errorf("POST session answers %d %s", res.StatusCode, res.Text)
		}
		a.Post("/count", nil)
		if err := <-errs; !isConflict(err) || errors.Is(err, nuxtauth.ErrUnavailable) {
			t.Errorf("Update returns %v", err)
		}
		s.conflicting.Store(false)
		if got := a.Get("/count").Text; got != "0" {
			t.Errorf("the token has %s after two updates that failed", got)
		}
		noError(t, a)
		if a.Session() == nil {
			t.Error("the session ended")
		}
	})
}

// A renewal that meets conflicts can wait for the next request.
func TestSave_LastingConflictServesSession(t *testing.T) {
	for _, path := range []string{"/me", "/api/auth/session"} {
		a, s, _ := newCountingApp(t, nil)
		a.Clock.Advance(25 * time.Hour)
		s.conflicting.Store(true)
		if res := a.Get(path); a.SessionIn(res) == nil {
			t.Errorf("%s answers %d %s", path, res.StatusCode, res.Text)
		}
		s.conflicting.Store(false)
		if a.Session() == nil {
			t.Errorf("%s: the session ended", path)
		}
	}
}

// The session ends after it was loaded.
func TestUpdate_OfEndedSessionIsSignedOut(t *testing.T) {
	ends := map[string]func(a *apptest.App) error{
		"revoked": func(a *apptest.App) error { return revokeSessions(context.Background(), a.Auth, "1") },
		"signed out elsewhere": func(a *apptest.App) error {
			if res := a.Copy().SignOut(); res.StatusCode != http.StatusOK {
				return errors.New(res.Text)
			}
			return nil
		},
	}
	for _, storage := range []string{"deny-list", "memory", "memory, cached"} {
		for name, end := range ends {
			t.Run(storage+", "+name, func(t *testing.T) {
				a := apptest.New(t, apptest.Storages[storage])
				var got error
				a.Router.POST("/update", func(c *gin.Context) {
					if err := end(a); err != nil {
						t.Error(err)
					}
					got = a.Auth.Update(c, func(t *apptest.Token) error { t.Nickname = "x"; return nil })
				})
				a.SignIn()
				if a.Post("/update", nil); !errors.Is(got, nuxtauth.ErrSignedOut) {
					t.Errorf("Update returns %v", got)
				}
				if a.Session() != nil {
					t.Error("the update revived the session")
				}
			})
		}
	}
}

func TestUpdate_StoreFaultIsUnavailable(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.Use)
	var got error
	a.Router.POST("/update", func(c *gin.Context) {
		got = a.Auth.Update(c, func(t *apptest.Token) error { t.Nickname = "x"; return nil })
	})
	a.SignIn()
	bump := func() {
		handle := a.Cookie(apptest.SessionCookie)
		r, err := s.Memory.FindSession(context.Background(), handle)
		if err == nil {
			_, err = s.Memory.ReplaceSession(context.Background(), handle, r)
		}
		if err != nil {
			t.Error(err)
		}
	}
	for name, fault := range map[string]func(){
		"the write fails":              func() { s.Fail(apptest.ErrDown) },
		"the read after a write fails": func() { bump(); s.RunBefore("FindSession", func() { s.Fail(apptest.ErrDown) }) },
	} {
		s.RunBefore("ReplaceSession", fault)
		a.Post("/update", nil)
		if !errors.Is(got, nuxtauth.ErrUnavailable) || !errors.Is(got, apptest.ErrDown) || errors.Is(got, nuxtauth.ErrSignedOut) {
			t.Errorf("%s: Update returns %v", name, got)
		}
		s.Fail(nil)
		if a.Session() == nil {
			t.Errorf("%s: the session ended", name)
		}
	}
}

func TestUpdate_AfterConflictTheRequestHasTheSession(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.Use)
	rename := func(c *gin.Context, name string) error {
		return a.Auth.Update(c, func(token *apptest.Token) error { token.Nickname = name; return nil })
	}
	a.Router.GET("/other", func(c *gin.Context) {
		if err := rename(c, "other"); err != nil {
			t.Error(err)
		}
	})
	a.Router.GET("/update", func(c *gin.Context) {
		calls := 0
		err := a.Auth.Update(c, func(token *apptest.Token) error {
			if calls++; calls == 1 {
				a.Copy().Get("/other")
			}
			token.Nickname = "first"
			return nil
		})
		if err != nil || calls != 2 {
			t.Errorf("Update calls %d times and returns %v", calls, err)
		}
		if token := a.Auth.Token(c); token == nil || token.Nickname != "first" || a.Auth.SessionID(c) == "" {
			t.Errorf("the request has the token %+v", token)
		}
		if err := rename(c, "second"); err != nil {
			t.Errorf("a second Update returns %v", err)
		}
	})
	a.SignIn()
	a.Get("/update")
}
