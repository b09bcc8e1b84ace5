package nuxtauth

import (
	"context"
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth/internal/session"
)

// ErrNoAccessToken says that there is no access token that is good now: the
// provider gave none, or it expired and could not be refreshed.
var ErrNoAccessToken = session.ErrNoAccessToken

var (
	errWritten = errors.New("nuxtauth: the response has begun, and its cookies can't be changed any more: call this before the body")
	errCopied  = errors.New("nuxtauth: this is a copy of the gin.Context, which has no response: call this with the original")
)

// writable returns the request, whose response has not begun.
func (a *Auth[T, S]) writable(c *gin.Context) (session.Request, error) {
	switch {
	case a.copied(c):
		return session.Request{}, errCopied
	case c.Writer.Written():
		return session.Request{}, errWritten
	}
	return a.request(c)
}

// Update applies change to the token of the signed-in user, runs the Session
// callback and writes the cookie. It must run before the response body; afterwards
// it returns an error and changes nothing. With a store, change runs again on the
// newer token when another request was faster: it must have no side effects. Maps
// and slices in the token are shared with [Auth.Token]: replace them rather than
// write into them.
//
// After an error nothing is written. It is that of change or of the Session
// callback; [ErrSignedOut] when there is no session, or not any more;
// [ErrUnavailable] when that can't be told; [ErrConflict] when other requests kept
// changing the session; or [ErrTokenTooLarge].
func (a *Auth[T, S]) Update(c *gin.Context, change func(*T) error) error {
	s, err := a.signedIn(c)
	if err != nil {
		return err
	}
	r, err := a.writable(c)
	if err != nil {
		return err
	}
	updated, err := a.sessions.Update(r, s, func(s *session.Session) error { return change(s.Token.(*T)) })
	if err != nil {
		return a.sessions.Returned(c.Request.Context(), "Update", err)
	}
	a.set(c, updated)
	return nil
}

// SignOut ends the session and clears its cookie. It must run before the response
// body; afterwards it returns an error and changes nothing. Without a session it
// does nothing. Any other error says that the store or the deny-list did not
// answer: the session goes on, and so does the cookie. SignOut ends no session at a
// provider: that takes the browser, and POST /api/auth/signout.
func (a *Auth[T, S]) SignOut(c *gin.Context) error {
	r, err := a.writable(c)
	if err != nil {
		return err
	}
	if _, err := a.sessions.SignOut(r, a.session(c)); err != nil {
		return a.sessions.Returned(c.Request.Context(), "SignOut", err)
	}
	a.set(c, new(session.Session))
	return nil
}

// Issue creates a session for t outside a sign-in, for example in tests. t is
// copied and its Subject must be set; its times, ID and Origin are ignored. No
// callback or event runs. The cookies are those of Config.URL's scheme; with
// TrustHost and no URL, of http.
func (a *Auth[T, S]) Issue(ctx context.Context, t *T) ([]*http.Cookie, error) {
	if t == nil {
		return nil, errors.New("nuxtauth: Issue needs a token")
	}
	s := a.types.New()
	*s.Token.(*T) = *t
	cookies, err := a.sessions.Issue(ctx, a.api.IssueCookies(), s)
	return cookies, a.sessions.Returned(ctx, "Issue", err)
}

// A SessionInfo is one session of a user, for a page that lists them. In JSON
// it can go to the front end as it is.
type SessionInfo struct {
	ID        string  `json:"id"` // no secret: it opens no session
	Provider  string  `json:"provider,omitzero"`
	CreatedAt ISOTime `json:"createdAt"` // the sign-in
	LastSeen  ISOTime `json:"lastSeen"`  // to within UpdateAge
	ExpiresAt ISOTime `json:"expiresAt"` // if it is not used any more
	IP        string  `json:"ip,omitzero"`
	UserAgent string  `json:"userAgent,omitzero"`
	Current   bool    `json:"current"` // the session of the request
}

// maxListed is how many sessions ListSessions returns at most.
const maxListed = 1000

