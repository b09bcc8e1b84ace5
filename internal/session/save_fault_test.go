package session_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

// A session without a user can be neither revoked nor listed.
func TestSave_NeedsSubject(t *testing.T) {
	apptest.EachStorage(t, func(t *testing.T, storage func(*apptest.Config)) {
		a := apptest.New(t, storage)
		if issued, err := a.Auth.Issue(t.Context(), new(apptest.Token)); err == nil || issued != nil || !strings.Contains(err.Error(), "subject") {
			t.Errorf("Issue returns %v, %v", issued, err)
		}
		var got error
		a.Router.POST("/empty", func(c *gin.Context) {
			got = a.Auth.Update(c, func(t *apptest.Token) error { t.Subject = ""; return nil })
		})
		a.SignIn()
		if res := a.Post("/empty", nil); got == nil || !strings.Contains(got.Error(), "subject") || len(res.SetCookies()) != 0 {
			t.Errorf("Update returns %v, cookies %v", got, res.SetCookies())
		}
		if a.Session() == nil {
			t.Error("the session ended")
		}
	})
}

// Whether the user was revoked before is not known.
func TestIssue_DenyListFaultIsError(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.UseAsDenyList)
	s.Fail(apptest.ErrDown)
	issued, err := a.Auth.Issue(t.Context(), &apptest.Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}})
	if !errors.Is(err, nuxtauth.ErrUnavailable) || issued != nil {
		t.Errorf("Issue returns %v, %v", issued, err)
	}
}

// A client that sends a sealed token would not get the new one.
func TestBearer_UpdateOfSealedTokenIsError(t *testing.T) {
	for _, storage := range []string{"cookie", "deny-list"} {
		a := apptest.New(t, apptest.Storages[storage])
		var got error
		a.Router.POST("/set", func(c *gin.Context) { got = a.Auth.Update(c, countess) })
		a.SignIn()
		if res := newBearerClient(a).send("POST", "/set", "", ""); got == nil || len(res.SetCookies()) != 0 {
			t.Errorf("%s: Update returns %v, cookies %v", storage, got, res.SetCookies())
		}
	}
}

// A plainStore has no abilities beside those of sessions, and fails on demand.
type plainStore struct{ s *apptest.Store }

func (p plainStore) CreateSession(ctx context.Context, r *store.Record) (string, error) {
	return p.s.CreateSession(ctx, r)
}

func (p plainStore) FindSession(ctx context.Context, handle string) (*store.Record, error) {
	return p.s.FindSession(ctx, handle)
}

func (p plainStore) ReplaceSession(ctx context.Context, handle string, r *store.Record) (string, error) {
	return p.s.ReplaceSession(ctx, handle, r)
}

func (p plainStore) DeleteSession(ctx context.Context, handle string) error {
	return p.s.DeleteSession(ctx, handle)
}

// An index ends the session of the old subject by its ID, another store by its handle.
func TestUpdate_NewSubjectInStore(t *testing.T) {
	for name, tt := range map[string]struct {
		indexed bool
		before  func(s *apptest.Store, handle string) // the session is written
		want    error
		left    []string // of the subjects
	}{
		"works":          {false, func(*apptest.Store, string) {}, nil, []string{"2"}},
		"works in index": {true, func(*apptest.Store, string) {}, nil, []string{"2"}},
		"the store fails to end it": {false, func(s *apptest.Store, _ string) {
			s.RunBefore("DeleteSession", func() { s.Fail(apptest.ErrDown); s.RunBefore("DeleteSession", func() { s.Fail(nil) }) })
		}, nuxtauth.ErrUnavailable, []string{"1"}},
		"the index fails to end it": {true, func(s *apptest.Store, _ string) {
			s.RunBefore("DeleteSessionByID", func() { s.Fail(apptest.ErrDown); s.RunBefore("DeleteSession", func() { s.Fail(nil) }) })
		}, nuxtauth.ErrUnavailable, []string{"1"}},
		"the session has ended": {false, func(s *apptest.Store, handle string) {
			s.RunBefore("CreateSession", func() { s.Memory.DeleteSession(context.Background(), handle) })
		}, nuxtauth.ErrSignedOut, nil},
		"the store fails to find it": {false, func(s *apptest.Store, _ string) {
			s.RunBefore("FindSession", func() { s.Fail(apptest.ErrDown); s.RunBefore("DeleteSession", func() { s.Fail(nil) }) })
		}, nuxtauth.ErrUnavailable, []string{"1"}},
		"the store fails to create it": {false, func(s *apptest.Store, _ string) {
			s.RunBefore("CreateSession", func() { s.Fail(apptest.ErrDown) })
		}, nuxtauth.ErrUnavailable, []string{"1"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := apptest.NewStore()
			a := apptest.New(t, func(c *apptest.Config) {
				s.Use(c)
				if !tt.indexed {
					c.Session.Store = plainStore{s}
				}
			})
			var got error
			a.Router.POST("/merge", func(c *gin.Context) {
				tt.before(s, a.Cookie(apptest.SessionCookie))
				got = a.Auth.Update(c, asMerged)
			})
			a.SignIn()
			copied := a.Copy()
			a.Post("/merge", nil)
			s.Fail(nil)
			if !errors.Is(got, tt.want) || tt.want == nuxtauth.ErrUnavailable && errors.Is(got, nuxtauth.ErrSignedOut) {
				t.Errorf("Update returns %v, want %v", got, tt.want)
			}
			var left []string
			for _, subject := range []string{"1", "2"} {
				list, err := s.Memory.ListSessions(t.Context(), "next-auth", subject, 10)
				if err != nil {
					t.Fatal(err)
				}
				for range list {
					left = append(left, subject)
				}
			}
			if strings.Join(left, " ") != strings.Join(tt.left, " ") {
				t.Errorf("the store has sessions of %q, want %q", left, tt.left)
			}
			if tt.want == nil && (a.Session() == nil || copied.Session() != nil) {
				t.Error("the new session is not valid, or the old one is")
			}
		})
	}
}

