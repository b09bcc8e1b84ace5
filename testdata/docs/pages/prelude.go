// Package pages is the application of docs/pages.md: package docblock adds the Go blocks
// of the document.
package pages

import "github.com/nuxtauth/nuxtauth"

type Token struct{ nuxtauth.DefaultJWT }

type Session = nuxtauth.DefaultSession[nuxtauth.DefaultUser]
