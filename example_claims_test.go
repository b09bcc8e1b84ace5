package nuxtauth_test

import (
	"context"
	"fmt"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/provider"
)

// logSignIn is the SignIn event of applications with any token type.
func logSignIn[T nuxtauth.TokenType](_ context.Context, e nuxtauth.SignInEvent[T]) {
	claims := nuxtauth.Claims(e.Token)
	fmt.Printf("%s (%s) has signed in\n", claims.Name, claims.Subject)
}

// Code that does not know the token type reads the claims that all of them have.
func ExampleClaims() {
	_, r := newApp(nuxtauth.Config[Token, Session]{
		Providers: []provider.Provider{provider.Credentials(checkPassword)},
		Events:    nuxtauth.Events[Token, Session]{SignIn: logSignIn[Token]},
	})

	browser := &frontEnd{app: r}
	browser.signIn("ada", "lovelace")
	// Output: Ada Lovelace (1) has signed in
}
