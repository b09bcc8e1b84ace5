package main

import (
	"testing"

	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/typescript"
)

// The Nuxt front end has the type of the session: NUXTAUTH_UPDATE=1 go test -run TestTypes
// writes it again.
func TestTypes_OfNuxtFrontEnd(t *testing.T) {
	authtest.TypeScript[Token, Session](t, "nuxt/app/types/next-auth.d.ts", typescript.Options{
		Target: typescript.NuxtAuth,
		Enums:  []typescript.Enum{typescript.EnumOf(Admin, Manager, Member)},
	})
}
