package nuxtauth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// merging has the JWT callback give the user another name once merged is true.
func merging(merged *bool) func(*Config) {
	return func(c *Config) {
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) {
			if *merged {
				p.Token.Subject = "merged"
			}
			return p.Token, nil
		}
	}
}

func TestANewNameDoesNotBringAnEndedSessionBack(t *testing.T) {
	s, merged := newStore(), false
	a := newApp(t, s.stored, merging(&merged))
	a.signIn()
	merged = true
	s.runBefore("Create", func() {
		if n, err := a.auth.Revoke(context.Background(), store.Filter{Subject: "1"}); n != 1 || err != nil {
			t.Error(n, err)
		}
	})
	a.get("/me")
	if a.session() != nil {
		t.Error("a session that was ended meanwhile lives on under the new name")
	}
}

func TestANewNameDoesNotSignAMobileClientOut(t *testing.T) {
	s, merged := newStore(), false
	a := newApp(t, s.stored, merging(&merged))
	a.signIn()
	mobile, handle := a.another(), a.cookie(sessionCookie)
	me := func() string {
		req := mobile.request("GET", "/me", "", "")
		req.Header.Set("Authorization", "Bearer "+handle)
		return mobile.do(req).body
	}
	merged = true
	for i := range 3 {
		if me() == "null" {
			t.Fatalf("request %d is signed out: nobody told the client of a new handle", i)
		}
	}
}

