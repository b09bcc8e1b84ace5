package api

import (
	"fmt"

	"github.com/nuxtauth/nuxtauth/internal/cookie"
	"github.com/nuxtauth/nuxtauth/internal/session"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/token"
)

// A Protocol is all that differs between what next-auth v4 and Auth.js v5 answer:
// [NextAuth] and [AuthJS].
type Protocol interface {
	// Prefix begins the names of the cookies.
	Prefix() string

	// ChunkSize is how many bytes of a session token go into one cookie.
	ChunkSize() int

	// SessionCodec and CheckCodec return the encryption of the session cookie with
	// this name, and of the cookies of sign-ins under way.
	SessionCodec(cookieName string, secrets []string) (token.Codec, error)
	CheckCodec(cookieName string, secrets []string) (token.Codec, error)

	acceptsPath(x *Exchange) bool

	// signedOutJSON is the session data of a request without a session.
	signedOutJSON() string

	// providerType is the type of a provider in GET /providers.
	providerType(t provider.Type) provider.Type

	// redirectJSON tells a client where it is led.
	redirectJSON(x *Exchange, status int, to string)

	badRequest(x *Exchange)      // an unknown path or method
	missingCSRF(x *Exchange)     // a POST that does not show the CSRF token
	unknownProvider(x *Exchange) // a sign-in or callback with an ID that no provider has

	// fail ends a sign-in with a code that the browser may know.
	fail(x *Exchange, code string, status int)

	// wrongCredentials ends a sign-in with credentials that are refused: code is
	// that of the application, "" when Authorize returned no user.
	wrongCredentials(x *Exchange, code string)

	// tooManyAttempts prepares the answer to an attempt above the limit.
	tooManyAttempts(x *Exchange)

	// showsSignInPage reports whether GET /signin with a provider's ID is the page;
	// otherwise it has answered.
	showsSignInPage(x *Exchange) bool

	// errorCode returns the code of GET /error, and whether the sign-in page shows it.
	errorCode(x *Exchange) (code string, onSignInPage bool)

	// verifyRequestQuery is the query that the custom page for verification gets.
	verifyRequestQuery(x *Exchange) string
}

// NewCookieSet returns the cookies with these names. domain is that of the cookies
// that subdomains may share; codec, if it is not nil, replaces the encryption of the
// session cookie.
func NewCookieSet(p Protocol, names cookie.Names, domain string, codec token.Codec, secrets []string) (session.CookieSet, error) {
	names.Session.Domain, names.CallbackURL.Domain = domain, domain
	set := session.CookieSet{
		Session:     cookie.Chunked{Cookie: names.Session, Size: p.ChunkSize()},
		CallbackURL: names.CallbackURL, CSRF: names.CSRF, Check: names.Check, Codec: codec,
	}
	err := names.Validate()
	if err != nil {
		return set, fmt.Errorf("nuxtauth: Config.Cookies: %w", err)
	}
	if set.CheckCodec, err = p.CheckCodec(names.Check.Name, secrets); err == nil && codec == nil {
		set.Codec, err = p.SessionCodec(names.Session.Name, secrets)
	}
	return set, err
}
