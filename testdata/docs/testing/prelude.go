// Package testing is the application of docs/testing.md: package docblock adds the Go
// blocks of the document, which are tests.
package testing

import "github.com/nuxtauth/nuxtauth"

type Token struct {
	nuxtauth.DefaultJWT
	Role string `json:"role,omitzero"`
}

type User struct {
	Name string `json:"name"`
	Role string `json:"role"`
}

type Session = nuxtauth.DefaultSession[User]
