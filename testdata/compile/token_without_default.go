// want: does not satisfy nuxtauth.TokenType
package main

import "github.com/nuxtauth/nuxtauth"

type Token struct{ SessionToken string }

type User struct{ Name string }

var _ = nuxtauth.Middleware(nuxtauth.Config[Token, nuxtauth.DefaultSession[User]]{})

func main() {}
