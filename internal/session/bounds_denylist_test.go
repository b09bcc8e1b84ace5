package session_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

// maxEnded is how many sessions of a user the deny-list has one by one.
const maxEnded = 100

// A namedMarks is a store in memory that knows the names of its marks.
type namedMarks struct {
	*store.Memory

	mu       sync.Mutex
	marked   map[string]bool // by Mark
	asked    map[string]bool // by Marked
	countErr error           // of Count
	markErr  error           // of Mark
	before   func()          // the next Mark
}

func (s *namedMarks) Mark(ctx context.Context, name string, ttl time.Duration) (int64, bool, error) {
	s.mu.Lock()
	before := s.before
	s.before = nil
	s.mu.Unlock()
	if before != nil {
		before()
	}
	if s.markErr != nil {
		return 0, true, s.markErr // what is beside an error does not count
	}
	s.mu.Lock()
	s.marked[name] = true
	s.mu.Unlock()
	return s.Memory.Mark(ctx, name, ttl)
}

func (s *namedMarks) Marked(ctx context.Context, names ...string) ([]int64, error) {
	s.mu.Lock()
	for _, name := range names {
		s.asked[name] = true
	}
	s.mu.Unlock()
	return s.Memory.Marked(ctx, names...)
}

func (s *namedMarks) Count(ctx context.Context, name string, n int, window time.Duration) (int, error) {
	if s.countErr != nil {
		return 0, s.countErr
	}
	return s.Memory.Count(ctx, name, n, window)
}

// A marksOnly is a deny-list without a counter.
type marksOnly struct{ store.Marks }

// denyLists are the ways to have a deny-list.
var denyLists = map[string]func(*namedMarks, *apptest.Config){
	"deny-list":                   func(s *namedMarks, c *apptest.Config) { c.Session.DenyList = s },
	"deny-list without a counter": func(s *namedMarks, c *apptest.Config) { c.Session.DenyList = marksOnly{s} },
	"adopt":                       func(s *namedMarks, c *apptest.Config) { c.Session.Store, c.Session.AdoptCookies = s, true },
}

// newDenyListApp starts an application with one of denyLists, and the route /leave, which
// signs out.
func newDenyListApp(t *testing.T, name string, change ...func(*apptest.Config)) (*apptest.App, *namedMarks) {
	s := &namedMarks{marked: make(map[string]bool), asked: make(map[string]bool)}
	a := apptest.New(t, append(change, func(c *apptest.Config) {
		s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
		denyLists[name](s, c)
	})...)
	a.Router.POST("/leave", func(c *gin.Context) {
		if err := a.Auth.SignOut(c); err != nil {
			t.Error(err)
		}
	})
	return a, s
}

// eachDenyList runs a test with each of denyLists.
func eachDenyList(t *testing.T, test func(t *testing.T, a *apptest.App, s *namedMarks), change ...func(*apptest.Config)) {
	for name := range denyLists {
		t.Run(name, func(t *testing.T) {
			a, s := newDenyListApp(t, name, change...)
			test(t, a, s)
		})
	}
}

// One user fills no deny-list, whichever way the sessions end. Past the limit the user is
// marked in place of a session, which ends all sessions of the user.
func TestDenyList_MarksOfUserAreBounded(t *testing.T) {
	rejects := func(c *apptest.Config) {
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			if p.Update != nil {
				return nil, errors.New("rejected")
			}
			return p.Token, nil
		}
	}
	for name, end := range map[string]func(*testing.T, *apptest.App, int){
		"sign-out":            func(_ *testing.T, a *apptest.App, _ int) { a.SignIn(); a.SignOut() },
		"sign-in":             func(_ *testing.T, a *apptest.App, _ int) { a.SignIn() },
		"sign-out of handler": func(_ *testing.T, a *apptest.App, _ int) { a.SignIn(); a.Post("/leave", nil) },
		"rejection":           func(_ *testing.T, a *apptest.App, _ int) { a.SignIn(); a.Update(`{}`) },
		"revocation": func(t *testing.T, a *apptest.App, i int) {
			if err := revokeSession(t.Context(), a.Auth, "1", strconv.Itoa(i)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachDenyList(t, func(t *testing.T, a *apptest.App, s *namedMarks) {
				other, bob := a.Another(), withCookies(t, a, "bob")
				other.SignIn()
				for i := range maxEnded {
					end(t, a, i)
				}
				if other.Session() == nil {
					t.Fatal("another session of the user has ended before the limit")
				}
				for i := range 30 {
					end(t, a, maxEnded+i)
				}
				if n := len(s.marked); n > maxEnded+2 {
					t.Errorf("the deny-list has %d marks", n)
				}
				if other.Session() != nil || bob.Session() == nil {
					t.Error("past the limit the other session of the user goes on, or that of another user has ended")
				}
				a.Clock.Advance(time.Second)
				if a.SignIn(); a.Session() == nil {
					t.Error("the next session is not valid")
				}
			}, rejects)
		})
	}
}

