// want: nothing
package main

import (
	"context"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
)

type Token struct {
	nuxtauth.DefaultJWT
	SessionToken string `json:"sessionToken,omitzero"`
}

type User struct {
	nuxtauth.DefaultUser
	Role string `json:"role"`
}

type Session struct {
	nuxtauth.DefaultSession[User]
	Theme string `json:"theme"`
}

// Both type parameters are inferred.
var middleware = nuxtauth.Middleware(nuxtauth.Config[Token, Session]{
	Callbacks: nuxtauth.Callbacks[Token, Session]{
		Session: func(ctx context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
			p.Session.User.Role = p.Token.SessionToken
			return p.Session, nil
		},
	},
})

// IsAdmin reports whether an administrator is signed in; s is nil when signed out.
func (s *Session) IsAdmin() bool { return s != nil && s.User.Role == "admin" }

func handler(c *gin.Context) { _ = c.MustGet("session").(*Session).IsAdmin() }

func main() {}
