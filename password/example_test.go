package password_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/nuxtauth/nuxtauth/password"
	"github.com/nuxtauth/nuxtauth/provider"
)

// Sign-up: the password is checked against what is known of the user, and hashed.
func Example() {
	hasher, err := password.New(password.Options{}) // once, for the whole program
	if err != nil {
		fmt.Println(err)
		return
	}
	signUp := func(ctx context.Context, email, name, chosen string) (hash string, err error) {
		if err := password.Check(chosen, email, name, "Example Shop"); err != nil {
			return "", err
		}
		return hasher.Hash(ctx, chosen)
	}
	for _, chosen := range []string{"ada", "lovelace1234567", "PasswordPassword", "a long walk to Ockham"} {
		hash, err := signUp(context.Background(), "ada@example.com", "Ada Lovelace", chosen)
		if refused, ok := errors.AsType[*password.PolicyError](err); ok {
			fmt.Println(refused.Reason)
			continue
		}
		fmt.Println(hash[:31], err)
	}
	// Output:
	// too-short
	// personal
	// common
	// $argon2id$v=19$m=65536,t=3,p=4$ <nil>
}

// Sign-in: Authorize of a credentials provider. An unknown user takes the same time as a
// wrong password, and a hash of the older system is replaced.
func ExampleHasher_Verify() {
	hasher, err := password.New(password.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	hashes := map[string]string{ // the table of users, from a PHP application
		"ada@example.com": "$2y$04$gzOMmc34vQAH/La.33.JSuup38174h/GGF.PuhzZMmpIBKVw69BAS",
	}
	p := provider.Credentials(func(ctx context.Context, form url.Values) (*provider.User, error) {
		email, typed := form.Get("username"), form.Get("password")
		hash := hashes[email] // "" if there is no such user
		ok, rehash, err := hasher.Verify(ctx, hash, typed)
		if err != nil {
			return nil, err // could not check: no wrong password
		}
		if !ok {
			return nil, nil
		}
		if rehash {
			if renewed, err := hasher.Hash(ctx, typed); err == nil { // otherwise at the next sign-in
				hashes[email] = renewed // UPDATE … WHERE password_hash = the old one
			}
		}
		return &provider.User{ID: "1", Email: email}, nil
	})
	for _, form := range []url.Values{
		{"username": {"ada@example.com"}, "password": {"wrong"}},
		{"username": {"eve@example.com"}, "password": {"Größe 𝄞 correct horse"}},
		{"username": {"ada@example.com"}, "password": {"Größe 𝄞 correct horse"}},
	} {
		user, err := p.Authorize(context.Background(), form)
		fmt.Println(user != nil, err)
	}
	fmt.Println(hashes["ada@example.com"][:31])
	// Output:
	// false <nil>
	// false <nil>
	// true <nil>
	// $argon2id$v=19$m=65536,t=3,p=4$
}

// A second factor is required of every user, so that 8 characters suffice.
func ExamplePolicy() {
	policy := password.Policy{MinLength: 8}
	fmt.Println(policy.Check("tarazxkb"))
	fmt.Println(policy.Check("short"))
	// Output:
	// <nil>
	// password: shorter than 8 characters
}

// Hashes of scrypt in another form are rewritten once, without the passwords: here those
// of Werkzeug (Flask), "scrypt:32768:8:1$salt$hex". The number ln is the logarithm of N.
func ExampleHasher_Verify_scrypt() {
	toPHC := func(werkzeug string) (string, error) {
		fields := strings.Split(werkzeug, "$")
		if len(fields) != 3 || fields[0] != "scrypt:32768:8:1" {
			return "", errors.New("another form")
		}
		hash, err := hex.DecodeString(fields[2])
		b64 := base64.RawStdEncoding
		return "$scrypt$ln=15,r=8,p=1$" + b64.EncodeToString([]byte(fields[1])) + "$" + b64.EncodeToString(hash), err
	}
	fmt.Println(toPHC("scrypt:32768:8:1$Uw3FzkpsbvZvZv0N$0db8a2f8b7d2a0a9f3a7d1c9c6c7b0e5"))
	// Output: $scrypt$ln=15,r=8,p=1$VXczRnprcHNidlp2WnYwTg$Dbii+LfSoKnzp9HJxsew5Q <nil>
}
