package nuxtauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth/internal/api"
	"github.com/nuxtauth/nuxtauth/internal/cookie"
	"github.com/nuxtauth/nuxtauth/internal/guard"
	"github.com/nuxtauth/nuxtauth/internal/origin"
	"github.com/nuxtauth/nuxtauth/internal/page"
	"github.com/nuxtauth/nuxtauth/internal/session"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// Config is the configuration of an [Auth]. Every field has a safe zero value; only
// Secret and URL must be set, here or in the environment. A change to a Config after
// [New] has no effect.
type Config[T TokenType, S SessionType] struct {
	// Secret seals the cookies: at least 32 characters of randomness
	// (openssl rand -base64 33). Empty means AUTH_SECRET, or NEXTAUTH_SECRET.
	// A Node server with the same secret reads these sessions, and its sessions are
	// read here.
	Secret string

	// OldSecrets still open cookies but seal none, so that a secret can be
	// changed without signing users out.
	OldSecrets []string

	// URL is the public address of the application: "https://app.example.com".
	// A path in it is the base path. Empty means AUTH_URL, or NEXTAUTH_URL.
	// Cookies are Secure, with the prefixes __Secure- and __Host-, when it is https.
	URL string

	// BasePath is where the API is mounted, such as "/app/auth". Empty means the path of
	// URL, or "/api/auth". If both have a path, that of URL is the public one, which a proxy
	// replaces by BasePath.
	BasePath string

	// TrustHost takes the origin from X-Forwarded-Host and -Proto, or from Host, when
	// there is no URL. Set it only behind a proxy that sets these headers
	// itself. TrustedOrigins must name the origins that the proxy serves, and
	// requests for others are refused.
	TrustHost bool

	// TrustedOrigins are further origins of the application, such as
	// "https://www.example.com": callback URLs may lead there, and front ends
	// there may call the API with credentials (CORS). "https://*.example.com" is one label
	// below a domain of yours, "capacitor://localhost" and "com.example.app://callback" an
	// application on the device ("com.example.app://" trusts its URLs without a host, such as
	// "com.example.app:///callback"), and "http://localhost:*" any port while gin is in debug
	// mode.
	TrustedOrigins []string

	// TrustOrigin reports whether an origin is one more of TrustedOrigins, for instance
	// that of a tenant. It gets origins that clients send. A panic counts as false. Nil
	// trusts none.
	TrustOrigin func(origin string) bool

	// Providers are the ways to sign in, in the order of the buttons. Nil means that users
	// sign in by [Auth.SignIn] or [Auth.Issue] alone, or at a Node server that shares the
	// secret. IDs, secrets and issuers that are left out come from the environment: see
	// [provider.Provider.WithEnv].
	Providers []provider.Provider

	// Callbacks are the application's functions in the life of a session. All are
	// optional.
	Callbacks Callbacks[T, S]

	// Events run after something has happened. All are optional.
	Events Events[T, S]

	// Session sets the lifetimes of sessions, and where they are stored.
	Session SessionConfig

	// Accounts gives the application users of its own. The zero value has none.
	Accounts AccountsConfig

	// Mail sends the links of sign-ins by e-mail and of [Auth.SendLink]. The zero value
	// sends none.
	Mail MailConfig

	// Local serves clients that keep tokens in place of cookies, such as the provider local
	// of nuxt-auth. The zero value serves none.
	Local LocalConfig

	// SignInLimit bounds how often sign-ins with credentials may fail. The zero
	// value is on.
	SignInLimit SignInLimit

	// Pages are the application's own pages in place of the built-in ones.
	Pages Pages

	// Theme changes the look of the built-in pages.
	Theme Theme

	// Cookies changes names and reach of the cookies.
	Cookies Cookies

	// Protocol is that of the front end. Zero means NextAuth.
	Protocol Protocol

	// Skip reports which requests the middleware leaves alone, such as those for
	// static files; their handlers find no session at all, and [Auth.Require] panics
	// there. It is not called for the API itself. Nil, and a panic, skip none.
	Skip func(*http.Request) bool

	// Refused answers the requests that [Auth.Refuse] refuses, such as those of
	// [Auth.Require], in place of the built-in answers. The status is set before: answer
	// with another, or with c.Writer.Status(). It runs like a handler of the route: its
	// panics are the router's. Nil means the built-in answers.
	Refused func(c *gin.Context, err error)

	// Observe is called when an operation of the library begins: see [Operation]. What the
	// operation does has the context that it returns, which it makes of ctx, and the function
	// that it returns, which may be nil, is called with the error of the operation when it
	// ends. Both run while the request waits, also at the same time as others, and with
	// no time limit: they must not block. A panic is recovered and logged, and a nil context stands for
	// ctx. Module otelauth has one for OpenTelemetry. Nil observes nothing.
	Observe func(ctx context.Context, op Operation) (context.Context, func(error))

	// HTTPClient makes the calls to providers, always under the library's own
	// limits of time and size. Nil means a client of its own. A Transport connects as
	// it likes: it has to reject the addresses that providers must not reach, see
	// [provider.Provider].DangerouslyAllowPrivateAddresses.
	HTTPClient *http.Client

	// Logger gets faults and refusals, never secrets. Nil means slog.Default().
	Logger *slog.Logger

	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// SessionConfig sets the lifetimes of sessions, and where they are stored. The zero value
// stores each session in its cookie, for 30 days after its last use and 90 days in all.
type SessionConfig struct {
	_ [0]func()

	// MaxAge is the idle timeout: a session expires when it has not been used for
	// this duration, a minute at least. Zero means 30 days.
	MaxAge time.Duration

	// MaxLifetime is the absolute lifetime: a session expires at this time after
	// the sign-in, however much it is used. Zero means 90 days, or MaxAge if that is
	// longer.
	MaxLifetime time.Duration

	// UpdateAge is the age at which a session is renewed when it is used. Zero
	// means 24 hours, or half of MaxAge if that is shorter. Without a Store,
	// GET /api/auth/session renews it from an age of one minute.
	UpdateAge time.Duration

	// Store stores the sessions on the server; the cookie holds a random handle.
	// They can be listed and revoked, if the store is a [store.Index], and hold
	// more than a cookie. A store that fails signs no user out and none in: the
	// request is treated as signed out, and [Auth.Require] answers 503. In a
	// store.Index a user has at most 1,000 sessions: beyond them, a sign-in, or
	// [Auth.Issue], ends the oldest. Two Auths that share a store need two values of
	// Cookies.Prefix. Nil stores each session in its cookie.
	Store store.Sessions

	// AdoptCookies moves sessions that were in their cookies, before there was
	// a Store, into the store when they are next used, so that no user is signed
	// out by the change. It needs a Store that is a [store.Index]. Switch it off
	// after MaxAge. Unless the Store is also [store.Marks], a cookie that signed
	// out can be adopted again until then. [Auth.RevokeSession] also ends those
	// sessions of the user that are still in cookies.
	AdoptCookies bool

	// DenyList records ended sessions when sessions are stored in cookies, so that
	// a copied cookie stops working after the sign-out, and [Auth.RevokeSessions]
	// works. It is queried on every request with a session; if it fails, the request
	// is handled as with a failing Store. It has 100 sessions of a user: where more
	// end within MaxAge, each sign-out ends all sessions of the user. Nil: a copied
	// cookie works until it expires. Not allowed together with Store.
	DenyList store.Marks

	// CacheFor is how long the result of the JWT and Session callbacks is reused for
	// requests with the same cookie; zero disables the cache. Such requests share
	// one *S and one *T: treat both as read-only. GET /api/auth/session always runs
	// the callbacks. Sign-out, Update and revocation take effect at once in this
	// process, and after at most CacheFor in others. At most 10,000 sessions and
	// 64 MB are cached, as estimated by their JSON.
	CacheFor time.Duration

	// Codec replaces the encrypted token of the protocol, for instance by a
	// signed one that a gateway can verify ([token.Signed]), which can be read
	// outside the server. A token that can't be the value of a cookie (see
	// [token.Codec]) is a fault of the codec. AdoptCookies recognizes a token by a
	// dot in it. Nil means the encrypted token.
	Codec token.Codec
}

// Theme is how the built-in pages look.
type Theme struct {
	_ [0]func()

	ColorScheme string // "light" or "dark"; empty means what the browser prefers
	BrandColor  string // CSS colour of the main button, such as "#0f766e"
	ButtonText  string // CSS colour of the text on it
	Logo        string // URL of an image above the form, which is the icon of the tab too
	LogoDark    string // URL of that image on dark pages; empty means Logo
	Name        string // of the application, such as "Acme"; empty means the host
}

// Cookies changes the cookies. Their attributes are HttpOnly, SameSite=Lax, Path=/, and
// Secure on https, unless CrossSite is set.
type Cookies struct {
	_ [0]func()

	// Prefix begins every name. Empty means "next-auth", or "authjs" in that
	// protocol. Two Auths in one application need two prefixes and two
	// secrets: with one secret, the sessions of one are accepted by the other.
	Prefix string

	// Domain lets subdomains share the session: "example.com". Empty, the
	// default, leaves it to the host that set it. The CSRF cookie never has one.
	Domain string

	// CrossSite is for an application in a frame of another site. On https, which it
	// needs, the cookies are SameSite=None and Partitioned: a browser has one session
	// for each site that embeds the application, and sends its cookies with requests of
	// other sites too. The built-in pages may be in frames of TrustedOrigins; most OAuth
	// providers refuse to be in one. Routes of the application that change data must
	// check their origin, for instance by http.CrossOriginProtection; those of the API do.
	CrossSite bool
}

// A SignInLimit slows down guessing of passwords and one-time codes. Attempts at
// providers of type credentials count unless they end with a session: by network,
// and by account, from all networks together. Above the limit, attempts are rejected
// without a call of Authorize, even if the password is correct, with
// ?error=TooManyAttempts. The status is 429, but for a form, which is redirected.
//
// Answers of OAuth and OpenID providers count by network alone, if they have a code and
// do not end with a session: 300 in a minute.
//
// Counts are kept in the Store or the DenyList of [SessionConfig], if it is a
// [store.Counter], so that all processes share them, and in memory otherwise.
type SignInLimit struct {
	// PerNetwork is how many attempts may fail in a minute from one IPv4 address
	// or one /64 of IPv6. Zero means 30. Addresses behind proxies are those of
	// gin's ClientIP: call SetTrustedProxies.
	PerNetwork int

	// PerAccount is how many attempts at one account may fail in 15 minutes.
	// Zero means 20. An attacker can thus keep a user from signing in for that long;
	// users who are signed in are not affected.
	PerAccount int

	// Account returns the account that a form is for, "" when it names none; such
	// an attempt counts for its network alone. Nil means the value of the
	// provider's field with the autocomplete value username or email, or else of
	// its first field that is not a password, by its Type or a name such as pin. Accounts that differ only in case,
	// accents, width or invisible characters share a count, because many
	// databases take them for the same.
	Account func(form url.Values) string

	// Skip switches the limit off, for an application that has one of its own.
	Skip bool
}

const (
	defaultMaxAge      = 30 * 24 * time.Hour
	defaultMaxLifetime = 90 * 24 * time.Hour
	defaultUpdateAge   = 24 * time.Hour
	maxDuration        = 100 * 365 * 24 * time.Hour // of the times in SessionConfig
	defaultPerNetwork  = 30
	defaultPerAccount  = 20
)

// names returns the cookies of a site on http, or on https.
func (c Cookies) names(p api.Protocol, secure bool) cookie.Names {
	names := cookie.Defaults(c.realm(p), secure)
	if c.CrossSite && secure {
		return names.CrossSite()
	}
	return names
}

// frames are the origins in whose frames the built-in pages may be.
func (c Cookies) frames(trusted []string) []string {
	if !c.CrossSite {
		return nil
	}
	return append([]string{"'self'"}, trusted...)
}

// realm tells the sessions of several Auths in one store apart: it begins the
// names of the cookies.
func (c Cookies) realm(p api.Protocol) string { return cmp.Or(c.Prefix, p.Prefix()) }

// check reports cookies that browsers refuse: of a domain in which the host of the
// application is not, and of other sites on http.
func (c Cookies) check(site *origin.Site) error {
	base, ok := site.Configured()
	if ok && c.CrossSite && !base.Secure() {
		return fmt.Errorf("nuxtauth: Cookies.CrossSite needs https, and URL is %q: browsers refuse such cookies of http. Leave CrossSite out there", base.Origin)
	}
	if c.Domain == "" || !ok {
		return nil
	}
	u, err := url.Parse(base.Origin)
	if err != nil {
		return err
	}
	host, domain := u.Hostname(), strings.ToLower(strings.TrimPrefix(c.Domain, "."))
	if host == domain || strings.HasSuffix(host, "."+domain) && net.ParseIP(host) == nil {
		return nil
	}
	return fmt.Errorf("nuxtauth: Cookies.Domain is %q, and URL has the host %q: browsers refuse the cookies. Write a domain that the host ends with, or leave it out", c.Domain, host)
}

// withDefaults returns the times of s, the zero ones replaced.
func (s SessionConfig) withDefaults() SessionConfig {
	s.MaxAge = cmp.Or(s.MaxAge, defaultMaxAge)
	s.UpdateAge = cmp.Or(s.UpdateAge, min(defaultUpdateAge, s.MaxAge/2))
	s.MaxLifetime = cmp.Or(s.MaxLifetime, max(defaultMaxLifetime, s.MaxAge))
	return s
}

// lifetime returns the times of s, of which the zero ones are replaced, as package session
// has them.
func (s SessionConfig) lifetime() session.Lifetime {
	return session.Lifetime{MaxAge: s.MaxAge, MaxLifetime: s.MaxLifetime, UpdateAge: s.UpdateAge}
}

// check looks at the times, of which the zero ones are replaced. owner is what has them as
// fields.
func (s SessionConfig) check(owner string) error {
	var problems []error
	for _, f := range []struct {
		name       string
		value, min time.Duration
		absent     string
	}{
		{"MaxAge", s.MaxAge, time.Minute, "30 days"},
		{"MaxLifetime", s.MaxLifetime, time.Minute, "90 days"},
		{"UpdateAge", s.UpdateAge, time.Second, "24 hours"},
		{"CacheFor", s.CacheFor, time.Millisecond, "no cache"},
	} {
		derived := f.name == "UpdateAge" && f.value == s.MaxAge/2
		if derived || f.name == "CacheFor" && f.value == 0 || f.min <= f.value && f.value <= maxDuration {
			continue
		}
		example := "such as 12*time.Hour"
		if 0 < f.value && f.value < f.min && f.value%time.Second != 0 { // 3600 without a unit is 3.6 µs
			example = fmt.Sprintf("such as %d*time.Second if the number is one of seconds", f.value)
		}
		problems = append(problems, fmt.Errorf("nuxtauth: %s.%s is %v: write a duration with its unit, %s, from %v to %v, or leave it out for %s", owner, f.name, f.value, example, f.min, maxDuration, f.absent))
	}
	if len(problems) == 0 && s.UpdateAge >= s.MaxAge {
		problems = append(problems, fmt.Errorf("nuxtauth: Session.UpdateAge is %v, not below Session.MaxAge of %v: leave it out", s.UpdateAge, s.MaxAge))
	}
	return errors.Join(problems...)
}

// compile returns the theme as package page has it. frames are the origins in whose frames
// the pages may be.
func (t Theme) compile(frames []string) page.Theme {
	return page.Theme{
		ColorScheme: t.ColorScheme, BrandColor: t.BrandColor, ButtonText: t.ButtonText, Logo: t.Logo, LogoDark: t.LogoDark, Name: t.Name, Frames: frames,
	}
}

// check reports numbers that limit nothing.
func (l SignInLimit) check() error {
	if l.PerNetwork < 0 || l.PerAccount < 0 {
		return fmt.Errorf("nuxtauth: SignInLimit is %d per network and %d per account: write numbers above 0, leave them out for %d and %d, or set Skip",
			l.PerNetwork, l.PerAccount, defaultPerNetwork, defaultPerAccount)
	}
	return nil
}

// compile returns the limit as package api has it.
func (l SignInLimit) compile(log *slog.Logger) api.LimitConfig {
	c := api.LimitConfig{
		Skip: l.Skip, PerNetwork: cmp.Or(l.PerNetwork, defaultPerNetwork), PerAccount: cmp.Or(l.PerAccount, defaultPerAccount),
	}
	if l.Account != nil {
		c.Account = guard.Func(log, "SignInLimit.Account", func(_ context.Context, form url.Values) (string, error) { return l.Account(form), nil })
	}
	return c
}

// checkFields reports a credentials provider whose account the limit can't tell.
func (l SignInLimit) checkFields(providers []provider.Provider) error {
	var problems []error
	for _, p := range providers {
		if p.Type == provider.TypeCredentials && !l.Skip && l.Account == nil && api.AccountField(p.Fields) == "" {
			problems = append(problems, fmt.Errorf("nuxtauth: provider %q has no field for an account, so that SignInLimit can't count attempts by account: list the form's inputs in its Fields, or set SignInLimit.Account or SignInLimit.Skip", p.ID))
		}
	}
	return errors.Join(problems...)
}

// checkProviders fills the providers from the environment and checks them.
func checkProviders(all []provider.Provider, abilities session.Abilities) (checked []provider.Provider, err error) {
	var problems []error
	seen := make(map[string]bool)
	for _, p := range all {
		p = p.WithEnv(os.Getenv)
		problems = append(problems, p.Validate(), abilities.CheckProvider(p))
		if seen[p.ID] {
			problems = append(problems, fmt.Errorf("nuxtauth: two providers have the id %q: give one of them another ID", p.ID))
		}
		seen[p.ID] = true
		checked = append(checked, p)
	}
	return checked, errors.Join(problems...)
}
