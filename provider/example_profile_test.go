package provider_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/nuxtauth/nuxtauth/provider"
)

// A Profile function can start from the default one.
func ExampleDefaultProfile() {
	p := provider.Keycloak()
	p.Profile = func(ctx context.Context, r provider.ProfileRequest) (*provider.User, error) {
		user, err := provider.DefaultProfile(ctx, r)
		if err != nil {
			return nil, err
		}
		user.Name, _, _ = strings.Cut(user.Email, "@")
		return user, nil
	}

	user, err := p.Profile(context.Background(), provider.ProfileRequest{
		Profile: provider.Profile(`{"sub":"f1","name":"Ada Lovelace","email":"ada@example.com"}`),
	})
	fmt.Println(user.ID, user.Name, err)
	// Output: f1 ada <nil>
}

// The callbacks of a sign-in get the profile too.
func ExampleProfile_Decode() {
	profile := provider.Profile(`{"sub":"1","name":"Ada","realm_access":{"roles":["admin"]}}`)
	var claims struct {
		RealmAccess struct {
			Roles []string `json:"roles"`
		} `json:"realm_access"`
	}
	err := profile.Decode(&claims)
	fmt.Println(claims.RealmAccess.Roles, err)

	err = provider.Profile(nil).Decode(&claims) // credentials have no profile, unless Authorize gives one
	fmt.Println(claims.RealmAccess.Roles, err)
	// Output:
	// [admin] <nil>
	// [admin] <nil>
}

// A profile that is in two resources of an API. Get sends the access token to the host
// of the URL, which is therefore made from UserinfoURL.
func ExampleProfileRequest() {
	profile := func(ctx context.Context, r provider.ProfileRequest) (*provider.User, error) {
		user, err := provider.DefaultProfile(ctx, r)
		if err != nil {
			return nil, err
		}
		body, err := r.Get(ctx, r.UserinfoURL+"/avatar")
		if err != nil {
			return nil, err
		}
		var avatar struct {
			URL string `json:"url"`
		}
		if err := provider.Profile(body).Decode(&avatar); err != nil {
			return nil, err
		}
		user.Image = avatar.URL
		return user, nil
	}

	user, err := profile(context.Background(), provider.ProfileRequest{ // the library makes it
		Profile:     provider.Profile(`{"id":7,"name":"Ada"}`),
		UserinfoURL: "https://api.acme.example/me",
		Get: func(_ context.Context, url string) ([]byte, error) {
			fmt.Println("GET", url)
			return []byte(`{"url":"https://img.acme.example/7.png"}`), nil
		},
	})
	fmt.Println(user.ID, user.Image, err)
	// Output:
	// GET https://api.acme.example/me/avatar
	// 7 https://img.acme.example/7.png <nil>
}

// The fields of a user come from a provider, or from the user. The library normalizes
// those of each sign-in.
func ExampleUser_Normalize() {
	user := provider.User{ID: "1", Name: "Ada\r\n", Email: " Ada@Example.COM ", Image: "javascript:alert(1)"}
	err := user.Normalize()
	fmt.Printf("%q %q %q %v\n", user.Name, user.Email, user.Image, err)

	unknown := provider.User{Name: "Ada"}
	fmt.Println(unknown.Normalize())
	// Output:
	// "Ada" "ada@example.com" "" <nil>
	// provider: the user has no id
}
