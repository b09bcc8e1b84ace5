package api_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

// The check cookie names the session of before and its user, who has ended so many sessions
// that the deny-list has the user in place of the next.
func TestOAuth_FormPostSessionOutlivesMarkOfUser(t *testing.T) {
	idp := authtest.StartIDP(t)
	a := apptest.New(t, apptest.Storages["deny-list"], apptest.WithProviders(idp), withFormPost)
	in := postsBack(t, a, idp.SignIn(t, a.Start("idp"), "alice"))
	for range 100 {
		cookies, err := apptest.Cookies(a.Auth.Issue(t.Context(), &apptest.Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: idp.Sessions()[0].Subject}}))
		if err != nil {
			t.Fatal(err)
		}
		b := a.Another()
		b.SetCookie(cookies[0].Name, cookies[0].Value)
		b.SignOut()
	}
	old := in.Copy()
	if old.Session() == nil {
		t.Fatal("the session ended with others of its user")
	}
	if again := postsBack(t, in, idp.SignIn(t, in.Start("idp"), "alice")); again.Session() == nil || old.Session() != nil {
		t.Error("the new session is not valid, or the old one is")
	}
}

// A fullCounter has the counts that a test sets for a kind of names, and others from a
// Memory. It knows the names of the marks.
type fullCounter struct {
	*store.Memory

	mu    sync.Mutex
	full  map[string]int // added to the first count of a name with this text in it
	last  int            // of the counts
	names map[string]bool
}

func newFullCounter(now func() time.Time) *fullCounter {
	return &fullCounter{Memory: store.NewMemory(store.MemoryOptions{Now: now}), full: make(map[string]int), names: make(map[string]bool)}
}

func (s *fullCounter) Count(ctx context.Context, name string, n int, window time.Duration) (int, error) {
	s.mu.Lock()
	add := 0
	for kind, count := range s.full {
		if strings.Contains(name, kind) {
			add = count
			delete(s.full, kind)
		}
	}
	s.mu.Unlock()
	if add > 0 {
		if _, err := s.Memory.Count(ctx, name, add, window); err != nil {
			return 0, err
		}
	}
	total, err := s.Memory.Count(ctx, name, n, window)
	s.mu.Lock()
	s.last = total
	s.mu.Unlock()
	return total, err
}

func (s *fullCounter) Mark(ctx context.Context, name string, ttl time.Duration) (int64, bool, error) {
	s.mu.Lock()
	s.names[name] = true
	s.mu.Unlock()
	return s.Memory.Mark(ctx, name, ttl)
}

// logoutFailed reports whether a logout token was valid but ended nothing.
func logoutFailed(res apptest.Response) bool {
	return res.StatusCode == http.StatusBadRequest && strings.Contains(res.Text, "logout_failed")
}

// The logout tokens of one provider fill no deny-list, and those of others count.
func TestLogout_MarksOfProviderAreBounded(t *testing.T) {
	var s *fullCounter
	a := apptest.NewOpenIDApp(t, func(c *apptest.OpenIDConfig) {
		s = newFullCounter(c.Now)
		c.Session.DenyList = s
		second := c.Providers[0]
		second.ID = "idp2"
		c.Providers = append(c.Providers, second)
	}, apptest.Backchannel)
	const most = 500_000
	s.full[":idp-ended:"] = most - 2
	post := func(provider, subject, sid string) apptest.Response {
		return a.Another().Post("/api/auth/backchannel-logout/"+provider, url.Values{"logout_token": {a.IDP.LogoutToken(t, subject, sid)}})
	}
	for range 3 { // one mark, that is renewed
		if res := post("idp", "made-up", ""); res.StatusCode != http.StatusOK {
			t.Fatalf("%d %s", res.StatusCode, res.Text)
		}
	}
	if res := post("idp", "", "made-up"); res.StatusCode != http.StatusOK {
		t.Errorf("the last mark: %d %s", res.StatusCode, res.Text)
	}
	a.SignIn()
	session := a.IDP.Sessions()[0]
	if res := post("idp", session.Subject, session.ID); !logoutFailed(res) || s.last != most || a.Session() == nil {
		t.Errorf("past the limit: %d %s, the count is %d", res.StatusCode, res.Text, s.last)
	}
	if log := a.Log.String(); !strings.Contains(log, `provider=idp `) || !strings.Contains(log, "has ended 500000 sessions") {
		t.Errorf("the log does not name the provider: %s", log)
	}
	b := a.Another()
	if b.Follow(a.IDP.SignIn(t, b.Start("idp2"), "alice")); b.Session() == nil {
		t.Fatal("not signed in")
	}
	if res := post("idp2", session.Subject, ""); res.StatusCode != http.StatusOK || b.Session() != nil {
		t.Errorf("another provider: %d %s", res.StatusCode, res.Text)
	}
	if res := a.SignOut(); res.StatusCode != http.StatusOK || a.Session() != nil {
		t.Errorf("the sign-out answers %d %s", res.StatusCode, res.Text)
	}
	b.Clock.Advance(30*24*time.Hour + time.Hour)
	if res := post("idp", session.Subject, ""); res.StatusCode != http.StatusOK {
		t.Errorf("after the time of the marks: %d %s", res.StatusCode, res.Text)
	}
}

