package nuxtauth_test

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

	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/ginstore"
	"github.com/nuxtauth/nuxtauth/token"
)

const sessionCookie = "next-auth.session-token"

// A testStore counts the calls of a store and can be made to fail.
type testStore struct {
	*store.Memory

	mu     sync.Mutex
	calls  []string
	fault  error             // of every call, until it is nil again
	hang   bool              // every call waits for its context
	before map[string]func() // runs before a call of that name, once
}

func (s *testStore) call(ctx context.Context, name string) error {
	s.mu.Lock()
	s.calls = append(s.calls, name)
	before := s.before[name]
	delete(s.before, name)
	s.mu.Unlock()
	if before != nil {
		before()
	}
	s.mu.Lock()
	fault, hang := s.fault, s.hang
	s.mu.Unlock()
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	return fault
}

// called tells which calls there were since it was last asked.
func (s *testStore) called() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

func (s *testStore) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = err
}

// runBefore has f run before the next call of a name.
func (s *testStore) runBefore(name string, f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before[name] = f
}

func (s *testStore) Create(ctx context.Context, r *store.Record) (string, error) {
	if err := s.call(ctx, "Create"); err != nil {
		return "", err
	}
	return s.Memory.Create(ctx, r)
}

func (s *testStore) Find(ctx context.Context, handle string) (*store.Record, error) {
	if err := s.call(ctx, "Find"); err != nil {
		return nil, err
	}
	return s.Memory.Find(ctx, handle)
}

func (s *testStore) Replace(ctx context.Context, handle string, r *store.Record) (string, error) {
	if err := s.call(ctx, "Replace"); err != nil {
		return "", err
	}
	return s.Memory.Replace(ctx, handle, r)
}

func (s *testStore) Delete(ctx context.Context, handle string) error {
	if err := s.call(ctx, "Delete"); err != nil {
		return err
	}
	return s.Memory.Delete(ctx, handle)
}

func (s *testStore) List(ctx context.Context, subject string) ([]*store.Record, error) {
	if err := s.call(ctx, "List"); err != nil {
		return nil, err
	}
	return s.Memory.List(ctx, subject)
}

func (s *testStore) DeleteWhere(ctx context.Context, f store.Filter) (int, error) {
	if err := s.call(ctx, "DeleteWhere"); err != nil {
		return 0, err
	}
	return s.Memory.DeleteWhere(ctx, f)
}

func (s *testStore) Mark(ctx context.Context, name string, value int64, expires time.Time) (bool, error) {
	if err := s.call(ctx, "Mark"); err != nil {
		return false, err
	}
	return s.Memory.Mark(ctx, name, value, expires)
}

func (s *testStore) Marked(ctx context.Context, names ...string) ([]int64, error) {
	if err := s.call(ctx, "Marked"); err != nil {
		return nil, err
	}
	return s.Memory.Marked(ctx, names...)
}

// newStore returns a store with the clock of an app that is yet to start: pass
// its stored or denying on to newApp.
func newStore() *testStore { return &testStore{before: make(map[string]func())} }

func (s *testStore) stored(c *Config) {
	s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
	c.Session.Store = s
}

func (s *testStore) denying(c *Config) {
	s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
	c.Session.DenyList = s
}

// places are where sessions can live.
var places = map[string]func(*Config){
	"cookie":         func(*Config) {},
	"deny-list":      func(c *Config) { newStore().denying(c) },
	"memory":         func(c *Config) { newStore().stored(c) },
	"cookie, cached": func(c *Config) { c.Session.CacheFor = 30 * time.Second },
	"memory, cached": func(c *Config) { newStore().stored(c); c.Session.CacheFor = 30 * time.Second },
	"gin-contrib's cookie store": func(c *Config) {
		bridged, err := ginstore.New(cookie.NewStore([]byte("a key of thirty-two bytes, or so")), ginstore.Options{Now: c.Now})
		if err != nil {
			panic(err)
		}
		c.Session.Store = bridged
	},
}

func everywhere(t *testing.T, test func(t *testing.T, place func(*Config))) {
	for name, place := range places {
		t.Run(name, func(t *testing.T) { test(t, place) })
	}
}

// cookies are what the browser holds, for another one to be given.
func (a *app) cookies() []*http.Cookie {
	u, _ := url.Parse(a.url)
	return a.client.Jar.Cookies(u)
}

