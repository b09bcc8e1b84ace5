package nuxtauth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth/internal/api"
	"github.com/nuxtauth/nuxtauth/internal/guard"
	"github.com/nuxtauth/nuxtauth/internal/session"
)

// Callbacks are the application's functions in the life of a session. They get a
// context that ends with the request, and after 10 seconds at the latest. A nil
// callback does what Auth.js does without it. A panic in one is recovered and
// counts as an error. Callbacks of different requests run at the same time.
type Callbacks[T TokenType, S SessionType] struct {
	// SignIn decides whether a proven sign-in is accepted. Nil accepts all. An error
	// rejects the sign-in: an [*Error] with its code, one of [RedirectTo] with a
	// redirect, and any other with the code AccessDenied. The session that the browser
	// had stays.
	SignIn SignInFunc

	// Redirect returns the URL to redirect to for a callback URL: a path, or an http
	// or https URL. Anything else, and an error, mean the application's root URL. A URL
	// of another origin is used as it is returned: return none that was not checked. Nil
	// allows paths, the application's own origin and Config.TrustedOrigins.
	Redirect func(ctx context.Context, p RedirectParams) (string, error)

	// JWT puts data into the token: at sign-in, when Account is set, and again each
	// time the session is loaded, with the token alone. It returns the token that the
	// session has from then on: a change is written to the cookie or the Store. A nil
	// token, one without a subject, or an error ends the session, unless the error is
	// one of [Unavailable]. At sign-in each of them makes the sign-in fail. Nil leaves
	// the token as it is.
	JWT JWTFunc[T]

	// Session makes what handlers and the front end see of the token, each time the
	// session is loaded. A nil session or an error ends the session, unless the error
	// is one of [Unavailable]. Nil leaves the session as it arrives in [SessionParams].
	Session SessionFunc[T, S]
}

// SignInFunc is the type of the SignIn callback, for packages that make one or wrap one.
type SignInFunc = func(ctx context.Context, p SignInParams) error

// JWTFunc is the type of the JWT callback, for packages that make one or wrap one.
type JWTFunc[T TokenType] = func(ctx context.Context, p JWTParams[T]) (*T, error)

// SessionFunc is the type of the Session callback, for packages that make one or wrap
// one.
type SessionFunc[T TokenType, S SessionType] = func(ctx context.Context, p SessionParams[T, S]) (*S, error)

// Trigger says why the JWT or Session callback runs.
type Trigger string

const (
	TriggerNone   Trigger = ""       // a session is loaded
	TriggerSignIn Trigger = "signIn" // a user signs in
	TriggerSignUp Trigger = "signUp" // a user of Config.Accounts signs in for the first time
	TriggerUpdate Trigger = "update" // the front end sent data to POST /api/auth/session
)

// SignInParams is a proven sign-in, for the SignIn callback. User and Account are never
// nil.
type SignInParams struct {
	User        *User
	Account     *Account
	Profile     Profile    // empty for credentials, unless Authorize gave one
	Credentials url.Values // the form, for credentials alone

	IP        string // of the client, "" if it is not known; see [SignInLimit] for proxies
	UserAgent string // of the client, cut to 256 bytes, without control characters

	// VerificationRequest says that a link to this address is asked for: nothing is proved
	// yet. An error means that none is sent, and the browser does not learn of it. The
	// callback runs again, with false, when the link is used.
	VerificationRequest bool
}

// RedirectParams is a callback URL, for the Redirect callback.
type RedirectParams struct {
	_ [0]func()

	URL     string // as the browser sent it: do not trust it
	BaseURL string // the application's origin
}

// JWTParams is the input of the JWT callback.
type JWTParams[T TokenType] struct {
	// Token is the token so far; the callback changes and returns it. Its
	// strings share one piece of memory: use strings.Clone for one that is stored
	// for long.
	Token *T

	Trigger Trigger

	// User, Account and Profile are set only at sign-in, when Trigger is
	// TriggerSignIn or TriggerSignUp. Later they are zero.
	User    *User
	Account *Account
	Profile Profile

	// IsNewUser says that no sign-in of this user of Config.Accounts was complete
	// before: after a fault the user is new once more, and of two first sign-ins at the
	// same time each may be one. Without Config.Accounts it is always false.
	IsNewUser bool

	// Update is the data that the front end sent, when Trigger is TriggerUpdate. It
	// comes from the browser: take from it only fields that users may change
	// themselves. To reject it, return the token unchanged: an error ends the session.
	// Copying it into the token unchecked lets a user change any field.
	Update UpdateData
}

