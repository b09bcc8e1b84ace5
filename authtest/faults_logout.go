package authtest

import (
	"encoding/pem"
	"time"
)

// logoutFaults are the faults of a logout token.
func logoutFaults() []spec {
	change := func(f Fault, name string, o Outcome, effect onIDToken) spec {
		return spec{f, "logout-token/" + name, o, []any{onLogoutToken(effect)}}
	}
	return []spec{
		change(LogoutBadSignature, "bad-signature", Refused, rewritten(flipSignature)),
		change(LogoutForeignKey, "foreign-key", Refused, func(p *Provider, t *draft) {
			t.key = p.foreignKey().private
		}),
		change(LogoutAlgNone, "alg-none", Refused, unsigned("none")),
		change(LogoutWrongAlg, "wrong-alg", Refused, func(p *Provider, t *draft) {
			t.signHS256([]byte(p.cfg.ClientSecret))
		}),
		change(LogoutHS256PEM, "hs256-pem", Refused, func(_ *Provider, t *draft) {
			t.signHS256(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: t.signer.der()}))
		}),
		change(LogoutNoEvent, "no-event", Refused, withoutClaim("events")),
		change(LogoutWrongEvent, "wrong-event", Refused, claim("events", map[string]any{"urn:example:another-event": map[string]any{}})),
		change(LogoutEventString, "event-string", Refused, claim("events", map[string]any{logoutEvent: "yes"})),
		change(LogoutWithNonce, "with-nonce", Refused, claim("nonce", "the-nonce-of-a-sign-in")),
		change(LogoutWrongIssuer, "wrong-issuer", Refused, claim("iss", "https://other.example")),
		change(LogoutNoIssuer, "no-issuer", Refused, withoutClaim("iss")),
		change(LogoutWrongAudience, "wrong-audience", Refused, claim("aud", "another-application")),
		change(LogoutNoAudience, "no-audience", Refused, withoutClaim("aud")),
		change(LogoutExpired, "expired", Refused, func(_ *Provider, t *draft) {
			t.claims["iat"] = t.now.Add(-5 * time.Minute).Unix()
			t.claims["exp"] = t.now.Add(-3 * time.Minute).Unix()
		}),
		change(LogoutNoExpiry, "no-expiry", Refused, withoutClaim("exp")),
		change(LogoutIssuedInFuture, "issued-in-future", Refused, func(_ *Provider, t *draft) {
			t.claims["iat"] = t.now.Add(5 * time.Minute).Unix()
			t.claims["exp"] = t.now.Add(7 * time.Minute).Unix()
		}),
		change(LogoutIssuedLongAgo, "issued-long-ago", Refused, func(_ *Provider, t *draft) {
			t.claims["iat"] = t.now.Add(-24 * time.Hour).Unix()
		}),
		change(LogoutNoIssuedAt, "no-issued-at", Refused, withoutClaim("iat")),
		change(LogoutNoID, "no-id", Refused, withoutClaim("jti")),
		change(LogoutNoSubjectNoSession, "no-subject-no-session", Refused, func(_ *Provider, t *draft) {
			delete(t.claims, "sub")
			delete(t.claims, "sid")
		}),
		change(LogoutSessionNumber, "session-number", Refused, claim("sid", 42)),
		change(LogoutIDToken, "id-token", Refused, func(p *Provider, t *draft) {
			t.header["typ"] = "JWT"
			delete(t.claims, "events")
			delete(t.claims, "jti")
			t.claims["azp"] = p.cfg.ClientID
			t.claims["nonce"] = "the-nonce-of-a-sign-in"
			t.claims["auth_time"] = t.now.Unix()
		}),
		change(LogoutWrongType, "wrong-type", Refused, header("typ", "at+jwt")),
		change(LogoutTypeJWT, "type-jwt", Accepted, header("typ", "JWT")),
		change(LogoutClockAhead, "clock-ahead", Accepted, func(_ *Provider, t *draft) {
			t.claims["iat"] = t.now.Add(5 * time.Second).Unix()
		}),
	}
}
