// Package nuxtauth is Auth.js for Gin: one middleware serves the /api/auth API
// that @sidebase/nuxt-auth, next-auth and Auth.js front ends speak, runs the
// application's own typed jwt and session callbacks, and puts the enriched,
// typed session into the gin.Context.
//
//	type Token struct {
//		nuxtauth.DefaultJWT
//		SessionToken string `json:"sessionToken,omitzero"`
//	}
//
//	type Session = nuxtauth.DefaultSession[User] // User is a struct of yours
//
//	r := gin.Default()
//	r.Use(nuxtauth.Middleware(nuxtauth.Config[Token, Session]{ … }))
//	r.GET("/me", func(c *gin.Context) {
//		s := c.MustGet("session").(*Session) // nil when signed out
//		…
//	})
//
// What is in the token is sealed in a cookie that scripts can't read; the
// front end sees the session alone.
package nuxtauth

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// DefaultJWT holds the claims that every token has. Embed it by value in your
// own token type; its further fields are the claims of your application.
// A field that repeats one of the names below is refused by [New].
type DefaultJWT struct {
	Name    string `json:"name,omitzero"`
	Email   string `json:"email,omitzero"`
	Picture string `json:"picture,omitzero"`

	// Subject is the user's id. A token without one is signed out. It is the ID
	// that the provider gave, unless the JWT callback sets another at sign-in: do
	// that where two providers could give the same to two people.
	Subject string `json:"sub,omitzero"`

	// IssuedAt, ExpiresAt and ID are set by the library whenever it keeps the
	// token, and what a callback writes into them is lost. In a Store there is no
	// ID: see [Auth.SessionID].
	IssuedAt  token.NumericDate `json:"iat,omitzero"`
	ExpiresAt token.NumericDate `json:"exp,omitzero"`
	NotBefore token.NumericDate `json:"nbf,omitzero"`
	ID        string            `json:"jti,omitzero"`

	// Origin is the sign-in that the token comes from. Callbacks can't change it.
	Origin Origin `json:"nuxtauth,omitzero"`

	// Extra keeps the claims that no field declares, such as those of a Node
	// server that shares the session: they are written back as they came.
	Extra jsontext.Value `json:",embed"`
}

// An Origin is the sign-in that a session comes from. All tokens of the session
// have the same. What nobody needs is left out of the token: the session's name
// is for a deny-list, the provider for a Store, a deny-list, [ProviderTokens]
// and federated logout.
type Origin struct {
	AuthTime        token.NumericDate `json:"auth_time,omitzero"`
	SessionID       string            `json:"sid,omitzero"`     // see also [Auth.SessionID]
	Provider        string            `json:"idp,omitzero"`     // Provider.ID, such as "keycloak"
	ProviderSubject string            `json:"idp_sub,omitzero"` // the user there, by the ID token
	ProviderSession string            `json:"idp_sid,omitzero"` // the session there, by the ID token
	Prefix          string            `json:"prefix,omitzero"`  // of the cookies, so that two Auths can share a store
}

// DefaultUser is the user of Auth.js' default session. Embed it in your own
// user type to have name, email and image filled in from the token.
type DefaultUser struct {
	Name  string `json:"name,omitzero"`
	Email string `json:"email,omitzero"`
	Image string `json:"image,omitzero"`
}

// DefaultSession is a session with a user of type U: what the front end gets
// from GET /api/auth/session. Use it as it is, or embed it by value in a struct
// with further top-level fields.
type DefaultSession[U any] struct {
	User    U       `json:"user"`
	Expires ISOTime `json:"expires"`
}

// JWT is satisfied by the structs that embed [DefaultJWT] by value, and by
// nothing else.
type JWT interface{ embedsDefaultJWT() }

// Session is satisfied by [DefaultSession] and by the structs that embed it by
// value, and by nothing else.
type Session interface{ embedsDefaultSession() }

func (DefaultJWT) embedsDefaultJWT()            {}
func (DefaultSession[U]) embedsDefaultSession() {}

// The pointer methods reach the embedded defaults of a user's type. They are
// not exported: a promoted method must not be callable on a nil *Session.
func (t *DefaultJWT) defaultJWT() *DefaultJWT                { return t }
func (s *DefaultSession[U]) defaultSession() (any, *ISOTime) { return &s.User, &s.Expires }