// A session that begins where that of the browser ends outlives the mark of its user.
func TestDenyList_NewSessionOutlivesMarkOfUser(t *testing.T) {
	eachDenyList(t, func(t *testing.T, a *apptest.App, _ *namedMarks) {
		for i := range maxEnded + 10 {
			old := a.Copy()
			a.SignIn()
			if a.Session() == nil || old.Session() != nil {
				t.Fatalf("sign-in %d: the new session is not valid, or the old one is", i)
			}
		}
		a.Clock.Advance(25 * time.Hour) // it is renewed
		for range 2 {
			if a.Session() == nil {
				t.Error("the session ended by its renewal")
			}
		}
	})
}

// A copy of the cookie of an ended session ends no other session of the user, however often
// it signs out.
func TestDenyList_EndedSessionIsNotCounted(t *testing.T) {
	for name, after := range map[string]time.Duration{"ended": 0, "ended and expired": 31 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			eachDenyList(t, func(t *testing.T, a *apptest.App, _ *namedMarks) {
				issued := withCookies(t, a, "1")
				value := issued.Cookie(apptest.SessionCookie)
				issued.SignOut()
				for range maxEnded - 5 { // by the user
					withCookies(t, a, "1").Post("/leave", nil)
				}
				a.Clock.Advance(after)
				a.SignIn()
				thief := a.Another()
				for range 20 {
					thief.SetCookie(apptest.SessionCookie, value)
					thief.Post("/leave", nil)
				}
				if a.Session() == nil {
					t.Error("the session of the user has ended")
				}
			})
		})
	}
}

// The same past the limit, where each sign-out would mark the user again.
func TestDenyList_EndedSessionMarksNoUser(t *testing.T) {
	for name, after := range map[string]time.Duration{"ended": 0, "ended and expired": 30*24*time.Hour + time.Minute} {
		t.Run(name, func(t *testing.T) {
			eachDenyList(t, func(t *testing.T, a *apptest.App, _ *namedMarks) {
				a.Clock.Advance(time.Second)
				for range maxEnded {
					withCookies(t, a, "1").Post("/leave", nil)
				}
				issued := withCookies(t, a, "1")
				value := issued.Cookie(apptest.SessionCookie)
				issued.SignOut() // marks the user
				a.Clock.Advance(after)
				a.SignIn()
				thief := a.Another()
				thief.SetCookie(apptest.SessionCookie, value)
				thief.Post("/leave", nil)
				if a.Session() == nil {
					t.Error("the session of the user has ended")
				}
			})
		})
	}
}

// A session that is revoked again and again counts once.
func TestDenyList_RevokedAgainIsNotCounted(t *testing.T) {
	for _, name := range []string{"deny-list", "deny-list without a counter"} {
		t.Run(name, func(t *testing.T) {
			a, _ := newDenyListApp(t, name)
			other := withCookies(t, a, "1")
			for range maxEnded + 10 {
				if err := revokeSession(t.Context(), a.Auth, "1", "lost phone"); err != nil {
					t.Fatal(err)
				}
			}
			if other.Session() == nil {
				t.Error("another session of the user has ended")
			}
		})
	}
}

// The same at the limit, past which the next session that ends would end all.
func TestDenyList_RevokedAgainMarksNoUser(t *testing.T) {
	for _, name := range []string{"deny-list", "deny-list without a counter"} {
		t.Run(name, func(t *testing.T) {
			a, _ := newDenyListApp(t, name)
			other := withCookies(t, a, "1")
			revoke := func(id string) {
				if err := revokeSession(t.Context(), a.Auth, "1", id); err != nil {
					t.Fatal(err)
				}
			}
			for i := range maxEnded {
				revoke(strconv.Itoa(i))
			}
			for range 3 {
				revoke("0")
			}
			if other.Session() == nil {
				t.Error("another session of the user has ended")
			}
			if revoke("another"); other.Session() != nil {
				t.Error("the limit has no effect any more")
			}
		})
	}
}

// The limit is one for the time in which a mark lives.
func TestDenyList_CountOfUserExpires(t *testing.T) {
	eachDenyList(t, func(t *testing.T, a *apptest.App, s *namedMarks) {
		for range 2 {
			for range maxEnded {
				withCookies(t, a, "1").Post("/leave", nil)
			}
			a.Clock.Advance(30*24*time.Hour + time.Hour)
		}
		other, last := withCookies(t, a, "1"), withCookies(t, a, "1")
		last.Post("/leave", nil)
		if other.Session() == nil {
			t.Error("another session of the user has ended")
		}
	})
}

