package session_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

// A shop and its back office have one store, and each its own cookie prefix.

const officeCookie = "office.session-token"

func asOffice(c *apptest.Config) {
	c.Secret, c.Cookies.Prefix = "another-secret-of-at-least-32-characters", "office"
}

// newShopAndOffice starts two applications with one store. Each browser that
// they return has a session of the subject "1".
func newShopAndOffice(t *testing.T) (shop, office *apptest.App) {
	s := apptest.NewStore()
	shop = apptest.New(t, s.Use)
	office = apptest.New(t, func(c *apptest.Config) { c.Session.Store = s }, asOffice)
	for _, a := range []*apptest.App{shop, office} {
		a.Router.POST("/others", func(c *gin.Context) {
			if err := revokeOtherSessions(c, a.Auth); err != nil {
				c.String(http.StatusInternalServerError, err.Error())
			}
		})
	}
	return signInTo(shop), signInTo(office)
}

// signInTo is a new browser that is signed in as ada.
func signInTo(a *apptest.App) *apptest.App {
	a.Helper()
	b := a.Another()
	form := b.CredentialsForm("ada", "lovelace")
	if res := b.Post("/api/auth/callback/credentials", form); res.StatusCode != http.StatusOK || b.Session() == nil {
		a.Fatalf("sign-in answers %d %s", res.StatusCode, res.Text)
	}
	return b
}

func TestSharedStore_ListsOwnSessions(t *testing.T) {
	shop, office := newShopAndOffice(t)
	signInTo(office)
	for name, tt := range map[string]struct {
		a    *apptest.App
		want int
	}{"shop": {shop, 1}, "office": {office, 2}} {
		if list, err := listSessions(t.Context(), tt.a.Auth, "1"); err != nil || len(list) != tt.want {
			t.Errorf("%s: %d sessions, want %d; %v", name, len(list), tt.want, err)
		}
	}
}

func TestSharedStore_RevokesOwnSessions(t *testing.T) {
	revocations := map[string]func(t *testing.T, shop, office *apptest.App) error{
		"by subject": func(t *testing.T, shop, _ *apptest.App) error {
			return revokeSessions(t.Context(), shop.Auth, "1")
		},
		"by ID": func(t *testing.T, shop, _ *apptest.App) error {
			list, err := listSessions(t.Context(), shop.Auth, "1")
			for _, s := range list {
				if err == nil {
					err = revokeSession(t.Context(), shop.Auth, "1", s.ID)
				}
			}
			return err
		},
	}
	for name, revoke := range revocations {
		t.Run(name, func(t *testing.T) {
			shop, office := newShopAndOffice(t)
			if err := revoke(t, shop, office); err != nil {
				t.Fatal(err)
			}
			if shop.Session() != nil {
				t.Error("the session of the shop is valid")
			}
			if office.Session() == nil {
				t.Error("the session of the office ended")
			}
		})
	}
	t.Run("others", func(t *testing.T) {
		shop, office := newShopAndOffice(t)
		phone := signInTo(shop)
		if res := phone.Post("/others", nil); res.StatusCode != http.StatusOK {
			t.Fatal(res.Text)
		}
		if phone.Session() == nil || shop.Session() != nil {
			t.Error("the session of the request ended, or another one of the shop is valid")
		}
		if office.Session() == nil {
			t.Error("the session of the office ended")
		}
	})
	t.Run("ID of the other", func(t *testing.T) {
		shop, office := newShopAndOffice(t)
		ids, err := listSessions(t.Context(), office.Auth, "1")
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range ids {
			revokeSession(t.Context(), shop.Auth, "1", s.ID) // an error, or nothing
		}
		if office.Session() == nil {
			t.Error("the shop ended a session of the office")
		}
	})
}

// Both have a provider with the ID "idp".
func TestSharedStore_BackchannelEndsOwnSessions(t *testing.T) {
	for name, bySession := range map[string]bool{"of a user": false, "of a session": true} {
		t.Run(name, func(t *testing.T) {
			clock := apptest.NewClock()
			idp := authtest.IDPConfig{SigningAlgorithm: "ES256", Users: authtest.DefaultUsers(), Now: clock.Now}.Start(t)
			s := store.NewMemory(store.MemoryOptions{Now: clock.Now})
			shop := apptest.NewReplica(t, idp, clock, apptest.Backchannel, func(c *apptest.OpenIDConfig) { c.Session.Store = s })
			office := apptest.NewReplica(t, idp, clock, apptest.Backchannel, func(c *apptest.OpenIDConfig) {
				c.Session.Store = s
				c.Secret, c.Cookies.Prefix = "another-secret-of-at-least-32-characters", "office"
			})
			shop.SignIn()
			office.SignIn()
			ended := idp.Sessions()[1] // that of the office
			if !bySession {
				ended.ID = ""
			}
			token := idp.LogoutToken(t, ended.Subject, ended.ID)
			shop.Another().Post("/api/auth/backchannel-logout/idp", url.Values{"logout_token": {token}})
			if office.Session() == nil || office.Cookie(officeCookie) == "" {
				t.Error("a logout token that the shop got ended the session of the office")
			}
			if shop.Session() != nil && !bySession {
				t.Error("the session of the shop is valid")
			}
		})
	}
}
