package session_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

func TestSession_SameInEachStorage(t *testing.T) {
	apptest.EachStorage(t, func(t *testing.T, storage func(*apptest.Config)) {
		a := apptest.New(t, apptest.Enriched, storage)
		a.Router.GET("/token", func(c *gin.Context) { c.String(http.StatusOK, a.Auth.Token(c).SessionToken) })
		a.SignIn()
		for range 3 {
			if s := a.Session(); s == nil || s.User != (apptest.User{Name: "Ada Lovelace", Avatar: "/ada.svg", Role: "admin"}) {
				t.Fatalf("session %+v", s)
			}
			if got := a.Get("/token").Text; got != "user-api-token" {
				t.Fatalf("the token has %q", got)
			}
			a.Clock.Advance(25 * time.Hour) // a renewal each time
		}
		if left := a.Session().Expires.Time().Sub(a.Clock.Now()); left > 30*24*time.Hour || left < 29*24*time.Hour {
			t.Errorf("it expires in %v", left)
		}
		res := a.SignOut()
		if res.StatusCode != http.StatusOK || a.Session() != nil || a.Get("/me").Text != "null" {
			t.Errorf("signed out: %d %s, session %v", res.StatusCode, res.Text, a.Session())
		}
	})
}

func TestSession_EndsByDisuseAndByAge(t *testing.T) {
	apptest.EachStorage(t, func(t *testing.T, storage func(*apptest.Config)) {
		a := apptest.New(t, storage, func(c *apptest.Config) {
			c.Session.MaxAge, c.Session.UpdateAge, c.Session.MaxLifetime = time.Hour, time.Minute, 150*time.Minute
		})
		a.SignIn()
		a.Clock.Advance(61 * time.Minute)
		if a.Session() != nil {
			t.Fatal("it is valid after an hour without use")
		}
		a.SignIn()
		for range 2 {
			a.Clock.Advance(59 * time.Minute)
			if a.Get("/me").Text == "null" {
				t.Fatal("it ended although it was used")
			}
		}
		s := a.Session()
		if s == nil || s.Expires.Time().After(a.Clock.Now().Add(32*time.Minute)) {
			t.Fatalf("half an hour before its end: %+v", s)
		}
		thief := a.Copy()
		a.Clock.Advance(31*time.Minute + 30*time.Second)
		if a.Get("/me").Text == "null" {
			t.Fatal("it ended before MaxLifetime")
		}
		a.Clock.Advance(time.Minute)
		if a.Session() != nil || a.Get("/me").Text != "null" || thief.Session() != nil {
			t.Error("it is valid after MaxLifetime")
		}
	})
}

func TestSession_ShortOneInUseContinues(t *testing.T) {
	a := apptest.New(t, func(cfg *apptest.Config) { cfg.Session.MaxAge = time.Hour })
	a.SignIn()
	for range 6 {
		a.Clock.Advance(20 * time.Minute)
		if got := a.Get("/me").Text; got == "null" {
			t.Fatal("signed out while in use")
		}
	}
	for _, age := range []time.Duration{time.Hour, 2 * time.Hour} {
		cfg := apptest.Config{Secret: apptest.Secret, URL: a.URL, Session: nuxtauth.SessionConfig{MaxAge: time.Hour, UpdateAge: age}}
		if _, err := nuxtauth.New(cfg); err == nil || !strings.Contains(err.Error(), "not below Session.MaxAge") {
			t.Errorf("New returns %v", err)
		}
	}
}

func TestSession_SurvivesSecretRotation(t *testing.T) {
	const newSecret = "another-secret-of-at-least-32-characters"
	for _, p := range []nuxtauth.Protocol{nuxtauth.NextAuth, nuxtauth.AuthJS} {
		t.Run(p.String(), func(t *testing.T) {
			protocol := func(cfg *apptest.Config) { cfg.Protocol = p }
			old := apptest.New(t, protocol)
			old.SignIn()
			name := p.String() + ".session-token"
			rotated := apptest.New(t, protocol, func(cfg *apptest.Config) { cfg.Secret, cfg.OldSecrets = newSecret, []string{apptest.Secret} })
			rotated.SetCookie(name, old.Cookie(name))
			rotated.Clock.Advance(time.Minute)
			if s := rotated.Session(); s == nil {
				t.Fatal("signed out by the new secret")
			}
			alone := apptest.New(t, protocol, func(cfg *apptest.Config) { cfg.Secret = newSecret })
			alone.SetCookie(name, rotated.Cookie(name))
			if s := alone.Session(); s == nil {
				t.Error("the cookie was not sealed with the new secret")
			}
			alone.SetCookie(name, old.Cookie(name))
			if res := alone.Get("/api/auth/session"); alone.SessionIn(res) != nil || !slices.Contains(res.SetCookies(), name+"-") {
				t.Errorf("a token of an unknown secret: %s, cookies %v", res.Text, res.SetCookies())
			}
		})
	}
}

