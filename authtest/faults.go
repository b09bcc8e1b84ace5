package authtest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// A Fault is one way in which a [Provider] misbehaves. Set it with
// [Provider.SetFaults]; range over all of them with [Faults]:
//
//	for _, fault := range authtest.Faults() {
//		t.Run(fault.String(), func(t *testing.T) {
//			idp := authtest.StartProvider(t)
//			idp.SetFaults(fault)
//			signedIn := signIn(t, idp)
//			if want := fault.Outcome(); want == authtest.Refused && signedIn {
//				t.Error("signed in")
//			}
//		})
//	}
type Fault int

// Faults of the ID token: its header and its signature.
const (
	IDTokenBadSignature      Fault = iota + 1 // one bit of the signature is flipped
	IDTokenNoSignature                        // the signature is cut off, "alg" stays
	IDTokenForeignKey                         // signed by a key that was never published, under the published "kid"
	IDTokenAlgNone                            // "alg":"none", no signature
	IDTokenAlgNoneUpperCase                   // "alg":"NONE", no signature
	IDTokenAlgNoneMixedCase                   // "alg":"nOnE", no signature
	IDTokenAlgUnannounced                     // well signed by a published key, with an algorithm that discovery does not name
	IDTokenHS256PEM                           // HS256 with the public key's PEM as the secret
	IDTokenHS256DER                           // HS256 with the public key's DER as the secret
	IDTokenHS256Number                        // HS256 with the public key's bare number (RSA modulus, point of the curve) as the secret
	IDTokenHS256ClientSecret                  // HS256 with the client secret
	IDTokenKidUnknown                         // "kid" names a key that is not in the key set
	IDTokenKidAbsent                          // no "kid"; the key set has a single key
	IDTokenKidAbsentManyKeys                  // no "kid"; the key set has three keys
	IDTokenHeaderJWK                          // the key that verifies it is in its header, as "jwk"
	IDTokenHeaderJKU                          // "jku" leads to the key that verifies it
	IDTokenHeaderX5C                          // the key that verifies it is in its header, in a certificate
	IDTokenHeaderX5U                          // "x5u" leads to the certificate with the key that verifies it
	IDTokenCritUnknown                        // "crit" names an extension that nobody knows (RFC 7515 §4.1.11)
)

// Faults of the ID token: its claims.
const (
	IDTokenWrongIssuer          Fault = iota + 101 // "iss" is another provider
	IDTokenIssuerSlash                             // "iss" has a trailing slash too many
	IDTokenNoIssuer                                // no "iss"
	IDTokenWrongAudience                           // "aud" is another application
	IDTokenAudiencePrefix                          // "aud" begins with the client ID and goes on
	IDTokenAudienceNumber                          // "aud" is a number
	IDTokenNoAudience                              // no "aud"
	IDTokenAudienceArray                           // "aud" is an array with the client ID alone, which is fine
	IDTokenAudienceArrayNoAzp                      // "aud" has two applications, and no "azp" says whose it is
	IDTokenWrongAzp                                // "azp" is another application
	IDTokenWrongNonce                              // "nonce" is that of another flow
	IDTokenNoNonce                                 // no "nonce"
	IDTokenEmptyNonce                              // "nonce" is ""
	IDTokenNullNonce                               // "nonce" is null
	IDTokenNoSubject                               // no "sub"
	IDTokenEmptySubject                            // "sub" is ""
	IDTokenSubjectNumber                           // "sub" is a number
	IDTokenNoExpiry                                // no "exp"
	IDTokenExpiryString                            // "exp" is a string
	IDTokenExpired                                 // "exp" was an hour ago
	IDTokenJustExpired                             // "exp" was five seconds ago: a slow clock, to be tolerated
	IDTokenNoIssuedAt                              // no "iat"
	IDTokenIssuedInFuture                          // "iat" is a day ahead
	IDTokenNotBeforeFuture                         // "nbf" is an hour ahead
	IDTokenClockAhead                              // "iat" and "nbf" are five seconds ahead: a fast clock, to be tolerated
	IDTokenWrongAccessTokenHash                    // "at_hash" is that of another access token
	IDTokenNoAccessTokenHash                       // no "at_hash", which the code flow allows
	RefreshWrongIssuer                             // "iss" of a refreshed ID token is another provider
	RefreshWrongSubject                            // "sub" of a refreshed ID token is another user
)

