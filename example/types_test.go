package main

import (
	"testing"

	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/typescript"
)

// The front ends have the type of the session: NUXTAUTH_UPDATE=1 go test -run TestTypes
// writes it again.
func TestTypes_OfFrontEnds(t *testing.T) {
	for file, target := range map[string]typescript.Target{
		"nuxt/app/types/next-auth.d.ts":  typescript.NuxtAuth,
		"nuxt-local/app/types/auth.d.ts": typescript.NuxtAuthLocal,
		"react/src/next-auth.d.ts":       typescript.NextAuth,
		"vue/src/session.d.ts":           typescript.Plain,
		"next/types/next-auth.d.ts":      typescript.NextAuth,
		"sveltekit/src/auth.d.ts":        typescript.AuthCore,
	} {
		authtest.TypeScript[Token, Session](t, file, typescript.Options{
			Target: target,
			Enums:  []typescript.Enum{typescript.EnumOf(Admin, Manager, Member)},
		})
	}
}
