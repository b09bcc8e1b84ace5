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
func response(check func(url.Values, *authtest.Provider) bool) detector {
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
func detectors() map[authtest.Fault]detector {
	return map[authtest.Fault]detector{
		authtest.IDTokenBadSignature: func(w wire) bool {
			token := w.idToken()
			return token.signature != "" && !token.signedBy(w.onlyKey()) && token.header["kid"] == w.keys()[0]["kid"]
		},
		authtest.IDTokenNoSignature: func(w wire) bool {
			token := w.idToken()
			return token.header["alg"] == w.keys()[0]["alg"] && token.signature == "" && strings.HasSuffix(token.raw, ".")
		},
		authtest.IDTokenForeignKey: func(w wire) bool {
			token := w.idToken()
			return token.signature != "" && !token.signedBy(w.onlyKey()) && token.header["kid"] == w.keys()[0]["kid"]
		},
		authtest.IDTokenAlgNone:          unsigned("none"),
		authtest.IDTokenAlgNoneUpperCase: unsigned("NONE"),
		authtest.IDTokenAlgNoneMixedCase: unsigned("nOnE"),
		authtest.IDTokenAlgUnannounced: func(w wire) bool {
			token := w.idToken()
			kid, _ := token.header["kid"].(string)
			announced := w.discovery()["id_token_signing_alg_values_supported"].([]any)
			return token.signedBy(w.published()[kid]) && token.header["alg"] != announced[0]
		},
		authtest.IDTokenHS256PEM: func(w wire) bool {
			return w.idToken().signedBy(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der(w.onlyKey())}))
		},
		authtest.IDTokenHS256DER: func(w wire) bool { return w.idToken().signedBy(der(w.onlyKey())) },
		authtest.IDTokenHS256Number: func(w wire) bool {
			return w.idToken().header["alg"] == "HS256" && w.idToken().signedBy(number(w.onlyKey()))
		},
		authtest.IDTokenHS256ClientSecret: func(w wire) bool { return w.idToken().signedBy([]byte(w.idp.ClientSecret())) },
		authtest.IDTokenKidUnknown: func(w wire) bool {
			token := w.idToken()
			return token.signedBy(w.onlyKey()) && token.header["kid"] != nil && token.header["kid"] != w.keys()[0]["kid"]
		},
		authtest.IDTokenKidAbsent: func(w wire) bool {
			token := w.idToken()
			return token.signedBy(w.onlyKey()) && token.header["kid"] == nil
		},
		authtest.IDTokenKidAbsentManyKeys: func(w wire) bool {
			return w.idToken().header["kid"] == nil && len(w.published()) == 3
		},
		authtest.IDTokenHeaderJWK: func(w wire) bool {
			token := w.idToken()
			set, _ := json.Marshal(object{"keys": []any{token.header["jwk"]}})
			kid, _ := token.header["kid"].(string)
			return token.signedBy(publicKeys(set)[kid]) && w.published()[kid] == nil
		},
		authtest.IDTokenHeaderJKU: func(w wire) bool {
			token := w.idToken()
			kid, _ := token.header["kid"].(string)
			jku, _ := token.header["jku"].(string)
			path, ok := strings.CutPrefix(jku, w.idp.Issuer())
			if !ok {
				return false
			}
			return token.signedBy(publicKeys(w.get(path).body)[kid]) && w.published()[kid] == nil
		},
		authtest.IDTokenHeaderX5C: func(w wire) bool {
			token := w.idToken()
			chain, _ := token.header["x5c"].([]any)
			if len(chain) == 0 {
				return false
			}
			data, _ := base64.StdEncoding.DecodeString(chain[0].(string))
			certificate, err := x509.ParseCertificate(data)
			return err == nil && token.signedBy(certificate.PublicKey) && !token.signedBy(w.onlyKey())
		},
		authtest.IDTokenHeaderX5U: func(w wire) bool {
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
		authtest.IDTokenCritUnknown: func(w wire) bool {
			token := w.idToken()
			crit, _ := token.header["crit"].([]any)
			return token.signedBy(w.onlyKey()) && len(crit) == 1 && token.header[crit[0].(string)] != nil
		},

		authtest.IDTokenWrongIssuer: claim("iss", is("https://other.example")),
		authtest.IDTokenIssuerSlash: claim("iss", func(w wire, v any, _ bool) bool { return v == w.idp.Issuer()+"/" }),
		authtest.IDTokenNoIssuer:    claim("iss", absent),
		authtest.IDTokenWrongAudience: claim("aud", func(w wire, v any, _ bool) bool {
			s, ok := v.(string)
			return ok && !strings.Contains(s, w.idp.ClientID())
		}),
		authtest.IDTokenAudiencePrefix: claim("aud", func(w wire, v any, _ bool) bool {
			s, _ := v.(string)
			return s != w.idp.ClientID() && strings.HasPrefix(s, w.idp.ClientID())
		}),
		authtest.IDTokenAudienceNumber: claim("aud", is(42.0)),
		authtest.IDTokenNoAudience:     claim("aud", absent),
		authtest.IDTokenAudienceArray: claim("aud", func(w wire, v any, _ bool) bool {
			list, _ := v.([]any)
			return len(list) == 1 && list[0] == w.idp.ClientID()
		}),
		authtest.IDTokenAudienceArrayNoAzp: func(w wire) bool {
			token := w.idToken()
			list, _ := token.claims["aud"].([]any)
			return token.signedBy(w.onlyKey()) && len(list) == 2 && list[0] == w.idp.ClientID() && token.claims["azp"] == nil
		},
		authtest.IDTokenWrongAzp:          claim("azp", not("authtest")),
		authtest.IDTokenWrongNonce:        claim("nonce", not("n1")),
		authtest.IDTokenNoNonce:           claim("nonce", absent),
		authtest.IDTokenEmptyNonce:        claim("nonce", is("")),
		authtest.IDTokenNullNonce:         claim("nonce", is(nil)),
		authtest.IDTokenNoSubject:         claim("sub", absent),
		authtest.IDTokenEmptySubject:      claim("sub", is("")),
		authtest.IDTokenSubjectNumber:     claim("sub", is(42.0)),
		authtest.IDTokenNoExpiry:          claim("exp", absent),
		authtest.IDTokenExpiryString:      claim("exp", func(_ wire, v any, _ bool) bool { s, _ := v.(string); return len(s) > 10 }),
		authtest.IDTokenExpired:           claim("exp", secondsFromNow(-3700, -3600)),
		authtest.IDTokenJustExpired:       claim("exp", secondsFromNow(-60, -5)),
		authtest.IDTokenNoIssuedAt:        claim("iat", absent),
		authtest.IDTokenIssuedInFuture:    claim("iat", secondsFromNow(86300, 86400)),
		authtest.IDTokenNotBeforeFuture:   claim("nbf", secondsFromNow(3500, 3600)),
		authtest.IDTokenClockAhead:        claim("nbf", secondsFromNow(-55, 5)),
		authtest.IDTokenNoAccessTokenHash: claim("at_hash", absent),
		authtest.IDTokenWrongAccessTokenHash: func(w wire) bool {
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
		authtest.RefreshWrongIssuer: func(w wire) bool {
			return parse(w.refreshed()).claims["iss"] == "https://other.example" && w.idToken().claims["iss"] == w.idp.Issuer()
		},
		authtest.RefreshWrongSubject: func(w wire) bool {
			return parse(w.refreshed()).claims["sub"] == "another-user" && w.idToken().claims["sub"] == "user-alice"
		},

		authtest.AuthorizationWrongIssuer: response(func(v url.Values, p *authtest.Provider) bool {
			return v.Has("iss") && v.Get("iss") != p.Issuer() && v.Has("code")
		}),
		authtest.AuthorizationNoIssuer: response(func(v url.Values, _ *authtest.Provider) bool { return !v.Has("iss") && v.Has("code") }),
		authtest.AuthorizationErrorWithCode: response(func(v url.Values, _ *authtest.Provider) bool {
			return v.Get("error") == "access_denied" && v.Has("code")
		}),
		authtest.AuthorizationErrorMarkup: response(func(v url.Values, _ *authtest.Provider) bool {
			return v.Has("error") && !v.Has("code") && strings.Contains(v.Get("error_description"), "<script>")
		}),
		authtest.AuthorizationNoState:    response(func(v url.Values, _ *authtest.Provider) bool { return !v.Has("state") && v.Has("code") }),
		authtest.AuthorizationWrongState: response(func(v url.Values, _ *authtest.Provider) bool { return v.Has("state") && v.Get("state") != "s1" }),
		authtest.AuthorizationNoCode:     response(func(v url.Values, _ *authtest.Provider) bool { return !v.Has("code") && !v.Has("error") }),
		authtest.AuthorizationWrongCode: func(w wire) bool {
			return w.authorization().Has("code") && w.tokens()["error"] == "invalid_grant"
		},

		authtest.TokenNoIDToken: func(w wire) bool {
			tokens := w.tokens()
			return tokens["access_token"] != nil && tokens["id_token"] == nil
		},
		authtest.TokenIDTokenGarbage: func(w wire) bool { return w.tokens()["id_token"] == "this.is.garbage" },
		authtest.TokenIDTokenNumber:  func(w wire) bool { return w.tokens()["id_token"] == 42.0 },
		authtest.TokenIDTokenDots:    func(w wire) bool { return w.tokens()["id_token"] == strings.Repeat(".", 100_000) },
		authtest.TokenNoAccessToken: func(w wire) bool {
			tokens := w.tokens()
			return tokens["access_token"] == nil && tokens["id_token"] != nil
		},
		authtest.TokenAccessNumber:    func(w wire) bool { return w.tokens()["access_token"] == 42.0 },
		authtest.TokenTypeMAC:         func(w wire) bool { return w.tokens()["token_type"] == "mac" },
		authtest.TokenExpiresInString: func(w wire) bool { return w.tokens()["expires_in"] == "3600" },
		authtest.TokenInvalidGrant:    endpoint(token).answers(400, `{"error":"invalid_grant"}`),
		authtest.TokenErrorStatusOK: func(w wire) bool {
			got := w.exchange()
			return got.StatusCode == http.StatusOK && decoded(got.body)["error"] != nil
		},
		authtest.TokenServerError: endpoint(token).answers(500, `{"error":"server_error"}`),
		authtest.TokenHTML:        endpoint(token).html(),
		authtest.TokenNull:        endpoint(token).answers(200, "null"),
		authtest.TokenNoContent:   endpoint(token).answers(204, ""),
		authtest.TokenTruncated: func(w wire) bool {
			got := w.exchange()
			return got.err == nil && got.StatusCode == http.StatusOK && bytes.HasPrefix(got.body, []byte(`{"access_token":`)) && decoded(got.body) == nil
		},
		authtest.TokenCutOff: func(w wire) bool {
			got := w.exchange()
			return got.err != nil && int64(got.size) < got.ContentLength && got.size > 0
		},
		authtest.TokenHuge:     endpoint(token).huge("access_token"),
		authtest.TokenGzipBomb: endpoint(token).bomb("access_token"),
		authtest.TokenRedirect: endpoint(token).redirect("/token"),

		authtest.RefreshServerError:   refreshAnswers(500, `{"error":"server_error"}`),
		authtest.RefreshInvalidGrant:  refreshAnswers(400, `{"error":"invalid_grant"}`),
		authtest.RefreshInvalidClient: refreshAnswers(401, `{"error":"invalid_client"}`),
		authtest.RefreshGarbage: func(w wire) bool {
			return endpoint(refresh).html()(w) && w.tokens()["access_token"] != nil
		},
		authtest.RefreshNotRotated: func(w wire) bool {
			first := w.tokens()["refresh_token"]
			second, third := decoded(w.refresh(first).body), decoded(w.refresh(first).body)
			return second["access_token"] != nil && second["refresh_token"] == nil && third["access_token"] != nil
		},

		authtest.UserinfoUnauthorized: endpoint(userinfo).answers(401, `{"error":"invalid_token"}`),
		authtest.UserinfoServerError:  endpoint(userinfo).answers(500, `{"error":"server_error"}`),
		authtest.UserinfoWrongSubject: func(w wire) bool { return w.userinfo()["sub"] == "another-user" },
		authtest.UserinfoNoSubject: func(w wire) bool {
			info := w.userinfo()
			return info["sub"] == nil && info["email"] != nil
		},
		authtest.UserinfoHTML:     endpoint(userinfo).html(),
		authtest.UserinfoNull:     endpoint(userinfo).answers(200, "null"),
		authtest.UserinfoHuge:     endpoint(userinfo).huge("sub"),
		authtest.UserinfoGzipBomb: endpoint(userinfo).bomb("sub"),
		authtest.UserinfoRedirect: endpoint(userinfo).redirect("/userinfo"),

		authtest.JWKSServerError: endpoint(jwks).answers(500, `{"error":"server_error"}`),
		authtest.JWKSHTML:        endpoint(jwks).html(),
		authtest.JWKSEmpty:       endpoint(jwks).answers(200, `{"keys":[]}`),
		authtest.JWKSRotated: func(w wire) bool {
			before := w.onlyKey()
			token := w.idToken()
			return !token.signedBy(before) && token.signedBy(w.onlyKey())
		},
		authtest.JWKSUnknownKeys: func(w wire) bool {
			token := w.idToken()
			kid, _ := token.header["kid"].(string)
			return len(w.keys()) == 5 && len(w.published()) == 2 && token.signedBy(w.published()[kid])
		},
		authtest.JWKSBrokenKeys: func(w wire) bool {
			token := w.idToken()
			kid, _ := token.header["kid"].(string)
			return len(w.keys()) == 5 && len(w.published()) == 1 && token.signedBy(w.published()[kid])
		},
		authtest.JWKSHuge:     endpoint(jwks).huge("keys"),
		authtest.JWKSRedirect: endpoint(jwks).redirect("/jwks"),

		authtest.DiscoveryIssuerMismatch: func(w wire) bool { return w.discovery()["issuer"] == "https://other.example" },
		authtest.DiscoveryServerError:    endpoint(discovery).answers(500, `{"error":"server_error"}`),
		authtest.DiscoveryHTML:           endpoint(discovery).html(),
		authtest.DiscoveryNull:           endpoint(discovery).answers(200, "null"),
		authtest.DiscoveryNoEndpoints: func(w wire) bool {
			metadata := w.discovery()
			return metadata["issuer"] == w.idp.Issuer() && metadata["token_endpoint"] == nil && metadata["authorization_endpoint"] == nil
		},
		authtest.DiscoveryForeignHTTP: func(w wire) bool {
			endpoint, _ := w.discovery()["token_endpoint"].(string)
			return strings.HasPrefix(endpoint, "http://foreign.invalid/")
		},
		authtest.DiscoveryJavaScript: func(w wire) bool {
			endpoint, _ := w.discovery()["authorization_endpoint"].(string)
			return strings.HasPrefix(endpoint, "javascript:")
		},
		authtest.DiscoveryWeakAlgs: func(w wire) bool {
			algs, _ := w.discovery()["id_token_signing_alg_values_supported"].([]any)
			return len(algs) == 3 && algs[1] == "none" && algs[2] == "HS256" && w.idToken().signedBy(w.onlyKey())
		},
		authtest.DiscoveryNoPKCE:   func(w wire) bool { return w.discovery()["code_challenge_methods_supported"] == nil },
		authtest.DiscoveryHuge:     endpoint(discovery).huge("issuer"),
		authtest.DiscoveryRedirect: endpoint(discovery).redirect("/.well-known/openid-configuration"),

		authtest.ProfileScript:   profile("name", func(v any) bool { s, _ := v.(string); return strings.Contains(s, "<script>") }),
		authtest.ProfileHugeName: func(w wire) bool { s, _ := w.userinfo()["name"].(string); return len(s) == 500_000 },
		authtest.ProfileControlCharacters: profile("name", func(v any) bool {
			s, _ := v.(string)
			return strings.ContainsRune(s, 0) && strings.Contains(s, "\r\n") && strings.ContainsRune(s, '\u202e')
		}),
		authtest.ProfileNumber:            profile("name", func(v any) bool { return v == 42.0 }),
		authtest.ProfileJavaScriptPicture: profile("picture", func(v any) bool { s, _ := v.(string); return strings.HasPrefix(s, "javascript:") }),
	}
}

// profile detects a claim in the ID token and in the userinfo response.
func profile(name string, check func(any) bool) detector {
	return func(w wire) bool { return check(w.idToken().claims[name]) && check(w.userinfo()[name]) }
}