// Faults of the authorization response.
const (
	AuthorizationWrongIssuer   Fault = iota + 201 // "iss" is another provider: a mix-up (RFC 9207)
	AuthorizationNoIssuer                         // no "iss", although discovery announces it
	AuthorizationErrorWithCode                    // an "error" beside a good code
	AuthorizationErrorMarkup                      // an error, no code, and a description that is a script
	AuthorizationNoState                          // no "state"
	AuthorizationWrongState                       // "state" is changed
	AuthorizationNoCode                           // no "code" and no error
	AuthorizationWrongCode                        // "code" is one that was never issued
)

// Faults of the token endpoint.
const (
	TokenNoIDToken       Fault = iota + 301 // no "id_token"
	TokenIDTokenGarbage                     // "id_token" is not a JWT
	TokenIDTokenNumber                      // "id_token" is a number
	TokenIDTokenDots                        // "id_token" is 100,000 dots
	TokenNoAccessToken                      // no "access_token"
	TokenAccessNumber                       // "access_token" is a number
	TokenTypeMAC                            // "token_type" is mac
	TokenExpiresInString                    // "expires_in" is a string, as some providers have it
	TokenInvalidGrant                       // 400 with invalid_grant
	TokenErrorStatusOK                      // an error with status 200
	TokenServerError                        // 500
	TokenHTML                               // 200 with a page
	TokenNull                               // 200 with null
	TokenNoContent                          // 204
	TokenTruncated                          // half of the JSON, as if that were all
	TokenCutOff                             // half of the JSON, then the connection breaks
	TokenHuge                               // good JSON of 64 MB
	TokenGzipBomb                           // good JSON of 64 MB in less than 100 KB of gzip
	TokenRedirect                           // 307 to a place that would answer well
	TokenSlow                               // no answer, until the client hangs up or the provider closes
	TokenDrip                               // a space every 20 ms, until the client hangs up or the provider closes
)

// Faults of the userinfo endpoint.
const (
	UserinfoUnauthorized Fault = iota + 401 // 401
	UserinfoServerError                     // 500
	UserinfoWrongSubject                    // "sub" is another user
	UserinfoNoSubject                       // no "sub"
	UserinfoHTML                            // 200 with a page
	UserinfoNull                            // 200 with null
	UserinfoHuge                            // good JSON of 64 MB
	UserinfoGzipBomb                        // good JSON of 64 MB in less than 100 KB of gzip
	UserinfoRedirect                        // 307 to a place that would answer well
	UserinfoSlow                            // no answer, as TokenSlow
	UserinfoDrip                            // a space at a time, as TokenDrip
)

// Faults of the key set.
const (
	JWKSServerError Fault = iota + 501 // 500
	JWKSHTML                           // 200 with a page
	JWKSEmpty                          // no keys
	JWKSRotated                        // the key is exchanged just before each ID token is signed, to be tolerated
	JWKSUnknownKeys                    // keys of unknown kinds and another good one beside the right one, to be tolerated
	JWKSBrokenKeys                     // malformed keys of known kinds beside the right one
	JWKSHuge                           // good JSON of 64 MB
	JWKSRedirect                       // 307 to a place that would answer well
	JWKSSlow                           // no answer, as TokenSlow
	JWKSDrip                           // a space at a time, as TokenDrip
)