func TestToken_GarbageIsNoSession(t *testing.T) {
	a := apptest.New(t)
	for name, tok := range map[string]string{
		"garbage": "garbage",
		"empty":   "",
		"five":    "a.b.c.d.e",
	} {
		a.SetCookie("next-auth.session-token", tok)
		if s := a.Session(); s != nil {
			t.Errorf("%s: %+v", name, s)
		}
		if res := a.Get("/me"); res.StatusCode != http.StatusOK || res.Text != "null" {
			t.Errorf("%s: /me answers %d %s", name, res.StatusCode, res.Text)
		}
	}
}

func TestToken_WithoutSubjectIsSignedOut(t *testing.T) {
	empty := false
	a := apptest.New(t, func(cfg *apptest.Config) {
		cfg.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			if empty {
				return &apptest.Token{}, nil
			}
			return p.Token, nil
		}
	})
	a.Router.GET("/private", a.Auth.Require(), func(c *gin.Context) { c.String(200, "in") })
	a.SignIn()
	empty = true
	if res := a.Get("/private"); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("a token without a subject passes Require: %d %s", res.StatusCode, res.Text)
	}
	if a.Cookie("next-auth.session-token") != "" {
		t.Error("the cookie is not cleared")
	}
}

func TestBearer_TokenIsSession(t *testing.T) {
	a := apptest.New(t, apptest.Enriched)
	a.SignIn()
	sealed := a.Cookie("next-auth.session-token")
	a.Client = apptest.NewBrowser()
	for _, tt := range []struct {
		header string
		in     bool
	}{
		{"Bearer " + sealed, true},
		{"bearer " + sealed, true},
		{"Bearer " + url.QueryEscape(sealed), true},
		{"Bearer " + sealed + "x", false},
		{"Bearer %ZZ", false},
		{"Bearer", false},
		{"Basic " + sealed, false},
		{"null", false},
	} {
		for _, path := range []string{"/me", "/api/auth/session"} {
			req := a.Request("GET", path, "", "")
			req.Header.Set("Authorization", tt.header)
			res := a.Do(req)
			if in := strings.Contains(res.Text, "Ada"); res.StatusCode != 200 || in != tt.in {
				t.Errorf("%s with %.20q answers %d %s", path, tt.header, res.StatusCode, res.Text)
			}
			if strings.Contains(strings.Join(res.Header["Set-Cookie"], ""), "session-token") {
				t.Errorf("%s with %.20q sets a session cookie", path, tt.header)
			}
		}
	}
}

func TestBearer_HandleIsSession(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.Use)
	a.SignIn()
	mobile := a.Another()
	req := mobile.Request("GET", "/me", "", "")
	req.Header.Set("Authorization", "Bearer "+a.Cookie(apptest.SessionCookie))
	a.Clock.Advance(25 * time.Hour)
	s.Calls()
	res := mobile.Do(req)
	if res.Text == "null" || len(res.SetCookies()) != 0 {
		t.Errorf("%s, cookies %v", res.Text, res.SetCookies())
	}
	if calls := s.Calls(); !slices.Equal(calls, []string{"FindSession", "ReplaceSession"}) {
		t.Errorf("a day later it is not renewed: %v", calls)
	}
}

func TestBearer_HandleSurvivesNewSubject(t *testing.T) {
	s, merged := apptest.NewStore(), false
	a := apptest.New(t, s.Use, mergeUser(&merged))
	a.SignIn()
	mobile, handle := a.Another(), a.Cookie(apptest.SessionCookie)
	me := func() string {
		req := mobile.Request("GET", "/me", "", "")
		req.Header.Set("Authorization", "Bearer "+handle)
		return mobile.Do(req).Text
	}
	merged = true
	for i := range 3 {
		if me() == "null" {
			t.Fatalf("request %d is signed out: the client does not know the new handle", i)
		}
	}
}