// ISOTime is a point in time as JavaScript writes it: UTC, always with
// milliseconds, "2026-12-23T08:00:00.000Z".
type ISOTime time.Time

const isoLayout = "2006-01-02T15:04:05.000Z"

// Time returns t as a time.Time.
func (t ISOTime) Time() time.Time { return time.Time(t) }

// String returns t as it stands in JSON.
func (t ISOTime) String() string { return time.Time(t).UTC().Format(isoLayout) }

// AppendText appends t to b, for JSON.
func (t ISOTime) AppendText(b []byte) ([]byte, error) {
	return time.Time(t).UTC().AppendFormat(b, isoLayout), nil
}

// MarshalText is AppendText for JSON libraries that do not know it.
func (t ISOTime) MarshalText() ([]byte, error) { return t.AppendText(nil) }

// UnmarshalText reads any RFC 3339 time.
func (t *ISOTime) UnmarshalText(b []byte) error {
	parsed, err := time.Parse(time.RFC3339Nano, string(b))
	if err != nil {
		return fmt.Errorf("nuxtauth: %q is not an RFC 3339 time", b)
	}
	*t = ISOTime(parsed)
	return nil
}

// User is who signed in, as all providers say it.
type User = provider.User

// Account is the provider that vouches for a user, with the tokens of this sign-in.
type Account = provider.Account

// Profile is what a provider said of a user, as JSON.
type Profile = provider.Profile

// Error is a failed sign-in with the code that the browser may see as
// ?error=. A callback, or a provider's Authorize, returns one to choose the code; its Err
// goes to the log alone.
type Error = provider.Error

var (
	// ErrSignedOut says that the request carries no session.
	ErrSignedOut = errors.New("nuxtauth: signed out")

	// ErrUnavailable says that nobody can tell now whether the request carries a
	// session: a store does not answer, or a callback returned [KeepSession].
	// Answer 503 rather than 401.
	ErrUnavailable = errors.New("nuxtauth: the session can't be checked now")
)

// Protocol is the dialect that the front end speaks.
type Protocol int

const (
	// NextAuth is the protocol of next-auth v4 and @sidebase/nuxt-auth, the default.
	NextAuth Protocol = iota
	// AuthJS is the protocol of Auth.js v5 (next-auth v5, @auth/core).
	AuthJS
)

// String returns the name of the protocol.
func (p Protocol) String() string {
	switch p {
	case NextAuth:
		return "next-auth"
	case AuthJS:
		return "authjs"
	}
	return fmt.Sprintf("Protocol(%d)", int(p))
}