// copied is a browser with the same cookies.
func (a *app) copied() *app {
	other := *a
	other.client = newBrowser()
	u, _ := url.Parse(a.url)
	var cs []*http.Cookie
	for _, c := range a.cookies() {
		cs = append(cs, &http.Cookie{Name: c.Name, Value: c.Value, Path: "/"})
	}
	other.client.Jar.SetCookies(u, cs)
	return &other
}

// another is a browser without cookies at the same app.
func (a *app) another() *app {
	other := *a
	other.client = newBrowser()
	return &other
}

func (a *app) signOut() response {
	a.Helper()
	return a.post("/api/auth/signout", url.Values{"csrfToken": {a.csrf()}, "json": {"true"}})
}

func TestCallbacksAndTypesAreTheSameWhereverSessionsLive(t *testing.T) {
	everywhere(t, func(t *testing.T, place func(*Config)) {
		a := newApp(t, enriched, place)
		a.router.GET("/token", func(c *gin.Context) { c.String(http.StatusOK, a.auth.Token(c).SessionToken) })
		a.signIn()
		for range 3 {
			if s := a.session(); s == nil || s.User != (User{"Ada Lovelace", "/ada.svg", "admin"}) {
				t.Fatalf("session %+v", s)
			}
			if got := a.get("/token").body; got != "user-api-token" {
				t.Fatalf("the token holds %q", got)
			}
			a.clock.advance(25 * time.Hour) // a renewal each time
		}
		if left := a.session().Expires.Time().Sub(a.clock.Now()); left > 30*24*time.Hour || left < 29*24*time.Hour {
			t.Errorf("it expires in %v", left)
		}
		res := a.signOut()
		if res.StatusCode != http.StatusOK || a.session() != nil || a.get("/me").body != "null" {
			t.Errorf("signed out: %d %s, session %v", res.StatusCode, res.body, a.session())
		}
	})
}

// nicknamed lets users choose a nickname.
func nicknamed(c *Config) {
	c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) {
		var u struct {
			Nickname string `json:"nickname"`
		}
		if err := p.Update.Decode(&u); err != nil {
			return nil, nuxtauth.KeepSession(err)
		}
		if u.Nickname != "" {
			p.Token.Nickname = u.Nickname
		}
		return p.Token, nil
	}
}

func TestUpdatesAreKeptWhereverSessionsLive(t *testing.T) {
	everywhere(t, func(t *testing.T, place func(*Config)) {
		a := newApp(t, place, nicknamed)
		a.router.GET("/nickname", func(c *gin.Context) { c.String(http.StatusOK, a.auth.Token(c).Nickname) })
		a.router.POST("/nickname", func(c *gin.Context) {
			if err := a.auth.Update(c, func(t *Token) error { t.Nickname += " of " + c.Query("of"); return nil }); err != nil {
				c.String(http.StatusInternalServerError, err.Error())
			}
		})
		a.signIn()
		a.update(`{"nickname":"countess"}`)
		if got := a.get("/nickname").body; got != "countess" {
			t.Errorf("after POST /session: %q", got)
		}
		a.post("/nickname?of=Lovelace", nil)
		if got := a.get("/nickname").body; got != "countess of Lovelace" {
			t.Errorf("after Update: %q", got)
		}
	})
}

func TestWithAStoreTheCookieHoldsAHandleAlone(t *testing.T) {
	s := newStore()
	a := newApp(t, enriched, s.stored)
	a.signIn()
	handle := a.cookie(sessionCookie)
	if _, ok := store.KeyOf(handle); !ok {
		t.Fatalf("the cookie holds %q", handle)
	}
	if r, err := s.Find(t.Context(), handle); err != nil || !strings.Contains(string(r.Claims), "user-api-token") || r.Subject != "1" || r.Provider != "credentials" {
		t.Errorf("the store holds %+v, %v", r, err)
	}
}

func TestEverySignInHasANewSessionAndEndsTheOldOne(t *testing.T) {
	s := newStore()
	a := newApp(t, s.stored)
	planted, _ := store.NewHandle()
	a.setCookie(sessionCookie, planted)
	a.signIn()
	first := a.cookie(sessionCookie)
	if first == planted {
		t.Error("the sign-in took the handle that somebody planted")
	}
	before := a.copied()
	a.signIn()
	if a.cookie(sessionCookie) == first {
		t.Error("the second sign-in kept the handle")
	}
	if before.session() != nil {
		t.Error("the first session lives on")
	}
	if list, err := a.auth.Sessions(t.Context(), "1"); err != nil || len(list) != 1 {
		t.Errorf("%d sessions, %v", len(list), err)
	}
}

