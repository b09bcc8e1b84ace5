package nuxtauth

import (
	"context"
	"net/url"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth/internal/api"
	"github.com/nuxtauth/nuxtauth/internal/session"
)

// Callbacks are the application's functions in the life of a session. They get a
// context that ends with the request, and after 10 seconds at the latest. A nil
// callback does what Auth.js does without it. A panic in one is recovered and
// counts as an error. Callbacks of different requests run at the same time.
type Callbacks[T JWT, S Session] struct {
	// SignIn decides whether a proven sign-in is accepted. Nil accepts all. An error
	// rejects the sign-in: an [*Error] with its code, one of [RedirectTo] with a
	// redirect, and any other with the code AccessDenied.
	SignIn func(ctx context.Context, p SignInParams) error

	// Redirect returns the URL to redirect to for a callback URL: a path, or an http
	// or https URL. Anything else, and an error, mean the application's root URL. Nil
	// allows paths, the application's own origin and Config.TrustedOrigins.
	Redirect func(ctx context.Context, p RedirectParams) (string, error)

	// JWT puts data into the token: at sign-in, when Account is set, and again each
	// time the session is loaded, with the token alone. It returns the token that the
	// session has from then on. A nil token, one without a subject, or an error ends
	// the session, unless the error is one of [Unavailable].
	JWT func(ctx context.Context, p JWTParams[T]) (*T, error)

	// Session makes what handlers and the front end see of the token, each time the
	// session is loaded. A nil session or an error ends the session, unless the error
	// is one of [Unavailable].
	Session func(ctx context.Context, p SessionParams[T, S]) (*S, error)
}

// Events are functions of the application that run after something has happened,
// within the request. They can't change the result. A nil event is not called; a
// panic in one is recovered and logged.
type Events[T JWT, S Session] struct {
	SignIn  func(ctx context.Context, e SignInEvent)
	SignOut func(ctx context.Context, e SignOutEvent[T])
	Session func(ctx context.Context, e SessionEvent[T, S]) // a front end got session data
}

// Trigger says why the JWT or Session callback runs.
type Trigger string

const (
	TriggerNone   Trigger = ""       // a session is loaded
	TriggerSignIn Trigger = "signIn" // a user signs in
	TriggerSignUp Trigger = "signUp" // never: see JWTParams.IsNewUser
	TriggerUpdate Trigger = "update" // the front end sent data to POST /api/auth/session
)

// SignInParams is a proven sign-in, for the SignIn callback.
type SignInParams struct {
	User        *User
	Account     *Account
	Profile     Profile    // empty for credentials, unless Authorize gave one
	Credentials url.Values // the form, for credentials alone
}

// RedirectParams is a callback URL, for the Redirect callback.
type RedirectParams struct {
	URL     string // as the browser sent it: do not trust it
	BaseURL string // the application's origin
}

// JWTParams is the input of the JWT callback.
type JWTParams[T JWT] struct {
	// Token is the token so far; the callback changes and returns it. Its
	// strings share one piece of memory: use strings.Clone for one that is stored
	// for long.
	Token *T

	Trigger Trigger

	// User, Account and Profile are set only at sign-in, when Trigger is
	// TriggerSignIn. Later they are zero.
	User    *User
	Account *Account
	Profile Profile

	// IsNewUser is always false, and Trigger never TriggerSignUp, as in next-auth
	// without an adapter: this version keeps no accounts, which would tell a user's
	// first sign-in.
	IsNewUser bool

	// Update is the data that the front end sent, when Trigger is TriggerUpdate. It
	// comes from the browser: take from it only fields that users may change
	// themselves. To reject it, return the token unchanged: an error ends the session.
	// Copying it into the token unchecked lets a user change any field.
	Update Update
}

// Update is data that the front end sent to change its session, as JSON.
type Update jsontext.Value

// Decode puts the data into v, a pointer to a struct with json tags.
// Without data it leaves v as it is.
func (u Update) Decode(v any) error { return Profile(u).Decode(v) }

// SessionParams is the input of the Session callback.
type SessionParams[T JWT, S Session] struct {
	// Session arrives with Expires set, and with name, email and image where
	// its user has such fields; the callback changes and returns it.
	Session *S

	// Token is the token as the JWT callback left it. It stays on the server.
	Token *T

	Trigger Trigger // TriggerNone or TriggerUpdate
	Update  Update
}

// SignInEvent is a sign-in that has happened.
type SignInEvent struct {
	User      *User
	Account   *Account
	Profile   Profile
	IsNewUser bool // always false: see JWTParams
}

// SignOutEvent is a sign-out that has happened.
type SignOutEvent[T JWT] struct{ Token *T }

// SessionEvent is session data that a front end got.
type SessionEvent[T JWT, S Session] struct {
	Session *S
	Token   *T
}

// Unavailable marks err as temporary: a callback could not reach a service, and can't
// tell whether the session is valid. The request is treated as signed out,
// [Auth.Require] answers 503, and the cookie is kept. The result wraps
// [ErrUnavailable] and err; Unavailable(nil) is nil.
func Unavailable(err error) error { return session.Transient(err) }

// RedirectTo returns an error for the SignIn callback: it rejects the sign-in and
// redirects the browser to url, a path or URL that the Redirect callback, or its
// default, allows.
func RedirectTo(url string) error { return &api.RedirectError{URL: url} }
