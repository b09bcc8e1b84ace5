package token

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
)

// NewNextAuth returns the codec of next-auth v4: JWE with direct encryption and
// A256GCM. The salt is "" for the session cookie, and the cookie's name for
// every other cookie, so that the value of one is not accepted in another.
//
// The first secret seals, and all of them open: to replace a secret without
// ending sessions, put the new one in front. It refuses a missing or empty
// secret but does not detect a weak one: use 32 random bytes, for example of
// "openssl rand -base64 32".
//
// Tokens with another "enc", which next-auth tries as well, are refused.
func NewNextAuth(salt string, secrets ...string) (Codec, error) {
	if err := checkSecrets(secrets); err != nil {
		return nil, err
	}
	var keys []*contentKey
	for _, secret := range secrets {
		raw, err := deriveKey("NextAuth.js", secret, salt, 32)
		if err != nil {
			return nil, err
		}
		key, err := newGCMKey(raw)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return newJWE(keys), nil
}

// NewAuthJS returns the codec of Auth.js v5: JWE with direct encryption,
// A256CBC-HS512 and the thumbprint of the key as "kid". The salt is the name of
// the cookie; the same secret gives each cookie another key.
//
// The first secret seals, and all of them open. A token names its key by "kid"
// and is refused if no secret has that key; a token without "kid" is tried with
// every secret. See [NewNextAuth] for the choice of a secret.
//
// Tokens with A256GCM, which Auth.js opens and never seals, are refused: their
// key would be half of the other one.
func NewAuthJS(salt string, secrets ...string) (Codec, error) {
	if err := checkSecrets(secrets); err != nil {
		return nil, err
	}
	if salt == "" {
		return nil, errors.New("token: the salt is empty, want the name of the cookie")
	}
	var keys []*contentKey
	for _, secret := range secrets {
		raw, err := deriveKey("Auth.js", secret, salt, 64)
		if err != nil {
			return nil, err
		}
		keys = append(keys, &contentKey{enc: encCBC, kid: thumbprint(raw), aead: newCBCHMAC(raw), tagSize: cbcTagSize})
	}
	return newJWE(keys), nil
}

func checkSecrets(secrets []string) error {
	if len(secrets) == 0 {
		return errors.New("token: no secret")
	}
	for i, secret := range secrets {
		if secret == "" {
			return fmt.Errorf("token: secret %d of %d is empty", i+1, len(secrets))
		}
	}
	return nil
}

// deriveKey derives the key for one cookie from a secret as the package called
// library does: HKDF with SHA-256 (RFC 5869). Only next-auth uses an empty salt.
func deriveKey(library, secret, salt string, size int) ([]byte, error) {
	info := library + " Generated Encryption Key"
	if salt != "" {
		info += " (" + salt + ")"
	}
	key, err := hkdf.Key(sha256.New, []byte(secret), []byte(salt), info, size)
	if err != nil {
		return nil, fmt.Errorf("token: derive the key: %w", err)
	}
	return key, nil
}

// thumbprint returns the "kid" of a symmetric key: its JWK thumbprint
// (RFC 7638 §3), with the hash as long as the key as in Auth.js.
func thumbprint(key []byte) string {
	jwk := []byte(`{"k":"` + base64url.EncodeToString(key) + `","kty":"oct"}`)
	if len(key) == sha512.Size {
		sum := sha512.Sum512(jwk)
		return base64url.EncodeToString(sum[:])
	}
	sum := sha256.Sum256(jwk)
	return base64url.EncodeToString(sum[:])
}

// newGCMKey makes a key for A256GCM (RFC 7518 §5.3) of 32 bytes.
func newGCMKey(key []byte) (*contentKey, error) {
	block, _ := aes.NewCipher(key) // its only error is another length
	aead, err := cipher.NewGCM(block)
	if err != nil { // in FIPS 140-only mode
		return nil, fmt.Errorf("token: %w", err)
	}
	return &contentKey{enc: encGCM, aead: aead, tagSize: aead.Overhead()}, nil
}