func TestClaimsOfOursCantBeTakenByTheTokenType(t *testing.T) {
	type withNuxtauth struct {
		nuxtauth.DefaultJWT
		Mine string `json:"nuxtauth"` // MaxLifetime would never end such a session
	}
	type withAccessToken struct {
		nuxtauth.DefaultJWT
		nuxtauth.ProviderTokens
		Access string `json:"access_token"`
	}
	type withRefreshToken struct {
		nuxtauth.DefaultJWT
		nuxtauth.ProviderTokens
		Refresh string `json:"refresh_token"`
	}
	type byPointer struct {
		nuxtauth.DefaultJWT
		*nuxtauth.ProviderTokens // never filled in
	}
	for name, err := range map[string]error{
		"nuxtauth":      newOf[withNuxtauth](),
		"access_token":  newOf[withAccessToken](),
		"refresh_token": newOf[withRefreshToken](),
		"pointer":       newOf[byPointer](),
	} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func newOf[T nuxtauth.JWT]() error {
	_, err := nuxtauth.New(nuxtauth.Config[T, Session]{
		Secret: secret, URL: "http://localhost", Providers: []provider.Provider{provider.Credentials(authorize)},
	})
	return err
}

func TestADenyListHeedsTheSubjectBesideAnID(t *testing.T) {
	a := newApp(t, newStore().denying)
	var id string
	a.router.GET("/id", func(c *gin.Context) { id = a.auth.SessionID(c) })
	a.signIn()
	a.get("/id")
	a.auth.Revoke(t.Context(), store.Filter{Subject: "2", ID: id})
	if a.session() == nil {
		t.Error("user 2 ended a session of user 1")
	}
	if _, err := a.auth.Revoke(t.Context(), store.Filter{Subject: "1", ID: id}); err != nil || a.session() != nil {
		t.Errorf("the user's own session lives on: %v", err)
	}
}

func TestASignOutCountsInTheSecondOfARevocation(t *testing.T) {
	a := newApp(t, newStore().denying)
	a.signIn()
	if _, err := a.auth.Revoke(t.Context(), store.Filter{Subject: "1"}); err != nil {
		t.Fatal(err)
	}
	a.signIn()
	thief := a.copied()
	a.signOut()
	a.clock.advance(time.Minute)
	if thief.session() != nil {
		t.Error("a copy is good after the sign-out")
	}
}

// The clocks of two processes differ by a few seconds.
func TestASignOutCountsAtAProcessWhoseClockIsBehind(t *testing.T) {
	s := newStore()
	ahead := newApp(t, s.denying)
	ahead.signIn()
	thief := ahead.copied()
	behind := newApp(t, func(c *Config) { c.Session.DenyList = s })
	behind.clock.advance(-5 * time.Second)
	behind.setCookie(sessionCookie, ahead.cookie(sessionCookie))
	if res := behind.signOut(); res.StatusCode != http.StatusOK {
		t.Fatal(res.body)
	}
	if thief.session() != nil {
		t.Error("a copy is good after the sign-out")
	}
}

// Tokens of another issuer may have neither a jti nor a sid.
func TestSessionsWithoutANameDoNotEndTogether(t *testing.T) {
	a := newApp(t, newStore().denying)
	codec, err := token.NextAuth("", secret)
	if err != nil {
		t.Fatal(err)
	}
	browser := func(subject string) *app {
		now := a.clock.Now().Unix()
		sealed, err := codec.Seal(fmt.Appendf(nil, `{"sub":%q,"iat":%d,"exp":%d}`, subject, now, now+3600))
		if err != nil {
			t.Fatal(err)
		}
		b := a.another()
		b.setCookie(sessionCookie, sealed)
		return b
	}
	ada, bob := browser("ada"), browser("bob")
	ada.signOut()
	if bob.session() == nil {
		t.Error("ada's sign-out ended bob's session")
	}
}

func TestAShorterMaxAgeDoesNotShortenTheMemoryOfASignOut(t *testing.T) {
	s := newStore()
	before := newApp(t, s.denying)
	before.signIn()
	copied := before.cookie(sessionCookie)
	after := newApp(t, func(c *Config) { c.Session.DenyList, c.Session.MaxAge, c.Now = s, time.Hour, before.clock.Now })
	after.setCookie(sessionCookie, copied)
	after.signOut()
	before.clock.advance(24 * time.Hour)
	after.setCookie(sessionCookie, copied)
	if after.session() != nil {
		t.Error("a copy is good a day after the sign-out, with a MaxAge of an hour")
	}
}

func TestAStoreThatFailsIsNotErrSignedOut(t *testing.T) {
	s := newStore()
	a := newApp(t, s.stored)
	var updated, access error
	a.router.GET("/both", func(c *gin.Context) {
		updated = a.auth.Update(c, func(t *Token) error { t.Nickname = "x"; return nil })
		_, access = a.auth.AccessToken(c)
	})
	a.signIn()
	s.fail(errDown)
	a.get("/both")
	if updated == nil || errors.Is(updated, nuxtauth.ErrSignedOut) {
		t.Errorf("Update says %v", updated)
	}
	if access == nil || errors.Is(access, nuxtauth.ErrSignedOut) {
		t.Errorf("AccessToken says %v", access)
	}
}

// leaving answers a request whose browser leaves when leave is called.
func (a *app) leaving(method, path, body string) (leave func(), answer func()) {
	ctx, leave := context.WithCancel(a.Context())
	req, rec := request(method, path, a.cookies())
	if body != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Body = newBody(body)
	}
	return leave, func() { a.router.ServeHTTP(rec, req.WithContext(ctx)) }
}

func TestWhatTheJWTCallbackDidIsStoredWhenTheBrowserLeaves(t *testing.T) {
	s, leave, rotations := newStore(), func() {}, 0
	a := newApp(t, s.stored, func(c *Config) {
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) {
			if p.Account == nil && p.Token.SessionToken == "" {
				rotations++
				p.Token.SessionToken = fmt.Sprint("rotated ", rotations)
			}
			return p.Token, nil
		}
		c.Callbacks.Session = func(ctx context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
			leave()
			return p.Session, ctx.Err()
		}
	})
	a.router.GET("/token", func(c *gin.Context) { c.String(http.StatusOK, a.auth.Token(c).SessionToken) })
	a.signIn()
	var answer func()
	leave, answer = a.leaving("GET", "/me", "")
	answer()
	leave = func() {}
	if got := a.get("/token").body; got != "rotated 1" {
		t.Errorf("the store has lost it: %q", got)
	}
}