func TestSessionsEndByDisuseAndByAge(t *testing.T) {
	everywhere(t, func(t *testing.T, place func(*Config)) {
		a := newApp(t, place, func(c *Config) {
			c.Session.MaxAge, c.Session.UpdateAge, c.Session.MaxLifetime = time.Hour, time.Minute, 150*time.Minute
		})
		a.signIn()
		a.clock.advance(61 * time.Minute)
		if a.session() != nil {
			t.Fatal("it lives after an hour of disuse")
		}
		a.signIn()
		for range 2 {
			a.clock.advance(59 * time.Minute)
			if a.get("/me").body == "null" {
				t.Fatal("it ended although it was used")
			}
		}
		s := a.session()
		if s == nil || s.Expires.Time().After(a.clock.Now().Add(32*time.Minute)) {
			t.Fatalf("half an hour before its end: %+v", s)
		}
		thief := a.copied()
		a.clock.advance(31*time.Minute + 30*time.Second)
		if a.get("/me").body == "null" {
			t.Fatal("it ended before its time")
		}
		a.clock.advance(time.Minute)
		if a.session() != nil || a.get("/me").body != "null" || thief.session() != nil {
			t.Error("it lives beyond MaxLifetime")
		}
	})
}

func TestARenewalNeverBringsASessionBack(t *testing.T) {
	s := newStore()
	a := newApp(t, s.stored)
	a.signIn()
	a.clock.advance(25 * time.Hour)
	s.runBefore("Replace", func() {
		if _, err := a.auth.Revoke(context.Background(), store.Filter{Subject: "1"}); err != nil {
			t.Error(err)
		}
	})
	res := a.get("/api/auth/session")
	if a.sessionIn(res) != nil || !slices.Contains(setCookies(res), sessionCookie+"-") {
		t.Errorf("a session that ended meanwhile: %s, cookies %v", res.body, setCookies(res))
	}
	if a.session() != nil {
		t.Error("it is back")
	}
}

func TestVisitorsWithoutACookieNeverTouchTheStore(t *testing.T) {
	s := newStore()
	a := newApp(t, s.stored)
	for _, path := range []string{"/me", "/api/auth/session", "/api/auth/csrf", "/api/auth/providers", "/api/auth/signin", "/api/auth/signout"} {
		a.get(path)
	}
	a.signOut()
	a.post("/api/auth/callback/credentials", url.Values{"username": {"eve"}, "csrfToken": {a.csrf()}})
	if calls := s.called(); calls != nil {
		t.Errorf("the store was asked: %v", calls)
	}
}

func TestWritesAreThrottled(t *testing.T) {
	s := newStore()
	a := newApp(t, s.stored, func(c *Config) {
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) { return p.Token, nil }
	})
	a.signIn()
	s.called()
	for range 5 {
		a.get("/me")
		a.get("/api/auth/session")
		a.clock.advance(time.Hour)
	}
	if calls := s.called(); slices.ContainsFunc(calls, func(c string) bool { return c != "Find" }) || len(calls) != 10 {
		t.Errorf("5 hours of reading: %v", calls)
	}
	a.clock.advance(20 * time.Hour)
	res := a.get("/me")
	if calls := s.called(); !slices.Equal(calls, []string{"Find", "Replace"}) {
		t.Errorf("after a day: %v", calls)
	}
	if !slices.Contains(setCookies(res), sessionCookie+"=") || !strings.Contains(res.Header.Get("Cache-Control"), "no-store") {
		t.Errorf("the renewal sets %v, Cache-Control %q", setCookies(res), res.Header.Get("Cache-Control"))
	}
}

