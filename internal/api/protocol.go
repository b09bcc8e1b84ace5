package api

import (
	"fmt"

	"github.com/nuxtauth/nuxtauth/internal/cookie"
	"github.com/nuxtauth/nuxtauth/internal/session"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/token"
)

// The codes of the library's own failures, which are those of next-auth v4.
const (
	CodeOAuthSignIn       = "OAuthSignin"       // the sign-in with a provider could not start
	CodeOAuthCallback     = "OAuthCallback"     // the answer of a provider was not accepted
	CodeCallback          = "Callback"          // another failure of a callback
	CodeAccessDenied      = "AccessDenied"      // the SignIn callback denied the sign-in
	CodeCredentialsSignIn = "CredentialsSignin" // the credentials are wrong
	CodeSignOut           = "SignOutError"      // the session could not be ended
	CodeTooManyAttempts   = "TooManyAttempts"   // above a limit; the library's own
	CodeUnavailable       = "Unavailable"       // the credentials could not be checked now; the library's own
	CodeEmailSignIn       = "EmailSignin"       // the link could not be sent, or not to this address
	CodeVerification      = "Verification"      // the link was used, or has expired
	CodeCancelled         = "Cancelled"         // the user has not consented at the provider; the library's own
)

// A Protocol is what differs between the answers of next-auth v4 and Auth.js v5:
// [NextAuth] and [AuthJS]. Handlers pass it codes and statuses of next-auth v4. Those
// of Auth.js v5 follow from them: [AuthJS] translates the codes, and answers a client
// that follows redirects by itself with 200 in place of the status.
type Protocol interface {
	// Prefix begins the names of the cookies.
	Prefix() string

	// ChunkSize is how many bytes of a session token go into one cookie.
	ChunkSize() int

	// SessionCodec and CheckCodec return the encryption of the session cookie with
	// this name, and of the cookies of sign-ins under way.
	SessionCodec(cookieName string, secrets []string) (token.Codec, error)
	CheckCodec(cookieName string, secrets []string) (token.Codec, error)

	// acceptsPath reports whether what follows the action in the path of a call is
	// accepted for its route.
	acceptsPath(c *Call, r *Route) bool

	// csrfByOrigin reports whether a POST without a CSRF token shows by its headers that a
	// script of the application has sent it.
	csrfByOrigin(c *Call) bool

	// signedOutJSON is the session data of a request without a session.
	signedOutJSON() string

	// providerType is the type of a provider in GET /providers.
	providerType(t provider.Type) provider.Type

	// redirectJSON answers a client that follows redirects by itself.
	redirectJSON(c *Call, status int, to string)

	badRequest(c *Call)      // an unknown path or method
	missingCSRF(c *Call)     // a POST that does not show the CSRF token
	unknownProvider(c *Call) // a sign-in or callback with an ID that no provider has

	// fail ends a sign-in with a code that the browser may know.
	fail(c *Call, code string, status int)

	// wrongCredentials ends a sign-in for which Authorize returned no user.
	wrongCredentials(c *Call)

	// deniedCredentials ends a sign-in for which Authorize returned a
	// [*provider.Error]: code is its own, which may be "".
	deniedCredentials(c *Call, code string)

	// failsLater prepares the answer to a sign-in that may succeed later.
	failsLater(c *Call)

	// showsSignInPage reports whether GET /signin with a provider's ID is the page;
	// otherwise it has answered.
	showsSignInPage(c *Call) bool

	// errorCode returns the code of GET /error, and whether the sign-in page shows it.
	errorCode(c *Call) (code string, onSignInPage bool)

	// verifyRequestQuery is the query that the custom page for verification gets.
	verifyRequestQuery(c *Call) string
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
	if err := names.Validate(); err != nil {
		return set, fmt.Errorf("nuxtauth: Cookies: %w", err)
	}
	var err error
	if set.CheckCodec, err = p.CheckCodec(names.Check.Name, secrets); err == nil && codec == nil {
		set.Codec, err = p.SessionCodec(names.Session.Name, secrets)
	}
	return set, err
}
