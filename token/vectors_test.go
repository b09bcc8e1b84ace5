package token_test

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/nuxtauth/nuxtauth/token"
)

// A vector is a token and what the JavaScript package made of it.
type vector struct {
	Name   string  `json:"name"`
	Kind   string  `json:"kind"`
	Secret secrets `json:"secret"`
	Salt   string  `json:"salt"`
	JWE    string  `json:"jwe"`
	Expect struct {
		OK      bool           `json:"ok"`
		Payload jsontext.Value `json:"payload"`
	} `json:"expect"`
}

// secrets is one secret or an array of them.
type secrets []string

func (s *secrets) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		*s = []string{""}
		return json.Unmarshal(b, &(*s)[0])
	}
	return json.Unmarshal(b, (*[]string)(s))
}

func readVectors[T any](t testing.TB, name string) []T {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "testdata", "vectors", name))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []T `json:"vectors"`
	}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	return file.Vectors
}

// Tokens that the JavaScript packages accept and this package refuses on
// purpose. None of them is of a kind that the packages seal themselves.
const (
	noExp   = "exp is required: a session must end"
	noIat   = "iat is required: the age of a session counts from it"
	noGCM   = "Auth.js seals none, and the cookie takes A256CBC-HS512 alone (JW-07)"
	noToken = "an empty cookie value is not a token; JavaScript returns null, which is signed out too"
)

var stricter = map[string]map[string]string{
	"v4-jwe.json": {
		"empty-string":         noToken,
		"no-exp":               noExp,
		"exp-float":            noIat,
		"header-typ-JWT-cty":   noIat,
		"header-kid-ignored":   noIat,
		"payload-invalid-utf8": "claims must be UTF-8 (RFC 8259 §8.1), and have iat and exp",
		"zip-DEF":              "tokens of unknown origin are not decompressed",
		"base64-padding":       "base64url has no padding here (RFC 7515 §2)",
	},
	"v5-jwe.json": {
		"empty-string":                  noToken,
		"no-exp":                        noExp,
		"no-kid, first secret":          noIat,
		"A256GCM no-kid":                noGCM,
		"A256GCM kid=sha256 thumbprint": noGCM,
	},
}

func TestOpen_NodeVectors(t *testing.T) {
	for file, newCodec := range map[string]func(string, ...string) (token.Codec, error){
		"v4-jwe.json": token.NewNextAuth,
		"v5-jwe.json": token.NewAuthJS,
	} {
		used := 0
		for _, v := range readVectors[vector](t, file) {
			reason, refused := stricter[file][v.Name]
			if refused {
				used++
			}
			t.Run(file+"/"+v.Name, func(t *testing.T) {
				want := v.Expect.OK
				if refused {
					if !want || v.Kind == "valid" {
						t.Fatalf("listed as refused on purpose (%s), but its kind is %q", reason, v.Kind)
					}
					want = false
				}

				claims, err := openAndVerify(t, newCodec, v)
				if !want {
					if err == nil {
						t.Fatalf("accepted, with claims %s", claims)
					}
					return
				}
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				if diff := cmp.Diff(decodeAny(t, v.Expect.Payload), decodeAny(t, claims)); diff != "" {
					t.Errorf("claims (-want +got):\n%s", diff)
				}
			})
		}
		if used != len(stricter[file]) {
			t.Errorf("%s: %d of %d exceptions name a vector", file, used, len(stricter[file]))
		}
	}
}

func openAndVerify(t *testing.T, newCodec func(string, ...string) (token.Codec, error), v vector) ([]byte, error) {
	codec, err := newCodec(v.Salt, v.Secret...)
	if err != nil {
		return nil, err
	}
	claims, err := codec.Open(t.Context(), v.JWE)
	if err != nil {
		if !errors.Is(err, token.ErrInvalid) {
			return nil, errors.Join(errors.New("not an ErrInvalid"), err)
		}
		return nil, err
	}
	return claims, token.Verify(claims, vectorTime)
}

// vectorTime is shortly after the vectors were made, so that the tests say the
// same in every year.
var vectorTime = time.Date(2026, time.November, 23, 8, 0, 0, 0, time.UTC)

func decodeAny(t *testing.T, b []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return v
}

func TestVerify_NodeVectors(t *testing.T) {
	for file, newCodec := range map[string]func(string, ...string) (token.Codec, error){
		"v4-jwe.json": token.NewNextAuth,
		"v5-jwe.json": token.NewAuthJS,
	} {
		expired := 0
		for _, v := range readVectors[vector](t, file) {
			_, err := openAndVerify(t, newCodec, v)
			if got, want := errors.Is(err, token.ErrExpired), v.Kind == "expired"; got != want {
				t.Errorf("%s: %s: is ErrExpired = %t, want %t: %v", file, v.Name, got, want, err)
			}
			if v.Kind == "expired" {
				expired++
			}
		}
		if expired == 0 {
			t.Errorf("%s has no expired token", file)
		}
	}
}

func TestDeriveKey_NodeVectors(t *testing.T) {
	type derivation struct {
		Version string `json:"version"`
		Secret  string `json:"secret"`
		Salt    string `json:"salt"`
		Length  int    `json:"length"`
		KeyHex  string `json:"keyHex"`
		KeyID   string `json:"kid"`
	}
	library := map[string]string{"v4": "NextAuth.js", "v5": "Auth.js"}
	for _, v := range readVectors[derivation](t, "key-derivation.json") {
		key, err := token.DeriveKey(library[v.Version], v.Secret, v.Salt, v.Length)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(key); got != v.KeyHex {
			t.Errorf("%s, secret %q, salt %q, %d bytes: key %s, want %s", v.Version, v.Secret, v.Salt, v.Length, got, v.KeyHex)
		}
		if v.KeyID == "" {
			continue
		}
		if got := token.Thumbprint(key); got != v.KeyID {
			t.Errorf("%s, secret %q, salt %q, %d bytes: kid %s, want %s", v.Version, v.Secret, v.Salt, v.Length, got, v.KeyID)
		}
	}
}
