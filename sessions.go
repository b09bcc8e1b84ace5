package nuxtauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth/internal/cookie"
	"github.com/nuxtauth/nuxtauth/internal/session"
)

// SessionKey is the key of the session in the gin.Context, for c.MustGet: a *S, nil
// when signed out. If several Auths run on a route, it is the session of the last one
// that found a user, and nil after a sign-out of that user in a handler: use
// [Auth.Session] there.
const SessionKey = "session"

// sessionOf is the key of a session of type S: in a gin.Context the *session.Session of
// the last Auth that found a user, in other contexts the *S of [WithSession].
type sessionOf[S SessionType] struct{}

// otherSession is the key of a session of a type *S that is not the value of SessionKey,
// because an Auth with another session type has found a user.
type otherSession struct{ pointer reflect.Type }

// Session returns the session of the request, nil when signed out. Where this Auth's
// middleware did not run, as in a test of a handler, it is the *S that was set as
// [SessionKey], or else that of [WithSession] in the context of the request; then Token is
// nil and Subject "". It is also nil if the session could not be checked: [Auth.Require]
// tells these cases apart.
func (a *Auth[T, S]) Session(c *gin.Context) *S {
	if s := a.session(c); s != nil {
		view, _ := s.View.(*S)
		return view
	}
	view, _ := sessionOfTest[S](c)
	return view
}

// sessionOfTest returns the session that was set without a middleware, and false if there
// is none, not even nil.
func sessionOfTest[S SessionType](c *gin.Context) (*S, bool) {
	if v, ok := c.Get(SessionKey); ok {
		view, ok := v.(*S)
		if by, found := c.Get(sessionOf[S]{}); found && by.(*session.Session).View == any(view) {
			return nil, false // it is that of another Auth
		}
		return view, ok
	}
	return fromRequest[S](c)
}

// reload loads the session of the request once more, and not from the cache. It reports
// whether it is valid; if not, it refuses the request.
func (a *Auth[T, S]) reload(c *gin.Context) bool {
	r, err := a.request(c)
	if credential, ok := session.ReadCredential(r); err == nil && ok {
		s, _ := a.sessions.Load(r, credential, session.Options{Reload: true})
		a.set(c, s)
		_, err = a.signedIn(c)
	}
	if err != nil {
		a.Refuse(c, err)
	}
	return err == nil
}

// Token returns the token of the request, nil when signed out. It never reaches
// the browser, and changes to it are saved only by [Auth.Update].
func (a *Auth[T, S]) Token(c *gin.Context) *T {
	if s := a.session(c); s != nil && s.Active() {
		return s.Token.(*T)
	}
	return nil
}

// Subject returns the ID of the signed-in user, which is the subject of the token. It is
// "" when signed out, and for a session of [WithSession], which has no token.
func (a *Auth[T, S]) Subject(c *gin.Context) string {
	return Claims(a.Token(c)).subject()
}

// SessionFrom returns the session of a request, nil when signed out. ctx is the
// *gin.Context, a context that was made from it, or one of [WithSession]; the context of
// an *http.Request does not have what the middleware found. Gin uses a *gin.Context again
// after the request: make contexts of jobs that go on from its Copy. If two Auths with
// the same session type run on a route, it is the session of the last one that found a
// user: use [Auth.Session] there.
//
// It panics if ctx has neither a session of this type nor a nil one: then the middleware
// did not run, or has another type.
func SessionFrom[S SessionType](ctx context.Context) *S {
	c, inGin := ctx.Value(gin.ContextKey).(*gin.Context)
	if view, ok := ctx.Value(sessionOf[S]{}).(*S); ok {
		if !inGin {
			return view
		}
		if below, ok := fromRequest[S](c); !ok || below != view {
			return view // of WithSession, above the gin.Context
		}
	}
	if !inGin {
		panic("nuxtauth: there is no session in this context: pass the gin.Context, or a context of nuxtauth.WithSession")
	}
	if s, ok := c.Get(sessionOf[S]{}); ok {
		view, _ := s.(*session.Session).View.(*S)
		return view
	}
	v, ok := c.Get(SessionKey)
	if view, ok := v.(*S); ok {
		return view
	}
	if v, ok := c.Get(otherSession{reflect.TypeFor[*S]()}); ok {
		return v.(*S)
	}
	if view, ok := fromRequest[S](c); ok {
		return view
	}
	if !ok {
		panic("nuxtauth: there is no session in the gin.Context: add r.Use(nuxtauth.Middleware(cfg)) before this route, and check Config.Skip")
	}
	panic(fmt.Sprintf("nuxtauth: the gin.Context has a session of type %T, and SessionFrom was asked for %v: use the type of your Config", v, reflect.TypeFor[*S]()))
}