// UpdateData is data that the front end sent to change its session, as JSON of any kind.
// It is empty unless Trigger is [TriggerUpdate].
type UpdateData jsontext.Value

// Decode puts the data into v, a pointer to a struct with json tags. Members without a
// field are ignored. Without data it leaves v as it is. An error says that the data do not
// fit the type; v may then have some of them.
func (u UpdateData) Decode(v any) error { return Profile(u).Decode(v) }

// SessionParams is the input of the Session callback.
type SessionParams[T TokenType, S SessionType] struct {
	// Session arrives with Expires set, and with name, email and image where
	// its user has such fields; the callback changes and returns it.
	Session *S

	// Token is the token as the JWT callback left it. It stays on the server.
	Token *T

	Trigger Trigger    // TriggerNone or TriggerUpdate
	Update  UpdateData // as in JWTParams: it comes from the browser
}

// Unavailable marks err as temporary: a callback could not reach a service, and can't
// tell whether the session is valid. The request is treated as signed out,
// [Auth.Require] answers 503, and the cookie is kept. The result wraps
// [ErrUnavailable] and err; Unavailable(nil) is nil.
func Unavailable(err error) error { return session.Transient(err) }

// RedirectTo returns a [*RedirectError] for the SignIn callback: it rejects the sign-in
// and redirects the browser to url, a path or URL that the Redirect callback, or its
// default, allows.
func RedirectTo(url string) error { return &RedirectError{URL: url} }

// RedirectError is the error of [RedirectTo]. An error that wraps it redirects too.
type RedirectError struct {
	_ [0]func()

	URL string // a path or URL; if the Redirect rules do not allow it, it becomes the application's root URL
}

// Error describes the redirect for the log.
func (e *RedirectError) Error() string { return "redirected to " + strconv.Quote(e.URL) }

// redirectURL returns the URL of a [RedirectError].
func redirectURL(err error) (url string, ok bool) {
	to, ok := errors.AsType[*RedirectError](err)
	if !ok {
		return "", false
	}
	return to.URL, true
}

// apiCallbacks are the callbacks and events that package api calls.
func apiCallbacks[T TokenType, S SessionType](c Callbacks[T, S], e Events[T, S]) (a api.Callbacks) {
	a.RedirectURL = redirectURL
	if c.SignIn != nil {
		a.SignIn = func(ctx context.Context, p *api.SignInParams) error { return c.SignIn(ctx, SignInParams(*p)) }
	}
	if c.Redirect != nil {
		a.Redirect = func(ctx context.Context, to, base string) (string, error) {
			return c.Redirect(ctx, RedirectParams{URL: to, BaseURL: base})
		}
	}
	apiEvents(&a, e)
	return a
}

// guarded returns cfg with the application's functions guarded: see package guard.
// Others are guarded elsewhere: SignInLimit.Account in compile, where its form changes,
// the Store and the DenyList in [session.NewAbilities], which looks behind them, and the
// JSON methods of the types in typed.go.
func (cfg Config[T, S]) guarded(log *slog.Logger) Config[T, S] {
	c := &cfg.Callbacks
	c.SignIn = guard.Check(log, "the SignIn callback", c.SignIn)
	c.Redirect = guard.Func(log, "the Redirect callback", c.Redirect)
	c.JWT = guard.Func(log, "the JWT callback", c.JWT)
	c.Session = guard.Func(log, "the Session callback", c.Session)
	cfg.Events.guard(log)
	cfg.Session.Codec = guard.Codec(log, cfg.Session.Codec)
	if trust := cfg.TrustOrigin; trust != nil {
		guarded := guard.Func(log, "Config.TrustOrigin", func(_ context.Context, origin string) (bool, error) { return trust(origin), nil })
		cfg.TrustOrigin = func(origin string) bool {
			ok, err := guarded(context.Background(), origin)
			return ok && err == nil
		}
	}
	cfg.HTTPClient = guard.Client(log, cfg.HTTPClient)
	cfg.Providers = slices.Clone(cfg.Providers)
	for i, p := range cfg.Providers {
		cfg.Providers[i] = guard.Provider(log, p)
	}
	if skip := cfg.Skip; skip != nil {
		guarded := guard.Func(log, "Config.Skip", func(_ context.Context, r *http.Request) (bool, error) { return skip(r), nil })
		cfg.Skip = func(r *http.Request) bool {
			ok, err := guarded(r.Context(), r)
			return ok && err == nil // after a panic the request is not skipped
		}
	}
	return cfg
}
