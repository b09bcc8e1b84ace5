package authtest_test

import (
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/authtest/hostile"
)

// detector reports whether the responses of a provider have a fault.
type detector func(w wire) bool

// unsigned detects an ID token without a signature.
func unsigned(alg string) detector {
	return func(w wire) bool {
		token := w.idToken()
		return token.header["alg"] == alg && token.signature == "" && token.claims["sub"] == "user-alice"
	}
}

// claim detects a signed ID token whose claim passes the check.
func claim(name string, check func(w wire, value any, present bool) bool) detector {
	return func(w wire) bool {
		token := w.idToken()
		value, present := token.claims[name]
		return token.signedBy(w.onlyKey()) && check(w, value, present)
	}
}

func is(want any) func(wire, any, bool) bool {
	return func(_ wire, value any, present bool) bool { return present && value == want }
}

func absent(_ wire, _ any, present bool) bool { return !present }

// secondsFromNow is a check for a time between these two, in seconds from now.
func secondsFromNow(from, to float64) func(wire, any, bool) bool {
	return func(_ wire, value any, _ bool) bool {
		seconds, ok := value.(float64)
		ahead := seconds - float64(time.Now().Unix())
		return ok && ahead >= from && ahead <= to
	}
}

// not is a check for a claim that is present and has another value.
func not(want string) func(wire, any, bool) bool {
	return func(_ wire, value any, _ bool) bool { return value != nil && value != want }
}

// response detects an authorization response.
func response(check func(url.Values, *authtest.IDP) bool) detector {
	return func(w wire) bool { return check(w.authorization(), w.idp) }
}

// endpoint sends a request to an endpoint of the provider.
type endpoint func(w wire) reply

func token(w wire) reply     { return w.exchange() }
func userinfo(w wire) reply  { return w.getUserinfo() }
func jwks(w wire) reply      { return w.get("/jwks") }
func discovery(w wire) reply { return w.get("/.well-known/openid-configuration") }

// refresh exchanges a code, and uses the refresh token.
func refresh(w wire) reply { return w.refresh(w.tokens()["refresh_token"]) }

// refreshAnswers detects a response to a refresh token, which stays valid.
func refreshAnswers(status int, want string) detector {
	return func(w wire) bool {
		token := w.tokens()["refresh_token"]
		for range 2 {
			if got := w.refresh(token); token == nil || got.StatusCode != status || string(got.body) != want {
				return false
			}
		}
		w.idp.SetFaults()
		return w.refresh(token).StatusCode == http.StatusOK
	}
}

// answers detects a status and a body.
func (e endpoint) answers(status int, want string) detector {
	return func(w wire) bool {
		got := e(w)
		return got.err == nil && got.StatusCode == status && string(got.body) == want
	}
}

func (e endpoint) html() detector {
	return func(w wire) bool {
		got := e(w)
		return got.StatusCode == http.StatusOK && strings.HasPrefix(got.Header.Get("Content-Type"), "text/html") && bytes.HasPrefix(got.body, []byte("<!doctype html>"))
	}
}

// huge detects JSON of more than 64 MB with a member of the normal response.
func (e endpoint) huge(member string) detector {
	return func(w wire) bool {
		got := e(w)
		return got.err == nil && got.size > 64<<20 && decoded(got.body)[member] != nil
	}
}

// bomb detects a small response that unpacks to a huge one.
func (e endpoint) bomb(member string) detector {
	return func(w wire) bool {
		got := e(w)
		if got.err != nil || got.Header.Get("Content-Encoding") != "gzip" || got.size > 100_000 {
			return false
		}
		unpacker, err := gzip.NewReader(bytes.NewReader(got.body))
		if err != nil {
			return false
		}
		body, size, err := readShort(unpacker)
		return err == nil && size > 64<<20 && decoded(body)[member] != nil
	}
}

// redirect detects a redirect to a URL that responds normally.
func (e endpoint) redirect(path string) detector {
	return func(w wire) bool {
		got := e(w)
		return got.StatusCode == http.StatusTemporaryRedirect && got.Header.Get("Location") == w.idp.Issuer()+"/moved"+path
	}
}

