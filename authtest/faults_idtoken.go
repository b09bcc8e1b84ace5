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
)

// signatureFaults are the faults of an ID token's header and signature.
func signatureFaults() []spec {
	change := func(f Fault, name string, o Outcome, effect onIDToken, more ...any) spec {
		return spec{f, "id-token/" + name, o, append([]any{effect}, more...)}
	}
	return []spec{
		change(IDTokenBadSignature, "bad-signature", Refused, rewritten(flipSignature)),
		change(IDTokenNoSignature, "no-signature", Refused, rewritten(cutSignature)),
		change(IDTokenForeignKey, "foreign-key", Refused, func(p *Provider, t *draft) {
			t.key = p.foreignKey().private
		}),
		change(IDTokenAlgNone, "alg-none", Refused, unsigned("none")),
		change(IDTokenAlgNoneUpperCase, "alg-none-upper-case", Refused, unsigned("NONE")),
		change(IDTokenAlgNoneMixedCase, "alg-none-mixed-case", Refused, unsigned("nOnE")),
		change(IDTokenAlgUnannounced, "alg-unannounced", Refused, func(p *Provider, t *draft) {
			t.signWith(p.otherKey())
		}, onJWKS(func(p *Provider, keys []map[string]any) []map[string]any {
			return append(keys, p.otherKey().jwk())
		})),
		change(IDTokenHS256PEM, "hs256-pem", Refused, func(_ *Provider, t *draft) {
			t.signHS256(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: t.signer.der()}))
		}),
		change(IDTokenHS256DER, "hs256-der", Refused, func(_ *Provider, t *draft) {
			t.signHS256(t.signer.der())
		}),
		change(IDTokenHS256Number, "hs256-number", Refused, func(_ *Provider, t *draft) {
			t.signHS256(t.signer.number())
		}),
		change(IDTokenHS256ClientSecret, "hs256-client-secret", Refused, func(p *Provider, t *draft) {
			t.signHS256([]byte(p.cfg.ClientSecret))
		}),
		change(IDTokenKidUnknown, "kid-unknown", Refused, header("kid", "unknown-key")),
		change(IDTokenKidAbsent, "kid-absent", Accepted, withoutHeader("kid")),
		change(IDTokenKidAbsentManyKeys, "kid-absent-many-keys", Either, withoutHeader("kid"),
			onJWKS(func(p *Provider, keys []map[string]any) []map[string]any {
				return append([]map[string]any{p.foreignKey().jwk(), p.otherKey().jwk()}, keys...)
			})),
		change(IDTokenHeaderJWK, "header-jwk", Refused, func(p *Provider, t *draft) {
			t.signWith(p.foreignKey())
			t.header["jwk"] = p.foreignKey().jwk()
		}),
		change(IDTokenHeaderJKU, "header-jku", Refused, func(p *Provider, t *draft) {
			t.signWith(p.foreignKey())
			t.header["jku"] = p.url(attackerKeysPath)
		}),
		change(IDTokenHeaderX5C, "header-x5c", Refused, func(p *Provider, t *draft) {
			t.signWith(p.foreignKey())
			t.header["x5c"] = []string{base64.StdEncoding.EncodeToString(p.foreignKey().certificate(t.now))}
		}),
		change(IDTokenHeaderX5U, "header-x5u", Refused, func(p *Provider, t *draft) {
			t.signWith(p.foreignKey())
			t.header["x5u"] = p.url(attackerCertPath)
		}),
		change(IDTokenCritUnknown, "crit-unknown", Refused, func(_ *Provider, t *draft) {
			t.header["crit"] = []string{"urn:example:unknown"}
			t.header["urn:example:unknown"] = true
		}),
	}
}

