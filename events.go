package nuxtauth

import (
	"context"
	"log/slog"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/api"
	"github.com/nuxtauth/nuxtauth/internal/clientip"
	"github.com/nuxtauth/nuxtauth/internal/guard"
	"github.com/nuxtauth/nuxtauth/internal/session"
	"github.com/nuxtauth/nuxtauth/store"
)

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

// guardEvents guards the events of this file.
func (e *Events[T, S]) guardEvents(log *slog.Logger) {
	e.RefuseSignIn = guard.Event(log, "the RefuseSignIn event", e.RefuseSignIn)
	e.LimitSignIn = guard.Event(log, "the LimitSignIn event", e.LimitSignIn)
	e.UpdateSession = guard.Event(log, "the UpdateSession event", e.UpdateSession)
	e.RevokeSessions = guard.Event(log, "the RevokeSessions event", e.RevokeSessions)
	e.RefreshTokens = guard.Event(log, "the RefreshTokens event", e.RefreshTokens)
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

// refusalEvents adds the events of sign-ins that have failed to those that package api calls.
func refusalEvents[T TokenType, S SessionType](a *api.Callbacks, e Events[T, S]) {
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
