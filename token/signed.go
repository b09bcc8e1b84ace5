package token

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"
)

const (
	minHMACSecret = 32   // bytes, RFC 7518 §3.2
	minRSABits    = 2048 // RFC 7518 §3.3
)

// SignedConfig says how [NewSigned] signs and verifies. Set either Secrets, or
// PrivateKey and PublicKeys. The keys alone decide which algorithms are
// accepted; a token can't choose another one.
type SignedConfig struct {
	// Secrets are for HS256, each of at least 32 bytes. The first one signs, and
	// all of them verify.
	Secrets []string

	// PrivateKey signs: an *[rsa.PrivateKey] of at least 2048 bits (RS256), an
	// *[ecdsa.PrivateKey] on P-256 (ES256), or an [ed25519.PrivateKey] (EdDSA).
	// With nil the codec only opens tokens that other services sign.
	PrivateKey crypto.Signer

	// KeyID is the "kid" of PrivateKey. Empty means tokens without a "kid".
	KeyID string

	// PublicKeys only verify, by their "kid": the keys from before a rotation, or
	// those of another service. They have the kinds of PrivateKey:
	// *[rsa.PublicKey], *[ecdsa.PublicKey], [ed25519.PublicKey].
	PublicKeys map[string]crypto.PublicKey
}

// NewSigned returns the codec of cfg. It returns an error for a key or a secret that is
// too short or of another kind, and for keys that exclude each other. Later changes of
// cfg have no effect.
func NewSigned(cfg SignedConfig) (*Signed, error) {
	c := &Signed{}
	var err error
	if len(cfg.Secrets) > 0 {
		if cfg.PrivateKey != nil || cfg.KeyID != "" || len(cfg.PublicKeys) > 0 {
			return nil, errors.New("token: Secrets exclude PrivateKey, KeyID and PublicKeys")
		}
		err = c.useSecrets(cfg.Secrets)
	} else {
		err = c.useKeys(cfg.PrivateKey, cfg.KeyID, cfg.PublicKeys)
	}
	if err != nil {
		return nil, err
	}

	var algs []string
	for _, k := range c.keys {
		algs = append(algs, k.method.Alg())
	}
	c.parser = jwt.NewParser(
		jwt.WithValidMethods(algs),
		jwt.WithStrictDecoding(),
		jwt.WithoutClaimsValidation(), // Verify does it
	)
	return c, nil
}

// Signed is a [Codec] for signed JWTs in compact serialization (RFC 7515 §7.1), the
// common format of APIs and mobile apps. Unlike the tokens of [NewNextAuth] and
// [NewAuthJS], they are not encrypted: who has one can read its claims. Their keys do
// not depend on the name of a cookie.
//
// A token with a "kid" is verified with the key of that name alone, and refused
// if there is none. A token without "kid" is tried with every key of its
// algorithm. Tokens with a "crit" header, or a "typ" other than JWT, are refused.
//
// The zero Signed has no key: it seals and opens nothing. A Signed is safe for
// concurrent use.
type Signed struct {
	keys   []verifyKey
	parser *jwt.Parser

	signKey any // nil: Open only
	method  jwt.SigningMethod
	header  string // the encoded header of the tokens that Seal makes, with a dot
}

// A verifyKey verifies tokens of one algorithm.
type verifyKey struct {
	kid    string // empty: tokens without a "kid" only
	method jwt.SigningMethod
	key    any
}

func (c *Signed) useSecrets(secrets []string) error {
	for i, secret := range secrets {
		if len(secret) < minHMACSecret {
			return fmt.Errorf("token: secret %d of %d is shorter than %d bytes", i+1, len(secrets), minHMACSecret)
		}
		c.keys = append(c.keys, verifyKey{method: jwt.SigningMethodHS256, key: []byte(secret)})
	}
	return c.signWith(c.keys[0].method, c.keys[0].key, "")
}

func (c *Signed) useKeys(private crypto.Signer, kid string, public map[string]crypto.PublicKey) error {
	if private == nil && kid != "" {
		return errors.New("token: KeyID without a PrivateKey")
	}
	if private == nil && len(public) == 0 {
		return errors.New("token: no Secrets, PrivateKey or PublicKeys")
	}
	for id, key := range public {
		if id == "" {
			return errors.New("token: a public key needs a key id")
		}
		if id == kid {
			return fmt.Errorf("token: two keys have the key id %q", id)
		}
		method, err := methodOf(key)
		if err != nil {
			return fmt.Errorf("token: public key %q: %w", id, err)
		}
		c.keys = append(c.keys, verifyKey{id, method, key})
	}
	if private == nil {
		return nil
	}
	key, err := publicOf(private)
	if err != nil {
		return fmt.Errorf("token: private key: %w", err)
	}
	method, err := methodOf(key)
	if err != nil {
		return fmt.Errorf("token: private key: %w", err)
	}
	c.keys = append(c.keys, verifyKey{kid, method, key})
	return c.signWith(method, private, kid)
}

