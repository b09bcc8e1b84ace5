// Package local is the application of docs/local.md: package docblock adds the Go blocks of
// the document.
package local

import (
	"context"
	"net/url"

	"github.com/nuxtauth/nuxtauth"
)

// Token is the token type of the application.
type Token = nuxtauth.DefaultJWT

// Session is the session type of the application.
type Session = nuxtauth.DefaultSession[nuxtauth.DefaultUser]

func checkPassword(context.Context, url.Values) (*nuxtauth.User, error) { return nil, nil }

func createUser(context.Context, string, string) error { return nuxtauth.ErrTaken }
