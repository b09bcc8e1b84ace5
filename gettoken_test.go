package nuxtauth_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/token"
)

func TestGetToken_ReadsStore(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, apptest.Enriched, s.Use)
	a.SignIn()
	req, _ := apptest.NewRequest("GET", "/", a.Cookies())
	o := nuxtauth.TokenOptions{URL: a.URL, Store: s}
	if tok, err := nuxtauth.GetToken[apptest.Token](req, o); err != nil || tok.SessionToken != "user-api-token" {
		t.Errorf("%+v, %v", tok, err)
	}
	s.Fail(apptest.ErrDown)
	if _, err := nuxtauth.GetToken[apptest.Token](req, o); !errors.Is(err, apptest.ErrDown) || errors.Is(err, nuxtauth.ErrSignedOut) {
		t.Errorf("a store that is down: %v", err)
	}
	s.Fail(nil)
	a.SignOut()
	if _, err := nuxtauth.GetToken[apptest.Token](req, o); err == nil {
		t.Error("an ended session has a token")
	}
}

// The middleware and GetToken accept a token until the same second.
func TestGetToken_EndsAsSessionDoes(t *testing.T) {
	const day = 24 * time.Hour
	for name, tt := range map[string]struct {
		times nuxtauth.SessionConfig // of both, shortened after the sign-in
		ends  time.Duration
	}{
		"defaults":             {nuxtauth.SessionConfig{}, 30 * day},
		"shorter MaxAge":       {nuxtauth.SessionConfig{MaxAge: 2 * time.Hour}, 2 * time.Hour},
		"shorter MaxLifetime":  {nuxtauth.SessionConfig{MaxLifetime: time.Hour}, time.Hour},
		"the token's own time": {nuxtauth.SessionConfig{MaxAge: 90 * day}, 60*day + 15*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			before := apptest.New(t, func(c *apptest.Config) { c.Session.MaxAge = 60 * day })
			before.SignIn()
			value := before.Cookie(apptest.SessionCookie)
			for _, when := range []time.Duration{0, tt.ends - time.Second, tt.ends} {
				now := func() time.Time { return before.Clock.Now().Add(when) }
				a := apptest.New(t, func(c *apptest.Config) { c.Session, c.Now = tt.times, now })
				a.SetCookie(apptest.SessionCookie, value)
				req, _ := apptest.NewRequest("GET", "/", a.Cookies())
				_, err := nuxtauth.GetToken[apptest.Token](req, nuxtauth.TokenOptions{
					Secret: apptest.Secret, URL: a.URL, Now: now, MaxAge: tt.times.MaxAge, MaxLifetime: tt.times.MaxLifetime,
				})
				valid, active := err == nil, a.Get("/me").Text != "null"
				if want := when < tt.ends; valid != want || active != want || !want && !errors.Is(err, token.ErrExpired) {
					t.Errorf("after %v: token %v, session %v, want %v; %v", when, valid, active, want, err)
				}
			}
		})
	}
	req, _ := apptest.NewRequest("GET", "/", []*http.Cookie{{Name: apptest.SessionCookie, Value: "a.b.c.d.e"}})
	for want, o := range map[string]nuxtauth.TokenOptions{
		"TokenOptions.MaxAge is 3.6µs":     {Secret: apptest.Secret, MaxAge: 3600},
		"TokenOptions.MaxLifetime is -1ns": {Secret: apptest.Secret, MaxLifetime: -1},
	} {
		if _, err := nuxtauth.GetToken[apptest.Token](req, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %q", err, want)
		}
	}
}

func TestGetToken_ChecksDenyList(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.UseAsDenyList)
	a.SignIn()
	req, _ := apptest.NewRequest("GET", "/", a.Cookies())
	o := nuxtauth.TokenOptions{Secret: apptest.Secret, URL: a.URL, DenyList: s}
	if _, err := nuxtauth.GetToken[apptest.Token](req, o); err != nil {
		t.Error(err)
	}
	s.Fail(apptest.ErrDown)
	if _, err := nuxtauth.GetToken[apptest.Token](req, o); !errors.Is(err, apptest.ErrDown) || errors.Is(err, token.ErrInvalid) {
		t.Errorf("a deny-list that is down: %v", err)
	}
	s.Fail(nil)
	a.SignOut()
	if _, err := nuxtauth.GetToken[apptest.Token](req, o); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("a copied cookie after the sign-out: %v", err)
	}
}

func TestGetToken_RefusesSessionOfOtherAuth(t *testing.T) {
	s := apptest.NewStore()
	shop := apptest.New(t, s.Use)
	shop.SignIn()
	req, _ := apptest.NewRequest("GET", "/", []*http.Cookie{{Name: "office.session-token", Value: shop.Cookie(apptest.SessionCookie)}})
	o := nuxtauth.TokenOptions{URL: shop.URL, Store: s, Cookies: nuxtauth.Cookies{Prefix: "office"}}
	if tok, err := nuxtauth.GetToken[apptest.Token](req, o); err == nil {
		t.Errorf("a session of the shop is valid in the office: %+v", tok)
	}
}

func TestGetToken_ShortSecretIsError(t *testing.T) {
	t.Setenv("AUTH_SECRET", "")
	t.Setenv("NEXTAUTH_SECRET", "")
	req, _ := apptest.NewRequest("GET", "/", []*http.Cookie{{Name: apptest.SessionCookie, Value: "a.b.c.d.e"}})
	for want, o := range map[string]nuxtauth.TokenOptions{
		"set TokenOptions.Secret or AUTH_SECRET":                      {},
		"TokenOptions.Secret (or AUTH_SECRET) has 5 characters":       {Secret: "short"},
		"TokenOptions.OldSecrets[0] has 5 characters: write at least": {Secret: apptest.Secret, OldSecrets: []string{"short"}},
	} {
		if _, err := nuxtauth.GetToken[apptest.Token](req, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %q", err, want)
		}
	}
}
