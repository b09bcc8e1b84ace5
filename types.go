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
//
// # Types
//
// The token type T embeds [DefaultJWT] by value; its further fields are claims of the
// application. The session type S is an alias of [DefaultSession] with the
// application's user type, or a struct that embeds it by value: a struct is needed for
// methods, and for fields beside "user" and "expires". The compiler rejects other types.
// [New] and [Middleware] infer T and S from their [Config]. Type arguments have to be
// written for Config, [Callbacks] and [Events]; an alias shortens them:
//
//	type Config = nuxtauth.Config[Token, Session]
//
// # Reading the session
//
// [Auth.Session] returns the session of a request, [Auth.Token] its token and
// [Auth.Subject] the ID of the user: nil, nil and "" when signed out. Code that does not
// have the Auth uses [SessionFrom], with the gin.Context or a context of [WithSession];
// code that does not know T reads a token with [Claims]. [Auth.Require] and
// [Auth.RequireRecent] guard routes, and [Auth.Refuse] ends a guard of the application.
//
// # Concurrency
//
// An [Auth] is safe for concurrent use. The functions of a Config must be too: they run for
// several requests at the same time. Session and token belong to one request, and changes
// to them are saved by [Auth.Update] alone; with SessionConfig.CacheFor several requests
// share them, and must not change them. Pass a goroutine a copy of the gin.Context
// (c.Copy()): it can read the session, and can't change it.
//
// # Limits
//
// Without a Store, the sealed token is in cookies, of 32 KB in all ([ErrTokenTooLarge]);
// many proxies accept less. A callback may take 10 seconds, a request to a provider 10
// seconds and 1 MB, and the body of a request to the API has 64 KB at most. This version
// has no passkeys.
//
// # Where to read on
//
// A request goes through [Auth.Middleware] in middleware.go. Below Config.BasePath, the
// table in routes.go says which function of internal/api answers it; a sign-in that
// was proven ends in complete.go there, with the users of internal/account. On any other
// path, Load in internal/session finds the session, runs the callbacks of callbacks.go, and
// writes what follows from it to the store and to the cookies of the response. The handler
// then finds the session in the gin.Context, unless a guard of guards.go refuses it.
// Sessions end in end.go and revoke.go of internal/session; protocol_authjs.go of
// internal/api has what Auth.js v5 answers otherwise than next-auth v4. config.go has what
// New checks, typed.go the application's types for these packages. sessions.go, accounts.go,
// links.go and reader.go have what handlers and other services call, local.go the endpoints
// for clients without cookies, events.go and observe.go what the application learns of.
package nuxtauth

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth/internal/api"
	"github.com/nuxtauth/nuxtauth/internal/session"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// DefaultJWT holds the claims that every token has. Embed it by value in your
// own token type; its further fields are the claims of your application.
// [New] rejects a field that repeats one of the JSON names below. Claims that are zero
// are left out of the JSON.
type DefaultJWT struct {
	// Name, Email and Picture are set at the sign-in, from the provider's user. They are
	// empty if it has none.
	Name    string `json:"name,omitzero"`
	Email   string `json:"email,omitzero"`
	Picture string `json:"picture,omitzero"`

	// Subject is the user's ID. A session without one ends. With Config.Accounts it is the
	// ID of the user there, and a sign-in fails if the JWT callback sets another. Without,
	// it is the ID that the provider gave, unless the JWT callback sets another at sign-in:
	// do that where two providers could give the same ID to two users. [Claims] reads it from a token
	// of any type.
	Subject string `json:"sub,omitzero"`

	// IssuedAt, ExpiresAt, NotBefore and ID are set by the library whenever it writes
	// the token, in seconds since 1970: a callback can't change them (RFC 7519 §4.1). A
	// token that was never written has none. In a Store there is no ID: see
	// [Auth.SessionID].
	IssuedAt  token.NumericDate `json:"iat,omitzero"`
	ExpiresAt token.NumericDate `json:"exp,omitzero"`
	NotBefore token.NumericDate `json:"nbf,omitzero"`
	ID        string            `json:"jti,omitzero"`

	// Origin is the sign-in that started the session. Callbacks can't change it.
	Origin Origin `json:"nuxtauth,omitzero"`

	// Extra holds the claims that no field declares, such as those of a Node
	// server that shares the session: they are written back as they came, after the
	// claims of the fields. A callback can change it: it is a JSON object, or empty. A
	// token whose Extra is anything else, or has a claim that a field declares, is
	// not written.
	//
	// The library reads and writes it whenever it reads or writes a token; other uses
	// of a JSON library, and a token that is a field of another type, leave it out.
	Extra jsontext.Value `json:"-"`
}

