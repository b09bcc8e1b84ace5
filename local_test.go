package nuxtauth_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

func TestConfig_Local(t *testing.T) {
	memory := store.NewMemory(store.MemoryOptions{})
	signUp := func(context.Context, nuxtauth.SignUpParams) error { return nil }
	for name, tt := range map[string]struct {
		local nuxtauth.LocalConfig
		store store.Sessions
		field string
		want  string // in the error; "" for none
	}{
		"off":                      {nuxtauth.LocalConfig{}, nil, "", ""},
		"on":                       {nuxtauth.LocalConfig{Provider: "credentials", SignUp: signUp}, memory, "", ""},
		"all":                      {nuxtauth.LocalConfig{Provider: "credentials", RotateRefreshTokens: true, ReuseGrace: time.Hour, AccessLifetime: 24 * time.Hour, RefreshLifetime: 24 * time.Hour}, memory, "", ""},
		"long access":              {nuxtauth.LocalConfig{Provider: "credentials", AccessLifetime: 24 * time.Hour}, memory, "", ""},
		"without a provider":       {nuxtauth.LocalConfig{SignUp: signUp}, memory, "Local.Provider", `write the ID of a credentials provider, such as "credentials"`},
		"unknown provider":         {nuxtauth.LocalConfig{Provider: "password"}, memory, "Local.Provider", `"password", which is the ID of no credentials provider`},
		"provider of another type": {nuxtauth.LocalConfig{Provider: "github"}, memory, "Local.Provider", `"github", which is the ID of no credentials provider`},
		"without a store":          {nuxtauth.LocalConfig{Provider: "credentials"}, nil, "Local", "set Session.Store to a store.Index"},
		"store without an index":   {nuxtauth.LocalConfig{Provider: "credentials"}, struct{ store.Sessions }{memory}, "Local", "set Session.Store to a store.Index"},
		"without a unit":           {nuxtauth.LocalConfig{Provider: "credentials", AccessLifetime: 600}, memory, "Local.AccessLifetime", "from 1m0s to 24h0m0s"},
		"too long":                 {nuxtauth.LocalConfig{Provider: "credentials", AccessLifetime: 25 * time.Hour}, memory, "Local.AccessLifetime", "from 1m0s to 24h0m0s"},
		"negative":                 {nuxtauth.LocalConfig{Provider: "credentials", AccessLifetime: -time.Hour}, memory, "Local.AccessLifetime", "from 1m0s to 24h0m0s"},
		"below the access token":   {nuxtauth.LocalConfig{Provider: "credentials", RefreshLifetime: 5 * time.Minute}, memory, "Local.RefreshLifetime", "from 10m0s to"},
		"grace below a minute":     {nuxtauth.LocalConfig{Provider: "credentials", RotateRefreshTokens: true, ReuseGrace: 59 * time.Second}, memory, "Local.ReuseGrace", "from 1m0s to 1h0m0s"},
		"grace above an hour":      {nuxtauth.LocalConfig{Provider: "credentials", RotateRefreshTokens: true, ReuseGrace: 61 * time.Minute}, memory, "Local.ReuseGrace", "from 1m0s to 1h0m0s"},
		"grace without rotation":   {nuxtauth.LocalConfig{Provider: "credentials", ReuseGrace: time.Minute}, memory, "Local.ReuseGrace", "set Local.RotateRefreshTokens"},
	} {
		_, err := nuxtauth.New(apptest.Config{
			Secret: apptest.Secret, URL: "http://localhost:3000", Logger: slog.New(slog.DiscardHandler),
			Providers: []provider.Provider{provider.Credentials(apptest.Authorize), provider.GitHub(func(p *provider.Provider) { p.ClientID, p.ClientSecret = "id", "secret" })},
			Session:   nuxtauth.SessionConfig{Store: tt.store}, Local: tt.local,
		})
		if tt.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
			continue
		}
		for e := range nuxtauth.ConfigErrors(err) {
			if e.Field != tt.field {
				t.Errorf("%s: the field is %q, want %q: %v", name, e.Field, tt.field, e)
			}
		}
	}
}

func TestFieldError_Text(t *testing.T) {
	err := nuxtauth.FieldError{"password": "It is too short.", "email": "It is no address."}
	if got := err.Error(); got != "nuxtauth: fields that are not valid: email, password" {
		t.Error(got)
	}
}