func TestASignOutIsDoneThoughTheBrowserLeaves(t *testing.T) {
	for name, call := range map[string]string{"memory": "Delete", "deny-list": "Mark"} {
		t.Run(name, func(t *testing.T) {
			s := newStore()
			a := newApp(t, map[string]func(*Config){"memory": s.stored, "deny-list": s.denying}[name])
			a.signIn()
			leave, answer := a.leaving("POST", "/api/auth/signout", "csrfToken="+a.csrf())
			s.runBefore(call, leave)
			answer()
			if a.session() != nil {
				t.Error("the session goes on")
			}
		})
	}
}

func TestIssueMakesASessionOfItsOwn(t *testing.T) {
	a := newApp(t, newStore().denying)
	var tok Token
	a.router.GET("/copy", func(c *gin.Context) { tok = *a.auth.Token(c) })
	a.signIn()
	a.get("/copy")
	cookies, err := a.auth.Issue(t.Context(), &tok)
	if err != nil {
		t.Fatal(err)
	}
	issued := a.another()
	issued.setCookie(cookies[0].Name, cookies[0].Value)
	a.signOut()
	if issued.session() == nil {
		t.Error("it ended with the session whose token it was made of")
	}
}

func TestAnUpdateOfTheFrontEndIsKeptAfterTwoConflicts(t *testing.T) {
	s := newStore()
	a := newApp(t, s.stored, nicknamed)
	a.router.GET("/nickname", func(c *gin.Context) { c.String(http.StatusOK, a.auth.Token(c).Nickname) })
	a.signIn()
	faster := func() {
		r, err := s.Memory.Find(context.Background(), a.cookie(sessionCookie))
		if err == nil {
			_, err = s.Memory.Replace(context.Background(), a.cookie(sessionCookie), r)
		}
		if err != nil {
			t.Error(err)
		}
	}
	s.runBefore("Replace", func() {
		faster()
		s.runBefore("Replace", faster)
	})
	if res := a.update(`{"nickname":"countess"}`); res.StatusCode != http.StatusOK || a.sessionIn(res) == nil {
		t.Fatal(res.body)
	}
	if got := a.get("/nickname").body; got != "countess" {
		t.Errorf("the answer said 200, the store has %q", got)
	}
}

// SE-04 for a session on its way into the store.
func TestALateReadDoesNotAdoptACookieThatSignedOut(t *testing.T) {
	old := newApp(t)
	old.signIn()
	reading, signedOut := make(chan struct{}), make(chan struct{})
	var slow sync.Once
	s := newStore()
	a := newApp(t, s.stored, func(c *Config) {
		c.Session.AdoptCookies = true
		c.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
			slow.Do(func() { close(reading); <-signedOut })
			return p.Session, nil
		}
	})
	a.setCookie(sessionCookie, old.cookie(sessionCookie))
	late := make(chan response)
	go func() { late <- a.copied().get("/api/auth/session") }()
	<-reading
	a.signOut()
	close(signedOut)
	for _, c := range (<-late).Cookies() {
		if c.MaxAge >= 0 {
			a.setCookie(c.Name, c.Value)
		}
	}
	if a.session() != nil {
		t.Error("the late answer signed the user in again")
	}
}

func TestASignOutEndsARecordThatIsUnreadable(t *testing.T) {
	s := newStore()
	a := newApp(t, s.stored)
	a.signIn()
	handle := a.cookie(sessionCookie)
	r, err := s.Memory.Find(t.Context(), handle)
	if err != nil {
		t.Fatal(err)
	}
	good := r.Claims
	r.Claims = []byte(strings.Replace(string(good), `"name":"Ada Lovelace"`, `"name":7`, 1)) // of a newer release, say
	if _, err := s.Memory.Replace(t.Context(), handle, r); err != nil {
		t.Fatal(err)
	}
	a.signOut()
	if _, err := s.Memory.Find(t.Context(), handle); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("after the sign-out the store still has it: %v", err)
	}
}