// So are the marks of used logout tokens: a provider can send one after the other for the
// same user.
func TestLogout_UsedTokensOfProviderAreBounded(t *testing.T) {
	for name, use := range map[string]func(*apptest.OpenIDConfig, *fullCounter){
		"deny-list": func(c *apptest.OpenIDConfig, s *fullCounter) { c.Session.DenyList = s },
		"store":     func(c *apptest.OpenIDConfig, s *fullCounter) { c.Session.Store = s },
	} {
		t.Run(name, func(t *testing.T) {
			var s *fullCounter
			a := apptest.NewOpenIDApp(t, func(c *apptest.OpenIDConfig) {
				s = newFullCounter(c.Now)
				use(c, s)
			}, apptest.Backchannel)
			s.full[":logout-tokens:"] = 99_999
			a.SignIn()
			session := a.IDP.Sessions()[0]
			if res := postLogoutToken(a, a.IDP.LogoutToken(t, session.Subject, "")); res.StatusCode != http.StatusOK || a.Session() != nil {
				t.Fatalf("the last one: %d %s", res.StatusCode, res.Text)
			}
			a.Clock.Advance(time.Second)
			a.SignIn()
			before := len(s.names)
			if res := postLogoutToken(a, a.IDP.LogoutToken(t, session.Subject, "")); !logoutFailed(res) || a.Session() == nil {
				t.Errorf("past the limit: %d %s", res.StatusCode, res.Text)
			}
			if n := len(s.names); n != before {
				t.Errorf("it left %d marks", n-before)
			}
			if log := a.Log.String(); !strings.Contains(log, `provider=idp `) || !strings.Contains(log, "logout tokens") {
				t.Errorf("the log does not name the provider: %s", log)
			}
			a.Clock.Advance(15 * time.Minute)
			if res := postLogoutToken(a, a.IDP.LogoutToken(t, session.Subject, "")); res.StatusCode != http.StatusOK || a.Session() != nil {
				t.Errorf("later: %d %s", res.StatusCode, res.Text)
			}
		})
	}
}

// Marks of used logout tokens do not take the memory of the deny-list.
func TestLogout_UsedTokensAreApart(t *testing.T) {
	for name, use := range map[string]func(*apptest.OpenIDConfig, *store.Memory){
		"deny-list":            func(c *apptest.OpenIDConfig, m *store.Memory) { c.Session.DenyList = m },
		"decorated deny-list":  func(c *apptest.OpenIDConfig, m *store.Memory) { c.Session.DenyList = decorated{m, m} },
		"adopt":                func(c *apptest.OpenIDConfig, m *store.Memory) { c.Session.Store, c.Session.AdoptCookies = m, true },
		"deny-list of another": func(c *apptest.OpenIDConfig, m *store.Memory) { c.Session.Store = m },
	} {
		t.Run(name, func(t *testing.T) {
			const most = 20
			var m *store.Memory
			a := apptest.NewOpenIDApp(t, func(c *apptest.OpenIDConfig) {
				m = store.NewMemory(store.MemoryOptions{MaxMarks: most, Now: c.Now})
				use(c, m)
			}, apptest.Backchannel)
			a.SignIn()
			session := a.IDP.Sessions()[0]
			for range most + 5 {
				token := a.IDP.LogoutToken(t, session.Subject, "")
				if res := postLogoutToken(a, token); res.StatusCode != http.StatusOK {
					t.Fatalf("%d %s", res.StatusCode, res.Text)
				}
				if res := postLogoutToken(a, token); res.StatusCode != http.StatusBadRequest {
					t.Fatalf("the second time: %d %s", res.StatusCode, res.Text)
				}
			}
			for i := range most - 1 {
				if _, _, err := m.Mark(t.Context(), fmt.Sprint(i), time.Hour); err != nil {
					t.Fatalf("of %d marks, %d are free: %v", most, i, err)
				}
			}
		})
	}
}

// A decorated store reveals the one below it.
type decorated struct {
	store.Marks
	below store.Sessions
}

func (d decorated) Unwrap() store.Sessions { return d.below }

// The names of marks are short, whatever a provider sends.
func TestLogout_NamesAreShort(t *testing.T) {
	var s *fullCounter
	a := apptest.NewOpenIDApp(t, func(c *apptest.OpenIDConfig) {
		s = newFullCounter(c.Now)
		c.Session.DenyList = s
		c.Providers[0].ID = strings.Repeat("idp", 20)
	}, apptest.Backchannel)
	to := "/api/auth/backchannel-logout/" + strings.Repeat("idp", 20)
	token := a.IDP.LogoutToken(t, strings.Repeat("s", 255), strings.Repeat("x", 512))
	if res := a.Post(to, url.Values{"logout_token": {token}}); res.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", res.StatusCode, res.Text)
	}
	if len(s.names) != 3 {
		t.Errorf("%d marks", len(s.names))
	}
	for name := range s.names {
		if len(name) > 120 {
			t.Errorf("%d bytes: %s", len(name), name)
		}
	}
}
