package session_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// maxSessions is how many sessions of a user are in a store at most.
const maxSessions = 1000

// prefill adds sessions of a user to a store, the oldest first, and returns their IDs.
func prefill(t *testing.T, s store.Sessions, a *apptest.App, subject string, n int) []string {
	t.Helper()
	ids := make([]string, n)
	for i := range ids {
		at := a.Clock.Now().Add(time.Duration(i-n) * time.Second)
		r := &store.Record{
			Realm: "next-auth", Subject: subject, Claims: fmt.Appendf(nil, `{"sub":%q}`, subject),
			CreatedAt: at, SeenAt: at, ExpiresAt: a.Clock.Now().Add(24 * time.Hour),
		}
		if _, err := s.CreateSession(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		ids[i] = r.ID
	}
	return ids
}

// listedIDs returns the IDs of the sessions of a user.
func listedIDs(t *testing.T, s store.Index, subject string) map[string]bool {
	t.Helper()
	records, err := s.ListSessions(t.Context(), "next-auth", subject, 10*maxSessions)
	if err != nil {
		t.Fatal(err)
	}
	ids := make(map[string]bool, len(records))
	for _, r := range records {
		ids[r.ID] = true
	}
	return ids
}

// Whichever way a session begins, the oldest ones of its user end beyond the limit, and no
// session of another user does.
func TestStore_OldestSessionsEnd(t *testing.T) {
	for name, begin := range map[string]func(*testing.T, *apptest.App) *apptest.App{
		"sign-in": func(_ *testing.T, a *apptest.App) *apptest.App {
			a.SignIn()
			return a
		},
		"issue": func(t *testing.T, a *apptest.App) *apptest.App { return withCookies(t, a, "1") },
		"issue of an old sign-in": func(t *testing.T, a *apptest.App) *apptest.App {
			at := nuxtauth.Origin{AuthTime: token.DateOf(a.Clock.Now().Add(-20 * time.Hour))}
			issued, err := a.Auth.Issue(t.Context(), &apptest.Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1", Origin: at}})
			if err != nil {
				t.Fatal(err)
			}
			b := a.Another()
			b.SetCookie(apptest.SessionCookie, issued.Token)
			return b
		},
		"adoption": func(t *testing.T, a *apptest.App) *apptest.App {
			before := apptest.New(t)
			before.SignIn()
			a.SetCookie(apptest.SessionCookie, before.Cookie(apptest.SessionCookie))
			return a
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := apptest.NewStore()
			a := apptest.New(t, s.Use, func(c *apptest.Config) { c.Session.AdoptCookies = true })
			ids := prefill(t, s, a, "1", maxSessions+3)
			prefill(t, s, a, "2", 1)
			if b := begin(t, a); b.Session() == nil {
				t.Fatal("the new session is not valid")
			}
			listed := listedIDs(t, s, "1")
			if len(listed) != maxSessions {
				t.Errorf("the user has %d sessions, want %d", len(listed), maxSessions)
			}
			for i, id := range ids {
				if listed[id] != (i >= 4) {
					t.Fatalf("session %d of %d is valid: %v", i, len(ids), listed[id])
				}
			}
			if n := len(listedIDs(t, s, "2")); n != 1 {
				t.Errorf("another user has %d sessions", n)
			}
		})
	}
}

// All sessions of a user are in the list.
func TestStore_ListIsComplete(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.Use)
	prefill(t, s, a, "1", maxSessions+1)
	a.SignIn()
	list, err := a.Auth.ListSessions(t.Context(), "1")
	if err != nil || len(list) != maxSessions || len(list) != len(listedIDs(t, s, "1")) {
		t.Errorf("%d sessions are listed, %v", len(list), err)
	}
}

// A session that has ended this way is not served from the cache.
func TestStore_OldestSessionLeavesCache(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.Use, func(c *apptest.Config) { c.Session.CacheFor = time.Hour })
	a.SignIn()
	oldest := a.Another()
	oldest.SignIn()
	if oldest.Get("/me").Text == "null" {
		t.Fatal("not signed in")
	}
	a.Clock.Advance(time.Hour / 2)
	prefill(t, s, a, "1", maxSessions-1)
	a.Another().SignIn()
	if got := oldest.Get("/me").Text; got != "null" {
		t.Errorf("/me answers %s", got)
	}
}

// The session has begun: that others could not be ended is no reason to refuse it.
func TestStore_OldestSessionsFault(t *testing.T) {
	for _, method := range []string{"ListSessions", "DeleteSessionByID"} {
		t.Run(method, func(t *testing.T) {
			s := apptest.NewStore()
			a := apptest.New(t, s.Use)
			prefill(t, s, a, "1", maxSessions)
			s.RunBefore(method, func() { s.Fail(apptest.ErrDown) })
			a.SignIn()
			s.Fail(nil)
			if a.Session() == nil {
				t.Error("the session is not valid")
			}
			if log := a.Log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, apptest.ErrDown.Error()) {
				t.Errorf("the log has no error: %s", log)
			}
			a.Another().SignIn()
			if n := len(listedIDs(t, s, "1")); n != maxSessions {
				t.Errorf("after the next sign-in the user has %d sessions", n)
			}
		})
	}
}

// A sign-in lists the sessions once, and a request none.
func TestStore_OldestSessionsCost(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.Use)
	a.SignIn()
	if calls := strings.Join(s.Calls(), " "); calls != "CreateSession ListSessions" {
		t.Errorf("a sign-in calls %s", calls)
	}
	a.Get("/me")
	if calls := strings.Join(s.Calls(), " "); calls != "FindSession" {
		t.Errorf("a request calls %s", calls)
	}
}