// Config says how an [Auth] works. Every field has a safe zero value; only
// Secret and URL must be there, here or in the environment. [New] keeps no
// part of a Config that a later change could reach.
type Config[T JWT, S Session] struct {
	// Secret seals the cookies: at least 32 characters of randomness
	// (openssl rand -base64 33). Empty means AUTH_SECRET, or NEXTAUTH_SECRET.
	// A Node server with the same secret reads our sessions, and we read its.
	Secret string

	// OldSecrets still open cookies but seal none, so that a secret can be
	// changed without signing anyone out.
	OldSecrets []string

	// URL is where browsers see the application: "https://app.example.com".
	// A path in it is the base path. Empty means AUTH_URL, or NEXTAUTH_URL.
	// Cookies are Secure, with the prefixes __Secure- and __Host-, when it is https.
	URL string

	// BasePath is where the API is mounted. Empty means the path of URL, or
	// "/api/auth".
	BasePath string

	// TrustHost takes the origin from X-Forwarded-Host and -Proto, or from Host, when
	// there is no URL. Set it only behind a proxy that sets these headers
	// itself. TrustedOrigins must name the origins that the proxy serves, and
	// requests for others are refused.
	TrustHost bool

	// TrustedOrigins are further origins of the application, such as
	// "https://www.example.com": callback URLs may lead there, and front ends
	// there may call the API with credentials (CORS). No wildcards.
	TrustedOrigins []string

	// Providers are the ways to sign in, in the order of the buttons.
	Providers []provider.Provider

	// Callbacks are the application's hooks. All are optional.
	Callbacks Callbacks[T, S]

	// Events are told what happened. They can veto nothing.
	Events Events[T, S]

	// Session says how long sessions live, and where.
	Session SessionConfig

	// SignInLimit bounds how often passwords can be guessed. It is on.
	SignInLimit SignInLimit

	// Pages are the application's own pages in place of the built-in ones.
	Pages Pages

	// Theme changes the look of the built-in pages.
	Theme Theme

	// Cookies changes names and reach of the cookies.
	Cookies Cookies

	// Protocol is the front end's dialect. Zero means NextAuth.
	Protocol Protocol

	// Skip says which requests the middleware does not touch, such as static
	// files. It is not asked for the API itself. Nil skips none. Behind it, handlers find no session at all.
	Skip func(*http.Request) bool

	// HTTPClient makes the calls to providers, always under the library's own
	// limits of time and size. Nil means a client of its own.
	HTTPClient *http.Client

	// Logger gets what went wrong, never secrets. Nil means slog.Default().
	Logger *slog.Logger

	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// SessionConfig says how long sessions live, and where.
type SessionConfig struct {
	// MaxAge ends a session that nobody used for so long. Zero means 30 days.
	MaxAge time.Duration

	// MaxLifetime ends a session so long after the sign-in, however much it is
	// used. Zero means 90 days, or MaxAge if that is longer.
	MaxLifetime time.Duration

	// UpdateAge is the age at which a session is renewed when it is used. Zero
	// means 24 hours, or half of MaxAge if that is shorter. Without a Store,
	// GET /api/auth/session always renews it.
	UpdateAge time.Duration

	// Store keeps the sessions on the server; the cookie holds a random handle.
	// They can be listed and ended ([Auth.Sessions], [Auth.Revoke]), and hold
	// more than a cookie. A store that fails signs nobody out and nobody in: the
	// request is signed out, and [Auth.Require] answers 503. Two Auths that
	// share one need two values of Cookies.Prefix. Nil keeps each session in its
	// cookie.
	Store store.Store

	// AdoptCookies moves sessions that were in their cookies, before there was
	// a Store, into the store when they are next used, so that nobody is signed
	// out by the change. Switch it off after MaxAge. A Store that is no
	// [store.Marks] can't remember until then which of them signed out.
	AdoptCookies bool

	// DenyList remembers which sessions have ended, for sessions in cookies:
	// a copy of the cookie dies with the sign-out, and [Auth.Revoke] works. It
	// is asked at every request that has a session, and one that fails is like
	// a Store that fails. Nil means that a copied cookie works until it
	// expires. With a Store there is no need of it.
	DenyList store.Marks

	// CacheFor keeps what the callbacks made of a cookie for so long, a few
	// seconds at most as a rule, and gives it to further requests with the same
	// cookie: they are not decrypted, not looked up, and no callback runs. The
	// *S and *T of these requests are the same ones, so do not change them.
	// GET /api/auth/session always runs the callbacks. A sign-out, an update or
	// a revocation in this process counts at once, one in another process after
	// CacheFor. At most 10,000 sessions and 64 MB are kept. Zero caches nothing.
	CacheFor time.Duration

	// Codec replaces the encrypted token of the protocol, for instance by a
	// signed one that a gateway can verify ([token.Signed]). Whoever holds a
	// signed token can read it. Nil means the encrypted token, and so nothing
	// in the token can be read outside the server.
	Codec token.Codec
}

// Pages are paths or URLs of the application's own pages. An empty one means
// the built-in page.
type Pages struct {
	SignIn        string // gets ?callbackUrl= and, after a failure, ?error=
	SignOut       string
	Error         string // gets ?error=
	VerifyRequest string
}

// Theme is the look of the built-in pages.
type Theme struct {
	ColorScheme string // "light" or "dark"; empty means what the browser prefers
	BrandColor  string // CSS colour of the main button, such as "#0f766e"
	ButtonText  string // CSS colour of the text on it
	Logo        string // URL of an image above the form
}

// Cookies changes the cookies. Their attributes are fixed: HttpOnly,
// SameSite=Lax, Path=/, and Secure on https.
type Cookies struct {
	// Prefix begins every name. Empty means "next-auth", or "authjs" in that
	// protocol. Two Auths in one application need two prefixes and two
	// secrets: with one secret, the sessions of one are good at the other.
	Prefix string

	// Domain lets subdomains share the session: "example.com". Empty, the
	// default, keeps it on the host that set it. The CSRF cookie never has one.
	Domain string
}
