package session_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/token"
)

// forged are claims that say who signed in, where and when: a front end sends them, and a
// callback that takes over what it gets puts them into the token.
const forged = `{"note":"mine","iat":4000000000,"exp":4100000000,"nbf":1,"jti":"mine",` +
	`"nuxtauth":{"auth_time":4000000000,"sid":"other","idp":"other","idp_sub":"other","idp_sid":"other","since":4000000000000000}}`

// forge sets all claims that a callback may not change.
func forge(t *apptest.OpenIDToken) {
	t.IssuedAt, t.ExpiresAt, t.NotBefore, t.ID = 4_000_000_000, 4_100_000_000, 1, "mine"
	t.Origin = token.Origin{
		Provider: "other", ProviderSubject: "other", ProviderSession: "other", SessionID: "other", AuthTime: 4_000_000_000, Since: 4e15,
	}
}

// An update changes neither from where and when the session is, nor when it ends.
func TestUpdate_KeepsOriginAndTimes(t *testing.T) {
	for name, update := range map[string]func(a *apptest.OpenIDApp) int{
		"front end": func(a *apptest.OpenIDApp) int { return a.Update(forged).StatusCode },
		"handler":   func(a *apptest.OpenIDApp) int { return a.Post("/forge", nil).StatusCode },
		"request":   func(a *apptest.OpenIDApp) int { return a.Get("/me").StatusCode },
	} {
		for storageName, storage := range apptest.OpenIDStorages {
			t.Run(name+" "+storageName, func(t *testing.T) {
				begun := false
				a := apptest.NewOpenIDApp(t, storage, func(c *apptest.OpenIDConfig) {
					c.Session.MaxAge, c.Session.UpdateAge, c.Session.MaxLifetime = 2*time.Hour, time.Hour, 3*time.Hour
					c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.OpenIDToken]) (*apptest.OpenIDToken, error) {
						if p.Trigger == nuxtauth.TriggerUpdate {
							forge(p.Token)
							return p.Token, p.Update.Decode(p.Token)
						}
						if name == "request" && begun && p.Token.Note == "" {
							forge(p.Token)
							p.Token.Note = "mine"
						}
						return p.Token, nil
					}
				})
				var got apptest.OpenIDToken
				a.Router.GET("/token", func(c *gin.Context) { got = *a.Auth.Token(c) })
				a.Router.POST("/forge", func(c *gin.Context) {
					if err := a.Auth.Update(c, func(t *apptest.OpenIDToken) error { forge(t); t.Note = "mine"; return nil }); err != nil {
						c.String(http.StatusInternalServerError, err.Error())
					}
				})
				a.SignIn()
				a.Get("/token")
				want := got.Origin
				a.Clock.Advance(10 * time.Minute)
				begun = true
				if status := update(a); status != http.StatusOK {
					t.Fatalf("the update answers %d", status)
				}
				a.Get("/token")
				now := a.Clock.Now()
				if got.Note != "mine" {
					t.Fatalf("the note is %q", got.Note)
				}
				if fmt.Sprint(got.Origin) != fmt.Sprint(want) || want.AuthTime == 0 || want.ProviderSession == "" {
					t.Errorf("the origin was %+v, and is %+v", want, got.Origin)
				}
				if got.IssuedAt.Time().After(now) || got.ExpiresAt.Time().After(now.Add(2*time.Hour)) || got.NotBefore != 0 || got.ID == "mine" {
					t.Errorf("iat %d, exp %d, nbf %d, jti %q", got.IssuedAt, got.ExpiresAt, got.NotBefore, got.ID)
				}
				for range 2 {
					a.Clock.Advance(80 * time.Minute)
					if a.Session() == nil {
						t.Fatal("the session ended before its time")
					}
				}
				if a.Clock.Advance(11 * time.Minute); a.Session() != nil {
					t.Error("the session is valid after MaxLifetime")
				}
			})
		}
	}
}
