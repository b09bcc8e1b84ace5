// Package observability has the code of docs/observability.md: package docblock adds the Go
// blocks of the document.
package observability

import "github.com/nuxtauth/nuxtauth"

type Token struct{ nuxtauth.DefaultJWT }

type Session = nuxtauth.DefaultSession[nuxtauth.DefaultUser]

type Config = nuxtauth.Config[Token, Session]
