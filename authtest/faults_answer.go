package authtest

import (
	"net/http"
	"net/url"
	"strings"
)

// authorizationFaults are the faults of the authorization response.
func authorizationFaults() []spec {
	response := func(f Fault, name string, effect onAuthorization) spec {
		return spec{f, "authorization/" + name, Refused, []any{effect}}
	}
	return []spec{
		response(AuthorizationWrongIssuer, "wrong-issuer", func(v url.Values) { v.Set("iss", "https://other.example") }),
		response(AuthorizationNoIssuer, "no-issuer", func(v url.Values) { v.Del("iss") }),
		response(AuthorizationErrorWithCode, "error-with-code", func(v url.Values) { v.Set("error", "access_denied") }),
		response(AuthorizationErrorMarkup, "error-markup", func(v url.Values) {
			v.Del("code")
			v.Set("error", "server_error")
			v.Set("error_description", `<script>alert("error_description")</script>`)
		}),
		response(AuthorizationNoState, "no-state", func(v url.Values) { v.Del("state") }),
		response(AuthorizationWrongState, "wrong-state", func(v url.Values) { v.Set("state", v.Get("state")+"x") }),
		response(AuthorizationNoCode, "no-code", func(v url.Values) { v.Del("code") }),
		response(AuthorizationWrongCode, "wrong-code", func(v url.Values) { v.Set("code", "another-code") }),
	}
}

// tokenFaults are the faults of the token endpoint.
func tokenFaults() []spec {
	change := func(f Fault, name string, o Outcome, effect onTokens) spec {
		return spec{f, "token/" + name, o, []any{effect}}
	}
	answer := func(f Fault, name string, a answer) spec {
		return spec{f, "token/" + name, Refused, []any{onEndpoint{tokenPath, a}}}
	}
	return []spec{
		change(TokenNoIDToken, "no-id-token", Refused, without("id_token")),
		change(TokenIDTokenGarbage, "id-token-garbage", Refused, member("id_token", "this.is.garbage")),
		change(TokenIDTokenNumber, "id-token-number", Refused, member("id_token", 42)),
		change(TokenIDTokenDots, "id-token-dots", Refused, func(response map[string]any) {
			response["id_token"] = strings.Repeat(".", 100_000)
		}),
		change(TokenNoAccessToken, "no-access-token", Refused, without("access_token")),
		change(TokenAccessNumber, "access-token-number", Refused, member("access_token", 42)),
		change(TokenTypeMAC, "type-mac", Refused, member("token_type", "mac")),
		change(TokenExpiresInString, "expires-in-string", Accepted, member("expires_in", "3600")),
		answer(TokenInvalidGrant, "invalid-grant", fixed(http.StatusBadRequest, "application/json", `{"error":"invalid_grant"}`)),
		answer(TokenErrorStatusOK, "error-status-ok", fixed(http.StatusOK, "application/json", `{"error":"bad_verification_code"}`)),
		answer(TokenServerError, "server-error", serverError),
		answer(TokenHTML, "html", htmlPage),
		answer(TokenNull, "null", fixed(http.StatusOK, "application/json", "null")),
		answer(TokenNoContent, "no-content", fixed(http.StatusNoContent, "", "")),
		answer(TokenTruncated, "truncated", truncated),
		answer(TokenCutOff, "cut-off", cutOff),
		answer(TokenHuge, "huge", huge),
		answer(TokenGzipBomb, "gzip-bomb", gzipBomb),
		answer(TokenRedirect, "redirect", redirect),
		answer(TokenSlow, "slow", slow),
		answer(TokenDrip, "drip", drip),
	}
}

// refreshFaults are the faults of the token endpoint for requests with a refresh token.
func refreshFaults() []spec {
	answer := func(f Fault, name string, a answer) spec {
		return spec{f, "refresh/" + name, Refused, []any{onEndpoint{tokenPath, onlyRefreshing(a)}}}
	}
	return []spec{
		answer(RefreshServerError, "server-error", serverError),
		answer(RefreshInvalidGrant, "invalid-grant", fixed(http.StatusBadRequest, "application/json", `{"error":"invalid_grant"}`)),
		answer(RefreshInvalidClient, "invalid-client", fixed(http.StatusUnauthorized, "application/json", `{"error":"invalid_client"}`)),
		answer(RefreshGarbage, "garbage", htmlPage),
		answer(RefreshSlow, "slow", slow),
		{RefreshNotRotated, "refresh/not-rotated", Accepted, []any{keepRefreshToken{}}},
	}
}

// userinfoFaults are the faults of the userinfo endpoint.
func userinfoFaults() []spec {
	change := func(f Fault, name string, effect onUserinfo) spec {
		return spec{f, "userinfo/" + name, Refused, []any{effect}}
	}
	answer := func(f Fault, name string, a answer) spec {
		return spec{f, "userinfo/" + name, Refused, []any{onEndpoint{userinfoPath, a}}}
	}
	return []spec{
		answer(UserinfoUnauthorized, "unauthorized", unauthorized),
		answer(UserinfoServerError, "server-error", serverError),
		change(UserinfoWrongSubject, "wrong-subject", member("sub", "another-user")),
		change(UserinfoNoSubject, "no-subject", without("sub")),
		answer(UserinfoHTML, "html", htmlPage),
		answer(UserinfoNull, "null", fixed(http.StatusOK, "application/json", "null")),
		answer(UserinfoHuge, "huge", huge),
		answer(UserinfoGzipBomb, "gzip-bomb", gzipBomb),
		answer(UserinfoRedirect, "redirect", redirect),
		answer(UserinfoSlow, "slow", slow),
		answer(UserinfoDrip, "drip", drip),
	}
}

