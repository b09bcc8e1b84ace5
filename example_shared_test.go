package nuxtauth_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/provider"
)

// A BaseToken is what the tokens of all applications of a company have: a type of their
// shared library.
type BaseToken struct {
	nuxtauth.DefaultJWT
	Tenant string `json:"tenant,omitzero"`
}

// Common returns the part of a token that the shared library knows.
func (t *BaseToken) Common() *BaseToken { return t }

// setTenant returns a JWT callback for any token type that embeds BaseToken.
func setTenant[T nuxtauth.TokenType, P interface {
	*T
	Common() *BaseToken
}]() nuxtauth.JWTFunc[T] {
	return func(_ context.Context, p nuxtauth.JWTParams[T]) (*T, error) {
		if p.Account != nil { // a sign-in
			_, P(p.Token).Common().Tenant, _ = strings.Cut(p.User.Email, "@")
		}
		return p.Token, nil
	}
}

// An OrderToken is the token of one of the applications.
type OrderToken struct {
	BaseToken
	Cart string `json:"cart,omitzero"`
}

// A shared library has a base token, and functions for all types that embed it.
func Example_sharedLibrary() {
	_, r := newApp(nuxtauth.Config[OrderToken, Session]{
		Providers: []provider.Provider{provider.Credentials(func(_ context.Context, form url.Values) (*provider.User, error) {
			return &provider.User{ID: "1", Email: form.Get("username")}, nil
		})},
		Callbacks: nuxtauth.Callbacks[OrderToken, Session]{JWT: setTenant[OrderToken]()},
		Events: nuxtauth.Events[OrderToken, Session]{
			SignIn: func(_ context.Context, e nuxtauth.SignInEvent[OrderToken]) { fmt.Println(e.Token.Tenant) },
		},
	})

	browser := &frontEnd{app: r}
	browser.signIn("ada@example.com", "lovelace")
	// Output: example.com
}
