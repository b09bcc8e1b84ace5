// Package provider defines the ways to sign in: an OAuth 2 or OpenID Connect
// provider, or credentials that the application checks itself.
//
// A Provider is data. The catalogue has a constructor for each common vendor;
// [OIDC] and [OAuth2] serve any other:
//
//	provider.GitHub()                             // AUTH_GITHUB_ID, AUTH_GITHUB_SECRET
//	provider.Keycloak(func(p *provider.Provider) { // the same, changed
//		p.Issuer = "https://sso.example.com/realms/acme"
//	})
//	provider.OIDC(provider.Provider{ID: "acme", Issuer: "https://id.acme.example"})
//	provider.Credentials(func(ctx context.Context, form url.Values) (*provider.User, error) { … })
//
// The package neither reads the environment nor uses the network by itself.
package provider

import (
	"context"
	"crypto"
	"net/url"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Type is the kind of a provider. It selects the protocol of a sign-in, and is the
// "type" in GET /api/auth/providers and in [Account].
type Type string

// The kinds of providers, with the names of Auth.js.
const (
	TypeOAuth       Type = "oauth"       // OAuth 2: the profile comes from the userinfo endpoint
	TypeOIDC        Type = "oidc"        // OpenID Connect: discovery by issuer, verified ID token
	TypeCredentials Type = "credentials" // a form that Authorize checks
	TypeEmail       Type = "email"       // a link that is sent by e-mail
)

// AuthMethod is a method of client authentication at the token endpoint, named as
// in OpenID Connect Core §9.
type AuthMethod string

// The client authentication methods.
const (
	ClientSecretBasic AuthMethod = "client_secret_basic" // HTTP Basic, id and secret form-encoded first (RFC 6749 §2.3.1)
	ClientSecretPost  AuthMethod = "client_secret_post"  // in the form of the request
	ClientSecretJWT   AuthMethod = "client_secret_jwt"   // an assertion signed with the secret, HS256 (RFC 7523)
	PrivateKeyJWT     AuthMethod = "private_key_jwt"     // an assertion signed with SigningKey (RFC 7523)
	NoClientAuth      AuthMethod = "none"                // a public client, which has PKCE alone
)

// Provider is the configuration of one way to sign in. Take one from the catalogue
// and change its fields, or fill one in for [OIDC] or [OAuth2]. The zero value is
// not valid: see [Provider.Validate].
type Provider struct {
	// ID names the provider in URLs (/api/auth/callback/<id>), in
	// Account.Provider and in environment variables. Lower-case letters,
	// digits, '-', '_' and '.'; unique in a configuration.
	ID string

	// Name is the label of the button. Empty means ID.
	Name string

	// Type is set by the constructors.
	Type Type

	// ClientID and ClientSecret come from the registration of the application
	// at the provider. Empty means AUTH_<ID>_ID and AUTH_<ID>_SECRET, with <ID>
	// in upper case and '-' and '.' as '_'.
	ClientID     string
	ClientSecret string

	// ClientSecretFunc returns the client secret of each token request, for a
	// provider that requires short-lived ones (Apple). Nil means ClientSecret. It
	// must be safe for concurrent use; an error fails the sign-in.
	ClientSecretFunc func(ctx context.Context) (string, error)

	// AuthMethod is how the client authenticates at the token endpoint. Empty
	// means ClientSecretBasic.
	AuthMethod AuthMethod

	// SigningKey signs the assertion of PrivateKeyJWT: RSA (RS256), ECDSA
	// P-256 (ES256) or Ed25519 (EdDSA). SigningKeyID is its "kid", if any.
	SigningKey   crypto.Signer
	SigningKeyID string

	// Issuer identifies an OpenID provider and is the base URL of discovery. The
	// issuer in the metadata and in every ID token must equal it exactly. Empty
	// means AUTH_<ID>_ISSUER. For OAuth 2 it is optional: if set, an "iss" in the
	// authorization response must equal it (RFC 9207).
	Issuer string

	// DiscoveryURL is where the metadata of an OpenID provider are, with the path
	// /.well-known/openid-configuration if they have that, for a provider whose issuer is
	// another address (Azure AD B2C). The issuer in the metadata and in every ID token must
	// still equal Issuer. Empty means that they are below the Issuer.
	DiscoveryURL string

	// MultiTenant accepts an Issuer of many tenants (Microsoft's "common"): the
	// issuer in the metadata contains "{tenantid}", and that of an ID token must
	// equal it with the token's "tid" in that place. It has no effect if the
	// metadata contain a single issuer.
	MultiTenant bool

	// fallbackIssuer is the Issuer if neither the application nor the environment
	// sets one.
	fallbackIssuer string

	// AuthorizationURL, TokenURL and UserinfoURL are the endpoints of an
	// OAuth 2 provider. Those of an OpenID provider are discovered; one that is
	// set replaces the discovered one. The scheme is https, or http on a loopback
	// address. A discovered one is on a loopback address only if Issuer is.
	AuthorizationURL string
	TokenURL         string
	UserinfoURL      string

	// JWKSURL is where the keys of an OpenID provider are. Empty means the jwks_uri of the
	// metadata.
	JWKSURL string

	// EndSessionURL is the end_session_endpoint: the page of the provider at which
	// a browser signs out. That of an OpenID provider is discovered; one that is
	// set replaces the discovered one. Its query, if any, is kept. The scheme is
	// https, or http on a loopback address.
	EndSessionURL string

	// FederatedLogout makes a sign-out also end the session at the provider: the
	// browser is redirected to the end_session_endpoint and back (OpenID Connect
	// RP-Initiated Logout 1.0). Register /api/auth/signout/<id> at the provider as
	// post-logout redirect URI. An OAuth 2 provider needs an EndSessionURL for it.
	// With a Session.Store, that must be a store.Index. False ends the session in
	// the application alone: the next sign-in may need no password.
	FederatedLogout bool

	// BackchannelLogout accepts logout tokens of an OpenID provider at
	// POST /api/auth/backchannel-logout/<id> (OpenID Connect Back-Channel Logout
	// 1.0); register that URL at the provider. A logout token ends the sessions of
	// the user, or of the session at the provider, that it identifies. One with a
	// "sid" that is unknown ends the user's sessions that have none. It requires
	// a Session.Store that is a store.Index, or a Session.DenyList. False rejects
	// logout tokens.
	BackchannelLogout bool

	// DangerouslyAllowPrivateAddresses lets requests to the provider go to private
	// addresses (RFC 1918, RFC 4193, RFC 6598), for one in the network of the
	// application. Its metadata can then name any https server of that network. False
	// rejects them when a connection is made, after the name was resolved; addresses
	// of a link, such as 169.254.169.254, are always rejected. With a proxy, or a
	// Transport in Config.HTTPClient, that one resolves names, and only addresses
	// that stand in a URL are rejected.
	DangerouslyAllowPrivateAddresses bool

	// InsecureHTTP lists the hosts, such as "keycloak:8080", that the server may reach over
	// http, and at private and loopback addresses, in URLs that are configured or
	// discovered: for a provider in the next container, which browsers reach at another
	// address. Who controls the network there can read and change what is sent, the
	// client secret and the profile among it.
	InsecureHTTP []string

	// IDTokenAlg is the algorithm of ID tokens. Empty means the asymmetric ones, whose keys
	// the provider publishes. "HS256" is for a provider that signs with the client secret
	// (LINE), which must have 32 bytes; it is then the only one that is accepted.
	IDTokenAlg string

	// SkipUserinfo takes the profile of an OpenID provider from the ID token
	// alone, without a request to the userinfo endpoint.
	SkipUserinfo bool

	// VerifiesEmail trusts the provider with the addresses of users: an address that it
	// calls verified is one that the user has proved. With Config.Accounts, a user of the
	// application with that address, which was not proved before, then belongs to the user of
	// the provider, and Accounts.LinkByEmail applies. Set it only for a provider that verifies
	// addresses itself, and does not let its customers set email_verified. False takes no address for
	// proved. The constructors Google, Apple and GitHub set it.
	VerifiesEmail bool

	// Scopes are the scopes of the authorization request. Empty means "openid
	// profile email" for OpenID Connect and none for OAuth 2.
	Scopes []string

	// AuthorizationParams are further parameters of the authorization request,
	// such as "access_type": "offline". They can't replace client_id,
	// redirect_uri, response_type, state, nonce or code_challenge, and scope
	// and response_mode have fields of their own.
	AuthorizationParams map[string]string

	// AllowedParams lists the query parameters of POST /api/auth/signin/<id> that
	// are copied into the authorization request, besides login_hint, prompt and
	// ui_locales. All others are ignored.
	AllowedParams []string

	// ResponseMode is "form_post" if the provider returns the authorization
	// response in a cross-site form post (Apple). Empty means "query".
	ResponseMode string

	// Conform changes the body of a response of the token or the userinfo endpoint that is
	// off the standard, before it is parsed, and returns it. It gets all of the former,
	// error responses included, and of the latter those with status 200; it has to return
	// those that are right as they are. The body of a token response has secrets. An error
	// fails the sign-in, or this refresh. Nil changes none. It must be safe for concurrent
	// use.
	Conform func(ctx context.Context, r Response) ([]byte, error)

	// Profile returns the user of a profile. Nil means [DefaultProfile]. A user
	// without an ID is rejected; [User.Normalize] is applied to all others. An
	// error fails the sign-in; return an [*Error] to choose its code. Profile must
	// be safe for concurrent use.
	Profile func(ctx context.Context, p ProfileRequest) (*User, error)

	// Authorize checks the form of a credentials provider, see [Credentials]. Other
	// providers have none.
	Authorize func(ctx context.Context, form url.Values) (*User, error)

	// Fields are the inputs of the credentials form on the built-in page. Other
	// providers have none.
	Fields []Field

	// LinkLifetime is how long the link of an e-mail provider works, from a minute to 24
	// hours. Zero means 10 minutes. Other providers have none.
	LinkLifetime time.Duration

	// Style is the look of the button on the built-in page.
	Style Style
}

// Response is a response of a provider, for [Provider].Conform.
type Response struct {
	_ [0]func()

	Endpoint    string // "token" or "userinfo"
	Status      int
	ContentType string
	Body        []byte // 1 MB at most
}

// Field is one input of a credentials form. Standard names are username, user, login,
// email, password, tel, phone, code, otp, totp and pin, in any case.
type Field struct {
	_ [0]func()

	Name         string // key in the form that Authorize gets
	Label        string // empty means Name, or that of a standard Name, such as "One-time code" for "code"
	Type         string // an HTML input type; empty means "text", or that of a standard Name, such as "password" for "pin"
	Placeholder  string
	Autocomplete string // an HTML autocomplete value, such as "username"; empty means that of the Type and of a standard Name

	// Optional lets a browser send the form with this field empty. A field is required by
	// default, because an empty one would count as a failed attempt. The server checks
	// neither: Authorize does.
	Optional bool
}

// Style is the look of a provider's button. The zero value is a neutral button.
type Style struct {
	_ [0]func()

	Logo  string // URL of an image, optional
	Brand string // a CSS colour of the vendor, such as "#24292f", optional
	Text  string // of the button, such as "Sign in with your staff card"; empty means one with the Name
}

// User is the user of a sign-in, in the fields that all providers share.
type User struct {
	// ID is the provider's stable identifier of the user. It becomes
	// Account.ProviderAccountID and, as "sub", the subject of the token.
	ID string `json:"id"`

	Name  string `json:"name,omitzero"`
	Email string `json:"email,omitzero"`
	Image string `json:"image,omitzero"` // URL of a picture

	// EmailVerified says that the provider has verified that the user owns Email. With
	// Config.Accounts it counts where [Provider].VerifiesEmail is set; in callbacks it then
	// says that the address of the user was proved here.
	EmailVerified bool `json:"-"`

	// Extra has the application's own data of a user of Config.Accounts, a JSON object, in
	// callbacks alone. It is empty if there are none.
	Extra jsontext.Value `json:"-"`

	// AccessToken is for Authorize of credentials: a token of the application's
	// user service. The callbacks get it as Account.AccessToken.
	AccessToken string `json:"-"`

	// Profile is for Authorize of credentials: further data of the user, a JSON
	// object. The callbacks get it as the profile.
	Profile Profile `json:"-"`
}

// Profile is a provider's data of a user, a JSON object: the claims of the ID token
// and of the userinfo endpoint, or the response of an OAuth 2 provider's user API.
// Empty means that there is none.
type Profile jsontext.Value

// Decode unmarshals the profile into v, a pointer to a struct with json tags. An
// empty profile leaves v unchanged.
func (p Profile) Decode(v any) error {
	if len(p) == 0 {
		return nil
	}
	return json.Unmarshal(p, v)
}

// ProfileRequest is the input of a Profile function.
type ProfileRequest struct {
	Profile Profile  // the provider's data of the user
	Account *Account // the tokens; ProviderAccountID is still empty

	// UserinfoURL is the userinfo endpoint of this sign-in, configured or discovered,
	// from which the URLs of other resources of the same API can be made. Empty means
	// that an OpenID provider has none.
	UserinfoURL string

	// Params are the other parameters of the authorization response, such as
	// Apple's "user". They come from the browser, unsigned: use them for a display
	// name, never for an ID or an e-mail address.
	Params url.Values

	// Get fetches another resource of the provider's API with the access token,
	// within the deadline of the sign-in and at most 1 MB. Any status but 200 is
	// an error. The token goes to the host of the URL: make it from UserinfoURL if
	// the provider has more than one server.
	Get func(ctx context.Context, url string) ([]byte, error)
}

// Account links a user to a provider, with the tokens of the sign-in. Callbacks get
// it at a sign-in alone.
//
// The key of an account is Provider, Issuer and ProviderAccountID. Issuer is empty unless
// the provider is one of many tenants (MultiTenant): then it is the "iss" of the ID token,
// and the same ProviderAccountID at two issuers may be two users.
type Account struct {
	Provider          string `json:"provider"`
	Type              Type   `json:"type"`
	ProviderAccountID string `json:"providerAccountId"`
	Issuer            string `json:"issuer,omitzero"`
	AccessToken       string `json:"access_token,omitzero"`
	RefreshToken      string `json:"refresh_token,omitzero"`
	IDToken           string `json:"id_token,omitzero"`
	TokenType         string `json:"token_type,omitzero"`
	Scope             string `json:"scope,omitzero"`
	ExpiresAt         int64  `json:"expires_at,omitzero"` // of the access token, in seconds since 1970; 0 means unknown

	// Extra is a JSON object with all other members of the token response as they
	// were sent, except expires_in, from which ExpiresAt is computed. It is empty if
	// there are none. In the JSON of an Account it is one member.
	Extra jsontext.Value `json:"extra,omitzero"`
}

// Error is a failed sign-in with the code that the browser gets.
type Error struct {
	_ [0]func()

	// Code is the value of ?error= on the sign-in and error pages, such as
	// "AccessDenied". It is sent to the front end unchanged: use letters and digits,
	// and no secret.
	Code string

	// Err is the cause. It is logged and never sent to the browser.
	Err error
}

// Error returns the code and the cause, for the log.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Code
	}
	return e.Code + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// A StatusError is the answer of a provider with a status that is no success.
type StatusError struct {
	_ [0]func()

	Status int // of HTTP, such as 503
}

// Error is "status 503".
func (e *StatusError) Error() string { return "status " + strconv.Itoa(e.Status) }