// WithSession returns a context with a session for [SessionFrom]; nil means signed out.
// Use it to call code that gets no gin.Context, and in tests of such code. As the context
// of an *http.Request it signs in the request of a test on a router without middleware:
// handlers and [Auth.Require] find the session, which has no token.
func WithSession[S SessionType](ctx context.Context, s *S) context.Context {
	return context.WithValue(ctx, sessionOf[S]{}, s)
}

// fromRequest returns the session of [WithSession] in the context of the request.
func fromRequest[S SessionType](c *gin.Context) (*S, bool) {
	if c.Request == nil { // as in a context that a test has made
		return nil, false
	}
	view, ok := c.Request.Context().Value(sessionOf[S]{}).(*S)
	return view, ok
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

// SignIn signs in a user whom the handler has identified by itself, for instance with
// SAML or Kerberos. Like a sign-in of the API, it runs the callbacks SignIn and JWT,
// begins the session, ends the one that the browser had, and calls the SignIn event. Then
// it loads the session, as the next request would, so that this request has it. It must
// run before the response body.
//
// user.ID, account.Provider, such as "saml", and account.ProviderAccountID must be set;
// callbacks get account.Type as it is. With Config.Accounts the account is that of a user, or
// makes one, as a provider with VerifiesEmail does; with the Type [provider.TypeCredentials],
// user.ID is the ID of a user there. No [SignInLimit] applies. The handler has to check
// by itself that its request was not made by another site, which would sign its own user
// in.
//
// After an error the request has the session that it had before, which has ended if the user
// was deleted or disabled during the sign-in. The error is that of a callback, among them a [*RedirectError], whose URL has not been checked; an [*Error] if
// Config.Accounts refuses the user; one that wraps [ErrUnavailable] if the store does not
// answer; or [ErrTokenTooLarge]. It is [ErrSignedOut] if a callback has ended the session
// while it was loaded. If it can't be loaded now, SignIn returns nil, and only the next
// requests have the session.
func (a *Auth[T, S]) SignIn(c *gin.Context, user *User, account *Account) error {
	switch {
	case user == nil || user.ID == "":
		return errors.New("nuxtauth: SignIn needs a user with an ID")
	case account == nil || account.Provider == "" || account.ProviderAccountID == "":
		return errors.New("nuxtauth: SignIn needs an account with a Provider and a ProviderAccountID")
	}
	r, err := a.writable(c)
	if err != nil {
		return err
	}
	if err := a.api.SignIn(r, user, account); err != nil {
		return err
	}
	credential, _ := session.ReadCredential(r) // what the response has set
	s, _ := a.sessions.Load(r, credential, session.Options{})
	a.set(c, s)
	if _, err := a.signedIn(c); !errors.Is(err, ErrUnavailable) {
		return err
	}
	return nil
}

// Issued is a session that [Auth.Issue] has created.
type Issued struct {
	Cookies   []*http.Cookie // for a browser
	Token     string         // for an Authorization: Bearer header; a secret, which is also in Cookies
	ExpiresAt time.Time      // if the session is not used before
	SessionID string         // as from [Auth.SessionID]; "" for a session in a cookie without a deny-list
}

// Issue creates a session for t outside of a request, for example for a mobile
// application or a test. t is copied and its Subject must be set. Of its Origin the new
// session has Provider, Issuer, ProviderSubject and AuthTime, which is now if it is zero; its
// other times and its ID are ignored, and so is a refresh token in [ProviderTokens], which
// two sessions can't share. No callback or event runs, and no user of Config.Accounts is
// looked for. The cookies are those of
// Config.URL's scheme; with TrustHost and no URL, of http. The error wraps
// [ErrUnavailable] if the store does not answer, or is [ErrTokenTooLarge].
func (a *Auth[T, S]) Issue(ctx context.Context, t *T) (*Issued, error) {
	if t == nil {
		return nil, errors.New("nuxtauth: Issue needs a token")
	}
	s := a.types.New()
	*s.Token.(*T) = *t
	value, cookies, err := a.sessions.Issue(ctx, a.api.IssueCookies(), s)
	if err != nil {
		return nil, err
	}
	return &Issued{Cookies: cookies, Token: value, ExpiresAt: s.Claims.ExpiresAt.Time(), SessionID: s.ID()}, nil
}

// A SessionInfo is one session of a user, for a page that lists them. It has no secret:
// its JSON can be sent to the front end of this user.
type SessionInfo struct {
	_ [0]func()

	ID        string  `json:"id"`                 // for [Auth.RevokeSession]
	Provider  string  `json:"provider,omitzero"`  // the ID of the provider; "" after [Auth.Issue] without one
	CreatedAt ISOTime `json:"createdAt"`          // when the user signed in
	LastSeen  ISOTime `json:"lastSeen"`           // up to UpdateAge too early
	ExpiresAt ISOTime `json:"expiresAt"`          // unless it is used before
	IP        string  `json:"ip,omitzero"`        // of the client when it was last seen
	UserAgent string  `json:"userAgent,omitzero"` // of the client, cut to 256 bytes
	Current   bool    `json:"current"`            // the session of the request
}

// ListSessions lists the sessions of a user that have not ended, the newest first, 1,000
// at most, which are all: see [SessionConfig].Store. Pass the gin.Context as ctx to have the
// session of the request marked as Current. The error wraps [store.ErrUnsupported] if
// sessions are stored in their cookies, or in a store that is no [store.Index], and
// [ErrUnavailable] if the store does not answer.
func (a *Auth[T, S]) ListSessions(ctx context.Context, subject string) ([]SessionInfo, error) {
	records, err := a.sessions.List(ctx, subject, session.MaxSessions)
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
// told, and wraps [ErrNoAccessToken] if there is no valid token. After a refresh it may be
// [ErrTokenTooLarge].
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

// A headerWatch is the response of a request whose headers have, or may get, the cookie of
// the session. When they are written, a response that has it is kept out of caches,
// whatever a handler has set since.
type headerWatch struct {
	gin.ResponseWriter
	session cookie.Chunked
}

// watchHeaders makes the writer of the response a headerWatch.
func (a *Auth[T, S]) watchHeaders(c *gin.Context) {
	base, err := a.api.Base(c.Request)
	if err != nil {
		return // no session is written for this host
	}
	if w, ok := c.Writer.(*headerWatch); ok && w.session == base.Cookies.Session {
		return
	}
	c.Writer = &headerWatch{c.Writer, base.Cookies.Session}
}

func (w *headerWatch) beforeHeaders() {
	if !w.Written() {
		w.session.KeepPrivate(w.Header())
	}
}

// WriteHeaderNow implements [gin.ResponseWriter].
func (w *headerWatch) WriteHeaderNow() {
	w.beforeHeaders()
	w.ResponseWriter.WriteHeaderNow()
}

// Write implements [http.ResponseWriter].
func (w *headerWatch) Write(b []byte) (int, error) {
	w.beforeHeaders()
	return w.ResponseWriter.Write(b)
}

// WriteString implements [gin.ResponseWriter].
func (w *headerWatch) WriteString(s string) (int, error) {
	w.beforeHeaders()
	return w.ResponseWriter.WriteString(s)
}

// Flush implements [http.Flusher].
func (w *headerWatch) Flush() {
	w.beforeHeaders()
	w.ResponseWriter.Flush()
}

// Unwrap is for [http.ResponseController].
func (w *headerWatch) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// keepGuarded keeps the response of a guarded route out of shared caches, unless its
// headers say something of caches already. A handler may replace it.
func keepGuarded(h http.Header) {
	if len(h["Cache-Control"]) == 0 {
		h["Cache-Control"] = []string{"private"}
	}
}
