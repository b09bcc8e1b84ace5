// want: does not satisfy nuxtauth.TokenType
package main

import "github.com/nuxtauth/nuxtauth"

type Token struct{ nuxtauth.DefaultJWT }

type Session struct {
	nuxtauth.DefaultSession[nuxtauth.DefaultUser]
}

var _ = nuxtauth.Middleware(nuxtauth.Config[Session, Token]{})

func main() {}