func TestAStoreThatFailsSignsNobodyOutAndNobodyIn(t *testing.T) {
	faults := map[string]func(*testStore, bool){
		"fails": func(s *testStore, on bool) {
			s.fail(nil)
			if on {
				s.fail(errDown)
			}
		},
		"hangs": func(s *testStore, on bool) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.hang = on
		},
		"is full": func(s *testStore, on bool) {
			s.fail(nil)
			if on {
				s.fail(store.ErrFull)
			}
		},
	}
	kinds := map[string]func(*testStore) func(*Config){
		"store":     func(s *testStore) func(*Config) { return s.stored },
		"deny-list": func(s *testStore) func(*Config) { return s.denying },
	}
	for kind, as := range kinds {
		for name, fault := range faults {
			t.Run(kind+" "+name, func(t *testing.T) {
				t.Parallel() // a store that hangs takes its time
				s := newStore()
				a := newApp(t, as(s))
				a.router.GET("/private", a.auth.Require(), func(c *gin.Context) { c.String(http.StatusOK, "in") })
				a.router.POST("/leave", func(c *gin.Context) {
					if err := a.auth.SignOut(c); err != nil {
						c.String(http.StatusServiceUnavailable, err.Error())
					}
				})
				a.signIn()
				kept := a.cookie(sessionCookie)
				fault(s, true)

				res := a.get("/api/auth/session")
				if a.sessionIn(res) != nil || len(setCookies(res)) != 0 {
					t.Errorf("session data: %s, cookies %v", res.body, setCookies(res))
				}
				res = a.get("/private")
				if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
					t.Errorf("Require answers %d", res.StatusCode)
				}
				if got := a.get("/me").body; got != "null" {
					t.Errorf("a handler sees %s", got)
				}
				if res := a.signOut(); res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(res.body, "SignOutError") {
					t.Errorf("sign-out answers %d %s", res.StatusCode, res.body)
				}
				if res := a.post("/leave", nil); res.StatusCode != http.StatusServiceUnavailable {
					t.Errorf("Auth.SignOut says nothing of it: %d", res.StatusCode)
				}
				other := a.another()
				res = other.post("/api/auth/callback/credentials", url.Values{
					"username": {"ada"}, "password": {"lovelace"}, "csrfToken": {other.csrf()}, "json": {"true"},
				})
				if res.StatusCode != http.StatusUnauthorized || other.cookie(sessionCookie) != "" {
					t.Errorf("a sign-in answers %d %s", res.StatusCode, res.body)
				}
				if a.cookie(sessionCookie) != kept {
					t.Error("the cookie is another")
				}

				fault(s, false)
				if a.session() == nil || a.get("/private").body != "in" {
					t.Error("the session did not come back")
				}
				other.signIn()
				a.signOut()
				if a.session() != nil || other.session() == nil {
					t.Error("after the fault, sign-in or sign-out do not work")
				}
			})
		}
	}
}

func TestASessionIsListedAndEnded(t *testing.T) {
	s := newStore()
	a := newApp(t, s.stored)
	a.router.GET("/sessions", func(c *gin.Context) {
		list, err := a.auth.Sessions(c, a.auth.Token(c).Subject)
		if err != nil {
			c.String(http.StatusInternalServerError, err.Error())
			return
		}
		c.JSON(http.StatusOK, list)
	})
	a.router.POST("/others", func(c *gin.Context) {
		n, err := a.auth.Revoke(c, store.Filter{Subject: a.auth.Token(c).Subject, ExceptID: a.auth.SessionID(c)})
		c.String(http.StatusOK, "%d %v", n, err)
	})
	phone, laptop, tablet := a, a.another(), a.another()
	for _, b := range []*app{phone, laptop, tablet} {
		b.signIn()
		a.clock.advance(time.Second)
	}
	var list []nuxtauth.SessionInfo
	a.decode(laptop.get("/sessions").body, &list)
	if len(list) != 3 || list[0].Current || !list[1].Current || list[2].Current {
		t.Fatalf("sessions %+v", list)
	}
	if got := list[1]; got.Provider != "credentials" || got.IP != "127.0.0.1" || !strings.HasPrefix(got.UserAgent, "Go-http-client") || got.ID == "" || got.CreatedAt.Time().IsZero() {
		t.Errorf("session %+v", got)
	}

	// One, by its id. Somebody else's subject beside it ends nothing.
	if n, err := a.auth.Revoke(t.Context(), store.Filter{Subject: "2", ID: list[0].ID}); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := a.auth.Revoke(t.Context(), store.Filter{Subject: "1", ID: list[0].ID}); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if tablet.session() != nil || laptop.session() == nil {
		t.Error("not that one session ended")
	}
	// All but the current.
	if got := laptop.post("/others", nil).body; got != "1 <nil>" {
		t.Error(got)
	}
	if phone.session() != nil || laptop.session() == nil {
		t.Error("not the others ended")
	}
	// All.
	if n, err := a.auth.Revoke(t.Context(), store.Filter{Subject: "1"}); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if laptop.session() != nil {
		t.Error("it lives on")
	}
	if _, err := a.auth.Revoke(t.Context(), store.Filter{ID: "x"}); err == nil {
		t.Error("an ID alone is no way to end a session: it came from a user, maybe")
	}
}

