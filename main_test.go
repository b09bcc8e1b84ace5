package nuxtauth_test

import (
	"testing"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

func TestMain(m *testing.M) { apptest.Main(m) }

// The data and the services that the examples use.

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