// claimFaults are the faults of an ID token's claims.
func claimFaults() []spec {
	change := func(f Fault, name string, o Outcome, effect onIDToken) spec {
		return spec{f, "id-token/" + name, o, []any{effect}}
	}
	return []spec{
		change(IDTokenWrongIssuer, "wrong-issuer", Refused, claim("iss", "https://other.example")),
		change(IDTokenIssuerSlash, "issuer-slash", Refused, func(p *Provider, t *draft) {
			t.claims["iss"] = p.cfg.Issuer + "/"
		}),
		change(IDTokenNoIssuer, "no-issuer", Refused, withoutClaim("iss")),
		change(IDTokenWrongAudience, "wrong-audience", Refused, claim("aud", "another-application")),
		change(IDTokenAudiencePrefix, "audience-prefix", Refused, func(p *Provider, t *draft) {
			t.claims["aud"] = p.cfg.ClientID + "-2"
		}),
		change(IDTokenAudienceNumber, "audience-number", Refused, claim("aud", 42)),
		change(IDTokenNoAudience, "no-audience", Refused, withoutClaim("aud")),
		change(IDTokenAudienceArray, "audience-array", Accepted, func(p *Provider, t *draft) {
			t.claims["aud"] = []string{p.cfg.ClientID}
		}),
		change(IDTokenAudienceArrayNoAzp, "audience-array-no-azp", Refused, func(p *Provider, t *draft) {
			t.claims["aud"] = []string{p.cfg.ClientID, "another-application"}
			delete(t.claims, "azp")
		}),
		change(IDTokenWrongAzp, "wrong-azp", Refused, claim("azp", "another-application")),
		change(IDTokenWrongNonce, "wrong-nonce", Refused, claim("nonce", "the-nonce-of-another-sign-in-12345678901")),
		change(IDTokenNoNonce, "no-nonce", Refused, withoutClaim("nonce")),
		change(IDTokenEmptyNonce, "empty-nonce", Refused, claim("nonce", "")),
		change(IDTokenNullNonce, "null-nonce", Refused, claim("nonce", nil)),
		change(IDTokenNoSubject, "no-subject", Refused, withoutClaim("sub")),
		change(IDTokenEmptySubject, "empty-subject", Refused, claim("sub", "")),
		change(IDTokenSubjectNumber, "subject-number", Refused, claim("sub", 42)),
		change(IDTokenNoExpiry, "no-expiry", Refused, withoutClaim("exp")),
		change(IDTokenExpiryString, "expiry-string", Refused, func(_ *Provider, t *draft) {
			t.claims["exp"] = t.now.Add(time.Hour).UTC().Format(time.RFC3339)
		}),
		change(IDTokenExpired, "expired", Refused, func(_ *Provider, t *draft) {
			t.claims["iat"] = t.now.Add(-2 * time.Hour).Unix()
			t.claims["exp"] = t.now.Add(-time.Hour).Unix()
		}),
		change(IDTokenJustExpired, "just-expired", Accepted, func(_ *Provider, t *draft) {
			t.claims["iat"] = t.now.Add(-time.Hour).Unix()
			t.claims["exp"] = t.now.Add(-5 * time.Second).Unix()
		}),
		change(IDTokenNoIssuedAt, "no-issued-at", Refused, withoutClaim("iat")),
		change(IDTokenIssuedInFuture, "issued-in-future", Refused, func(_ *Provider, t *draft) {
			t.claims["iat"] = t.now.Add(24 * time.Hour).Unix()
			t.claims["exp"] = t.now.Add(25 * time.Hour).Unix()
		}),
		change(IDTokenNotBeforeFuture, "not-before-future", Refused, func(_ *Provider, t *draft) {
			t.claims["nbf"] = t.now.Add(time.Hour).Unix()
		}),
		change(IDTokenClockAhead, "clock-ahead", Accepted, func(_ *Provider, t *draft) {
			t.claims["iat"] = t.now.Add(5 * time.Second).Unix()
			t.claims["nbf"] = t.now.Add(5 * time.Second).Unix()
		}),
		change(IDTokenWrongAccessTokenHash, "wrong-at-hash", Refused, func(_ *Provider, t *draft) {
			t.claims["at_hash"] = t.signer.accessTokenHash("another access token")
		}),
		change(IDTokenNoAccessTokenHash, "no-at-hash", Accepted, withoutClaim("at_hash")),
		change(RefreshWrongIssuer, "refreshed-wrong-issuer", Refused, whenRefreshed("iss", "https://other.example")),
		change(RefreshWrongSubject, "refreshed-wrong-subject", Refused, whenRefreshed("sub", "another-user")),
	}
}

func claim(name string, value any) onIDToken {
	return func(_ *Provider, t *draft) { t.claims[name] = value }
}

func withoutClaim(name string) onIDToken {
	return func(_ *Provider, t *draft) { delete(t.claims, name) }
}

func whenRefreshed(name string, value any) onIDToken {
	return func(_ *Provider, t *draft) {
		if t.refreshed {
			t.claims[name] = value
		}
	}
}

func header(name string, value any) onIDToken {
	return func(_ *Provider, t *draft) { t.header[name] = value }
}

func withoutHeader(name string) onIDToken {
	return func(_ *Provider, t *draft) { delete(t.header, name) }
}

func unsigned(alg string) onIDToken {
	return func(_ *Provider, t *draft) {
		t.header["alg"] = alg
		t.method, t.key = jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType
	}
}

func rewritten(rewrite func(compact string) string) onIDToken {
	return func(_ *Provider, t *draft) { t.rewrite = rewrite }
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
func (p *Provider) attackerKeys(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"keys": []any{p.foreignKey().jwk()}})
}

// attackerCert serves the certificate at the URL of a forged "x5u".
func (p *Provider) attackerCert(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/x-pem-file")
	pem.Encode(w, &pem.Block{Type: "CERTIFICATE", Bytes: p.foreignKey().certificate(p.now())})
}