// jwksFaults are the faults of the key set.
func jwksFaults() []spec {
	answer := func(f Fault, name string, a answer) spec {
		return spec{f, "jwks/" + name, Refused, []any{onEndpoint{jwksPath, a}}}
	}
	change := func(f Fault, name string, o Outcome, effect any) spec {
		return spec{f, "jwks/" + name, o, []any{effect}}
	}
	return []spec{
		answer(JWKSServerError, "server-error", serverError),
		answer(JWKSHTML, "html", htmlPage),
		change(JWKSEmpty, "empty", Refused, onJWKS(func(*Provider, []map[string]any) []map[string]any {
			return []map[string]any{}
		})),
		change(JWKSRotated, "rotated", Accepted, onSigning((*Provider).RotateKey)),
		change(JWKSUnknownKeys, "unknown-keys", Accepted, onJWKS(func(p *Provider, keys []map[string]any) []map[string]any {
			unknown := []map[string]any{
				{"kty": "AKP", "kid": "u1", "alg": "ML-DSA-87", "use": "sig", "pub": "AAAA"},
				{"kty": "EC", "kid": "u2", "alg": "ES256K", "crv": "secp256k1", "use": "sig", "x": "AAAA", "y": "AAAA"},
				{"kty": "unknown", "kid": "u3"},
				p.foreignKey().jwk(),
			}
			return append(unknown, keys...)
		})),
		change(JWKSBrokenKeys, "broken-keys", Either, onJWKS(func(_ *Provider, keys []map[string]any) []map[string]any {
			broken := []map[string]any{
				{"kty": "RSA", "kid": "b1", "n": "not base64!", "e": "AQAB"},
				{"kty": "RSA", "kid": 42, "n": "", "e": ""},
				{"kty": "EC", "kid": "b3", "crv": "P-256", "x": base64URL(make([]byte, 32)), "y": base64URL(make([]byte, 32))},
				{},
			}
			return append(broken, keys...)
		})),
		answer(JWKSHuge, "huge", huge),
		answer(JWKSRedirect, "redirect", redirect),
		answer(JWKSSlow, "slow", slow),
		answer(JWKSDrip, "drip", drip),
	}
}

// discoveryFaults are the faults of the provider's metadata.
func discoveryFaults() []spec {
	change := func(f Fault, name string, o Outcome, effect onDiscovery) spec {
		return spec{f, "discovery/" + name, o, []any{effect}}
	}
	answer := func(f Fault, name string, a answer) spec {
		return spec{f, "discovery/" + name, Refused, []any{onEndpoint{discoveryPath, a}}}
	}
	return []spec{
		change(DiscoveryIssuerMismatch, "issuer-mismatch", Refused, member("issuer", "https://other.example")),
		answer(DiscoveryServerError, "server-error", serverError),
		answer(DiscoveryHTML, "html", htmlPage),
		answer(DiscoveryNull, "null", fixed(http.StatusOK, "application/json", "null")),
		change(DiscoveryNoEndpoints, "no-endpoints", Refused, without("authorization_endpoint", "token_endpoint")),
		change(DiscoveryForeignHTTP, "foreign-http", Refused, endpointsAt("http://foreign.invalid/")),
		change(DiscoveryJavaScript, "javascript", Refused, endpointsAt("javascript:alert(1)//")),
		change(DiscoveryWeakAlgs, "weak-algs", Accepted, func(metadata map[string]any) {
			algs, _ := metadata["id_token_signing_alg_values_supported"].([]string)
			metadata["id_token_signing_alg_values_supported"] = append(algs, "none", "HS256")
		}),
		change(DiscoveryNoPKCE, "no-pkce", Accepted, without("code_challenge_methods_supported")),
		answer(DiscoveryHuge, "huge", huge),
		answer(DiscoveryRedirect, "redirect", redirect),
		answer(DiscoverySlow, "slow", slow),
		answer(DiscoveryDrip, "drip", drip),
	}
}

// profileFaults are the hostile profiles.
func profileFaults() []spec {
	profile := func(f Fault, name string, o Outcome, effect any) spec {
		return spec{f, "profile/" + name, o, []any{effect}}
	}
	return []spec{
		profile(ProfileScript, "script", Accepted, onProfile(member("name", `</script><script>alert("name")</script><img src=x onerror=alert(1)>`))),
		profile(ProfileHugeName, "huge-name", Either, onUserinfo(func(response map[string]any) {
			response["name"] = strings.Repeat("A", 500_000)
		})),
		profile(ProfileControlCharacters, "control-characters", Either, onProfile(member("name", "Mallory\x00\x1b[2J\r\nSet-Cookie: injected=1\u202egnp.exe"))),
		profile(ProfileNumber, "number", Either, onProfile(member("name", 42))),
		profile(ProfileJavaScriptPicture, "javascript-picture", Either, onProfile(member("picture", "javascript:alert(document.domain)"))),
	}
}

// member sets a member of a JSON object.
func member(name string, value any) func(map[string]any) {
	return func(object map[string]any) { object[name] = value }
}

// without removes members of a JSON object.
func without(names ...string) func(map[string]any) {
	return func(object map[string]any) {
		for _, name := range names {
			delete(object, name)
		}
	}
}

// endpointsAt sets all endpoints of the metadata.
func endpointsAt(base string) func(map[string]any) {
	return func(metadata map[string]any) {
		metadata["authorization_endpoint"] = base + "authorize"
		metadata["token_endpoint"] = base + "token"
		metadata["userinfo_endpoint"] = base + "userinfo"
		metadata["jwks_uri"] = base + "jwks"
		metadata["end_session_endpoint"] = base + "logout"
	}
}