// Claims returns the claims that all token types have, so that code which does not know
// the type can read them; nil for nil. The result is a part of t, not a copy.
func Claims[T TokenType](t *T) *DefaultJWT {
	if t == nil {
		return nil
	}
	return defaultsOf(t)
}

// subject returns the subject of a token, "" without one.
func (t *DefaultJWT) subject() string {
	if t == nil {
		return ""
	}
	return t.Subject
}

// Origin identifies the sign-in that started a session. It is the same in all its
// tokens; callbacks cannot change it.
type Origin = token.Origin

// DefaultUser is the user of Auth.js' default session. Embed it by value in your own
// user type to have name, email and image filled in from the token. What the token
// leaves empty is left out of the JSON.
type DefaultUser struct {
	Name  string `json:"name,omitzero"`
	Email string `json:"email,omitzero"`
	Image string `json:"image,omitzero"`
}

// DefaultSession is a session with a user of type U: what the front end gets
// from GET /api/auth/session. An alias of it is enough for a session without methods;
// embed it by value in a struct for methods, or for further top-level fields.
type DefaultSession[U any] struct {
	// User is zero, but for name, email and image (see [DefaultUser]), until the Session
	// callback sets it. The browser reads all of it: put no secret here.
	User U `json:"user"`

	// Expires is when the session expires if it is not used before.
	Expires ISOTime `json:"expires"`
}

// TokenType is the constraint of an application's token type: a struct that embeds
// [DefaultJWT] by value. Nothing else satisfies it.
type TokenType interface{ embedsDefaultJWT() }

// SessionType is the constraint of an application's session type: [DefaultSession],
// or a struct that embeds it by value. Nothing else satisfies it.
type SessionType interface{ embedsDefaultSession() }

func (DefaultJWT) embedsDefaultJWT()            {}
func (DefaultSession[U]) embedsDefaultSession() {}

// The pointer methods reach the embedded defaults of a user's type. They are
// not exported: a promoted method must not be callable on a nil *Session.
func (t *DefaultJWT) defaultJWT() *DefaultJWT                { return t }
func (s *DefaultSession[U]) defaultSession() (any, *ISOTime) { return &s.User, &s.Expires }

// ISOTime is a point in time as JavaScript writes it: UTC, always with
// milliseconds, "2026-12-23T08:00:00.000Z". The zero value is the zero time.Time.
type ISOTime time.Time

// IsZero reports whether t is the zero time.
func (t ISOTime) IsZero() bool { return time.Time(t).IsZero() }

// Time returns t as a time.Time.
func (t ISOTime) Time() time.Time { return time.Time(t) }

// String returns t as it stands in JSON.
func (t ISOTime) String() string {
	b, _ := t.AppendText(nil)
	return string(b)
}

// AppendText appends t to b, for JSON.
func (t ISOTime) AppendText(b []byte) ([]byte, error) {
	u := time.Time(t).UTC()
	b = u.AppendFormat(b, time.RFC3339) // the layout that package time writes fastest
	ms := u.Nanosecond() / int(time.Millisecond)
	return append(b[:len(b)-len("Z")], '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z'), nil
}

// MarshalText is AppendText for JSON libraries that do not know it.
func (t ISOTime) MarshalText() ([]byte, error) { return t.AppendText(nil) }

