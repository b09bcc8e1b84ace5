package nuxtauth_test

import (
	"context"
	"fmt"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
)

// chain returns a JWT callback that runs several, each with the token of the one before.
func chain[T nuxtauth.TokenType](callbacks ...nuxtauth.JWTFunc[T]) nuxtauth.JWTFunc[T] {
	return func(ctx context.Context, p nuxtauth.JWTParams[T]) (*T, error) {
		for _, callback := range callbacks {
			t, err := callback(ctx, p)
			if t == nil || err != nil {
				return nil, err
			}
			p.Token = t
		}
		return p.Token, nil
	}
}

// A package offers a JWT callback, and the application combines it with its own.
func ExampleJWTFunc() {
	setNickname := func(_ context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) {
		p.Token.Nickname = "Ada"
		return p.Token, nil
	}
	greet := func(_ context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) {
		fmt.Println("Hello,", p.Token.Nickname)
		return p.Token, nil
	}
	auth, r := newApp(nuxtauth.Config[Token, Session]{
		Callbacks: nuxtauth.Callbacks[Token, Session]{JWT: chain(setNickname, greet)},
	})
	r.GET("/me", auth.Require(), func(*gin.Context) {})

	browser := signedIn(auth, r, &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}})
	browser.get("/me")
	// Output: Hello, Ada
}