// detectors returns a detector for each fault except those in stalled.
func detectors() map[hostile.Fault]detector {
	return map[hostile.Fault]detector{
		hostile.IDTokenBadSignature: func(w wire) bool {
			token := w.idToken()
			return token.signature != "" && !token.signedBy(w.onlyKey()) && token.header["kid"] == w.keys()[0]["kid"]
		},
		hostile.IDTokenNoSignature: func(w wire) bool {
			token := w.idToken()
			return token.header["alg"] == w.keys()[0]["alg"] && token.signature == "" && strings.HasSuffix(token.raw, ".")
		},
		hostile.IDTokenForeignKey: func(w wire) bool {
			token := w.idToken()
			return token.signature != "" && !token.signedBy(w.onlyKey()) && token.header["kid"] == w.keys()[0]["kid"]
		},
		hostile.IDTokenAlgNone:          unsigned("none"),
		hostile.IDTokenAlgNoneUpperCase: unsigned("NONE"),
		hostile.IDTokenAlgNoneMixedCase: unsigned("nOnE"),
		hostile.IDTokenAlgUnannounced: func(w wire) bool {
			token := w.idToken()
			kid, _ := token.header["kid"].(string)
			announced := w.discovery()["id_token_signing_alg_values_supported"].([]any)
			return token.signedBy(w.published()[kid]) && token.header["alg"] != announced[0]
		},
		hostile.IDTokenHS256PEM: func(w wire) bool {
			return w.idToken().signedBy(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der(w.onlyKey())}))
		},
		hostile.IDTokenHS256DER: func(w wire) bool { return w.idToken().signedBy(der(w.onlyKey())) },
		hostile.IDTokenHS256Number: func(w wire) bool {
			return w.idToken().header["alg"] == "HS256" && w.idToken().signedBy(number(w.onlyKey()))
		},
		hostile.IDTokenHS256ClientSecret: func(w wire) bool { return w.idToken().signedBy([]byte(w.idp.ClientSecret())) },
		hostile.IDTokenKidUnknown: func(w wire) bool {
			token := w.idToken()
			return token.signedBy(w.onlyKey()) && token.header["kid"] != nil && token.header["kid"] != w.keys()[0]["kid"]
		},
		hostile.IDTokenKidAbsent: func(w wire) bool {
			token := w.idToken()
			return token.signedBy(w.onlyKey()) && token.header["kid"] == nil
		},
		hostile.IDTokenKidAbsentManyKeys: func(w wire) bool {
			return w.idToken().header["kid"] == nil && len(w.published()) == 3
		},
		hostile.IDTokenHeaderJWK: func(w wire) bool {
			token := w.idToken()
			set, _ := json.Marshal(object{"keys": []any{token.header["jwk"]}})
			kid, _ := token.header["kid"].(string)
			return token.signedBy(publicKeys(set)[kid]) && w.published()[kid] == nil
		},
		hostile.IDTokenHeaderJKU: func(w wire) bool {
			token := w.idToken()
			kid, _ := token.header["kid"].(string)
			jku, _ := token.header["jku"].(string)
			path, ok := strings.CutPrefix(jku, w.idp.Issuer())
			if !ok {
				return false
			}
			return token.signedBy(publicKeys(w.get(path).body)[kid]) && w.published()[kid] == nil
		},
		hostile.IDTokenHeaderX5C: func(w wire) bool {
			token := w.idToken()
			chain, _ := token.header["x5c"].([]any)
			if len(chain) == 0 {
				return false
			}
			data, _ := base64.StdEncoding.DecodeString(chain[0].(string))
			certificate, err := x509.ParseCertificate(data)
			return err == nil && token.signedBy(certificate.PublicKey) && !token.signedBy(w.onlyKey())
		},
		hostile.IDTokenHeaderX5U: func(w wire) bool {
			token := w.idToken()
			x5u, _ := token.header["x5u"].(string)
			path, ok := strings.CutPrefix(x5u, w.idp.Issuer())
			if !ok {
				return false
			}
			block, _ := pem.Decode(w.get(path).body)
			if block == nil {
				return false
			}
			certificate, err := x509.ParseCertificate(block.Bytes)
			return err == nil && token.signedBy(certificate.PublicKey) && !token.signedBy(w.onlyKey())
		},
		hostile.IDTokenCritUnknown: func(w wire) bool {
			token := w.idToken()
			crit, _ := token.header["crit"].([]any)
			return token.signedBy(w.onlyKey()) && len(crit) == 1 && token.header[crit[0].(string)] != nil
		},

		hostile.IDTokenWrongIssuer: claim("iss", is("https://other.example")),
		hostile.IDTokenIssuerSlash: claim("iss", func(w wire, v any, _ bool) bool { return v == w.idp.Issuer()+"/" }),
		hostile.IDTokenNoIssuer:    claim("iss", absent),
		hostile.IDTokenWrongAudience: claim("aud", func(w wire, v any, _ bool) bool {
			s, ok := v.(string)
			return ok && !strings.Contains(s, w.idp.ClientID())
		}),
		hostile.IDTokenAudiencePrefix: claim("aud", func(w wire, v any, _ bool) bool {
			s, _ := v.(string)
			return s != w.idp.ClientID() && strings.HasPrefix(s, w.idp.ClientID())
		}),
		hostile.IDTokenAudienceNumber: claim("aud", is(42.0)),
		hostile.IDTokenNoAudience:     claim("aud", absent),
		hostile.IDTokenAudienceArray: claim("aud", func(w wire, v any, _ bool) bool {
			list, _ := v.([]any)
			return len(list) == 1 && list[0] == w.idp.ClientID()
		}),
		hostile.IDTokenAudienceArrayNoAzp: func(w wire) bool {
			token := w.idToken()
			list, _ := token.claims["aud"].([]any)
			return token.signedBy(w.onlyKey()) && len(list) == 2 && list[0] == w.idp.ClientID() && token.claims["azp"] == nil
		},
		hostile.IDTokenWrongAzp:          claim("azp", not("authtest")),
		hostile.IDTokenWrongNonce:        claim("nonce", not("n1")),
		hostile.IDTokenNoNonce:           claim("nonce", absent),
		hostile.IDTokenEmptyNonce:        claim("nonce", is("")),
		hostile.IDTokenNullNonce:         claim("nonce", is(nil)),
		hostile.IDTokenNoSubject:         claim("sub", absent),
		hostile.IDTokenEmptySubject:      claim("sub", is("")),
		hostile.IDTokenSubjectNumber:     claim("sub", is(42.0)),
		hostile.IDTokenNoExpiry:          claim("exp", absent),
		hostile.IDTokenExpiryString:      claim("exp", func(_ wire, v any, _ bool) bool { s, _ := v.(string); return len(s) > 10 }),
		hostile.IDTokenExpired:           claim("exp", secondsFromNow(-3700, -3600)),
		hostile.IDTokenJustExpired:       claim("exp", secondsFromNow(-60, -5)),
		hostile.IDTokenNoIssuedAt:        claim("iat", absent),
		hostile.IDTokenIssuedInFuture:    claim("iat", secondsFromNow(86300, 86400)),
		hostile.IDTokenNotBeforeFuture:   claim("nbf", secondsFromNow(3500, 3600)),
		hostile.IDTokenClockAhead:        claim("nbf", secondsFromNow(-55, 5)),
		hostile.IDTokenNoAccessTokenHash: claim("at_hash", absent),
		hostile.IDTokenWrongAccessTokenHash: func(w wire) bool {
			tokens := w.tokens()
			token := parse(tokens)
			hash := crypto.SHA256
			if token.header["alg"] == "EdDSA" {
				hash = crypto.SHA512
			}
			digest := hash.New()
			io.WriteString(digest, tokens["access_token"].(string))
			right := base64.RawURLEncoding.EncodeToString(digest.Sum(nil)[:hash.Size()/2])
			got, _ := token.claims["at_hash"].(string)
			return token.signedBy(w.onlyKey()) && len(got) == len(right) && got != right
		},
		hostile.RefreshWrongIssuer: func(w wire) bool {
			return parse(w.refreshed()).claims["iss"] == "https://other.example" && w.idToken().claims["iss"] == w.idp.Issuer()
		},
		hostile.RefreshWrongSubject: func(w wire) bool {
			return parse(w.refreshed()).claims["sub"] == "another-user" && w.idToken().claims["sub"] == "user-alice"
		},

		hostile.AuthorizationWrongIssuer: response(func(v url.Values, p *authtest.IDP) bool {
			return v.Has("iss") && v.Get("iss") != p.Issuer() && v.Has("code")
		}),
		hostile.AuthorizationNoIssuer: response(func(v url.Values, _ *authtest.IDP) bool { return !v.Has("iss") && v.Has("code") }),
		hostile.AuthorizationErrorWithCode: response(func(v url.Values, _ *authtest.IDP) bool {
			return v.Get("error") == "access_denied" && v.Has("code")
		}),
		hostile.AuthorizationErrorMarkup: response(func(v url.Values, _ *authtest.IDP) bool {
			return v.Has("error") && !v.Has("code") && strings.Contains(v.Get("error_description"), "<script>")
		}),
		hostile.AuthorizationNoState:    response(func(v url.Values, _ *authtest.IDP) bool { return !v.Has("state") && v.Has("code") }),
		hostile.AuthorizationWrongState: response(func(v url.Values, _ *authtest.IDP) bool { return v.Has("state") && v.Get("state") != "s1" }),
		hostile.AuthorizationNoCode:     response(func(v url.Values, _ *authtest.IDP) bool { return !v.Has("code") && !v.Has("error") }),
		hostile.AuthorizationWrongCode: func(w wire) bool {
			return w.authorization().Has("code") && w.tokens()["error"] == "invalid_grant"
		},

		hostile.TokenNoIDToken: func(w wire) bool {
			tokens := w.tokens()
			return tokens["access_token"] != nil && tokens["id_token"] == nil
		},
		hostile.TokenIDTokenGarbage: func(w wire) bool { return w.tokens()["id_token"] == "this.is.garbage" },
		hostile.TokenIDTokenNumber:  func(w wire) bool { return w.tokens()["id_token"] == 42.0 },
		hostile.TokenIDTokenDots:    func(w wire) bool { return w.tokens()["id_token"] == strings.Repeat(".", 100_000) },
		hostile.TokenNoAccessToken: func(w wire) bool {
			tokens := w.tokens()
			return tokens["access_token"] == nil && tokens["id_token"] != nil
		},
		hostile.TokenAccessNumber:    func(w wire) bool { return w.tokens()["access_token"] == 42.0 },
		hostile.TokenTypeMAC:         func(w wire) bool { return w.tokens()["token_type"] == "mac" },
		hostile.TokenExpiresInString: func(w wire) bool { return w.tokens()["expires_in"] == "3600" },
		hostile.TokenInvalidGrant:    endpoint(token).answers(400, `{"error":"invalid_grant"}`),
		hostile.TokenErrorStatusOK: func(w wire) bool {
			got := w.exchange()
			return got.StatusCode == http.StatusOK && decoded(got.body)["error"] != nil
		},
		hostile.TokenServerError: endpoint(token).answers(500, `{"error":"server_error"}`),
		hostile.TokenHTML:        endpoint(token).html(),
		hostile.TokenNull:        endpoint(token).answers(200, "null"),
		hostile.TokenNoContent:   endpoint(token).answers(204, ""),
		hostile.TokenTruncated: func(w wire) bool {
			got := w.exchange()
			return got.err == nil && got.StatusCode == http.StatusOK && bytes.HasPrefix(got.body, []byte(`{"access_token":`)) && decoded(got.body) == nil
		},
		hostile.TokenCutOff: func(w wire) bool {
			got := w.exchange()
			return got.err != nil && int64(got.size) < got.ContentLength && got.size > 0
		},
		hostile.TokenHuge:     endpoint(token).huge("access_token"),
		hostile.TokenGzipBomb: endpoint(token).bomb("access_token"),
		hostile.TokenRedirect: endpoint(token).redirect("/token"),

		hostile.RefreshServerError:   refreshAnswers(500, `{"error":"server_error"}`),
		hostile.RefreshInvalidGrant:  refreshAnswers(400, `{"error":"invalid_grant"}`),
		hostile.RefreshInvalidClient: refreshAnswers(401, `{"error":"invalid_client"}`),
		hostile.RefreshGarbage: func(w wire) bool {
			return endpoint(refresh).html()(w) && w.tokens()["access_token"] != nil
		},
		hostile.RefreshNotRotated: func(w wire) bool {
			first := w.tokens()["refresh_token"]
			second, third := decoded(w.refresh(first).body), decoded(w.refresh(first).body)
			return second["access_token"] != nil && second["refresh_token"] == nil && third["access_token"] != nil
		},

		hostile.UserinfoUnauthorized: endpoint(userinfo).answers(401, `{"error":"invalid_token"}`),
		hostile.UserinfoServerError:  endpoint(userinfo).answers(500, `{"error":"server_error"}`),
		hostile.UserinfoWrongSubject: func(w wire) bool { return w.userinfo()["sub"] == "another-user" },
		hostile.UserinfoNoSubject: func(w wire) bool {
			info := w.userinfo()
			return info["sub"] == nil && info["email"] != nil
		},
		hostile.UserinfoHTML:     endpoint(userinfo).html(),
		hostile.UserinfoNull:     endpoint(userinfo).answers(200, "null"),
		hostile.UserinfoHuge:     endpoint(userinfo).huge("sub"),
		hostile.UserinfoGzipBomb: endpoint(userinfo).bomb("sub"),
		hostile.UserinfoRedirect: endpoint(userinfo).redirect("/userinfo"),

		hostile.JWKSServerError: endpoint(jwks).answers(500, `{"error":"server_error"}`),
		hostile.JWKSHTML:        endpoint(jwks).html(),
		hostile.JWKSEmpty:       endpoint(jwks).answers(200, `{"keys":[]}`),
		hostile.JWKSRotated: func(w wire) bool {
			before := w.onlyKey()
			token := w.idToken()
			return !token.signedBy(before) && token.signedBy(w.onlyKey())
		},
		hostile.JWKSUnknownKeys: func(w wire) bool {
			token := w.idToken()
			kid, _ := token.header["kid"].(string)
			return len(w.keys()) == 5 && len(w.published()) == 2 && token.signedBy(w.published()[kid])
		},
		hostile.JWKSBrokenKeys: func(w wire) bool {
			token := w.idToken()
			kid, _ := token.header["kid"].(string)
			return len(w.keys()) == 5 && len(w.published()) == 1 && token.signedBy(w.published()[kid])
		},
		hostile.JWKSHuge:     endpoint(jwks).huge("keys"),
		hostile.JWKSRedirect: endpoint(jwks).redirect("/jwks"),

		hostile.DiscoveryIssuerMismatch: func(w wire) bool { return w.discovery()["issuer"] == "https://other.example" },
		hostile.DiscoveryServerError:    endpoint(discovery).answers(500, `{"error":"server_error"}`),
		hostile.DiscoveryHTML:           endpoint(discovery).html(),
		hostile.DiscoveryNull:           endpoint(discovery).answers(200, "null"),
		hostile.DiscoveryNoEndpoints: func(w wire) bool {
			metadata := w.discovery()
			return metadata["issuer"] == w.idp.Issuer() && metadata["token_endpoint"] == nil && metadata["authorization_endpoint"] == nil
		},
		hostile.DiscoveryForeignHTTP: func(w wire) bool {
			endpoint, _ := w.discovery()["token_endpoint"].(string)
			return strings.HasPrefix(endpoint, "http://foreign.invalid/")
		},
		hostile.DiscoveryJavaScript: func(w wire) bool {
			endpoint, _ := w.discovery()["authorization_endpoint"].(string)
			return strings.HasPrefix(endpoint, "javascript:")
		},
		hostile.DiscoveryWeakAlgs: func(w wire) bool {
			algs, _ := w.discovery()["id_token_signing_alg_values_supported"].([]any)
			return len(algs) == 3 && algs[1] == "none" && algs[2] == "HS256" && w.idToken().signedBy(w.onlyKey())
		},
		hostile.DiscoveryNoPKCE:   func(w wire) bool { return w.discovery()["code_challenge_methods_supported"] == nil },
		hostile.DiscoveryHuge:     endpoint(discovery).huge("issuer"),
		hostile.DiscoveryRedirect: endpoint(discovery).redirect("/.well-known/openid-configuration"),

		hostile.ProfileScript:   profile("name", func(v any) bool { s, _ := v.(string); return strings.Contains(s, "<script>") }),
		hostile.ProfileHugeName: func(w wire) bool { s, _ := w.userinfo()["name"].(string); return len(s) == 500_000 },
		hostile.ProfileControlCharacters: profile("name", func(v any) bool {
			s, _ := v.(string)
			return strings.ContainsRune(s, 0) && strings.Contains(s, "\r\n") && strings.ContainsRune(s, '\u202e')
		}),
		hostile.ProfileNumber:            profile("name", func(v any) bool { return v == 42.0 }),
		hostile.ProfileJavaScriptPicture: profile("picture", func(v any) bool { s, _ := v.(string); return strings.HasPrefix(s, "javascript:") }),
	}
}

// profile detects a claim in the ID token and in the userinfo response.
func profile(name string, check func(any) bool) detector {
	return func(w wire) bool { return check(w.idToken().claims[name]) && check(w.userinfo()[name]) }
}
