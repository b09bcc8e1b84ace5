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

	"github.com/nuxtauth/nuxtauth/internal/account"
	"github.com/nuxtauth/nuxtauth/internal/api"
	"github.com/nuxtauth/nuxtauth/internal/clientip"
	"github.com/nuxtauth/nuxtauth/internal/guard"
	"github.com/nuxtauth/nuxtauth/internal/session"
	"github.com/nuxtauth/nuxtauth/store"
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

// Events are functions of the application that run after something has happened,
// within the request: the response waits for them. They can't change the result, and must
// not change what they get. A nil event is not called; a panic in one is recovered and
// logged. Events of different requests run at the same time, with a context as that of
// [Callbacks].
type Events[T TokenType, S SessionType] struct {
	// SignIn runs after a sign-in of the API or of [Auth.SignIn].
	SignIn func(ctx context.Context, e SignInEvent[T])

	// SignOut runs after a sign-out of the API or of [Auth.SignOut], and not for a
	// session that expires, is revoked, or is ended by a callback or a provider.
	SignOut func(ctx context.Context, e SignOutEvent[T])

	// Session runs whenever a front end gets session data: often.
	Session func(ctx context.Context, e SessionEvent[T, S])

	// RefuseSignIn runs when a sign-in of the API fails, by a fault too. LimitSignIn runs in its
	// place if there were too many attempts.
	RefuseSignIn func(ctx context.Context, e RefuseSignInEvent)
	LimitSignIn  func(ctx context.Context, e LimitSignInEvent)

	// UpdateSession runs after [Auth.Update] and after an update of the front end, RevokeSessions
	// when a method of Auth, or a logout token of a provider, has ended sessions, or a change of an
	// account; and not when there was none. RefreshTokens runs when a provider has sent new tokens, once for
	// all requests that wait for them, and before they are stored.
	UpdateSession  func(ctx context.Context, e UpdateSessionEvent)
	RevokeSessions func(ctx context.Context, e RevokeSessionsEvent)
	RefreshTokens  func(ctx context.Context, e RefreshTokensEvent)

	// These run with Config.Accounts. CreateUser and LinkAccount come before the JWT
	// callback and the SignIn event of the sign-in that causes them, UpdateUser when a user
	// has proved the e-mail address, UnlinkAccount also for each account that is removed
	// then, and DeleteUser when the user and the accounts are gone. Each comes at most once,
	// after the change is stored: if the answer of the store is lost, or the process ends
	// there, the change may have been made, the method or the sign-in fails, and neither it
	// nor the next call, which finds nothing left to do, calls the event. What must follow
	// each change, such as the deletion of other data, belongs into the transaction
	// (sqlstore.Options.Users), or looks now and then for what has no user. Their contexts go
	// on when the request ends.
	CreateUser    func(ctx context.Context, e UserEvent)
	UpdateUser    func(ctx context.Context, e UpdateUserEvent)
	LinkAccount   func(ctx context.Context, e LinkAccountEvent)
	UnlinkAccount func(ctx context.Context, e UnlinkAccountEvent)
	DeleteUser    func(ctx context.Context, e UserEvent)
}

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

// SignInEvent is a sign-in that has happened. Token, User and Account are never nil.
type SignInEvent[T TokenType] struct {
	// Token is the token of the new session, as the JWT callback left it.
	Token *T

	User      *User
	Account   *Account
	Profile   Profile
	IsNewUser bool // as in JWTParams

	IP        string // of the client, "" if it is not known; see [SignInLimit] for proxies
	UserAgent string // of the client, cut to 256 bytes, without control characters
}

// SignOutEvent is a sign-out that has happened.
type SignOutEvent[T TokenType] struct {
	_ [0]func()

	// Token is the last token of the session that has ended.
	Token *T

	IP        string // of the client, "" if it is not known; see [SignInLimit] for proxies
	UserAgent string // of the client, cut to 256 bytes, without control characters
}

// SessionEvent is session data that a front end got.
type SessionEvent[T TokenType, S SessionType] struct {
	_ [0]func()

	Session *S // as the Session callback returned it
	Token   *T
}

// UpdateUserEvent is a user who has proved the e-mail address.
type UpdateUserEvent struct {
	_ [0]func()

	User *User

	// Reclaimed says that the address had not been proved before, so that another person
	// may have made the user: sessions, links, the password and the accounts of Removed are
	// gone. Check what else that person may have left.
	Reclaimed bool
	Removed   []AccountInfo
}

