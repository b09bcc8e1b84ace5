package main

import (
	"context"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/mail"
	"github.com/nuxtauth/nuxtauth/store"
)

// localTokens serves clients that keep tokens, such as the provider local of nuxt-auth, at
// /api/auth/local. Their sessions have to be in a store: see stores.go. A sign-up sends a link,
// as the form in signup.go does, so that no user exists whose address is not proved.
func localTokens(sessions nuxtauth.SessionConfig, origin string, sendLink func(context.Context, nuxtauth.LinkRequest) error) nuxtauth.LocalConfig {
	if _, ok := store.As[store.Index](sessions.Store); !ok {
		return nuxtauth.LocalConfig{}
	}
	return nuxtauth.LocalConfig{
		Provider: "credentials",
		SignUp: func(ctx context.Context, p nuxtauth.SignUpParams) error {
			email, err := mail.NormalizeAddress(p.Form.Get("email"))
			if err != nil {
				return nuxtauth.FieldError{"email": "Write an email address, such as ada@example.com."}
			}
			return sendLink(ctx, nuxtauth.LinkRequest{Purpose: purposeSignUp, Email: email, RedirectTo: origin + "/signup/confirm"})
		},
	}
}
