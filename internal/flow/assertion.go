package flow

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/nuxtauth/nuxtauth/provider"
)

// assertionLifetime is the lifetime of a client assertion, which is used for one request.
const assertionLifetime = time.Minute

// assertion returns a JWT for client authentication at the token endpoint (RFC 7523
// §3, OpenID Connect Core §9).
func (f *Flow) assertion(method provider.AuthMethod, tokenURL string) (string, error) {
	now := f.now()
	claims := jwt.MapClaims{
		"iss": f.provider.ClientID,
		"sub": f.provider.ClientID,
		"aud": tokenURL,
		"jti": rand.Text(),
		"iat": now.Unix(),
		"exp": now.Add(assertionLifetime).Unix(),
	}
	if method == provider.ClientSecretJWT {
		return jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(f.provider.ClientSecret))
	}

	signing, err := methodOf(f.provider.SigningKey)
	if err != nil {
		return "", err
	}
	token := jwt.NewWithClaims(signing, claims)
	if f.provider.SigningKeyID != "" {
		token.Header["kid"] = f.provider.SigningKeyID
	}
	text, _ := token.SigningString() // strings and numbers are JSON
	signature, err := sign(f.provider.SigningKey, text)
	if err != nil {
		return "", err
	}
	return text + "." + token.EncodeSegment(signature), nil
}

// methodOf returns the signature algorithm of a key.
func methodOf(key crypto.Signer) (jwt.SigningMethod, error) {
	if key == nil {
		return nil, errors.New("there is no SigningKey")
	}
	switch public := key.Public().(type) {
	case *rsa.PublicKey:
		return jwt.SigningMethodRS256, nil
	case *ecdsa.PublicKey:
		return jwt.SigningMethodES256, nil
	case ed25519.PublicKey:
		return jwt.SigningMethodEdDSA, nil
	default:
		return nil, fmt.Errorf("a key of type %T is not supported", public)
	}
}

// sign returns the signature of text. Unlike golang-jwt, which requires RSA and ECDSA
// keys in memory, it supports every crypto.Signer, such as one of a key management
// service.
func sign(key crypto.Signer, text string) ([]byte, error) {
	if _, ok := key.Public().(ed25519.PublicKey); ok {
		return key.Sign(rand.Reader, []byte(text), crypto.Hash(0))
	}
	digest := sha256.Sum256([]byte(text))
	signature, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	if _, ok := key.Public().(*ecdsa.PublicKey); !ok {
		return signature, nil
	}

	// A JWS concatenates the two numbers (RFC 7518 §3.4), a Signer returns ASN.1.
	var pair struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(signature, &pair); err != nil {
		return nil, err
	}
	if pair.R.Sign() <= 0 || pair.S.Sign() <= 0 || pair.R.BitLen() > 256 || pair.S.BitLen() > 256 {
		return nil, errors.New("the signature is not of P-256")
	}
	raw := make([]byte, 64)
	pair.R.FillBytes(raw[:32])
	pair.S.FillBytes(raw[32:])
	return raw, nil
}