func TestWithoutAStoreListingAndEndingAreClearErrors(t *testing.T) {
	a := newApp(t)
	if _, err := a.auth.Sessions(t.Context(), "1"); !errors.Is(err, nuxtauth.ErrNoStore) {
		t.Error(err)
	}
	if _, err := a.auth.Revoke(t.Context(), store.Filter{Subject: "1"}); !errors.Is(err, store.ErrUnsupported) || !strings.Contains(err.Error(), "Session.Store") {
		t.Error(err)
	}
	b := newApp(t, places["gin-contrib's cookie store"])
	if _, err := b.auth.Sessions(t.Context(), "1"); !errors.Is(err, store.ErrUnsupported) {
		t.Error(err)
	}
	if _, err := b.auth.Revoke(t.Context(), store.Filter{Subject: "1"}); !errors.Is(err, store.ErrUnsupported) {
		t.Error(err)
	}
}

func TestWithADenyListACopiedCookieDiesAtTheSignOut(t *testing.T) {
	a := newApp(t, newStore().denying)
	a.signIn()
	early := a.copied()
	a.clock.advance(25 * time.Hour)
	a.session() // a new cookie, of the same session
	late, other := a.copied(), a.another()
	other.signIn()
	a.signOut()
	if early.session() != nil || late.session() != nil {
		t.Error("a copy is good after the sign-out")
	}
	if other.session() == nil {
		t.Error("another session of the user ended")
	}
}

func TestWithADenyListASignInEndsTheOldSession(t *testing.T) {
	a := newApp(t, newStore().denying)
	a.signIn()
	old := a.copied()
	a.clock.advance(time.Second)
	a.signIn()
	if old.session() != nil || a.session() == nil {
		t.Error("the session before the sign-in lives on")
	}
}

func TestALateSessionReadDoesNotUndoASignOut(t *testing.T) {
	everywhereButInACookieAlone := map[string]func(*Config){"deny-list": places["deny-list"], "memory": places["memory"]}
	for name, place := range everywhereButInACookieAlone {
		t.Run(name, func(t *testing.T) {
			reading, signedOut := make(chan struct{}), make(chan struct{})
			var slow sync.Once
			a := newApp(t, place, func(c *Config) {
				c.Callbacks.Session = func(ctx context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
					slow.Do(func() { close(reading); <-signedOut })
					return p.Session, nil
				}
			})
			a.signIn()
			a.clock.advance(25 * time.Hour) // the read is a renewal too
			late := make(chan response)
			go func() { late <- a.copied().get("/api/auth/session") }()
			<-reading
			a.signOut()
			close(signedOut)
			res := <-late
			for _, c := range res.Cookies() { // the browser gets them after those of the sign-out
				if c.MaxAge >= 0 {
					a.setCookie(c.Name, c.Value)
				}
			}
			if a.session() != nil {
				t.Error("the late answer signed the user in again")
			}
		})
	}
}

func TestADenyListEndsAllSessionsOfAUser(t *testing.T) {
	a := newApp(t, newStore().denying)
	phone, laptop := a, a.another()
	phone.signIn()
	laptop.signIn()
	if _, err := a.auth.Revoke(t.Context(), store.Filter{Subject: "1"}); err != nil {
		t.Fatal(err)
	}
	if phone.session() != nil || laptop.session() != nil {
		t.Error("a session lives on")
	}
	laptop.signIn() // within the same second
	if laptop.session() == nil {
		t.Error("the next sign-in does not count")
	}
	if _, err := a.auth.Revoke(t.Context(), store.Filter{Subject: "1", ExceptID: "x"}); !errors.Is(err, store.ErrUnsupported) {
		t.Error(err)
	}
}

func TestACallbackErrorEndsTheSessionForCopiesToo(t *testing.T) {
	for _, name := range []string{"deny-list", "memory"} {
		t.Run(name, func(t *testing.T) {
			var banned bool
			a := newApp(t, places[name], func(c *Config) {
				c.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
					if banned {
						return nil, errors.New("banned")
					}
					return p.Session, nil
				}
			})
			a.signIn()
			thief := a.copied()
			banned = true
			a.session()
			banned = false
			if thief.session() != nil {
				t.Error("a copy of the cookie brought the session back")
			}
		})
	}
}