// The session is to be moved into the store before its tokens are refreshed.
func TestAdopt_FaultBeforeRefresh(t *testing.T) {
	old := apptest.NewOpenIDApp(t)
	old.SignIn()
	s := apptest.NewStore()
	a := apptest.NewReplica(t, old.IDP, old.Clock, func(c *apptest.OpenIDConfig) {
		s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
		c.Session.Store, c.Session.AdoptCookies = s, true
	})
	a.SetCookie(apptest.SessionCookie, old.Cookie(apptest.SessionCookie))
	old.Clock.Advance(6 * time.Minute)
	s.RunBefore("CreateSession", func() { s.Fail(apptest.ErrDown) })
	if res := a.Get("/api"); res.StatusCode != http.StatusBadGateway || len(res.SetCookies()) != 0 {
		t.Errorf("with an expired token AccessToken lets the handler answer %d %s, cookies %v", res.StatusCode, res.Text, res.SetCookies())
	}
	if log := a.Log.String(); !strings.Contains(log, "could not be moved into the store") || !strings.Contains(log, apptest.ErrDown.Error()) {
		t.Errorf("the log does not have the fault: %s", log)
	}
	if n := a.Refreshes(); n != 0 {
		t.Errorf("%d token requests", n)
	}
	s.Fail(nil)
	a.Clock.Advance(time.Minute)
	if a.AccessToken() == "" || a.Refreshes() != 1 {
		t.Errorf("after the fault there is no token, after %d token requests", a.Refreshes())
	}
}

// A store that hangs while the new refresh token is saved delays the request for a bounded
// time.
func TestRefresh_HangingStore(t *testing.T) {
	apptest.Bubble(t, func(t *testing.T) {
		s := apptest.NewStore()
		a := apptest.NewOpenIDApp(t, func(c *apptest.OpenIDConfig) {
			s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
			c.Session.Store = s
		})
		a.SignIn()
		a.Clock.Advance(6 * time.Minute)
		s.RunBefore("ReplaceSession", func() { s.Hang(true) })
		start := time.Now()
		if res := a.Get("/api"); res.StatusCode != http.StatusBadGateway {
			t.Errorf("AccessToken lets the handler answer %d", res.StatusCode)
		}
		if took := time.Since(start); took > 6*time.Second {
			t.Errorf("the request takes %v of the bubble", took)
		}
		s.Hang(false)
		a.Clock.Advance(10 * time.Second) // a fault is cached for five
		if a.AccessToken() == "" || a.Refreshes() != 1 {
			t.Errorf("after the fault there is no token, after %d token requests", a.Refreshes())
		}
	})
}

// No provider ends the session of a form: the store needs no index for it.
func TestStore_IndexesProvidersAlone(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.Use)
	a.SignIn()
	r, err := s.Memory.FindSession(t.Context(), a.Cookie(apptest.SessionCookie))
	if err != nil || r.Provider != "credentials" || r.ProviderSubject != "" || r.ProviderSession != "" {
		t.Errorf("%+v, %v", r, err)
	}
	b := apptest.NewOpenIDApp(t, func(c *apptest.OpenIDConfig) {
		s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
		c.Session.Store = s
	})
	b.SignIn()
	r, err = s.Memory.FindSession(t.Context(), b.Cookie(apptest.SessionCookie))
	if at := b.IDP.Sessions()[0]; err != nil || r.Provider != "idp" || r.ProviderSubject != at.Subject || r.ProviderSession != at.ID {
		t.Errorf("%+v, %v", r, err)
	}
}