// UnmarshalText reads any RFC 3339 time. After an error t is as it was.
func (t *ISOTime) UnmarshalText(b []byte) error {
	parsed, err := time.Parse(time.RFC3339Nano, string(b))
	if err != nil {
		return fmt.Errorf("nuxtauth: %q is not an RFC 3339 time", b)
	}
	*t = ISOTime(parsed)
	return nil
}

// User is the user who signs in, in the form that all providers share.
type User = provider.User

// Account is the user's account at the provider, with the tokens of this sign-in. They
// are secrets: a JWT callback stores those that later requests need in the token.
type Account = provider.Account

// Profile is the user's profile at the provider, as JSON.
type Profile = provider.Profile

// Error is a failed sign-in with the code that the browser may see as
// ?error=. A callback, or a provider's Authorize, returns one to choose the code; its
// Err goes to the log alone.
type Error = provider.Error

// The codes of the library's own failures, which browsers get as ?error= and the built-in
// pages explain. An [*Error] may have one of them, or one of the application's own.
const (
	CodeAccessDenied       = "AccessDenied"       // the SignIn callback, or a guard, denied it
	CodeSessionUnavailable = "SessionUnavailable" // a guard could not check the session
	CodeCancelled          = "Cancelled"          // the user did not consent at the provider
	CodeTooManyAttempts    = "TooManyAttempts"    // above a [SignInLimit]
	CodeUnavailable        = "Unavailable"        // credentials could not be checked now: see [provider.Credentials]
	CodeSignOut            = "SignOutError"       // the session could not be ended

	CodeCredentialsSignIn = "CredentialsSignin" // the credentials are wrong
	CodeOAuthSignIn       = "OAuthSignin"       // next-auth: the sign-in with a provider could not start
	CodeOAuthCallback     = "OAuthCallback"     // next-auth: the answer of a provider was not accepted
	CodeCallback          = "Callback"          // next-auth: another failure of a callback

	CodeOAuthSignInError   = "OAuthSignInError"   // Auth.js: the sign-in with a provider could not start
	CodeOAuthCallbackError = "OAuthCallbackError" // Auth.js: the answer of a provider was not accepted
	CodeConfiguration      = "Configuration"      // Auth.js: another failure
	CodeMissingCSRF        = "MissingCSRF"        // Auth.js: a form without the CSRF token
)

// A ConfigError is a mistake in a [Config]. [New] returns all of them, joined: see
// [ConfigErrors].
type ConfigError struct {
	_ [0]func()

	Field string // of Config, such as "Session.MaxAge"; "" for the token and session types
	Err   error  // what is wrong, and what to write instead
}

// Error is the text of Err.
func (e *ConfigError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *ConfigError) Unwrap() error { return e.Err }

// mistakes collects what [New] reports.
type mistakes []error

// add adds the errors of a field, joined or not, each as a [ConfigError].
func (m *mistakes) add(field string, err error) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok && err.Error() == errors.Join(joined.Unwrap()...).Error() {
		for _, inner := range joined.Unwrap() {
			m.add(field, inner)
		}
		return
	}
	*m = append(*m, &ConfigError{Field: cmp.Or(fieldIn(err), field), Err: err})
}

var configFields = reflect.TypeFor[Config[DefaultJWT, DefaultSession[DefaultUser]]]()

// fieldIn returns the field of [Config] with which the text of an error begins, such as
// "Session.MaxAge", "" for none.
func fieldIn(err error) string {
	text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "nuxtauth: "), "Config.")
	field := text[:len(text)-len(strings.TrimLeft(text, ".ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"))]
	first, _, _ := strings.Cut(field, ".")
	if _, ok := configFields.FieldByName(first); !ok {
		return ""
	}
	return field
}

// ConfigErrors returns the mistakes in an error of [New], in the order of its checks.
// It returns none for nil and for another error.
func ConfigErrors(err error) iter.Seq[*ConfigError] {
	return func(yield func(*ConfigError) bool) { eachConfigError(err, yield) }
}