func TestExpiresSaysWhatTheStoreKept(t *testing.T) {
	s := newStore()
	a := newApp(t, s.stored, func(c *Config) {
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) {
			if p.Trigger == nuxtauth.TriggerUpdate {
				p.Token.Nickname = "x"
			}
			return p.Token, nil
		}
	})
	a.signIn()
	a.clock.advance(time.Hour)
	said := a.sessionIn(a.update(`{}`)).Expires.Time()
	r, err := s.Memory.Find(t.Context(), a.cookie(sessionCookie))
	if err != nil || said.Unix() != r.ExpiresAt.Unix() {
		t.Errorf("the front end is told %v, the store says %v", said, r.ExpiresAt)
	}
}

func TestAnIDFromACallbackDoesNotJoinSessions(t *testing.T) {
	a := newApp(t, newStore().denying, func(c *Config) {
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) {
			p.Token.ID = "mine" // lost, says DefaultJWT.ID
			return p.Token, nil
		}
	})
	phone, laptop := a, a.another()
	phone.signIn()
	laptop.signIn()
	phone.signOut()
	if laptop.session() == nil {
		t.Error("the sign-out of one session ended another")
	}
}

// An application and its back office, each with its own secret and cookies.
func TestTwoAuthsWithOneStoreDoNotShareSessions(t *testing.T) {
	s := newStore()
	shop := newApp(t, s.stored)
	office := newApp(t, func(c *Config) {
		c.Session.Store = s
		c.Secret, c.Cookies.Prefix = "another-secret-of-at-least-32-characters", "office"
	})
	shop.signIn()
	office.setCookie("office.session-token", shop.cookie(sessionCookie))
	if office.session() != nil {
		t.Error("a session of the shop is good in the office, whatever the secrets")
	}
}

func TestGetTokenDoesNotTakeASessionOfAnotherAuth(t *testing.T) {
	s := newStore()
	shop := newApp(t, s.stored)
	shop.signIn()
	req, _ := request("GET", "/", []*http.Cookie{{Name: "office.session-token", Value: shop.cookie(sessionCookie)}})
	o := nuxtauth.TokenOptions{URL: shop.url, Store: s, Cookies: nuxtauth.Cookies{Prefix: "office"}}
	if tok, err := nuxtauth.GetToken[Token](req, o); err == nil {
		t.Errorf("a session of the shop is one of the office: %+v", tok)
	}
}

// A cross-site post does not carry the old session's cookie (SE-01).
func TestAFormPostSignInEndsTheOldSessionOnTheServer(t *testing.T) {
	for name, place := range map[string]func(*Config){"memory": places["memory"], "deny-list": places["deny-list"]} {
		t.Run(name, func(t *testing.T) {
			idp := authtest.StartProvider(t)
			a := newApp(t, place, withProviders(idp), func(cfg *Config) { cfg.Providers[1].ResponseMode = "form_post" })
			a.signIn()
			thief := a.copied()
			a.clock.advance(time.Second)
			back := idp.SignIn(t, a.start("idp"), idp.Users()[0].Username)
			if back.Method != http.MethodPost {
				t.Fatalf("the provider answers with %s", back.Method)
			}
			poster := a.another()
			u, _ := url.Parse(a.url)
			for _, c := range a.client.Jar.Cookies(u) {
				if strings.HasPrefix(c.Name, "next-auth.state.") {
					poster.setCookie(c.Name, c.Value)
				}
			}
			poster.at(back)
			if poster.session() == nil {
				t.Fatal("not signed in")
			}
			if thief.session() != nil {
				t.Error("the session before the sign-in lives on")
			}
		})
	}
}
