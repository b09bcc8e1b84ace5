package nuxtauth_test

import (
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
)

func TestMain(m *testing.M) { apptest.Main(m) }

// What the examples take for granted.

const secret = apptest.Secret

type Token struct {
	nuxtauth.DefaultJWT
	SessionToken string `json:"sessionToken,omitzero"`
	Nickname     string `json:"nickname,omitzero"`
}

type User struct {
	Name   string `json:"name"`
	Avatar string `json:"avatar"`
	Role   string `json:"role"`
}

type Session = nuxtauth.DefaultSession[User]

func newAuth(t *testing.T) *nuxtauth.Auth[Token, Session] {
	t.Helper()
	auth, err := nuxtauth.New(nuxtauth.Config[Token, Session]{
		Secret: secret, URL: "http://localhost:3000", Providers: []provider.Provider{provider.Credentials(apptest.Authorize)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return auth
}

func newRouter(auth *nuxtauth.Auth[Token, Session]) *gin.Engine {
	r := gin.New()
	r.Use(auth.Handler())
	return r
}