func eachConfigError(err error, yield func(*ConfigError) bool) bool {
	switch e := err.(type) { //nolint:errorlint // it looks at each error of the tree
	case *ConfigError:
		return yield(e)
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			if !eachConfigError(inner, yield) {
				return false
			}
		}
	case interface{ Unwrap() error }:
		return eachConfigError(e.Unwrap(), yield)
	}
	return true
}

var (
	// ErrSignedOut says that the request carries no session, or one that has ended.
	ErrSignedOut = session.ErrSignedOut

	// ErrForbidden says that the user of the request may not make it: a function given
	// to [Auth.Require] returned false.
	ErrForbidden = errors.New("nuxtauth: forbidden")

	// ErrNotRecent says that the user signed in longer ago than [Auth.RequireRecent]
	// allows.
	ErrNotRecent = errors.New("nuxtauth: the sign-in is not recent enough")

	// ErrUnavailable says that it can't be told now whether the request carries a
	// session: a store does not answer, or a callback returned [Unavailable].
	// Respond with 503 rather than 401.
	ErrUnavailable = session.ErrUnavailable

	// ErrConflict says that other requests kept changing the session in the Store at the
	// same time. Nothing was written: call [Auth.Update] again, or respond with 503.
	ErrConflict = store.ErrConflict

	// ErrTokenTooLarge says that a sealed token does not fit into the cookies that
	// browsers and proxies take (32 KB in all). Keep less in the token: the id of
	// a thing instead of the thing, which the Session callback can fetch. Or keep
	// the sessions in a store ([SessionConfig]).
	ErrTokenTooLarge = session.ErrTokenTooLarge

	// ErrNoAccessToken says that there is no valid access token: the provider gave
	// none, or it has expired and could not be refreshed.
	ErrNoAccessToken = session.ErrNoAccessToken
)

// Protocol is the version of the API that the front end expects. The zero value is
// [NextAuth].
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

// protocol returns the implementation.
func (p Protocol) protocol() (api.Protocol, error) {
	switch p {
	case NextAuth:
		return api.NextAuth, nil
	case AuthJS:
		return api.AuthJS, nil
	}
	return nil, fmt.Errorf("nuxtauth: Protocol is %v: write nuxtauth.NextAuth or nuxtauth.AuthJS", p)
}

// ProviderTokens holds the tokens of the provider that the user signed in with, and
// refreshes them: embed it by value in your own token type beside [DefaultJWT].
//
//	type Token struct {
//		nuxtauth.DefaultJWT
//		nuxtauth.ProviderTokens
//	}
//
// The fields are filled in before the JWT callback of the sign-in runs. Later,
// whenever the session is loaded with less than 20 seconds of the access token
// left, the library refreshes it before the callbacks run: once for all
// requests of a session, in this process and, through a Store, which must be a
// [store.Locker], in all others. The new refresh token is saved at once.
//
// The error invalid_grant of the provider ends the session. Any other fault of a
// refresh does not: the session goes on with the tokens that it has. If the access
// token has expired by then, an error of a callback counts as [Unavailable], because
// that may be its reason.
//
// With a provider that replaces refresh tokens, more than one process needs a Store:
// without one, the new refresh token is in the cookie of one response alone, and other
// processes do not see it.
//
// The names in JSON are those that Auth.js' guide to refresh tokens uses.
type ProviderTokens struct {
	AccessToken  string `json:"access_token,omitzero"`
	RefreshToken string `json:"refresh_token,omitzero"` // most providers want the scope offline_access for it

	// AccessTokenExpires is zero if the provider gave no time; such a token is never
	// refreshed.
	AccessTokenExpires token.NumericDate `json:"expires_at,omitzero"`

	// IDToken is set only for a provider with FederatedLogout, which needs it at the
	// sign-out.
	IDToken string `json:"id_token,omitzero"`
}

func (t *ProviderTokens) providerTokens() *ProviderTokens { return t }
