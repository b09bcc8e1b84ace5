// Package updates is the application of docs/updates.md: package docblock adds the Go
// blocks of the document, and this file declares what they use and the document does not
// show.
package updates

import (
	"context"

	"github.com/nuxtauth/nuxtauth"
)

type Token struct {
	nuxtauth.DefaultJWT
	Theme string `json:"theme,omitzero"`
}

type User struct {
	Theme string `json:"theme"`
}

type Session = nuxtauth.DefaultSession[User]

var themes = []string{"light", "dark"}

var config = nuxtauth.Config[Token, Session]{
	URL: "http://localhost:3000", Secret: "a-secret-of-at-least-32-characters",
	Callbacks: nuxtauth.Callbacks[Token, Session]{
		JWT: jwt,
		Session: func(_ context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
			p.Session.User.Theme = p.Token.Theme
			return p.Session, nil
		},
	},
}
