// want: does not satisfy nuxtauth.SessionType
package main

import "github.com/nuxtauth/nuxtauth"

type Token struct{ nuxtauth.DefaultJWT }

type Session struct{ Name string }

var _ = nuxtauth.Middleware(nuxtauth.Config[Token, Session]{})

func main() {}
