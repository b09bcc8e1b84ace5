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

// A signingKey signs ID tokens.
type signingKey struct {
	id      string // "kid"
	method  jwt.SigningMethod
	private crypto.Signer
}

// newSigningKey makes a key for RS256, ES256 or EdDSA.
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
		return nil, fmt.Errorf("make a %s key: %w", alg, err)
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
		point, _ := public.Bytes() // fails only for a key without a point; this one was generated
		jwk["kty"], jwk["crv"] = "EC", "P-256"
		jwk["x"] = base64URL(point[1:33]) // after the byte that says "uncompressed" (SEC 1 §2.3.3)
		jwk["y"] = base64URL(point[33:])
	case ed25519.PublicKey:
		jwk["kty"], jwk["crv"] = "OKP", "Ed25519"
		jwk["x"] = base64URL(public)
	}
	return jwk
}

// accessTokenHash is the "at_hash" for an ID token signed by this key: the left
// half of the access token's hash (OpenID Connect Core §3.1.3.6). Ed25519
// hashes with SHA-512.
func (k *signingKey) accessTokenHash(accessToken string) string {
	if k.method == jwt.SigningMethodEdDSA {
		sum := sha512.Sum512([]byte(accessToken))
		return base64URL(sum[:len(sum)/2])
	}
	sum := sha256.Sum256([]byte(accessToken))
	return base64URL(sum[:len(sum)/2])
}

// RotateKey makes the provider sign with a new key from now on. The old one is
// withdrawn: it leaves the key set at once, and so do the ID tokens that it
// signed for everybody who fetches the set anew.
func (p *Provider) RotateKey() {
	key, err := newSigningKey(p.cfg.SigningAlgorithm)
	if err != nil {
		return // NewProvider has made a key for the same algorithm
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.key = key
}

// signer returns the key that signs now.
func (p *Provider) signer() *signingKey {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.key
}

// foreignKey returns a key of the same algorithm that is not the provider's.
func (p *Provider) foreignKey() *signingKey { return p.extraKey(p.cfg.SigningAlgorithm) }

// otherKey returns a key of an algorithm that the provider does not announce.
func (p *Provider) otherKey() *signingKey {
	if p.cfg.SigningAlgorithm == "ES256" {
		return p.extraKey("EdDSA")
	}
	return p.extraKey("ES256")
}

// extraKey returns the key for this algorithm that faults use, always the same.
func (p *Provider) extraKey(alg string) *signingKey {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.extraKeys[alg] == nil {
		p.extraKeys[alg], _ = newSigningKey(alg) // alg is known to be one that newSigningKey can make
	}
	return p.extraKeys[alg]
}

func base64URL(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
