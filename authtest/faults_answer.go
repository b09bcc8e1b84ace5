package authtest

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/nuxtauth/nuxtauth/authtest/hostile"
)

// authorizationFaults are the faults of the authorization response.
func authorizationFaults() []spec {
	response := func(f hostile.Fault, effect onAuthorization) spec {
		return spec{f, []any{effect}}
	}
	return []spec{
		response(hostile.AuthorizationWrongIssuer, func(v url.Values) { v.Set("iss", "https://other.example") }),
		response(hostile.AuthorizationNoIssuer, func(v url.Values) { v.Del("iss") }),
		response(hostile.AuthorizationErrorWithCode, func(v url.Values) { v.Set("error", "access_denied") }),
		response(hostile.AuthorizationErrorMarkup, func(v url.Values) {
			v.Del("code")
			v.Set("error", "server_error")
			v.Set("error_description", `<script>alert("error_description")</script>`)
		}),
		response(hostile.AuthorizationNoState, func(v url.Values) { v.Del("state") }),
		response(hostile.AuthorizationWrongState, func(v url.Values) { v.Set("state", v.Get("state")+"x") }),
		response(hostile.AuthorizationNoCode, func(v url.Values) { v.Del("code") }),
		response(hostile.AuthorizationWrongCode, func(v url.Values) { v.Set("code", "another-code") }),
	}
}

// tokenFaults are the faults of the token endpoint.
func tokenFaults() []spec {
	change := func(f hostile.Fault, effect onTokens) spec {
		return spec{f, []any{effect}}
	}
	answer := func(f hostile.Fault, a answer) spec {
		return spec{f, []any{onEndpoint{tokenPath, a}}}
	}
	return []spec{
		change(hostile.TokenNoIDToken, without("id_token")),
		change(hostile.TokenIDTokenGarbage, member("id_token", "this.is.garbage")),
		change(hostile.TokenIDTokenNumber, member("id_token", 42)),
		change(hostile.TokenIDTokenDots, func(response map[string]any) {
			response["id_token"] = strings.Repeat(".", 100_000)
		}),
		change(hostile.TokenNoAccessToken, without("access_token")),
		change(hostile.TokenAccessNumber, member("access_token", 42)),
		change(hostile.TokenTypeMAC, member("token_type", "mac")),
		change(hostile.TokenExpiresInString, member("expires_in", "3600")),
		answer(hostile.TokenInvalidGrant, fixed(http.StatusBadRequest, "application/json", `{"error":"invalid_grant"}`)),
		answer(hostile.TokenErrorStatusOK, fixed(http.StatusOK, "application/json", `{"error":"bad_verification_code"}`)),
		answer(hostile.TokenServerError, serverError),
		answer(hostile.TokenHTML, htmlPage),
		answer(hostile.TokenNull, fixed(http.StatusOK, "application/json", "null")),
		answer(hostile.TokenNoContent, fixed(http.StatusNoContent, "", "")),
		answer(hostile.TokenTruncated, truncated),
		answer(hostile.TokenCutOff, cutOff),
		answer(hostile.TokenHuge, huge),
		answer(hostile.TokenGzipBomb, gzipBomb),
		answer(hostile.TokenRedirect, redirect),
		answer(hostile.TokenSlow, slow),
		answer(hostile.TokenDrip, drip),
	}
}

// refreshFaults are the faults of the token endpoint for requests with a refresh token.
func refreshFaults() []spec {
	answer := func(f hostile.Fault, a answer) spec {
		return spec{f, []any{onEndpoint{tokenPath, onlyRefreshing(a)}}}
	}
	return []spec{
		answer(hostile.RefreshServerError, serverError),
		answer(hostile.RefreshInvalidGrant, fixed(http.StatusBadRequest, "application/json", `{"error":"invalid_grant"}`)),
		answer(hostile.RefreshInvalidClient, fixed(http.StatusUnauthorized, "application/json", `{"error":"invalid_client"}`)),
		answer(hostile.RefreshGarbage, htmlPage),
		answer(hostile.RefreshSlow, slow),
		{hostile.RefreshNotRotated, []any{keepRefreshToken{}}},
	}
}

// userinfoFaults are the faults of the userinfo endpoint.
func userinfoFaults() []spec {
	change := func(f hostile.Fault, effect onUserinfo) spec {
		return spec{f, []any{effect}}
	}
	answer := func(f hostile.Fault, a answer) spec {
		return spec{f, []any{onEndpoint{userinfoPath, a}}}
	}
	return []spec{
		answer(hostile.UserinfoUnauthorized, unauthorized),
		answer(hostile.UserinfoServerError, serverError),
		change(hostile.UserinfoWrongSubject, member("sub", "another-user")),
		change(hostile.UserinfoNoSubject, without("sub")),
		answer(hostile.UserinfoHTML, htmlPage),
		answer(hostile.UserinfoNull, fixed(http.StatusOK, "application/json", "null")),
		answer(hostile.UserinfoHuge, huge),
		answer(hostile.UserinfoGzipBomb, gzipBomb),
		answer(hostile.UserinfoRedirect, redirect),
		answer(hostile.UserinfoSlow, slow),
		answer(hostile.UserinfoDrip, drip),
	}
}

