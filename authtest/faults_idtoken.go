package authtest

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/nuxtauth/nuxtauth/authtest/hostile"
)

// signatureFaults are the faults of an ID token's header and signature.
func signatureFaults() []spec {
	change := func(f hostile.Fault, effect onIDToken, more ...any) spec {
		return spec{f, append([]any{effect}, more...)}
	}
	return []spec{
		change(hostile.IDTokenBadSignature, rewritten(flipSignature)),
		change(hostile.IDTokenNoSignature, rewritten(cutSignature)),
		change(hostile.IDTokenForeignKey, func(p *IDP, t *draft) {
			t.key = p.foreignKey().private
		}),
		change(hostile.IDTokenAlgNone, unsigned("none")),
		change(hostile.IDTokenAlgNoneUpperCase, unsigned("NONE")),
		change(hostile.IDTokenAlgNoneMixedCase, unsigned("nOnE")),
		change(hostile.IDTokenAlgUnannounced, func(p *IDP, t *draft) {
			t.signWith(p.otherKey())
		}, onJWKS(func(p *IDP, keys []map[string]any) []map[string]any {
			return append(keys, p.otherKey().jwk())
		})),
		change(hostile.IDTokenHS256PEM, func(_ *IDP, t *draft) {
			t.signHS256(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: t.signer.der()}))
		}),
		change(hostile.IDTokenHS256DER, func(_ *IDP, t *draft) {
			t.signHS256(t.signer.der())
		}),
		change(hostile.IDTokenHS256Number, func(_ *IDP, t *draft) {
			t.signHS256(t.signer.number())
		}),
		change(hostile.IDTokenHS256ClientSecret, func(p *IDP, t *draft) {
			t.signHS256([]byte(p.cfg.ClientSecret))
		}),
		change(hostile.IDTokenKidUnknown, header("kid", "unknown-key")),
		change(hostile.IDTokenKidAbsent, withoutHeader("kid")),
		change(hostile.IDTokenKidAbsentManyKeys, withoutHeader("kid"),
			onJWKS(func(p *IDP, keys []map[string]any) []map[string]any {
				return append([]map[string]any{p.foreignKey().jwk(), p.otherKey().jwk()}, keys...)
			})),
		change(hostile.IDTokenHeaderJWK, func(p *IDP, t *draft) {
			t.signWith(p.foreignKey())
			t.header["jwk"] = p.foreignKey().jwk()
		}),
		change(hostile.IDTokenHeaderJKU, func(p *IDP, t *draft) {
			t.signWith(p.foreignKey())
			t.header["jku"] = p.url(attackerKeysPath)
		}),
		change(hostile.IDTokenHeaderX5C, func(p *IDP, t *draft) {
			t.signWith(p.foreignKey())
			t.header["x5c"] = []string{base64.StdEncoding.EncodeToString(p.foreignKey().certificate(t.now))}
		}),
		change(hostile.IDTokenHeaderX5U, func(p *IDP, t *draft) {
			t.signWith(p.foreignKey())
			t.header["x5u"] = p.url(attackerCertPath)
		}),
		change(hostile.IDTokenCritUnknown, func(_ *IDP, t *draft) {
			t.header["crit"] = []string{"urn:example:unknown"}
			t.header["urn:example:unknown"] = true
		}),
	}
}

// claimFaults are the faults of an ID token's claims.
func claimFaults() []spec {
	change := func(f hostile.Fault, effect onIDToken) spec {
		return spec{f, []any{effect}}
	}
	return []spec{
		change(hostile.IDTokenWrongIssuer, claim("iss", "https://other.example")),
		change(hostile.IDTokenIssuerSlash, func(p *IDP, t *draft) {
			t.claims["iss"] = p.cfg.Issuer + "/"
		}),
		change(hostile.IDTokenNoIssuer, withoutClaim("iss")),
		change(hostile.IDTokenWrongAudience, claim("aud", "another-application")),
		change(hostile.IDTokenAudiencePrefix, func(p *IDP, t *draft) {
			t.claims["aud"] = p.cfg.ClientID + "-2"
		}),
		change(hostile.IDTokenAudienceNumber, claim("aud", 42)),
		change(hostile.IDTokenNoAudience, withoutClaim("aud")),
		change(hostile.IDTokenAudienceArray, func(p *IDP, t *draft) {
			t.claims["aud"] = []string{p.cfg.ClientID}
		}),
		change(hostile.IDTokenAudienceArrayNoAzp, func(p *IDP, t *draft) {
			t.claims["aud"] = []string{p.cfg.ClientID, "another-application"}
			delete(t.claims, "azp")
		}),
		change(hostile.IDTokenWrongAzp, claim("azp", "another-application")),
		change(hostile.IDTokenWrongNonce, claim("nonce", "the-nonce-of-another-sign-in-12345678901")),
		change(hostile.IDTokenNoNonce, withoutClaim("nonce")),
		change(hostile.IDTokenEmptyNonce, claim("nonce", "")),
		change(hostile.IDTokenNullNonce, claim("nonce", nil)),
		change(hostile.IDTokenNoSubject, withoutClaim("sub")),
		change(hostile.IDTokenEmptySubject, claim("sub", "")),
		change(hostile.IDTokenSubjectNumber, claim("sub", 42)),
		change(hostile.IDTokenNoExpiry, withoutClaim("exp")),
		change(hostile.IDTokenExpiryString, func(_ *IDP, t *draft) {
			t.claims["exp"] = t.now.Add(time.Hour).UTC().Format(time.RFC3339)
		}),
		change(hostile.IDTokenExpired, func(_ *IDP, t *draft) {
			t.claims["iat"] = t.now.Add(-2 * time.Hour).Unix()
			t.claims["exp"] = t.now.Add(-time.Hour).Unix()
		}),
		change(hostile.IDTokenJustExpired, func(_ *IDP, t *draft) {
			t.claims["iat"] = t.now.Add(-time.Hour).Unix()
			t.claims["exp"] = t.now.Add(-5 * time.Second).Unix()
		}),
		change(hostile.IDTokenNoIssuedAt, withoutClaim("iat")),
		change(hostile.IDTokenIssuedInFuture, func(_ *IDP, t *draft) {
			t.claims["iat"] = t.now.Add(24 * time.Hour).Unix()
			t.claims["exp"] = t.now.Add(25 * time.Hour).Unix()
		}),
		change(hostile.IDTokenNotBeforeFuture, func(_ *IDP, t *draft) {
			t.claims["nbf"] = t.now.Add(time.Hour).Unix()
		}),
		change(hostile.IDTokenClockAhead, func(_ *IDP, t *draft) {
			t.claims["iat"] = t.now.Add(5 * time.Second).Unix()
			t.claims["nbf"] = t.now.Add(5 * time.Second).Unix()
		}),
		change(hostile.IDTokenWrongAccessTokenHash, func(_ *IDP, t *draft) {
			t.claims["at_hash"] = t.signer.accessTokenHash("another access token")
		}),
		change(hostile.IDTokenNoAccessTokenHash, withoutClaim("at_hash")),
		change(hostile.RefreshWrongIssuer, whenRefreshed("iss", "https://other.example")),
		change(hostile.RefreshWrongSubject, whenRefreshed("sub", "another-user")),
	}
}