// The mark of one user lets no session of another go on that was revoked meanwhile.
func TestDenyList_MarkOfUserSparesNoOther(t *testing.T) {
	eachDenyList(t, func(t *testing.T, a *apptest.App, s *namedMarks) {
		for range maxEnded {
			withCookies(t, a, "bob").Post("/leave", nil)
		}
		browser := withCookies(t, a, "bob")
		s.before = func() {
			if err := revokeSessions(context.Background(), a.Auth, "1"); err != nil {
				t.Error(err)
			}
		}
		browser.SignIn() // as user 1
		if browser.Session() != nil {
			t.Error("the session of before the revocation is valid")
		}
	})
}

// Sign-outs that fail do not count.
func TestDenyList_FailedSignOutIsNotCounted(t *testing.T) {
	for _, name := range []string{"deny-list", "deny-list without a counter"} {
		t.Run(name, func(t *testing.T) {
			a, s := newDenyListApp(t, name)
			s.markErr = apptest.ErrDown
			browser := withCookies(t, a, "1")
			for range maxEnded {
				if res := browser.SignOut(); res.StatusCode != http.StatusServiceUnavailable {
					t.Fatalf("the sign-out answers %d %s", res.StatusCode, res.Text)
				}
			}
			s.markErr = nil
			other := withCookies(t, a, "1")
			withCookies(t, a, "1").SignOut()
			if other.Session() == nil {
				t.Error("another session of the user has ended")
			}
		})
	}
}

// A sign-out that can't be counted is a sign-out.
func TestDenyList_CounterFaultEndsSession(t *testing.T) {
	for _, name := range []string{"deny-list", "adopt"} {
		t.Run(name, func(t *testing.T) {
			a, s := newDenyListApp(t, name)
			s.countErr = apptest.ErrDown
			a.SignIn()
			other, thief := a.Another(), a.Copy()
			other.SignIn()
			if res := a.SignOut(); res.StatusCode != http.StatusOK {
				t.Errorf("the sign-out answers %d %s", res.StatusCode, res.Text)
			}
			if thief.Session() != nil || other.Session() == nil {
				t.Error("a copy is valid, or another session of the user has ended")
			}
			if log := a.Log.String(); !strings.Contains(log, "the marks of a deny-list are not counted") {
				t.Errorf("the log has no error: %s", log)
			}
		})
	}
}

// Names from outside have any length and any bytes; those of marks do not.
func TestDenyList_NamesAreShortAndDistinct(t *testing.T) {
	for name, prefix := range map[string]string{"prefix": "next-auth", "long prefix": strings.Repeat("a", 1000)} {
		t.Run(name, func(t *testing.T) {
			eachDenyList(t, func(t *testing.T, a *apptest.App, s *namedMarks) {
				long := strings.Repeat("é:", 10_000)
				revoke := func(subject, id string) {
					t.Helper()
					before := len(s.marked)
					if err := revokeSession(t.Context(), a.Auth, subject, id); err != nil {
						t.Fatal(err)
					}
					if len(s.marked) == before {
						t.Errorf("the session %.10q of %.10q has the mark of another", id, subject)
					}
				}
				for _, one := range [][2]string{{"a", "b:c"}, {"a:b", "c"}, {"a:", "b:c"}, {"1:a", "b"}, {long, "1"}, {"1", long}, {long + "1", "1"}, {"1\x00", "1"}, {"1", "\x001"}} {
					revoke(one[0], one[1])
				}
				for _, subject := range []string{"a", "a:b", long} {
					before := len(s.marked)
					if err := revokeSessions(t.Context(), a.Auth, subject); err != nil {
						t.Fatal(err)
					}
					if len(s.marked) != before+1 {
						t.Errorf("the user %.10q has the mark of another", subject)
					}
				}
				issued, err := a.Auth.Issue(t.Context(), &apptest.Token{DefaultJWT: nuxtauth.DefaultJWT{
					Subject: long[:3000], Origin: nuxtauth.Origin{Provider: long[:300], Issuer: long[:300], ProviderSubject: long[:3000]},
				}})
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range issued.Cookies {
					a.SetCookie(c.Name, c.Value)
				}
				a.Get("/me")
				a.SignOut()
				for _, names := range []map[string]bool{s.marked, s.asked} {
					for name := range names {
						if len(name) > 120 {
							t.Errorf("%d bytes: %.130s", len(name), name)
						}
					}
				}
				if len(s.asked) < 3 {
					t.Errorf("%d names were looked up", len(s.asked))
				}
			}, func(c *apptest.Config) { c.Cookies.Prefix = prefix })
		})
	}
}
