package hostile

// Faults of the ID token: its header and its signature.
const (
	IDTokenBadSignature      Fault = iota + 1 // one bit of the signature is flipped
	IDTokenNoSignature                        // no signature, with the normal "alg"
	IDTokenForeignKey                         // signed by an unpublished key, with the "kid" of the published one
	IDTokenAlgNone                            // "alg":"none", no signature
	IDTokenAlgNoneUpperCase                   // "alg":"NONE", no signature
	IDTokenAlgNoneMixedCase                   // "alg":"nOnE", no signature
	IDTokenAlgUnannounced                     // signed by a published key, with an algorithm that the metadata do not contain
	IDTokenHS256PEM                           // HS256 with the public key's PEM as the secret
	IDTokenHS256DER                           // HS256 with the public key's DER as the secret
	IDTokenHS256Number                        // HS256 with the public key's number (RSA modulus, point of the curve) as the secret
	IDTokenHS256ClientSecret                  // HS256 with the client secret
	IDTokenKidUnknown                         // "kid" is not in the key set
	IDTokenKidAbsent                          // no "kid"; the key set has a single key
	IDTokenKidAbsentManyKeys                  // no "kid"; the key set has three keys
	IDTokenHeaderJWK                          // signed by an unpublished key, which is in the header as "jwk"
	IDTokenHeaderJKU                          // signed by an unpublished key, which is at the URL in "jku"
	IDTokenHeaderX5C                          // signed by an unpublished key, whose certificate is in the header as "x5c"
	IDTokenHeaderX5U                          // signed by an unpublished key, whose certificate is at the URL in "x5u"
	IDTokenCritUnknown                        // "crit" has an unknown extension (RFC 7515 §4.1.11)
)

// Faults of the ID token: its claims.
const (
	IDTokenWrongIssuer          Fault = iota + 101 // "iss" is another provider
	IDTokenIssuerSlash                             // "iss" has an additional slash at its end
	IDTokenNoIssuer                                // no "iss"
	IDTokenWrongAudience                           // "aud" is another application
	IDTokenAudiencePrefix                          // "aud" has the client ID as prefix
	IDTokenAudienceNumber                          // "aud" is a number
	IDTokenNoAudience                              // no "aud"
	IDTokenAudienceArray                           // "aud" is an array with the client ID alone, to be tolerated
	IDTokenAudienceArrayNoAzp                      // "aud" has two applications, without an "azp"
	IDTokenWrongAzp                                // "azp" is another application
	IDTokenWrongNonce                              // "nonce" is that of another sign-in
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
	IDTokenNoAccessTokenHash                       // no "at_hash", to be tolerated in the code flow
	RefreshWrongIssuer                             // "iss" of a refreshed ID token is another provider
	RefreshWrongSubject                            // "sub" of a refreshed ID token is another user
)

// Faults of the authorization response.
const (
	AuthorizationWrongIssuer   Fault = iota + 201 // "iss" is another provider: a mix-up attack (RFC 9207)
	AuthorizationNoIssuer                         // no "iss", although the metadata announce it
	AuthorizationErrorWithCode                    // an "error" beside a valid code
	AuthorizationErrorMarkup                      // an error, no code, and a description that is a script
	AuthorizationNoState                          // no "state"
	AuthorizationWrongState                       // "state" is changed
	AuthorizationNoCode                           // no "code" and no error
	AuthorizationWrongCode                        // "code" is unknown to the provider
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
	TokenExpiresInString                    // "expires_in" is a string, to be tolerated
	TokenInvalidGrant                       // 400 with invalid_grant
	TokenErrorStatusOK                      // an error with status 200
	TokenServerError                        // 500
	TokenHTML                               // 200 with an HTML page
	TokenNull                               // 200 with null
	TokenNoContent                          // 204
	TokenTruncated                          // half of the JSON, as a complete response
	TokenCutOff                             // half of the JSON, then the connection is closed
	TokenHuge                               // valid JSON of 64 MB
	TokenGzipBomb                           // valid JSON of 64 MB in less than 100 KB of gzip
	TokenRedirect                           // 307 to a URL that responds normally
	TokenSlow                               // no response until the client disconnects or the provider is closed
	TokenDrip                               // a space every 20 ms until the client disconnects or the provider is closed
)

// Faults of the userinfo endpoint.
const (
	UserinfoUnauthorized Fault = iota + 401 // 401
	UserinfoServerError                     // 500
	UserinfoWrongSubject                    // "sub" is another user
	UserinfoNoSubject                       // no "sub"
	UserinfoHTML                            // 200 with an HTML page
	UserinfoNull                            // 200 with null
	UserinfoHuge                            // valid JSON of 64 MB
	UserinfoGzipBomb                        // valid JSON of 64 MB in less than 100 KB of gzip
	UserinfoRedirect                        // 307 to a URL that responds normally
	UserinfoSlow                            // no response, as TokenSlow
	UserinfoDrip                            // spaces, as TokenDrip
)