func claim(name string, value any) onIDToken {
	return func(_ *IDP, t *draft) { t.claims[name] = value }
}

func withoutClaim(name string) onIDToken {
	return func(_ *IDP, t *draft) { delete(t.claims, name) }
}

func whenRefreshed(name string, value any) onIDToken {
	return func(_ *IDP, t *draft) {
		if t.refreshed {
			t.claims[name] = value
		}
	}
}

func header(name string, value any) onIDToken {
	return func(_ *IDP, t *draft) { t.header[name] = value }
}

func withoutHeader(name string) onIDToken {
	return func(_ *IDP, t *draft) { delete(t.header, name) }
}

func unsigned(alg string) onIDToken {
	return func(_ *IDP, t *draft) {
		t.header["alg"] = alg
		t.method, t.key = jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType
	}
}

func rewritten(rewrite func(compact string) string) onIDToken {
	return func(_ *IDP, t *draft) { t.rewrite = rewrite }
}

// signWith sets the key of the ID token, and its algorithm and ID in the header.
func (t *draft) signWith(k *signingKey) {
	t.method, t.key = k.method, k.private
	t.header["alg"], t.header["kid"] = k.method.Alg(), k.id
}

// signHS256 makes the ID token one that is signed with a secret, with the key ID of the public key.
func (t *draft) signHS256(secret []byte) {
	t.method, t.key = jwt.SigningMethodHS256, secret
	t.header["alg"] = t.method.Alg()
}

// flipSignature flips a bit in the middle of the signature, since some bits of the last
// character are padding.
func flipSignature(compact string) string {
	signed, encoded := cutLast(compact)
	signature, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || len(signature) == 0 {
		return compact
	}
	signature[len(signature)/2] ^= 1
	return signed + "." + base64URL(signature)
}

func cutSignature(compact string) string {
	signed, _ := cutLast(compact)
	return signed + "."
}

// cutLast cuts a compact JWS before its signature.
func cutLast(compact string) (signed, signature string) {
	i := strings.LastIndexByte(compact, '.')
	if i < 0 {
		return compact, ""
	}
	return compact[:i], compact[i+1:]
}

// der returns the public key as a SubjectPublicKeyInfo.
func (k *signingKey) der() []byte {
	der, _ := x509.MarshalPKIXPublicKey(k.private.Public()) // no error for these kinds of keys
	return der
}

// number returns the number of the public key: the RSA modulus, the point of the curve,
// or the Ed25519 key.
func (k *signingKey) number() []byte {
	switch public := k.private.Public().(type) {
	case *rsa.PublicKey:
		return public.N.Bytes()
	case *ecdsa.PublicKey:
		point, _ := public.Bytes()
		return point
	case ed25519.PublicKey:
		return public
	}
	return nil
}

// certificate returns a self-signed certificate of the key, as DER.
func (k *signingKey) certificate(now time.Time) []byte {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "attacker.example"},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(24 * time.Hour),
	}
	der, _ := x509.CreateCertificate(rand.Reader, template, template, k.private.Public(), k.private)
	return der
}

// attackerKeys serves the key set at the URL of a forged "jku".
func (p *IDP) attackerKeys(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"keys": []any{p.foreignKey().jwk()}})
}

// attackerCert serves the certificate at the URL of a forged "x5u".
func (p *IDP) attackerCert(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/x-pem-file")
	pem.Encode(w, &pem.Block{Type: "CERTIFICATE", Bytes: p.foreignKey().certificate(p.now())})
}