// Faults of discovery. An application that has discovered the provider before
// may not notice them.
const (
	DiscoveryIssuerMismatch Fault = iota + 601 // "issuer" is another provider
	DiscoveryServerError                       // 500
	DiscoveryHTML                              // 200 with a page
	DiscoveryNull                              // 200 with null
	DiscoveryNoEndpoints                       // no authorization and token endpoint
	DiscoveryForeignHTTP                       // the endpoints are plain http on a foreign host
	DiscoveryJavaScript                        // the endpoints are javascript: URLs
	DiscoveryWeakAlgs                          // none and HS256 are announced too; the ID token stays good
	DiscoveryNoPKCE                            // PKCE is not announced, and still required
	DiscoveryHuge                              // good JSON of 64 MB
	DiscoveryRedirect                          // 307 to a place that would answer well
	DiscoverySlow                              // no answer, as TokenSlow
	DiscoveryDrip                              // a space at a time, as TokenDrip
)

// Hostile profiles, in the ID token and at the userinfo endpoint. A user needs
// the scope "profile" to have one.
const (
	ProfileScript            Fault = iota + 701 // a script in the name
	ProfileHugeName                             // a name of 500 KB, at the userinfo endpoint alone
	ProfileControlCharacters                    // NUL, line breaks and a right-to-left override in the name
	ProfileNumber                               // the name is a number
	ProfileJavaScriptPicture                    // the picture is a javascript: URL
)

// Faults of the token endpoint when it gets a refresh token. None of them spends
// it, and a code is exchanged as ever.
const (
	RefreshServerError   Fault = iota + 801 // 500
	RefreshInvalidGrant                     // 400 with invalid_grant: the refresh token is revoked
	RefreshInvalidClient                    // 401 with invalid_client, which says nothing of the refresh token
	RefreshGarbage                          // 200 with a page
	RefreshSlow                             // no answer, as TokenSlow
	RefreshNotRotated                       // no new refresh token; the old one stays good, which is fine
)

// Faults of a logout token. [LogoutFaults] has them, not Faults, and
// [Provider.LogoutToken] shows them, not SetFaults.
const (
	LogoutBadSignature       Fault = iota + 901 // one bit of the signature is flipped
	LogoutForeignKey                            // signed by a key that was never published, under the published "kid"
	LogoutAlgNone                               // "alg":"none", no signature
	LogoutWrongAlg                              // HS256 with the client secret
	LogoutHS256PEM                              // HS256 with the public key's PEM as the secret
	LogoutNoEvent                               // no "events"
	LogoutWrongEvent                            // "events" has another event
	LogoutEventString                           // the event is a string, not an object
	LogoutWithNonce                             // a "nonce", which an ID token has
	LogoutWrongIssuer                           // "iss" is another provider
	LogoutNoIssuer                              // no "iss"
	LogoutWrongAudience                         // "aud" is another application
	LogoutNoAudience                            // no "aud"
	LogoutExpired                               // "exp" was three minutes ago
	LogoutNoExpiry                              // no "exp"
	LogoutIssuedInFuture                        // "iat" is five minutes ahead
	LogoutIssuedLongAgo                         // "iat" was a day ago, "exp" is still ahead
	LogoutNoIssuedAt                            // no "iat"
	LogoutNoID                                  // no "jti"
	LogoutNoSubjectNoSession                    // neither "sub" nor "sid"
	LogoutSessionNumber                         // "sid" is a number
	LogoutIDToken                               // an ID token of the user
	LogoutWrongType                             // "typ" is that of an access token (RFC 9068)
	LogoutTypeJWT                               // "typ" is JWT, as older providers have it, to be tolerated
	LogoutClockAhead                            // "iat" is five seconds ahead: a fast clock, to be tolerated
)

// An Outcome is what a careful application makes of a sign-in with a fault, or
// of a logout token with one.
type Outcome int

// The outcomes.
const (
	Refused  Outcome = iota // nobody is signed in, or out
	Accepted                // the user is signed in, or out
	Either                  // both are sound; hanging or crashing is not
)

// String returns "refused", "accepted" or "either".
func (o Outcome) String() string {
	return [...]string{Refused: "refused", Accepted: "accepted", Either: "either"}[o]
}