// ListSessions lists the living sessions of a user, the newest first, 1,000 at
// most. Pass the gin.Context as ctx to have the session of the request marked as
// Current. The error wraps [store.ErrUnsupported] when sessions live in their
// cookies, or in a store that is no [store.Index], and [ErrUnavailable] when the
// store does not answer.
func (a *Auth[T, S]) ListSessions(ctx context.Context, subject string) ([]SessionInfo, error) {
	records, err := a.sessions.List(ctx, subject, maxListed)
	if err != nil {
		return nil, a.sessions.Returned(ctx, "ListSessions", err)
	}
	current := ""
	if c, ok := ctx.Value(gin.ContextKey).(*gin.Context); ok {
		current = a.SessionID(c)
	}
	list := make([]SessionInfo, 0, len(records))
	for _, r := range records {
		list = append(list, SessionInfo{
			ID: r.ID, Provider: r.Provider, IP: r.IP, UserAgent: r.UserAgent, Current: r.ID == current,
			CreatedAt: ISOTime(r.CreatedAt), LastSeen: ISOTime(r.SeenAt), ExpiresAt: ISOTime(r.ExpiresAt),
		})
	}
	return list, nil
}

// SessionID names the session of the request for [Auth.RevokeSession]. It is empty
// when signed out, and for a session in a cookie without a deny-list.
func (a *Auth[T, S]) SessionID(c *gin.Context) string {
	if s := a.session(c); s != nil && s.Active() {
		return s.ID()
	}
	return ""
}

// RevokeSession ends the session of a user that has this ID, and reports whether
// there was one. Both arguments must be set, so that the ID that a user sends names
// a session of that user alone. With a deny-list, which can't tell, it reports true.
//
// Requests under way go on; the next ones of the session are signed out. An error
// that wraps [store.ErrUnsupported] says that sessions live in their cookies without
// a deny-list, or in a store that is no [store.Index]; any other, that the session
// may live on.
func (a *Auth[T, S]) RevokeSession(ctx context.Context, subject, id string) (bool, error) {
	found, err := a.sessions.RevokeSession(ctx, subject, id)
	return found, a.sessions.Returned(ctx, "RevokeSession", err)
}

// RevokeSessions ends all sessions of a user and returns how many there were, -1
// where a deny-list can't tell. Errors are those of [Auth.RevokeSession].
func (a *Auth[T, S]) RevokeSessions(ctx context.Context, subject string) (int, error) {
	n, err := a.sessions.RevokeSessions(ctx, subject)
	return n, a.sessions.Returned(ctx, "RevokeSessions", err)
}

// RevokeOtherSessions ends the sessions of the signed-in user but that of the
// request, and returns how many there were. The error is [ErrSignedOut] or
// [ErrUnavailable] without a session, and otherwise one of [Auth.RevokeSession]: a
// deny-list can't spare a session.
func (a *Auth[T, S]) RevokeOtherSessions(c *gin.Context) (int, error) {
	s, err := a.signedIn(c)
	if err != nil {
		return 0, err
	}
	n, err := a.sessions.RevokeOtherSessions(c.Request.Context(), s)
	return n, a.sessions.Returned(c.Request.Context(), "RevokeOtherSessions", err)
}

// AccessToken returns an access token of the provider that the user signed in
// with, for calling the provider's API. It has been refreshed if need be; see
// [ProviderTokens], which the token type must embed. Call it before the body of
// the response: a refresh may have to write the cookie. From a copy of the
// context, as goroutines need, it refreshes sessions of a Store alone, and only
// as long as the request goes on.
//
// The error is [ErrSignedOut] without a session, [ErrUnavailable] when that can't
// be told, and wraps [ErrNoAccessToken] when there is no token that is good now.
func (a *Auth[T, S]) AccessToken(c *gin.Context) (string, error) {
	s, err := a.signedIn(c)
	if err != nil {
		return "", err
	}
	r, err := a.request(c)
	if err != nil {
		return "", err
	}
	fresh, err := a.sessions.Refresh(r, s)
	if fresh != nil && fresh != s && r.Response != nil {
		a.set(c, fresh)
	}
	if err != nil {
		return "", a.sessions.Returned(c.Request.Context(), "AccessToken", err)
	}
	return fresh.ProviderTokens.AccessToken, nil
}