func TestCookiesOfBeforeTheStoreAreAdopted(t *testing.T) {
	a := newApp(t, enriched)
	a.signIn()
	sealed := a.cookie(sessionCookie)
	s := newStore()
	b := newApp(t, enriched, s.stored, func(c *Config) { c.Session.AdoptCookies = true })
	b.setCookie(sessionCookie, sealed)
	if got := b.session(); got == nil || got.User.Role != "admin" {
		t.Fatalf("session %+v", got)
	}
	handle := b.cookie(sessionCookie)
	if _, ok := store.KeyOf(handle); !ok {
		t.Fatalf("the cookie holds %q", handle)
	}
	if b.session() == nil || b.cookie(sessionCookie) != handle {
		t.Error("the session is not where it was moved to")
	}
	if list, _ := b.auth.Sessions(t.Context(), "1"); len(list) != 1 {
		t.Errorf("%d sessions", len(list))
	}

	s = newStore()
	strict := newApp(t, enriched, s.stored)
	strict.setCookie(sessionCookie, sealed)
	if strict.session() != nil {
		t.Error("without AdoptCookies an old cookie is a session")
	}
}

func TestAChangeIsNotLostWhenTwoRequestsMeet(t *testing.T) {
	s := newStore()
	a := newApp(t, s.stored)
	a.router.POST("/append", func(c *gin.Context) {
		if err := a.auth.Update(c, func(t *Token) error { t.Nickname += c.Query("x"); return nil }); err != nil {
			c.String(http.StatusInternalServerError, err.Error())
		}
	})
	a.router.GET("/nickname", func(c *gin.Context) { c.String(http.StatusOK, a.auth.Token(c).Nickname) })
	a.signIn()
	s.runBefore("Replace", func() { a.copied().post("/append?x=b", nil) })
	if res := a.post("/append?x=a", nil); res.StatusCode != http.StatusOK {
		t.Fatal(res.body)
	}
	if got := a.get("/nickname").body; got != "ba" {
		t.Errorf("of two changes %q is left", got)
	}
}

func TestAJWTCallbackSeesWhatAFasterRequestChanged(t *testing.T) {
	s := newStore()
	var rotations int
	var mu sync.Mutex
	a := newApp(t, s.stored, func(c *Config) {
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) {
			mu.Lock()
			defer mu.Unlock()
			if p.Account == nil && p.Token.SessionToken == "" {
				rotations++
				p.Token.SessionToken = fmt.Sprint("rotated ", rotations)
			}
			return p.Token, nil
		}
	})
	a.router.GET("/token", func(c *gin.Context) { c.String(http.StatusOK, a.auth.Token(c).SessionToken) })
	a.signIn()
	s.runBefore("Replace", func() { a.copied().get("/me") })
	if got := a.get("/token").body; got != "rotated 2" { // what the faster one kept
		t.Errorf("the request goes on with %q", got)
	}
	if got := a.get("/token").body; got != "rotated 2" {
		t.Errorf("the store has %q", got)
	}
}

func TestUpdateOfASessionThatEndedMeanwhile(t *testing.T) {
	s := newStore()
	a := newApp(t, s.stored)
	var got error
	a.router.POST("/update", func(c *gin.Context) {
		got = a.auth.Update(c, func(t *Token) error { t.Nickname = "x"; return nil })
	})
	a.signIn()
	s.runBefore("Replace", func() { a.auth.Revoke(context.Background(), store.Filter{Subject: "1"}) })
	if a.post("/update", nil); !errors.Is(got, nuxtauth.ErrSignedOut) {
		t.Errorf("Update says %v", got)
	}
}

func TestAUserThatACallbackChangesIsFoundUnderTheNewName(t *testing.T) {
	s := newStore()
	merged := false
	a := newApp(t, s.stored, func(c *Config) {
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) {
			if merged {
				p.Token.Subject = "merged"
			}
			return p.Token, nil
		}
	})
	a.signIn()
	old := a.copied()
	merged = true
	a.session()
	if list, err := a.auth.Sessions(t.Context(), "merged"); err != nil || len(list) != 1 {
		t.Errorf("under the new name: %v, %v", list, err)
	}
	if list, _ := a.auth.Sessions(t.Context(), "1"); len(list) != 0 || old.session() != nil {
		t.Error("the session under the old name lives on")
	}
	if a.session() == nil {
		t.Error("the change signed the user out")
	}
}

