package session_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

// faultyStores are the calls of a store that end a session.
var faultyStores = map[string]struct {
	use  func(*apptest.Store) func(*apptest.Config)
	call string
}{
	"store":     {func(s *apptest.Store) func(*apptest.Config) { return s.Use }, "DeleteSession"},
	"deny-list": {func(s *apptest.Store) func(*apptest.Config) { return s.UseAsDenyList }, "Mark"},
}

// The session is found, and only its end fails.
func TestSignOut_FaultKeepsSession(t *testing.T) {
	for name, tt := range faultyStores {
		t.Run(name, func(t *testing.T) {
			s := apptest.NewStore()
			a := newPanicApp(t, tt.use(s))
			for path, req := range map[string]*http.Request{
				"POST signout": panicRequests["sign-out"](a), "SignOut": panicRequests["SignOut"](a),
			} {
				s.RunBefore(tt.call, func() { s.Fail(apptest.ErrDown) })
				res := a.Do(req)
				s.Fail(nil)
				if res.StatusCode != http.StatusServiceUnavailable && !strings.Contains(res.Header.Get("Location"), "error=SignOutError") {
					t.Errorf("%s answers %d %s", path, res.StatusCode, res.Header.Get("Location"))
				}
				if clearsSession(res) || a.Session() == nil {
					t.Errorf("%s: the cookie is cleared, or the session ended", path)
				}
			}
		})
	}
}

func TestRevoke_DenyListFaultIsError(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.UseAsDenyList)
	var id string
	a.Router.GET("/id", func(c *gin.Context) { id = a.Auth.SessionID(c) })
	a.SignIn()
	a.Get("/id")
	for name, revoke := range map[string]func() error{
		"by subject": func() error { return revokeSessions(t.Context(), a.Auth, "1") },
		"by ID":      func() error { return revokeSession(t.Context(), a.Auth, "1", id) },
	} {
		s.RunBefore("Mark", func() { s.Fail(apptest.ErrDown) })
		if err := revoke(); err == nil {
			t.Errorf("%s: no error", name)
		}
		s.Fail(nil)
		if a.Session() == nil {
			t.Errorf("%s: the session ended", name)
		}
	}
}

func TestRevoke_EmptySubjectIsError(t *testing.T) {
	for _, storage := range []string{"memory", "deny-list"} {
		a := apptest.New(t, apptest.Storages[storage])
		a.SignIn()
		if err := revokeSessions(t.Context(), a.Auth, ""); err == nil {
			t.Errorf("%s: no subject: no error", storage)
		}
		if err := revokeSession(t.Context(), a.Auth, "", ""); err == nil {
			t.Errorf("%s: no subject and no ID: no error", storage)
		}
		if err := revokeSession(t.Context(), a.Auth, "", "x"); err == nil {
			t.Errorf("%s: an ID without a subject: no error", storage)
		}
		if a.Session() == nil {
			t.Errorf("%s: the session ended", storage)
		}
	}
}

func TestSessionID_SignedOut(t *testing.T) {
	apptest.EachStorage(t, func(t *testing.T, storage func(*apptest.Config)) {
		a := apptest.New(t, storage)
		id := "none"
		a.Router.GET("/id", func(c *gin.Context) { id = a.Auth.SessionID(c) })
		if a.Get("/id"); id != "" {
			t.Errorf("a request without a cookie has the session ID %q", id)
		}
		a.SetCookie(apptest.SessionCookie, "garbage")
		id = "none"
		if a.Get("/id"); id != "" {
			t.Errorf("a request with a bad cookie has the session ID %q", id)
		}
	})
}

// The middleware has set a longer cookie, in chunks, when the handler signs out.
func TestSignOut_ClearsChunksOfResponse(t *testing.T) {
	growing := false
	a := apptest.New(t, func(c *apptest.Config) {
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			if growing {
				p.Token.SessionToken = strings.Repeat("x", 5000)
			}
			return p.Token, nil
		}
	})
	a.Router.POST("/leave", func(c *gin.Context) {
		if err := a.Auth.SignOut(c); err != nil {
			t.Error(err)
		}
	})
	a.SignIn()
	growing = true
	res := a.Post("/leave", nil)
	for _, c := range res.Cookies() {
		if strings.HasPrefix(c.Name, apptest.SessionCookie) && c.MaxAge >= 0 {
			t.Errorf("the answer sets %s", c.Name)
		}
	}
	for _, c := range a.Cookies() {
		if strings.HasPrefix(c.Name, apptest.SessionCookie) {
			t.Errorf("the browser has %s", c.Name)
		}
	}
}

// A rotatingStore gives a session a new handle with each write, and forgets the
// old one.
type rotatingStore struct {
	*store.Memory
	mu    sync.Mutex
	inner map[string]string // the handles of Memory by those of the session
}

func (s *rotatingStore) resolve(handle string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if inner, ok := s.inner[handle]; ok {
		return inner
	}
	return handle
}

func (s *rotatingStore) FindSession(ctx context.Context, handle string) (*store.Record, error) {
	return s.Memory.FindSession(ctx, s.resolve(handle))
}

func (s *rotatingStore) ReplaceSession(ctx context.Context, handle string, r *store.Record) (string, error) {
	inner := s.resolve(handle)
	if _, err := s.Memory.ReplaceSession(ctx, inner, r); err != nil {
		return "", err
	}
	next, _ := store.NewHandle()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inner[handle], s.inner[next] = "", inner
	return next, nil
}

func (s *rotatingStore) DeleteSession(ctx context.Context, handle string) error {
	return s.Memory.DeleteSession(ctx, s.resolve(handle))
}

func TestSignOut_EndsReplacedHandle(t *testing.T) {
	for name, step := range map[string]func(a *apptest.App, c *gin.Context) error{
		"renewed": func(a *apptest.App, c *gin.Context) error { return nil },
		"updated": func(a *apptest.App, c *gin.Context) error { return a.Auth.Update(c, countess) },
	} {
		t.Run(name, func(t *testing.T) {
			s := &rotatingStore{inner: make(map[string]string)}
			a := apptest.New(t, func(c *apptest.Config) {
				s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
				c.Session.Store = s
			})
			a.Router.POST("/leave", func(c *gin.Context) {
				if err := step(a, c); err != nil {
					t.Error(err)
				}
				if err := a.Auth.SignOut(c); err != nil {
					t.Error(err)
				}
			})
			a.SignIn()
			a.Clock.Advance(25 * time.Hour)
			if a.Get("/me"); a.Session() == nil {
				t.Fatal("the session does not follow its handle")
			}
			a.Clock.Advance(25 * time.Hour)
			a.Post("/leave", nil)
			if list, err := listSessions(t.Context(), a.Auth, "1"); err != nil || len(list) != 0 {
				t.Errorf("after the sign-out the store has %d sessions, %v", len(list), err)
			}
		})
	}
}
