// Package provider says how people can sign in: with an OAuth 2 or OpenID
// Connect provider, or with credentials that the application checks itself.
//
// A Provider is data. The catalogue has a constructor for each well-known
// vendor, and [OIDC] and [OAuth2] take any other:
//
//	provider.GitHub()                             // AUTH_GITHUB_ID, AUTH_GITHUB_SECRET
//	provider.Keycloak(func(p *provider.Provider) { // the same, changed
//		p.Issuer = "https://sso.example.com/realms/acme"
//	})
//	provider.OIDC(provider.Provider{ID: "acme", Issuer: "https://id.acme.example"})
//	provider.Credentials(func(ctx context.Context, form url.Values) (*provider.User, error) { … })
//
// Nothing in this package reads the environment by itself, or talks to the network.
package provider

import (
	"context"
	"crypto"
	"net/url"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Type is the kind of a provider. It decides the way of a sign-in, and it is
// the "type" that GET /api/auth/providers and [Account] show.
type Type string

// The kinds of providers, with the names of Auth.js.
const (
	TypeOAuth       Type = "oauth"       // OAuth 2: the profile comes from the userinfo endpoint
	TypeOIDC        Type = "oidc"        // OpenID Connect: discovery by issuer, a verified ID token
	TypeCredentials Type = "credentials" // a form that Authorize checks
)

// AuthMethod is how the client authenticates at the token endpoint, with the
// names of OpenID Connect Core §9.
type AuthMethod string

// The client authentication methods.
const (
	ClientSecretBasic AuthMethod = "client_secret_basic" // HTTP Basic, id and secret form-encoded first (RFC 6749 §2.3.1)
	ClientSecretPost  AuthMethod = "client_secret_post"  // in the form of the request
	ClientSecretJWT   AuthMethod = "client_secret_jwt"   // an assertion signed with the secret, HS256 (RFC 7523)
	PrivateKeyJWT     AuthMethod = "private_key_jwt"     // an assertion signed with SigningKey (RFC 7523)
	NoClientAuth      AuthMethod = "none"                // a public client: PKCE alone
)

// A Provider is one way to sign in. Take one from the catalogue and change its
// fields, or fill one for [OIDC] or [OAuth2]. The zero value is not valid.
type Provider struct {
	// ID names the provider in URLs (/api/auth/callback/<id>), in
	// Account.Provider and in environment variables. Lower-case letters,
	// digits, '-', '_' and '.'; unique in a configuration.
	ID string

	// Name is what people read on the button. Empty means ID.
	Name string

	// Type is set by the constructors.
	Type Type

	// ClientID and ClientSecret were given by the provider when the
	// application was registered. Empty means AUTH_<ID>_ID and
	// AUTH_<ID>_SECRET, with <ID> in upper case and '-' and '.' as '_'.
	ClientID     string
	ClientSecret string

	// ClientSecretFunc, when set, returns a short-lived client secret for each token
	// request in place of ClientSecret (Apple wants this).
	ClientSecretFunc func(ctx context.Context) (string, error)

	// AuthMethod is how the client authenticates at the token endpoint. Empty
	// means ClientSecretBasic.
	AuthMethod AuthMethod

	// SigningKey signs the assertion of PrivateKeyJWT: RSA (RS256), ECDSA
	// P-256 (ES256) or Ed25519 (EdDSA). SigningKeyID is its "kid", if any.
	SigningKey   crypto.Signer
	SigningKeyID string

	// Issuer identifies an OpenID provider and is where discovery starts. The
	// discovered issuer and the one in every ID token must equal it to the
	// letter. Empty means AUTH_<ID>_ISSUER. For OAuth 2 it is optional: when
	// set, an "iss" in the authorization response must equal it (RFC 9207).
	Issuer string

	// MultiTenant accepts an Issuer that stands for many tenants (Microsoft's
	// "common"): the provider's metadata name the issuer with "{tenantid}", and
	// an ID token must name it with its own "tid" filled in. Where the metadata
	// name one issuer it changes nothing.
	MultiTenant bool

	// fallbackIssuer is the Issuer when neither the application nor the
	// environment gives one.
	fallbackIssuer string

	// AuthorizationURL, TokenURL and UserinfoURL are the endpoints of an
	// OAuth 2 provider. For OpenID Connect they are discovered, and one that is
	// set here takes the place of the discovered one. https, or http on a
	// loopback address.
	AuthorizationURL string
	TokenURL         string
	UserinfoURL      string

	// EndSessionURL is where a browser signs out at the provider. OpenID
	// providers publish theirs; set it for others, or in place of the published
	// one. It may have a query, which is kept. https, or http on a loopback
	// address.
	EndSessionURL string

	// FederatedLogout makes a sign-out also end the session at the provider: the
	// browser is led to its end_session_endpoint (OpenID Connect RP-Initiated
	// Logout) and comes back from there. The address that it comes back to has
	// to be registered at the provider. False ends the session here alone, and
	// the next sign-in may not ask for a password. An OAuth 2 provider needs an
	// EndSessionURL for it.
	FederatedLogout bool

	// BackchannelLogout accepts the provider's logout tokens at
	// POST /api/auth/backchannel-logout/<id>, the address to register there (OpenID
	// Connect Back-Channel Logout): they end the sessions of the user, or of the
	// session at the provider, that they name. It needs a Session.Store that is a
	// store.Index, or a Session.DenyList. False refuses them.
	BackchannelLogout bool

	// SkipUserinfo takes the profile of an OpenID provider from the ID token
	// alone and never asks its userinfo endpoint.
	SkipUserinfo bool

	// Scopes are what the application asks for. Empty means "openid profile
	// email" for OpenID Connect and no scope for OAuth 2.
	Scopes []string

	// AuthorizationParams are further parameters of the authorization request,
	// such as "access_type": "offline". They can't replace client_id,
	// redirect_uri, response_type, state, nonce or code_challenge, and scope
	// and response_mode have fields of their own.
	AuthorizationParams map[string]string

	// AllowedParams names authorization parameters that a caller of
	// POST /api/auth/signin/<id> may pass on in the query, besides the
	// harmless login_hint, prompt and ui_locales.
	AllowedParams []string

	// ResponseMode is "form_post" where the provider answers with a
	// cross-site form post (Apple). Empty means the query.
	ResponseMode string

	// Profile makes the user out of what the provider says. Nil means the
	// standard claims of OpenID Connect: sub (or id), name (or nickname, or
	// preferred_username), email, picture; see [DefaultProfile]. A user without
	// an ID is refused, and [User.Normalize] is applied to every other. To send
	// the browser a code of your own, return an [*Error].
	Profile func(ctx context.Context, p ProfileRequest) (*User, error)

	// Authorize checks the form of a credentials provider. See [Credentials].
	Authorize func(ctx context.Context, form url.Values) (*User, error)

	// Fields are the inputs of the credentials form on the built-in page.
	Fields []Field

	// Style is how the button looks on the built-in page.
	Style Style
}

// A Field is one input of a credentials form.
type Field struct {
	Name         string // key in the form that Authorize gets
	Label        string // empty means Name
	Type         string // an HTML input type; empty means "text"
	Placeholder  string
	Autocomplete string // an HTML autocomplete value, such as "username" or "current-password"
}

// Style is how a provider's button looks. The zero value is a neutral button.
type Style struct {
	Logo  string // URL of an image, optional
	Brand string // a CSS colour of the vendor, such as "#24292f", optional
}

// A User is who signed in, in the words that all providers share.
type User struct {
	// ID is the provider's own, stable name of the user. It becomes
	// Account.ProviderAccountID and, as "sub", the subject of the token.
	ID string `json:"id"`

	Name  string `json:"name,omitzero"`
	Email string `json:"email,omitzero"`
	Image string `json:"image,omitzero"` // URL of a picture

	// AccessToken is for Credentials: a token of the application's own user
	// service, handed to the JWT callback as Account.AccessToken.
	AccessToken string `json:"-"`

	// Profile is for Credentials: whatever else Authorize knows of the user,
	// as JSON, handed to the callbacks as the profile.
	Profile Profile `json:"-"`
}

// A Profile is what a provider said of the user, as JSON: the claims of the ID
// token and the userinfo endpoint, or the body of an OAuth 2 provider's user
// API. Empty when there is none.
type Profile jsontext.Value

// Decode puts the profile into v, a pointer to a struct with json tags.
// An empty profile leaves v as it is.
func (p Profile) Decode(v any) error {
	if len(p) == 0 {
		return nil
	}
	return json.Unmarshal(p, v)
}

// A ProfileRequest is what a Profile function works with.
type ProfileRequest struct {
	Profile Profile  // what the provider said
	Account *Account // the tokens; ProviderAccountID is still empty

	// Params are the other parameters of the provider's answer, such as Apple's
	// "user". They came through the browser and nobody signed them: good for a
	// display name, never for an ID or an e-mail address.
	Params url.Values

	// Get fetches a further resource of the provider's API with the access
	// token, under the library's time and size limits. Anything but a 200 is
	// an error.
	Get func(ctx context.Context, url string) ([]byte, error)
}

// An Account links a user to the provider that vouches for them, with the
// tokens of this sign-in. Callbacks see it only while somebody signs in.
type Account struct {
	Provider          string `json:"provider"`
	Type              Type   `json:"type"`
	ProviderAccountID string `json:"providerAccountId"`
	AccessToken       string `json:"access_token,omitzero"`
	RefreshToken      string `json:"refresh_token,omitzero"`
	IDToken           string `json:"id_token,omitzero"`
	TokenType         string `json:"token_type,omitzero"`
	Scope             string `json:"scope,omitzero"`
	ExpiresAt         int64  `json:"expires_at,omitzero"` // seconds since 1970; 0 when the provider did not say

	// Extra holds every other member of the token response as it was sent, but
	// for expires_in, which became ExpiresAt.
	Extra jsontext.Value `json:",embed"`
}

// An Error is a failed sign-in with the code that the browser may see.
type Error struct {
	// Code is the value of ?error= on the sign-in and error pages, such as
	// "AccessDenied": letters and digits, no secrets. Codes of your own reach the front end as they are.
	Code string

	// Err is the cause. It goes to the log and never to the browser.
	Err error
}

// Error describes the failure for the log.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Code
	}
	return e.Code + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
