package session_test

import (
	"context"
	"errors"
	"testing"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

// A callback that refuses a session ends the copies of its cookie too, whatever
// it did to the token before.
func TestCallback_ErrorAfterChangeEndsCopies(t *testing.T) {
	refusals := map[string]func(*apptest.Token) error{
		"no change":       func(t *apptest.Token) error { return errors.New("refused") },
		"cleared":         func(t *apptest.Token) error { *t = apptest.Token{}; return errors.New("refused") },
		"another subject": func(t *apptest.Token) error { t.Subject = "2"; return errors.New("refused") },
		"no subject":      func(t *apptest.Token) error { t.Subject = ""; return nil },
		"another origin": func(t *apptest.Token) error {
			t.ID, t.Origin.SessionID, t.Origin.AuthTime = "x", "y", 1
			return errors.New("refused")
		},
		"cleared, then a panic": func(t *apptest.Token) error { *t = apptest.Token{}; panic("a bug") },
	}
	for _, callback := range []string{"JWT", "Session"} {
		for _, storage := range []string{"deny-list", "memory"} {
			for name, refuse := range refusals {
				if callback == "Session" && name == "no subject" {
					continue // only the token of the JWT callback needs one
				}
				t.Run(callback+", "+storage+", "+name, func(t *testing.T) {
					var refusing string
					a := apptest.New(t, apptest.Storages[storage], func(c *apptest.Config) {
						c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
							if refusing == "JWT" {
								if err := refuse(p.Token); err != nil {
									return nil, err
								}
							}
							return p.Token, nil
						}
						c.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[apptest.Token, apptest.Session]) (*apptest.Session, error) {
							if refusing == "Session" {
								return nil, refuse(p.Token)
							}
							return p.Session, nil
						}
					})
					a.SignIn()
					other, copied := a.Another(), a.Copy()
					other.SignIn()
					refusing = callback
					if got := a.Get("/me").Text; got != "null" {
						t.Fatalf("/me answers %s", got)
					}
					refusing = ""
					if copied.Session() != nil {
						t.Error("a copy of the cookie is valid")
					}
					if other.Session() == nil {
						t.Error("another session of the user ended")
					}
				})
			}
		}
	}
}