// Faults of the key set.
const (
	JWKSServerError Fault = iota + 501 // 500
	JWKSHTML                           // 200 with an HTML page
	JWKSEmpty                          // no keys
	JWKSRotated                        // the key is replaced before each ID token is signed, to be tolerated
	JWKSUnknownKeys                    // keys of unknown kinds and another valid one beside the right one, to be tolerated
	JWKSBrokenKeys                     // malformed keys of known kinds beside the right one
	JWKSHuge                           // valid JSON of 64 MB
	JWKSRedirect                       // 307 to a URL that responds normally
	JWKSSlow                           // no response, as TokenSlow
	JWKSDrip                           // spaces, as TokenDrip
)

// Faults of the provider's metadata. They have no effect on an application that has
// cached the metadata.
const (
	DiscoveryIssuerMismatch Fault = iota + 601 // "issuer" is another provider
	DiscoveryServerError                       // 500
	DiscoveryHTML                              // 200 with an HTML page
	DiscoveryNull                              // 200 with null
	DiscoveryNoEndpoints                       // no authorization and token endpoint
	DiscoveryForeignHTTP                       // the endpoints are plain http on a foreign host
	DiscoveryJavaScript                        // the endpoints are javascript: URLs
	DiscoveryWeakAlgs                          // none and HS256 are announced too, to be tolerated
	DiscoveryNoPKCE                            // PKCE is required but not announced, to be tolerated
	DiscoveryHuge                              // valid JSON of 64 MB
	DiscoveryRedirect                          // 307 to a URL that responds normally
	DiscoverySlow                              // no response, as TokenSlow
	DiscoveryDrip                              // spaces, as TokenDrip
)

// Hostile profiles, in the ID token and at the userinfo endpoint. They need the scope
// "profile".
const (
	ProfileScript            Fault = iota + 701 // a script in the name
	ProfileHugeName                             // a name of 500 KB, at the userinfo endpoint alone
	ProfileControlCharacters                    // NUL, line breaks and a right-to-left override in the name
	ProfileNumber                               // the name is a number
	ProfileJavaScriptPicture                    // the picture is a javascript: URL
)

// Faults of the token endpoint for requests with a refresh token, which stays valid.
// They have no effect on requests with a code.
const (
	RefreshServerError   Fault = iota + 801 // 500
	RefreshInvalidGrant                     // 400 with invalid_grant
	RefreshInvalidClient                    // 401 with invalid_client, which is not about the refresh token
	RefreshGarbage                          // 200 with an HTML page
	RefreshSlow                             // no response, as TokenSlow
	RefreshNotRotated                       // no new refresh token, and the old one stays valid, to be tolerated
)

// Faults of a logout token.
const (
	LogoutBadSignature       LogoutFault = iota + 1 // one bit of the signature is flipped
	LogoutForeignKey                                // signed by an unpublished key, with the "kid" of the published one
	LogoutAlgNone                                   // "alg":"none", no signature
	LogoutWrongAlg                                  // HS256 with the client secret
	LogoutHS256PEM                                  // HS256 with the public key's PEM as the secret
	LogoutNoEvent                                   // no "events"
	LogoutWrongEvent                                // "events" has another event
	LogoutEventString                               // the event is a string, not an object
	LogoutWithNonce                                 // a "nonce", which an ID token has
	LogoutWrongIssuer                               // "iss" is another provider
	LogoutNoIssuer                                  // no "iss"
	LogoutWrongAudience                             // "aud" is another application
	LogoutNoAudience                                // no "aud"
	LogoutExpired                                   // "exp" was three minutes ago
	LogoutNoExpiry                                  // no "exp"
	LogoutIssuedInFuture                            // "iat" is five minutes ahead
	LogoutIssuedLongAgo                             // "iat" was a day ago, "exp" is in the future
	LogoutNoIssuedAt                                // no "iat"
	LogoutNoID                                      // no "jti"
	LogoutNoSubjectNoSession                        // neither "sub" nor "sid"
	LogoutSessionNumber                             // "sid" is a number
	LogoutIDToken                                   // an ID token of the user
	LogoutWrongType                                 // "typ" is that of an access token (RFC 9068)
	LogoutTypeJWT                                   // "typ" is JWT, as of older providers, to be tolerated
	LogoutClockAhead                                // "iat" is five seconds ahead: a fast clock, to be tolerated
)