// LinkAccountEvent is an account that a user has from now on.
type LinkAccountEvent struct {
	_ [0]func()

	User    *User
	Account *Account
	Profile Profile
}

// UnlinkAccountEvent is an account that a user has no more.
type UnlinkAccountEvent struct {
	_ [0]func()

	User    *User
	Account AccountInfo
}

// UserEvent is a user who was created or deleted.
type UserEvent struct {
	_ [0]func()

	User *User
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
	if e.SignIn != nil {
		a.SignInEvent = func(ctx context.Context, ev *api.SignInEvent) {
			e.SignIn(ctx, SignInEvent[T]{
				Token: ev.Session.Token.(*T), User: ev.User, Account: ev.Account, Profile: ev.Profile, IsNewUser: ev.IsNewUser, IP: ev.Client.IP, UserAgent: ev.Client.UserAgent,
			})
		}
	}
	if e.Session != nil {
		a.SessionEvent = func(ctx context.Context, s *session.Session) {
			e.Session(ctx, SessionEvent[T, S]{Session: s.View.(*S), Token: s.Token.(*T)})
		}
	}
	refusalEvents(&a, e)
	return a
}

// signedOutEvent is the SignOut event for package session.
func signedOutEvent[T TokenType](f func(context.Context, SignOutEvent[T])) func(context.Context, *session.Session, clientip.Client) {
	if f == nil {
		return nil
	}
	return func(ctx context.Context, s *session.Session, from clientip.Client) {
		f(ctx, SignOutEvent[T]{Token: s.Token.(*T), IP: from.IP, UserAgent: store.UserAgent(from.UserAgent)})
	}
}

// accountEvents are the events of users and accounts.
func accountEvents[T TokenType, S SessionType](e Events[T, S]) (a account.Events) {
	if f := e.CreateUser; f != nil {
		a.CreateUser = func(ctx context.Context, u *User) { f(ctx, UserEvent{User: u}) }
	}
	if f := e.DeleteUser; f != nil {
		a.DeleteUser = func(ctx context.Context, u *User) { f(ctx, UserEvent{User: u}) }
	}
	if f := e.UpdateUser; f != nil {
		a.UpdateUser = func(ctx context.Context, u *account.Update) {
			ev := UpdateUserEvent{User: u.User, Reclaimed: u.Reclaimed}
			for _, row := range u.Removed {
				ev.Removed = append(ev.Removed, infoOf(row))
			}
			f(ctx, ev)
		}
	}
	if f := e.LinkAccount; f != nil {
		a.LinkAccount = func(ctx context.Context, l *account.Linked) {
			f(ctx, LinkAccountEvent{User: l.User, Account: l.Account, Profile: l.Profile})
		}
	}
	if f := e.UnlinkAccount; f != nil {
		a.UnlinkAccount = func(ctx context.Context, u *account.Unlinked) {
			f(ctx, UnlinkAccountEvent{User: u.User, Account: infoOf(u.Account)})
		}
	}
	return a
}

// guarded returns cfg with the application's functions guarded: see package guard.
// Others are guarded elsewhere: SignInLimit.Account in compile, where its form changes,
// the Store and the DenyList in [session.NewAbilities], which looks behind them, and the
// JSON methods of the types in typed.go.
func (cfg Config[T, S]) guarded(log *slog.Logger) Config[T, S] {
	c, e := &cfg.Callbacks, &cfg.Events
	c.SignIn = guard.Check(log, "the SignIn callback", c.SignIn)
	c.Redirect = guard.Func(log, "the Redirect callback", c.Redirect)
	c.JWT = guard.Func(log, "the JWT callback", c.JWT)
	c.Session = guard.Func(log, "the Session callback", c.Session)
	e.SignIn = guard.Event(log, "the SignIn event", e.SignIn)
	e.SignOut = guard.Event(log, "the SignOut event", e.SignOut)
	e.Session = guard.Event(log, "the Session event", e.Session)
	e.CreateUser = guard.Event(log, "the CreateUser event", e.CreateUser)
	e.UpdateUser = guard.Event(log, "the UpdateUser event", e.UpdateUser)
	e.LinkAccount = guard.Event(log, "the LinkAccount event", e.LinkAccount)
	e.UnlinkAccount = guard.Event(log, "the UnlinkAccount event", e.UnlinkAccount)
	e.DeleteUser = guard.Event(log, "the DeleteUser event", e.DeleteUser)
	e.guardEvents(log)
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
