package nuxtauth

import (
	"context"
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth/internal/session"
)

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
		return err
	}
	a.set(c, updated)
	return nil
}

// SignOut ends the session and clears its cookie. It must run before the response
// body; afterwards it returns an error and changes nothing. Without a session it
// does nothing. After any other error, which says that the store or the deny-list
// could not be reached, the session and its cookie are as they were. SignOut ends no
// session at a provider: that needs POST /api/auth/signout, which the browser sends.
func (a *Auth[T, S]) SignOut(c *gin.Context) error {
	r, err := a.writable(c)
	if err != nil {
		return err
	}
	if _, err := a.sessions.SignOut(r, a.session(c)); err != nil {
		return err
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
	return a.sessions.Issue(ctx, a.api.IssueCookies(), s)
}

// A SessionInfo is one session of a user, for a page that lists them. In JSON
// it can go to the front end as it is.
type SessionInfo struct {
	ID        string  `json:"id"` // no secret: it opens no session
	Provider  string  `json:"provider,omitzero"`
	CreatedAt ISOTime `json:"createdAt"` // when the user signed in
	LastSeen  ISOTime `json:"lastSeen"`  // up to UpdateAge too early
	ExpiresAt ISOTime `json:"expiresAt"` // unless it is used before
	IP        string  `json:"ip,omitzero"`
	UserAgent string  `json:"userAgent,omitzero"`
	Current   bool    `json:"current"` // the session of the request
}

// maxListed is how many sessions ListSessions returns at most.
const maxListed = 1000

// ListSessions lists the living sessions of a user, the newest first, 1,000 at
// most. Pass the gin.Context as ctx to have the session of the request marked as
// Current. The error wraps [store.ErrUnsupported] if sessions are stored in their
// cookies, or in a store that is no [store.Index], and [ErrUnavailable] if the store
// does not answer.
func (a *Auth[T, S]) ListSessions(ctx context.Context, subject string) ([]SessionInfo, error) {
	records, err := a.sessions.List(ctx, subject, maxListed)
	if err != nil {
		return nil, err
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

// SessionID returns the ID of the session of the request, for [Auth.RevokeSession]. It
// is empty when signed out, and for a session in a cookie without a deny-list.
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
// Requests that have begun go on; later ones of the session are signed out. An error
// that wraps [store.ErrUnsupported] says that sessions are stored in their cookies
// without a deny-list, or in a store that is no [store.Index]. After any other error
// the session may not have ended.
func (a *Auth[T, S]) RevokeSession(ctx context.Context, subject, id string) (bool, error) {
	return a.sessions.RevokeSession(ctx, subject, id)
}

// RevokeSessions ends all sessions of a user and returns how many there were, -1
// where a deny-list can't tell. Errors are those of [Auth.RevokeSession].
func (a *Auth[T, S]) RevokeSessions(ctx context.Context, subject string) (int, error) {
	return a.sessions.RevokeSessions(ctx, subject)
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
	return a.sessions.RevokeOtherSessions(c.Request.Context(), s)
}

// AccessToken returns an access token of the provider that the user signed in
// with, for calling the provider's API. It refreshes a token that expires within 20
// seconds; see [ProviderTokens], which the token type must embed. Call it before the
// body of the response: a refresh may have to write the cookie. With a copy of the
// context, as goroutines need it, it refreshes sessions of a Store alone, and only
// until the request ends.
//
// The error is [ErrSignedOut] without a session, [ErrUnavailable] if that can't be
// told, and wraps [ErrNoAccessToken] if there is no valid token.
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
		return "", err
	}
	return fresh.ProviderTokens.AccessToken, nil
}

var (
	errWritten = errors.New("nuxtauth: the response has begun, and its cookies can't be changed any more: call this before the body")
	errCopied  = errors.New("nuxtauth: this is a copy of the gin.Context, which has no response: call this with the original")
)

// writable returns the request for the session manager. The error says that the
// cookies of the response can't be changed.
func (a *Auth[T, S]) writable(c *gin.Context) (session.Request, error) {
	switch {
	case copied(c):
		return session.Request{}, errCopied
	case c.Writer.Written():
		return session.Request{}, errWritten
	}
	return a.request(c)
}
