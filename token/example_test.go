package token_test

import (
	"context"
	"fmt"
	"time"

	"github.com/nuxtauth/nuxtauth/token"
)

func Example() {
	codec, err := token.NextAuth("", "the secret of the Node server")
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	now := time.Date(2026, time.November, 23, 8, 0, 0, 0, time.UTC)
	sealed, err := codec.Seal(ctx, fmt.Appendf(nil, `{"sub":"1","iat":%d,"exp":%d}`, now.Unix(), now.Add(time.Hour).Unix()))
	if err != nil {
		panic(err)
	}

	claims, err := codec.Open(ctx, sealed)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(claims))
	fmt.Println(token.Verify(claims, now))
	fmt.Println(token.Verify(claims, now.Add(2*time.Hour)))

	_, err = codec.Open(ctx, sealed+"x")
	fmt.Println(err)
	// Output:
	// {"sub":"1","iat":1795420800,"exp":1795424400}
	// <nil>
	// token: expired
	// token: invalid: malformed
}

// A new secret is put in front of the old one, which stays until the last
// session sealed with it has ended.
func ExampleAuthJS_rotation() {
	const cookie = "__Secure-authjs.session-token"
	before, err := token.AuthJS(cookie, "the old secret")
	if err != nil {
		panic(err)
	}
	after, err := token.AuthJS(cookie, "the new secret", "the old secret")
	if err != nil {
		panic(err)
	}

	ctx := context.Background()
	sealed, err := before.Seal(ctx, []byte(`{"sub":"1"}`))
	if err != nil {
		panic(err)
	}
	claims, err := after.Open(ctx, sealed)
	fmt.Println(string(claims), err)
	// Output: {"sub":"1"} <nil>
}
