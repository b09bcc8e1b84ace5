package nuxtauth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"runtime/debug"

	"github.com/go-json-experiment/json/jsontext"
)

// Callbacks are the application's hooks in the life of a session. They get the
// context of the request and never the gin.Context. A nil callback does what
// Auth.js does without it. A panic in one is recovered and counts as an error.
type Callbacks[T JWT, S Session] struct {
	// SignIn decides whether somebody who proved who they are may enter. Nil
	// lets everybody in. An error refuses: an [*Error] with its own code, a
	// [RedirectTo] by leading elsewhere, any other as AccessDenied.
	SignIn func(ctx context.Context, p SignInParams) error

	// Redirect decides where a callback URL leads. Nil allows paths, the
	// application's own origin and Config.TrustedOrigins. Its answer is
	// followed if it is an http or https URL, or a path; the front page otherwise.
	Redirect func(ctx context.Context, p RedirectParams) (string, error)

	// JWT puts data into the token: at sign-in, when Account is set, and
	// again each time the session is loaded, with the token alone. It returns
	// the token to keep. Nil, an error or a token without a subject ends the
	// session, unless the error is a [KeepSession].
	JWT func(ctx context.Context, p JWTParams[T]) (*T, error)

	// Session makes what the front end sees, each time session data is
	// requested. Nil, or an error, ends the session: the user is signed out,
	// unless the error is a [KeepSession].
	Session func(ctx context.Context, p SessionParams[T, S]) (*S, error)
}

// Events are told what happened, after it happened, within the request.
type Events[T JWT, S Session] struct {
	SignIn  func(ctx context.Context, e SignInEvent)
	SignOut func(ctx context.Context, e SignOutEvent[T])
	Session func(ctx context.Context, e SessionEvent[T, S]) // a front end got the session
}

// Trigger says why the JWT or Session callback runs.
type Trigger string

const (
	TriggerNone   Trigger = ""       // session data is requested
	TriggerSignIn Trigger = "signIn" // somebody signed in
	TriggerSignUp Trigger = "signUp" // somebody signed in for the first time
	TriggerUpdate Trigger = "update" // the front end sent data to POST /api/auth/session
)

// SignInParams is what the SignIn callback judges.
type SignInParams struct {
	User        *User
	Account     *Account
	Profile     Profile    // empty for credentials, unless Authorize gave one
	Credentials url.Values // the form, for credentials alone
}

// RedirectParams is what the Redirect callback decides on.
type RedirectParams struct {
	URL     string // what the browser asked for: do not trust it
	BaseURL string // the application's origin
}

// JWTParams is what the JWT callback works with.
type JWTParams[T JWT] struct {
	// Token is the token so far; the callback changes and returns it. Its
	// strings are parts of one, so strings.Clone what you keep for long.
	Token *T

	Trigger Trigger

	// User, Account, Profile and IsNewUser are there only while somebody signs
	// in, when Trigger is TriggerSignIn or TriggerSignUp. Later they are zero.
	User      *User
	Account   *Account
	Profile   Profile
	IsNewUser bool

	// Update is the data that the front end sent, when Trigger is
	// TriggerUpdate. It comes from the browser: take from it only fields that
	// users may change themselves, and refuse it with [KeepSession].
	Update Update
}

// Update is data that the front end sent to change its session, as JSON.
type Update jsontext.Value

// Decode puts the data into v, a pointer to a struct with json tags.
// Without data it leaves v as it is.
func (u Update) Decode(v any) error { return Profile(u).Decode(v) }

// SessionParams is what the Session callback works with.
type SessionParams[T JWT, S Session] struct {
	// Session arrives with Expires set, and with name, email and image where
	// its user has such fields; the callback changes and returns it.
	Session *S

	// Token is the token as the JWT callback left it. It stays on the server.
	Token *T

	Trigger Trigger // TriggerNone or TriggerUpdate
	Update  Update
}

// SignInEvent tells of a sign-in.
type SignInEvent struct {
	User      *User
	Account   *Account
	Profile   Profile
	IsNewUser bool
}

// SignOutEvent tells of a sign-out.
type SignOutEvent[T JWT] struct{ Token *T }

// SessionEvent tells that a front end got session data.
type SessionEvent[T JWT, S Session] struct {
	Session *S
	Token   *T
}

// KeepSession marks an error of the JWT or Session callback as a passing
// fault, such as a service that does not answer: this request is signed out,
// and [Auth.Require] answers it with 503, but the cookie is kept and the user is back once the fault
// is over. A nil error stays nil.
func KeepSession(err error) error {
	if err == nil {
		return nil
	}
	return &keepError{err}
}

type keepError struct{ err error }

func (e *keepError) Error() string { return e.err.Error() }
func (e *keepError) Unwrap() error { return e.err }

// RedirectTo is an error for the SignIn callback: it refuses the sign-in and
// leads the browser to url, a path or URL that the Redirect rules allow.
func RedirectTo(url string) error { return &redirectError{url} }

type redirectError struct{ url string }

func (e *redirectError) Error() string { return fmt.Sprintf("redirected to %q", e.url) }

// panicError is what a recovered panic of a callback becomes.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// recovered turns a panic of a callback into an error, for use with defer.
func recovered(err *error) {
	if v := recover(); v != nil {
		*err = &panicError{v, debug.Stack()}
	}
}

var errNoSubject = errors.New("the token has no subject: give the user an ID, or set Token.Subject in the JWT callback")
var errNoToken = errors.New("the JWT callback returned no token")
var errNoSession = errors.New("the Session callback returned no session")

func (c *Callbacks[T, S]) signIn(ctx context.Context, p SignInParams) (err error) {
	if c.SignIn == nil {
		return nil
	}
	defer recovered(&err)
	return c.SignIn(ctx, p)
}

func (c *Callbacks[T, S]) redirect(ctx context.Context, p RedirectParams) (url string, err error) {
	defer recovered(&err)
	return c.Redirect(ctx, p)
}

func (c *Callbacks[T, S]) jwt(ctx context.Context, p JWTParams[T]) (t *T, err error) {
	if c.JWT == nil {
		return p.Token, nil
	}
	defer recovered(&err)
	t, err = c.JWT(ctx, p)
	if err == nil && t == nil {
		err = errNoToken
	}
	return t, err
}

func (c *Callbacks[T, S]) session(ctx context.Context, p SessionParams[T, S]) (s *S, err error) {
	if c.Session == nil {
		return p.Session, nil
	}
	defer recovered(&err)
	s, err = c.Session(ctx, p)
	if err == nil && s == nil {
		err = errNoSession
	}
	return s, err
}

func (e *Events[T, S]) signIn(ctx context.Context, ev SignInEvent) (err error) {
	if e.SignIn == nil {
		return nil
	}
	defer recovered(&err)
	e.SignIn(ctx, ev)
	return nil
}

func (e *Events[T, S]) signOut(ctx context.Context, ev SignOutEvent[T]) (err error) {
	if e.SignOut == nil {
		return nil
	}
	defer recovered(&err)
	e.SignOut(ctx, ev)
	return nil
}

func (e *Events[T, S]) session(ctx context.Context, ev SessionEvent[T, S]) (err error) {
	if e.Session == nil {
		return nil
	}
	defer recovered(&err)
	e.Session(ctx, ev)
	return nil
}
