package nuxtauth_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

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