// jwksFaults are the faults of the key set.
func jwksFaults() []spec {
	answer := func(f hostile.Fault, a answer) spec {
		return spec{f, []any{onEndpoint{jwksPath, a}}}
	}
	change := func(f hostile.Fault, effect any) spec {
		return spec{f, []any{effect}}
	}
	return []spec{
		answer(hostile.JWKSServerError, serverError),
		answer(hostile.JWKSHTML, htmlPage),
		change(hostile.JWKSEmpty, onJWKS(func(*IDP, []map[string]any) []map[string]any {
			return []map[string]any{}
		})),
		change(hostile.JWKSRotated, onSigning((*IDP).rotateKey)),
		change(hostile.JWKSUnknownKeys, onJWKS(func(p *IDP, keys []map[string]any) []map[string]any {
			unknown := []map[string]any{
				{"kty": "AKP", "kid": "u1", "alg": "ML-DSA-87", "use": "sig", "pub": "AAAA"},
				{"kty": "EC", "kid": "u2", "alg": "ES256K", "crv": "secp256k1", "use": "sig", "x": "AAAA", "y": "AAAA"},
				{"kty": "unknown", "kid": "u3"},
				p.foreignKey().jwk(),
			}
			return append(unknown, keys...)
		})),
		change(hostile.JWKSBrokenKeys, onJWKS(func(_ *IDP, keys []map[string]any) []map[string]any {
			broken := []map[string]any{
				{"kty": "RSA", "kid": "b1", "n": "not base64!", "e": "AQAB"},
				{"kty": "RSA", "kid": 42, "n": "", "e": ""},
				{"kty": "EC", "kid": "b3", "crv": "P-256", "x": base64URL(make([]byte, 32)), "y": base64URL(make([]byte, 32))},
				{},
			}
			return append(broken, keys...)
		})),
		answer(hostile.JWKSHuge, huge),
		answer(hostile.JWKSRedirect, redirect),
		answer(hostile.JWKSSlow, slow),
		answer(hostile.JWKSDrip, drip),
	}
}

// discoveryFaults are the faults of the provider's metadata.
func discoveryFaults() []spec {
	change := func(f hostile.Fault, effect onDiscovery) spec {
		return spec{f, []any{effect}}
	}
	answer := func(f hostile.Fault, a answer) spec {
		return spec{f, []any{onEndpoint{discoveryPath, a}}}
	}
	return []spec{
		change(hostile.DiscoveryIssuerMismatch, member("issuer", "https://other.example")),
		answer(hostile.DiscoveryServerError, serverError),
		answer(hostile.DiscoveryHTML, htmlPage),
		answer(hostile.DiscoveryNull, fixed(http.StatusOK, "application/json", "null")),
		change(hostile.DiscoveryNoEndpoints, without("authorization_endpoint", "token_endpoint")),
		change(hostile.DiscoveryForeignHTTP, endpointsAt("http://foreign.invalid/")),
		change(hostile.DiscoveryJavaScript, endpointsAt("javascript:alert(1)//")),
		change(hostile.DiscoveryWeakAlgs, func(metadata map[string]any) {
			algs, _ := metadata["id_token_signing_alg_values_supported"].([]string)
			metadata["id_token_signing_alg_values_supported"] = append(algs, "none", "HS256")
		}),
		change(hostile.DiscoveryNoPKCE, without("code_challenge_methods_supported")),
		answer(hostile.DiscoveryHuge, huge),
		answer(hostile.DiscoveryRedirect, redirect),
		answer(hostile.DiscoverySlow, slow),
		answer(hostile.DiscoveryDrip, drip),
	}
}

// profileFaults are the hostile profiles.
func profileFaults() []spec {
	profile := func(f hostile.Fault, effect any) spec {
		return spec{f, []any{effect}}
	}
	return []spec{
		profile(hostile.ProfileScript, onProfile(member("name", `</script><script>alert("name")</script><img src=x onerror=alert(1)>`))),
		profile(hostile.ProfileHugeName, onUserinfo(func(response map[string]any) {
			response["name"] = strings.Repeat("A", 500_000)
		})),
		profile(hostile.ProfileControlCharacters, onProfile(member("name", "Mallory\x00\x1b[2J\r\nSet-Cookie: injected=1\u202egnp.exe"))),
		profile(hostile.ProfileNumber, onProfile(member("name", 42))),
		profile(hostile.ProfileJavaScriptPicture, onProfile(member("picture", "javascript:alert(document.domain)"))),
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
