// Package services has the services of docs/services.md: package docblock adds the Go
// blocks of the document.
package services

import "github.com/nuxtauth/nuxtauth"

type Token struct{ nuxtauth.DefaultJWT }

type Session = nuxtauth.DefaultSession[nuxtauth.DefaultUser]

var config = nuxtauth.Config[Token, Session]{URL: "https://app.example.com", Secret: "a-secret-of-at-least-32-characters"}
