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
	// SignIn decides whether a proven sign-in is accepted. Nil accepts all. An
	// error refuses: an [*Error] with its own code, a [RedirectTo] by leading the
	// browser elsewhere, any other as AccessDenied.
	SignIn func(ctx context.Context, p SignInParams) error

	// Redirect decides where a callback URL leads. Nil allows paths, the
	// application's own origin and Config.TrustedOrigins. The browser is led to
	// the result if it is an http or https URL, or a path, and otherwise to the
	// application's root URL.
	Redirect func(ctx context.Context, p RedirectParams) (string, error)

	// JWT puts data into the token: at sign-in, when Account is set, and
	// again each time the session is loaded, with the token alone. It returns
	// the token of the session from now on. Nil, an error or a token without a
	// subject ends the session, unless the error is one of [Unavailable].
	JWT func(ctx context.Context, p JWTParams[T]) (*T, error)

	// Session makes what the front end sees, each time session data is
	// requested. Nil, or an error, ends the session: the user is signed out,
	// unless the error is one of [Unavailable].
	Session func(ctx context.Context, p SessionParams[T, S]) (*S, error)
}

// Events are functions of the application that run after something has happened,
// within the request. They change nothing of it. A nil event is not called; a panic
// in one is recovered and logged.
type Events[T JWT, S Session] struct {
	SignIn  func(ctx context.Context, e SignInEvent)
	SignOut func(ctx context.Context, e SignOutEvent[T])
	Session func(ctx context.Context, e SessionEvent[T, S]) // a front end got session data
}

// Trigger says why the JWT or Session callback runs.
type Trigger string

const (
	TriggerNone   Trigger = ""       // session data is requested
	TriggerSignIn Trigger = "signIn" // a user signs in
	TriggerSignUp Trigger = "signUp" // a user signs in for the first time
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

	// User, Account, Profile and IsNewUser are set only at sign-in, when Trigger is
	// TriggerSignIn or TriggerSignUp. Later they are zero.
	User      *User
	Account   *Account
	Profile   Profile
	IsNewUser bool

	// Update is the data that the front end sent, when Trigger is
	// TriggerUpdate. It comes from the browser: take from it only fields that
	// users may change themselves, and refuse it with [Unavailable]. Copying it
	// into the token unchecked lets a user change any field.
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
	IsNewUser bool
}

// SignOutEvent is a sign-out that has happened.
type SignOutEvent[T JWT] struct{ Token *T }

// SessionEvent is session data that a front end got.
type SessionEvent[T JWT, S Session] struct {
	Session *S
	Token   *T
}

// Unavailable marks err as temporary: a callback could not reach a service, which
// says nothing about the session. The request is treated as signed out,
// [Auth.Require] answers 503, and the cookie is kept. The result wraps
// [ErrUnavailable] and err; Unavailable(nil) is nil.
func Unavailable(err error) error { return session.Transient(err) }

// RedirectTo is an error for the SignIn callback: it refuses the sign-in and
// leads the browser to url, a path or URL that the Redirect rules allow.
func RedirectTo(url string) error { return &api.RedirectError{URL: url} }
