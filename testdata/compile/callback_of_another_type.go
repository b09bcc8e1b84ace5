// want: as nuxtauth.JWTFunc[Token] value
package main

import (
	"context"

	"github.com/nuxtauth/nuxtauth"
)

type Token struct{ nuxtauth.DefaultJWT }

type Other struct{ nuxtauth.DefaultJWT }

type Session = nuxtauth.DefaultSession[nuxtauth.DefaultUser]

var _ = nuxtauth.Callbacks[Token, Session]{
	JWT: func(ctx context.Context, p nuxtauth.JWTParams[Other]) (*Other, error) {
		return p.Token, nil
	},
}

func main() {}