func (c *Signed) signWith(method jwt.SigningMethod, key any, kid string) error {
	header, err := json.Marshal(struct {
		Algorithm string `json:"alg"`
		KeyID     string `json:"kid,omitempty"`
		Type      string `json:"typ"`
	}{method.Alg(), kid, "JWT"})
	if err != nil {
		return fmt.Errorf("token: key id %q: %w", kid, err)
	}
	c.method, c.signKey = method, key
	c.header = base64url.EncodeToString(header) + "."
	return nil
}

// publicOf returns the public half of the keys that golang-jwt signs with.
func publicOf(private crypto.Signer) (crypto.PublicKey, error) {
	switch key := private.(type) {
	case *rsa.PrivateKey:
		if key != nil {
			return &key.PublicKey, nil
		}
	case *ecdsa.PrivateKey:
		if key != nil {
			return &key.PublicKey, nil
		}
	case ed25519.PrivateKey:
		if len(key) == ed25519.PrivateKeySize {
			return key.Public(), nil
		}
	}
	return nil, fmt.Errorf("%T is nil or not supported", private)
}

// methodOf returns the one algorithm that a public key is used with.
func methodOf(public crypto.PublicKey) (jwt.SigningMethod, error) {
	switch key := public.(type) {
	case *rsa.PublicKey:
		if key == nil || key.N == nil || key.N.BitLen() < minRSABits {
			return nil, fmt.Errorf("RSA key is shorter than %d bits", minRSABits)
		}
		return jwt.SigningMethodRS256, nil
	case *ecdsa.PublicKey:
		if key == nil || key.Curve != elliptic.P256() {
			return nil, errors.New("ECDSA key is not on P-256")
		}
		return jwt.SigningMethodES256, nil
	case ed25519.PublicKey:
		if len(key) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("Ed25519 key has %d bytes", len(key))
		}
		return jwt.SigningMethodEdDSA, nil
	}
	return nil, fmt.Errorf("%T is not supported", public)
}

// Seal signs the claims as they are; see [Codec]. Without a key that signs it returns
// an error.
func (c *Signed) Seal(_ context.Context, claims []byte) (string, error) {
	if c.signKey == nil {
		return "", errors.New("token: no private key to sign with")
	}
	if err := checkClaims(claims); err != nil {
		return "", err
	}
	text := c.header + base64url.EncodeToString(claims)
	signature, err := c.method.Sign(text, c.signKey)
	if err != nil {
		return "", fmt.Errorf("token: sign: %w", err)
	}
	token := text + "." + base64url.EncodeToString(signature)
	if len(token) > MaxSize {
		return "", ErrTooLarge
	}
	return token, nil
}

// Open verifies the signature with a key of the configuration, and returns the claims;
// see [Codec].
func (c *Signed) Open(_ context.Context, token string) ([]byte, error) {
	if err := checkToken(token); err != nil {
		return nil, err
	}
	if strings.IndexByte(token, '.') > maxHeader {
		return nil, errFormat
	}
	if len(c.keys) == 0 {
		return nil, errKey
	}
	var claims rawClaims
	if _, err := c.parser.ParseWithClaims(token, &claims, c.keysFor); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrInvalid, err)
	}
	if claims.raw == nil { // null
		return nil, errFormat
	}
	return claims.raw, nil
}

// keysFor picks the keys for a token by its algorithm and "kid". The parser has
// already refused algorithms that no key has.
func (c *Signed) keysFor(t *jwt.Token) (any, error) {
	if _, ok := t.Header["crit"]; ok {
		return nil, errors.New("critical header")
	}
	if typ, ok := t.Header["typ"]; ok {
		if name, _ := typ.(string); !strings.EqualFold(name, "JWT") {
			return nil, errors.New("not of type JWT")
		}
	}
	kid, named := t.Header["kid"]
	var set jwt.VerificationKeySet
	for _, k := range c.keys {
		if k.method.Alg() != t.Method.Alg() || named && (k.kid == "" || k.kid != kid) {
			continue
		}
		set.Keys = append(set.Keys, k.key)
	}
	return set, nil // the parser refuses an empty set
}

// rawClaims takes the bytes of the claims from the parser. The parser reads no
// claim, so the embedded interface is nil.
type rawClaims struct {
	jwt.Claims
	raw []byte
}

// UnmarshalJSON copies the bytes; the parser has checked that they are JSON.
func (c *rawClaims) UnmarshalJSON(raw []byte) error {
	c.raw = slices.Clone(raw)
	return nil
}
