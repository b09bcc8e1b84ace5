package authtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"math/big"

	"github.com/golang-jwt/jwt/v5"
)

// signingKey signs ID tokens and logout tokens.
type signingKey struct {
	id      string // "kid"
	method  jwt.SigningMethod
	private crypto.Signer
}

// newSigningKey generates a key for RS256, ES256 or EdDSA.
func newSigningKey(alg string) (*signingKey, error) {
	k := &signingKey{id: rand.Text()[:10]}
	var err error
	switch alg {
	case "RS256":
		k.method = jwt.SigningMethodRS256
		k.private, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ES256":
		k.method = jwt.SigningMethodES256
		k.private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "EdDSA":
		k.method = jwt.SigningMethodEdDSA
		_, k.private, err = ed25519.GenerateKey(rand.Reader)
	default:
		return nil, fmt.Errorf("SigningAlgorithm %q is not RS256, ES256 or EdDSA", alg)
	}
	if err != nil {
		return nil, fmt.Errorf("generate a %s key: %w", alg, err)
	}
	return k, nil
}

// jwk returns the public key as a JSON Web Key (RFC 7517, RFC 8037).
func (k *signingKey) jwk() map[string]any {
	jwk := map[string]any{"kid": k.id, "use": "sig", "alg": k.method.Alg()}
	switch public := k.private.Public().(type) {
	case *rsa.PublicKey:
		jwk["kty"] = "RSA"
		jwk["n"] = base64URL(public.N.Bytes())
		jwk["e"] = base64URL(big.NewInt(int64(public.E)).Bytes())
	case *ecdsa.PublicKey:
		point, _ := public.Bytes() // no error for a generated key
		jwk["kty"], jwk["crv"] = "EC", "P-256"
		jwk["x"] = base64URL(point[1:33]) // after the byte for "uncompressed" (SEC 1 §2.3.3)
		jwk["y"] = base64URL(point[33:])
	case ed25519.PublicKey:
		jwk["kty"], jwk["crv"] = "OKP", "Ed25519"
		jwk["x"] = base64URL(public)
	}
	return jwk
}

// accessTokenHash returns the "at_hash" for an ID token that this key signs: the left
// half of the access token's hash (OpenID Connect Core §3.1.3.6), which is SHA-512 for
// Ed25519.
func (k *signingKey) accessTokenHash(accessToken string) string {
	if k.method == jwt.SigningMethodEdDSA {
		sum := sha512.Sum512([]byte(accessToken))
		return base64URL(sum[:len(sum)/2])
	}
	sum := sha256.Sum256([]byte(accessToken))
	return base64URL(sum[:len(sum)/2])
}

// rotateKey replaces the signing key. The old key is removed from the key set at once,
// so that a client that fetches the set again can't verify tokens of the old key.
func (p *IDP) rotateKey() {
	key, err := newSigningKey(p.cfg.SigningAlgorithm)
	if err != nil {
		return // not possible: NewIDP has generated a key for the same algorithm
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.key = key
}

// signer returns the current signing key.
func (p *IDP) signer() *signingKey {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.key
}

// foreignKey returns a key of the same algorithm that is not the provider's.
func (p *IDP) foreignKey() *signingKey { return p.extraKey(p.cfg.SigningAlgorithm) }

// otherKey returns a key of an algorithm that is not in the provider's metadata.
func (p *IDP) otherKey() *signingKey {
	if p.cfg.SigningAlgorithm == "ES256" {
		return p.extraKey("EdDSA")
	}
	return p.extraKey("ES256")
}

// extraKey returns the key of an algorithm for faults, which is generated once.
func (p *IDP) extraKey(alg string) *signingKey {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.extraKeys[alg] == nil {
		p.extraKeys[alg], _ = newSigningKey(alg) // no error for these algorithms
	}
	return p.extraKeys[alg]
}

func base64URL(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
