package authtest

import (
	"encoding/pem"
	"time"

	"github.com/nuxtauth/nuxtauth/authtest/hostile"
)

// logoutFaults returns the effects of the faults of a logout token.
func logoutFaults() map[hostile.LogoutFault]onIDToken {
	return map[hostile.LogoutFault]onIDToken{
		hostile.LogoutBadSignature: rewritten(flipSignature),
		hostile.LogoutForeignKey: func(p *IDP, t *draft) {
			t.key = p.foreignKey().private
		},
		hostile.LogoutAlgNone: unsigned("none"),
		hostile.LogoutWrongAlg: func(p *IDP, t *draft) {
			t.signHS256([]byte(p.cfg.ClientSecret))
		},
		hostile.LogoutHS256PEM: func(_ *IDP, t *draft) {
			t.signHS256(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: t.signer.der()}))
		},
		hostile.LogoutNoEvent:       withoutClaim("events"),
		hostile.LogoutWrongEvent:    claim("events", map[string]any{"urn:example:another-event": map[string]any{}}),
		hostile.LogoutEventString:   claim("events", map[string]any{logoutEvent: "yes"}),
		hostile.LogoutWithNonce:     claim("nonce", "the-nonce-of-a-sign-in"),
		hostile.LogoutWrongIssuer:   claim("iss", "https://other.example"),
		hostile.LogoutNoIssuer:      withoutClaim("iss"),
		hostile.LogoutWrongAudience: claim("aud", "another-application"),
		hostile.LogoutNoAudience:    withoutClaim("aud"),
		hostile.LogoutExpired: func(_ *IDP, t *draft) {
			t.claims["iat"] = t.now.Add(-5 * time.Minute).Unix()
			t.claims["exp"] = t.now.Add(-3 * time.Minute).Unix()
		},
		hostile.LogoutNoExpiry: withoutClaim("exp"),
		hostile.LogoutIssuedInFuture: func(_ *IDP, t *draft) {
			t.claims["iat"] = t.now.Add(5 * time.Minute).Unix()
			t.claims["exp"] = t.now.Add(7 * time.Minute).Unix()
		},
		hostile.LogoutIssuedLongAgo: func(_ *IDP, t *draft) {
			t.claims["iat"] = t.now.Add(-24 * time.Hour).Unix()
		},
		hostile.LogoutNoIssuedAt: withoutClaim("iat"),
		hostile.LogoutNoID:       withoutClaim("jti"),
		hostile.LogoutNoSubjectNoSession: func(_ *IDP, t *draft) {
			delete(t.claims, "sub")
			delete(t.claims, "sid")
		},
		hostile.LogoutSessionNumber: claim("sid", 42),
		hostile.LogoutIDToken: func(p *IDP, t *draft) {
			t.header["typ"] = "JWT"
			delete(t.claims, "events")
			delete(t.claims, "jti")
			t.claims["azp"] = p.cfg.ClientID
			t.claims["nonce"] = "the-nonce-of-a-sign-in"
			t.claims["auth_time"] = t.now.Unix()
		},
		hostile.LogoutWrongType: header("typ", "at+jwt"),
		hostile.LogoutTypeJWT:   header("typ", "JWT"),
		hostile.LogoutClockAhead: func(_ *IDP, t *draft) {
			t.claims["iat"] = t.now.Add(5 * time.Second).Unix()
		},
	}
}
