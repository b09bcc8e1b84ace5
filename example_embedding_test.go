package nuxtauth_test

import (
	"context"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
)

// A StaffSession has a field beside "user" and "expires", and a method. An alias can't have
// them: embed DefaultSession.
type StaffSession struct {
	nuxtauth.DefaultSession[User]
	Desk string `json:"desk"`
}

// MayEdit works when signed out too, where the session is nil.
func (s *StaffSession) MayEdit() bool { return s != nil && s.User.Role == "editor" }

// StaffConfig saves the type arguments elsewhere.
type StaffConfig = nuxtauth.Config[Token, StaffSession]

// With fields and methods, a session is a struct that embeds DefaultSession by value.
func ExampleDefaultSession_embedded() {
	auth, r := newApp(StaffConfig{
		Callbacks: nuxtauth.Callbacks[Token, StaffSession]{
			Session: func(_ context.Context, p nuxtauth.SessionParams[Token, StaffSession]) (*StaffSession, error) {
				p.Session.User = User{Name: "Ada", Role: "editor"}
				p.Session.Desk = "Berlin"
				return p.Session, nil
			},
		},
	})
	r.GET("/edit", auth.Require((*StaffSession).MayEdit), func(c *gin.Context) {
		c.String(http.StatusOK, auth.Session(c).Desk)
	})

	browser := signedIn(auth, r, &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}})
	fmt.Println(browser.get("/edit"))
	fmt.Println(browser.get("/api/auth/session"))
	// Output:
	// 200 Berlin
	// 200 {"user":{"name":"Ada","avatar":"","role":"editor"},"expires":"2026-12-31T00:00:00.000Z","desk":"Berlin"}
}
