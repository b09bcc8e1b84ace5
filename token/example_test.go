package token_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/nuxtauth/nuxtauth/token"
)

func Example() {
	codec, err := token.NewNextAuth("", "the secret of the Node server")
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	now := time.Date(2026, time.November, 23, 8, 0, 0, 0, time.UTC)
	sealed, err := codec.Seal(ctx, fmt.Appendf(nil, `{"sub":"1","iat":%d,"exp":%d}`, token.DateOf(now), token.DateOf(now.Add(time.Hour))))
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

// A service reads the cookie "next-auth.session-token" of a Node server that has the
// same secret. The salt is empty for this cookie alone.
func ExampleNewNextAuth() {
	codec, err := token.NewNextAuth("", "secret")
	if err != nil {
		panic(err)
	}
	cookie := "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..dYWSE7z5F0eO7v1j.71C_LQTDZTkIUgJhtriFyR" +
		"Ng6HqXKFhdm95Z41E7OL9yIIAq30Ah3d2-tlzAwJoxpcGR08zfYIwDoHXoybPs8IZWBJY2ojvxxCo3kE" +
		"vzOG0z2y2e9QKUPNgH.4eYdz-pSvv8yfeBn3A7lhw"
	claims, err := codec.Open(context.Background(), cookie)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(claims))

	// What Seal returns is the value of a cookie that the Node server accepts.
	sealed, err := codec.Seal(context.Background(), []byte(`{"sub":"2","iat":1795420800,"exp":1798012800}`))
	fmt.Println(sealed[:41], err)
	// Output:
	// {"sub":"1","iat":1795419100,"exp":2741499100,"jti":"a436a8a4-139e-4477-a364-fe1ebe6cc31a"}
	// eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0.. <nil>
}

// A new secret is put in front of the old one, which stays until the last
// session sealed with it has ended.
func ExampleNewAuthJS_rotation() {
	const cookie = "__Secure-authjs.session-token"
	before, err := token.NewAuthJS(cookie, "the old secret")
	if err != nil {
		panic(err)
	}
	after, err := token.NewAuthJS(cookie, "the new secret", "the old secret")
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

// The key of 2027 replaces that of 2026, whose public half verifies the tokens that
// still have its name, the "kid". It is removed when the last of them has expired.
func ExampleSigned_rotation() {
	key2026 := ed25519.NewKeyFromSeed([]byte("a seed of 32 random bytes, 2026!"))
	key2027 := ed25519.NewKeyFromSeed([]byte("a seed of 32 random bytes, 2027!"))
	before, err := token.NewSigned(token.SignedConfig{PrivateKey: key2026, KeyID: "2026"})
	if err != nil {
		panic(err)
	}
	after, err := token.NewSigned(token.SignedConfig{
		PrivateKey: key2027, KeyID: "2027",
		PublicKeys: map[string]crypto.PublicKey{"2026": key2026.Public()},
	})
	if err != nil {
		panic(err)
	}

	ctx := context.Background()
	earlier, err := before.Seal(ctx, []byte(`{"sub":"1"}`))
	if err != nil {
		panic(err)
	}
	claims, err := after.Open(ctx, earlier)
	fmt.Println(string(claims), err)

	later, err := after.Seal(ctx, []byte(`{"sub":"1"}`))
	if err != nil {
		panic(err)
	}
	_, err = before.Open(ctx, later)
	fmt.Println(errors.Is(err, token.ErrInvalid))
	// Output:
	// {"sub":"1"} <nil>
	// true
}

// A service that only verifies has no private key.
func ExampleNewSigned_verifyOnly() {
	issuer := ed25519.NewKeyFromSeed([]byte("a seed of 32 random bytes, 2026!"))
	codec, err := token.NewSigned(token.SignedConfig{
		PublicKeys: map[string]crypto.PublicKey{"2026": issuer.Public()},
	})
	if err != nil {
		panic(err)
	}
	_, err = codec.Seal(context.Background(), []byte(`{"sub":"1"}`))
	fmt.Println(err)
	// Output: token: no private key to sign with
}

// Open says whether a token is genuine, Verify whether it is valid at this time.
func ExampleVerify() {
	now := time.Unix(1795420800, 0)
	for _, claims := range []string{
		`{"sub":"1","iat":1795420000,"exp":1795424400}`,
		`{"sub":"1","iat":1795420000,"exp":1795420790}`, // within 15 seconds
		`{"sub":"1","iat":1795420000,"exp":1795420700}`,
		`{"sub":"1","iat":1795420000,"exp":1795424400,"nbf":1795423000}`,
		`{"sub":"1","iat":1795420000}`,
	} {
		switch err := token.Verify([]byte(claims), now); {
		case err == nil:
			fmt.Println("valid")
		case errors.Is(err, token.ErrExpired):
			fmt.Println("sign in again")
		case errors.Is(err, token.ErrNotYetValid):
			fmt.Println("too early")
		default:
			fmt.Println(err)
		}
	}
	// Output:
	// valid
	// valid
	// sign in again
	// too early
	// token: invalid: no "exp"
}

// A moving codec seals in a new format, and opens tokens of the old format too: no
// user has to sign in again.
type moving struct{ to, from token.Codec }

func (m moving) Seal(ctx context.Context, claims []byte) (string, error) {
	return m.to.Seal(ctx, claims)
}

func (m moving) Open(ctx context.Context, sealed string) ([]byte, error) {
	claims, err := m.to.Open(ctx, sealed)
	if errors.Is(err, token.ErrInvalid) { // any other error is a fault, which says nothing about the token
		return m.from.Open(ctx, sealed)
	}
	return claims, err
}

// A codec of an application replaces that of the protocol with
// nuxtauth.SessionConfig.Codec.
func ExampleCodec() {
	encrypted, err := token.NewNextAuth("", "V0ZQm9s8l2q4m0rT5y7u9w1e3r5sZ1nY")
	if err != nil {
		panic(err)
	}
	signed, err := token.NewSigned(token.SignedConfig{Secrets: []string{"4m0rT5y7u9w1e3r5sZ1nYV0ZQm9s8l2q"}})
	if err != nil {
		panic(err)
	}
	var codec token.Codec = moving{to: signed, from: encrypted}

	ctx := context.Background()
	old, err := encrypted.Seal(ctx, []byte(`{"sub":"1"}`))
	if err != nil {
		panic(err)
	}
	claims, err := codec.Open(ctx, old)
	fmt.Println(string(claims), err)
	renewed, err := codec.Seal(ctx, claims)
	fmt.Println(renewed, err)
	// Output:
	// {"sub":"1"} <nil>
	// eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIn0.NtS486YFTbELWCqDtWzJy2yjAx3Mo8Da7KUH6nI00pA <nil>
}
