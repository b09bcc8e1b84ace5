package typescript_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/typescript"
)

// The application whose declarations tsc checks: see e2e/types.
type (
	Token struct {
		nuxtauth.DefaultJWT
		nuxtauth.ProviderTokens
		Plan Plan `json:"plan,omitzero"`
	}

	Session struct {
		nuxtauth.DefaultSession[User]
		Impersonated bool `json:"impersonated,omitzero"`
	}

	User struct {
		ID    string  `json:"id"`
		Name  string  `json:"name"`
		Email string  `json:"email,omitzero"`
		Image *string `json:"image"`
		Role  Role    `json:"role"`
		Plan  Plan    `json:"plan,omitzero"`
		Contact
		*Billing

		Teams      []Team            `json:"teams"`
		Labels     map[string]string `json:"labels,omitempty"`
		Manager    *Person           `json:"manager"`
		Deputy     *Person           `json:"deputy,omitzero"`
		SeenAt     time.Time         `json:"seenAt,omitempty"`
		Logins     int64             `json:"logins,string"`
		Score      float64           `json:"score,omitempty"`
		Confirmed  bool              `json:"emailVerified,omitempty"`
		Address    netip.Addr        `json:"address"`
		Position   [2]float64        `json:"position"`
		Features   map[Feature]bool  `json:"features"`
		Settings   any               `json:"settings,omitzero"`
		Recent     Page[Team]        `json:"recent"`
		Unlisted   string            `json:"-"`
		unexported string
	}

	Contact struct {
		Phone string `json:"phone,omitempty"`
	}

	Billing struct {
		Customer string `json:"customer"`
	}

	Person struct {
		Name    string  `json:"name"`
		Manager *Person `json:"manager,omitzero"`
	}

	Team struct {
		Name  string `json:"name"`
		Roles []Role `json:"roles"`
	}

	Page[T any] struct {
		Items []T `json:"items"`
		Next  int `json:"next,omitzero"`
	}

	Role    string
	Plan    int
	Feature string
)

func (Role) Values() []Role { return []Role{"admin", "editor", "reader"} }

// A Plan is written as its name.
func (p Plan) MarshalText() ([]byte, error) { return []byte([]string{"free", "paid"}[p]), nil }

func (p *Plan) UnmarshalText(b []byte) error {
	*p = 0
	if string(b) == "paid" {
		*p = 1
	}
	return nil
}

var enums = []typescript.Enum{typescript.EnumOf[Plan](0, 1), typescript.EnumOf[Feature]("beta", "dark mode")}

func TestWrite_Golden(t *testing.T) {
	_ = User{}.unexported
	for _, c := range []struct {
		target typescript.Target
		files  []string
	}{
		{typescript.NextAuth, []string{"next-auth-4/next-auth.d.ts", "next-auth-5/next-auth.d.ts"}},
		{typescript.AuthCore, []string{"auth-core/auth-core.d.ts"}},
		{typescript.NuxtAuth, []string{"nuxt-auth/next-auth.d.ts"}},
		{typescript.NuxtAuthLocal, []string{"nuxt-auth-local/auth.d.ts"}},
		{typescript.Plain, []string{"plain/generated.d.ts"}},
	} {
		for _, file := range c.files {
			authtest.TypeScript[Token, Session](t, "../e2e/types/"+file, typescript.Options{Target: c.target, Enums: enums})
		}
	}
}

// A user that has nothing in common with next-auth's, and whose id is a number in Go.
func TestWrite_GoldenNameless(t *testing.T) {
	type user struct {
		ID       int64 `json:"id,string"`
		Role     Role  `json:"role"`
		Verified bool  `json:"emailVerified"`
	}
	authtest.TypeScript[nuxtauth.DefaultJWT, nuxtauth.DefaultSession[user]](t, "../e2e/types/nameless/next-auth.d.ts", typescript.Options{})
}
