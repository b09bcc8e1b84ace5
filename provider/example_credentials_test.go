package provider_test

import (
	"context"
	"fmt"
	"net/url"
	"os"

	"github.com/nuxtauth/nuxtauth/provider"
)

// A form that the application checks itself.
func ExampleCredentials() {
	p := provider.Credentials(func(ctx context.Context, form url.Values) (*provider.User, error) {
		if form.Get("username") != "ada" || form.Get("password") != "correct horse" { // compare hashes, in constant time
			return nil, nil
		}
		return &provider.User{ID: "1", Name: "Ada Lovelace"}, nil
	})
	for _, field := range p.Fields {
		fmt.Println(field.Name, field.Autocomplete)
	}
	// Output:
	// username username
	// password current-password
}

// Two forms in one application: each has its own ID, in URLs and in
// Account.Provider, and its own inputs.
func ExampleCredentials_fields() {
	checkPIN := func(ctx context.Context, form url.Values) (*provider.User, error) {
		if form.Get("badge") == "1042" && form.Get("pin") == "271828" { // a query of your database
			return &provider.User{ID: "1042", Name: "Ada Lovelace"}, nil
		}
		return nil, nil // wrong
	}
	staff := provider.Credentials(checkPIN,
		provider.Field{Name: "badge", Label: "Badge number", Autocomplete: "username"},
		provider.Field{Name: "pin", Label: "PIN", Type: "password", Autocomplete: "current-password"},
	)
	staff.ID, staff.Name = "staff", "Staff"
	fmt.Println(staff.Validate())

	user, err := staff.Authorize(context.Background(), url.Values{"badge": {"1042"}, "pin": {"271828"}})
	fmt.Println(user.Name, err)
	// Output:
	// <nil>
	// Ada Lovelace <nil>
}

// The client secret of Apple is a JWT that is valid for at most six months. AppleSecret
// returns a function that signs one when it is needed.
func ExampleApple() {
	p := provider.Apple(func(p *provider.Provider) {
		p.ClientID = "com.example.web" // the Services ID
		p.ClientSecret = os.Getenv("APPLE_CLIENT_SECRET")
	})
	fmt.Println(p.Issuer, p.ResponseMode)
	// Output: https://appleid.apple.com form_post
}

// Client secrets for Apple, signed with a key of the developer site.
func ExampleAppleSecret() {
	key, err := os.ReadFile("AuthKey_KEY1234567.p8")
	if err != nil {
		return
	}
	secret, err := provider.AppleSecret(provider.AppleKey{
		TeamID:     "TEAM123456",
		KeyID:      "KEY1234567",
		ClientID:   "com.example.web",
		PrivateKey: key,
	})
	if err != nil {
		return
	}
	_ = provider.Apple(func(p *provider.Provider) {
		p.ClientID = "com.example.web"
		p.ClientSecretFunc = secret
	})
}