func TestABearerHandleIsASession(t *testing.T) {
	s := newStore()
	a := newApp(t, s.stored)
	a.signIn()
	mobile := a.another()
	req := mobile.request("GET", "/me", "", "")
	req.Header.Set("Authorization", "Bearer "+a.cookie(sessionCookie))
	a.clock.advance(25 * time.Hour)
	s.called()
	res := mobile.do(req)
	if res.body == "null" || len(setCookies(res)) != 0 {
		t.Errorf("%s, cookies %v", res.body, setCookies(res))
	}
	if calls := s.called(); !slices.Equal(calls, []string{"Find", "Replace"}) {
		t.Errorf("a day later it is not renewed: %v", calls)
	}
}

func TestGetTokenReadsTheStore(t *testing.T) {
	s := newStore()
	a := newApp(t, enriched, s.stored)
	a.signIn()
	req, _ := request("GET", "/", a.cookies())
	o := nuxtauth.TokenOptions{URL: a.url, Store: s}
	if tok, err := nuxtauth.GetToken[Token](req, o); err != nil || tok.SessionToken != "user-api-token" {
		t.Errorf("%+v, %v", tok, err)
	}
	s.fail(errDown)
	if _, err := nuxtauth.GetToken[Token](req, o); !errors.Is(err, errDown) || errors.Is(err, nuxtauth.ErrSignedOut) {
		t.Errorf("a store that is down: %v", err)
	}
	s.fail(nil)
	a.signOut()
	if _, err := nuxtauth.GetToken[Token](req, o); err == nil {
		t.Error("an ended session has a token")
	}
}

func TestGetTokenHeedsTheDenyList(t *testing.T) {
	s := newStore()
	a := newApp(t, s.denying)
	a.signIn()
	req, _ := request("GET", "/", a.cookies())
	o := nuxtauth.TokenOptions{Secret: secret, URL: a.url, DenyList: s}
	if _, err := nuxtauth.GetToken[Token](req, o); err != nil {
		t.Error(err)
	}
	s.fail(errDown)
	if _, err := nuxtauth.GetToken[Token](req, o); !errors.Is(err, errDown) || errors.Is(err, token.ErrInvalid) {
		t.Errorf("a deny-list that is down: %v", err)
	}
	s.fail(nil)
	a.signOut()
	if _, err := nuxtauth.GetToken[Token](req, o); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("a copied cookie after the sign-out: %v", err)
	}
}

func TestABrowserReadsThatTheSessionCouldNotBeChecked(t *testing.T) {
	s := newStore()
	a := newApp(t, s.stored)
	a.router.GET("/private", a.auth.Require(), func(c *gin.Context) {})
	a.signIn()
	s.fail(errDown)
	req := a.request("GET", "/private", "", "")
	req.Header.Set("Accept", "text/html")
	res := a.do(req)
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || !strings.Contains(res.body, "You are still signed in") {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
}

func TestMistakesInWhereSessionsLiveAreReported(t *testing.T) {
	memory := store.NewMemory(store.MemoryOptions{})
	for want, cfg := range map[string]nuxtauth.SessionConfig{
		"Session.DenyList":     {Store: memory, DenyList: memory},
		"Session.AdoptCookies": {AdoptCookies: true},
		"Session.MaxLifetime":  {MaxLifetime: -1},
	} {
		_, err := nuxtauth.New(Config{Secret: secret, URL: "http://localhost", Session: cfg, Providers: []provider.Provider{provider.Credentials(authorize)}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestThousandsOfReadersAndOneSignOut(t *testing.T) {
	for _, name := range []string{"deny-list", "memory"} {
		t.Run(name, func(t *testing.T) {
			a := newApp(t, places[name], func(c *Config) { c.Session.UpdateAge = time.Nanosecond }) // every read is a write
			a.signIn()
			var wg sync.WaitGroup
			for range 16 {
				b := a.copied()
				wg.Go(func() {
					for range 20 {
						if res := b.get("/me"); res.StatusCode != http.StatusOK {
							t.Errorf("%d %s", res.StatusCode, res.body)
						}
					}
				})
			}
			a.signOut()
			wg.Wait()
			if a.session() != nil {
				t.Error("a write brought the session back")
			}
		})
	}
}
