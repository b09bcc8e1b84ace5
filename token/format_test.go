package token_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/nuxtauth/nuxtauth/token"
)

const (
	newSecret = "sZ1nYv0ZQm9s8l2q4m0rT5y7u9w1e3r5"
	oldSecret = "4f1c2b7e9d8a6053c4e1f2a7b8d90516"

	// A session as the root package seals it.
	session = `{"name":"Ada Lovelace","email":"ada@example.com","picture":"https://example.com/a.png",` +
		`"sub":"1","iat":1795419100,"exp":1798011100,"jti":"a436a8a4-139e-4477-a364-fe1ebe6cc31a"}`
)

// A format is one of the two JWE formats, with the means to make and read its
// tokens without the package under test.
type format struct {
	name string
	new  func(salt string, secrets ...string) (token.Codec, error)
	salt string
	enc  jose.ContentEncryption
	info string
	size int // of the key
}

var formats = []format{
	{"NextAuth", token.NewNextAuth, "", jose.A256GCM, "NextAuth.js Generated Encryption Key", 32},
	{"AuthJS", token.NewAuthJS, "authjs.session-token", jose.A256CBC_HS512,
		"Auth.js Generated Encryption Key (authjs.session-token)", 64},
}

func (f format) codec(t testing.TB, secrets ...string) token.Codec {
	t.Helper()
	c, err := f.new(f.salt, secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (f format) key(t testing.TB, secret string, size int) []byte {
	t.Helper()
	key, err := hkdf.Key(sha256.New, []byte(secret), []byte(f.salt), f.info, size)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// header is the protected header of the format's own tokens.
func (f format) header(t testing.TB, secret string) string {
	if f.enc == jose.A256GCM {
		return `{"alg":"dir","enc":"A256GCM"}`
	}
	return fmt.Sprintf(`{"alg":"dir","enc":"A256CBC-HS512","kid":%q}`, token.Thumbprint(f.key(t, secret, 64)))
}

// forge makes a token with any header and payload, with the secret and the
// encryption of the format and a fixed IV.
func (f format) forge(t testing.TB, secret, header string, payload []byte) string {
	t.Helper()
	if f.enc == jose.A256GCM {
		return forgeGCM(t, f.key(t, secret, 32), header, payload)
	}
	pad := aes.BlockSize - len(payload)%aes.BlockSize
	return forgeCBC(t, f.key(t, secret, 64), header, append(slices.Clone(payload), bytes.Repeat([]byte{byte(pad)}, pad)...))
}

func forgeGCM(t testing.TB, key []byte, header string, payload []byte) string {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	protected := encode([]byte(header))
	iv := []byte("fixed nonce!")
	sealed := gcm.Seal(nil, iv, payload, []byte(protected))
	n := len(payload)
	return protected + ".." + encode(iv) + "." + encode(sealed[:n]) + "." + encode(sealed[n:])
}

// forgeCBC encrypts whole blocks; padding is the caller's.
func forgeCBC(t testing.TB, key []byte, header string, blocks []byte) string {
	t.Helper()
	block, err := aes.NewCipher(key[32:])
	if err != nil {
		t.Fatal(err)
	}
	ciphertext := make([]byte, len(blocks))
	cipher.NewCBCEncrypter(block, fixedIV).CryptBlocks(ciphertext, blocks)
	return authenticateCBC(key, header, ciphertext)
}

var fixedIV = []byte("a fixed 16 B iv!")

// authenticateCBC makes a token of any ciphertext, with the right tag.
func authenticateCBC(key []byte, header string, ciphertext []byte) string {
	protected, iv := encode([]byte(header)), fixedIV
	mac := hmac.New(sha512.New, key[:32])
	mac.Write([]byte(protected))
	mac.Write(iv)
	mac.Write(ciphertext)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(protected))*8))
	return protected + ".." + encode(iv) + "." + encode(ciphertext) + "." + encode(mac.Sum(nil)[:32])
}

const base64urlDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func mustSeal(t testing.TB, c token.Codec, claims string) string {
	t.Helper()
	sealed, err := c.Seal(t.Context(), []byte(claims))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func wantOpen(t testing.TB, c token.Codec, sealed, claims string) {
	t.Helper()
	got, err := c.Open(t.Context(), sealed)
	if err != nil {
		t.Errorf("refused: %v", err)
	} else if string(got) != claims {
		t.Errorf("claims %s, want %s", got, claims)
	}
}

func wantInvalid(t testing.TB, c token.Codec, sealed string) {
	t.Helper()
	claims, err := c.Open(t.Context(), sealed)
	if err == nil {
		t.Errorf("accepted, with claims %s", claims)
	} else if !errors.Is(err, token.ErrInvalid) {
		t.Errorf("error %q does not wrap ErrInvalid", err)
	} else if claims != nil {
		t.Errorf("claims %s beside the error %q", claims, err)
	}
}
