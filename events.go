package nuxtauth

import (
	"context"
	"log/slog"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/account"
	"github.com/nuxtauth/nuxtauth/internal/api"
	"github.com/nuxtauth/nuxtauth/internal/clientip"
	"github.com/nuxtauth/nuxtauth/internal/guard"
	"github.com/nuxtauth/nuxtauth/internal/session"
	"github.com/nuxtauth/nuxtauth/store"
)

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

// RefuseSignInEvent is a sign-in of the API that has failed.
type RefuseSignInEvent struct {
	_ [0]func()

	Provider string // its ID
	Code     string // such as CodeCredentialsSignIn, also where the browser does not learn of it
	Err      error  // the cause, nil for credentials that Authorize does not know

	IP        string // of the client, "" if it is not known; see [SignInLimit] for proxies
	UserAgent string // of the client, cut to 256 bytes, without control characters
}

// LimitSignInEvent is a sign-in that was rejected because of [SignInLimit].
type LimitSignInEvent struct {
	_ [0]func()

	Provider string        // its ID
	By       string        // "network" or "account": of what there were too many attempts
	Window   time.Duration // in which there were too many

	IP        string // of the client, "" if it is not known; see [SignInLimit] for proxies
	UserAgent string // of the client, cut to 256 bytes, without control characters
}

// UpdateSessionEvent is a session that [Auth.Update] has changed, or for which a front end has
// sent data that the callbacks have taken or left.
type UpdateSessionEvent struct {
	_ [0]func()

	Subject  string // of the token, as it is now
	FrontEnd bool   // POST /api/auth/session, and not Auth.Update

	IP        string // of the client, "" if it is not known; see [SignInLimit] for proxies
	UserAgent string // of the client, cut to 256 bytes, without control characters
}

// RevokeSessionsEvent is sessions that were ended from elsewhere. Those of a user have a
// Subject, and those that a provider has ended a ProviderSubject, a ProviderSession, or both.
type RevokeSessionsEvent struct {
	_ [0]func()

	Subject   string // of the tokens
	SessionID string // of the one that has ended, or with Others the one that goes on; "" for all
	Others    bool   // all sessions of the user but SessionID

	Provider        string // alone those that came from this provider; "" for any
	ProviderSubject string // the ID of the user there
	ProviderSession string // the sid there

	Count int // how many there were, -1 if a deny-list can't tell
}

// RefreshTokensEvent is the tokens of a provider that were refreshed.
type RefreshTokensEvent struct {
	_ [0]func()

	Subject  string // of the token of the session
	Provider string // its ID
}

// guard guards the events: see package guard.
func (e *Events[T, S]) guard(log *slog.Logger) {
	e.SignIn = guard.Event(log, "the SignIn event", e.SignIn)
	e.SignOut = guard.Event(log, "the SignOut event", e.SignOut)
	e.Session = guard.Event(log, "the Session event", e.Session)
	e.CreateUser = guard.Event(log, "the CreateUser event", e.CreateUser)
	e.UpdateUser = guard.Event(log, "the UpdateUser event", e.UpdateUser)
	e.LinkAccount = guard.Event(log, "the LinkAccount event", e.LinkAccount)
	e.UnlinkAccount = guard.Event(log, "the UnlinkAccount event", e.UnlinkAccount)
	e.DeleteUser = guard.Event(log, "the DeleteUser event", e.DeleteUser)
	e.RefuseSignIn = guard.Event(log, "the RefuseSignIn event", e.RefuseSignIn)
	e.LimitSignIn = guard.Event(log, "the LimitSignIn event", e.LimitSignIn)
	e.UpdateSession = guard.Event(log, "the UpdateSession event", e.UpdateSession)
	e.RevokeSessions = guard.Event(log, "the RevokeSessions event", e.RevokeSessions)
	e.RefreshTokens = guard.Event(log, "the RefreshTokens event", e.RefreshTokens)
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

// sessionEvents are the events that package session calls, but SignOut.
func sessionEvents[T TokenType, S SessionType](e Events[T, S]) (s session.Events) {
	if f := e.UpdateSession; f != nil {
		s.Updated = func(ctx context.Context, subject string, frontEnd bool, from clientip.Client) {
			f(ctx, UpdateSessionEvent{Subject: subject, FrontEnd: frontEnd, IP: from.IP, UserAgent: store.UserAgent(from.UserAgent)})
		}
	}
	if f := e.RevokeSessions; f != nil {
		s.Revoked = func(ctx context.Context, r session.Revoked) {
			f(ctx, RevokeSessionsEvent{
				Subject: r.Subject, SessionID: r.SessionID, Others: r.Others,
				Provider: r.Provider, ProviderSubject: r.ProviderSubject, ProviderSession: r.ProviderSession, Count: r.Count,
			})
		}
	}
	if f := e.RefreshTokens; f != nil {
		s.Refreshed = func(ctx context.Context, subject, provider string) {
			f(ctx, RefreshTokensEvent{Subject: subject, Provider: provider})
		}
	}
	return s
}

// apiEvents adds the events that package api calls.
func apiEvents[T TokenType, S SessionType](a *api.Callbacks, e Events[T, S]) {
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
	if f := e.RefuseSignIn; f != nil {
		a.RefusedEvent = func(ctx context.Context, provider, code string, err error, from clientip.Client) {
			f(ctx, RefuseSignInEvent{Provider: provider, Code: code, Err: err, IP: from.IP, UserAgent: from.UserAgent})
		}
	}
	if f := e.LimitSignIn; f != nil {
		a.LimitedEvent = func(ctx context.Context, provider, by string, window time.Duration, from clientip.Client) {
			f(ctx, LimitSignInEvent{Provider: provider, By: by, Window: window, IP: from.IP, UserAgent: from.UserAgent})
		}
	}
}