// A fault's effects are functions of these types, one for each place where the
// provider lets itself be disturbed.
type (
	onSigning       func(p *Provider)                                         // before the key for an ID token is chosen
	onLogoutToken   func(p *Provider, t *draft)                               // before a logout token is signed
	onIDToken       func(p *Provider, t *draft)                               // before an ID token is signed
	onProfile       func(claims map[string]any)                               // the user's claims, wherever they go
	onAuthorization func(response url.Values)                                 // the authorization response
	onTokens        func(response map[string]any)                             // the answer of the token endpoint
	onUserinfo      func(response map[string]any)                             // the answer of the userinfo endpoint
	onDiscovery     func(metadata map[string]any)                             // the provider's metadata
	onJWKS          func(p *Provider, keys []map[string]any) []map[string]any // the key set

	// onEndpoint takes the place of an endpoint and may call it.
	onEndpoint struct {
		path   string
		answer answer
	}

	// keepRefreshToken makes refresh tokens good for more than one use.
	keepRefreshToken struct{}
)

// A spec is what there is to know of a fault.
type spec struct {
	fault   Fault
	name    string
	outcome Outcome
	effects []any
}

// catalogue returns all faults, those of logout tokens last.
func catalogue() []spec {
	return slices.Concat(
		signatureFaults(), claimFaults(), authorizationFaults(), tokenFaults(),
		userinfoFaults(), jwksFaults(), discoveryFaults(), profileFaults(),
		refreshFaults(), logoutFaults(),
	)
}

// specOf returns what there is to know of f.
func specOf(f Fault) (spec, bool) {
	all := catalogue()
	i := slices.IndexFunc(all, func(s spec) bool { return s.fault == f })
	if i < 0 {
		return spec{}, false
	}
	return all[i], true
}

// Faults returns all faults that [Provider.SetFaults] takes.
func Faults() []Fault {
	logout := logoutFaults()
	all := catalogue()
	return faultsOf(all[:len(all)-len(logout)])
}

// LogoutFaults returns all faults that [Provider.LogoutToken] takes.
func LogoutFaults() []Fault { return faultsOf(logoutFaults()) }

func faultsOf(specs []spec) []Fault {
	var faults []Fault
	for _, s := range specs {
		faults = append(faults, s.fault)
	}
	return faults
}

// String returns the fault's name, such as "id-token/alg-none".
func (f Fault) String() string {
	if s, ok := specOf(f); ok {
		return s.name
	}
	return "Fault(" + strconv.Itoa(int(f)) + ")"
}

// Outcome returns what a careful application makes of a sign-in with f: one
// that follows OpenID Connect Core, RFC 9207 and RFC 8725 and asks the
// userinfo endpoint. Of the Refresh faults it is the outcome of the refresh, of
// the Logout faults that of the logout token.
func (f Fault) Outcome() Outcome {
	s, _ := specOf(f)
	return s.outcome
}

// SetFaults makes the provider misbehave in these ways, and in no other, from
// the next request on. Without arguments the provider is well again. Faults of
// different places can be combined; of two that answer for the same endpoint
// the first decides.
func (p *Provider) SetFaults(faults ...Fault) {
	var specs []spec
	for _, f := range faults {
		if s, ok := specOf(f); ok {
			specs = append(specs, s)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = specs
}

// effects returns the effects of one type that the provider's faults have.
func effects[E any](p *Provider) []E {
	p.mu.Lock()
	faults := p.faults
	p.mu.Unlock()

	var found []E
	for _, s := range faults {
		for _, effect := range s.effects {
			if e, ok := effect.(E); ok {
				found = append(found, e)
			}
		}
	}
	return found
}

// faulty returns the handler of an endpoint that faults can take the place of.
func (p *Provider) faulty(path string, endpoint http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, e := range effects[onEndpoint](p) {
			if e.path == path {
				e.answer(p, w, r, endpoint)
				return
			}
		}
		endpoint(w, r)
	}
}

// onlyWithFaults returns the handler of a place that a healthy provider lacks.
func (p *Provider) onlyWithFaults(handler http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		healthy := len(p.faults) == 0
		p.mu.Unlock()
		if healthy {
			http.NotFound(w, r)
			return
		}
		handler(w, r)
	}
}
