package nuxtauth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// ErrNoStore says that sessions live in their cookies, so that nobody can list
// them: set Session.Store. To end them without a list, Session.DenyList is
// enough.
var ErrNoStore = errors.New("nuxtauth: sessions are kept in cookies and can't be found: set Session.Store")

// A SessionInfo is one session of a user, for a page that lists them. In JSON
// it can go to the front end as it is.
type SessionInfo struct {
	ID        string  `json:"id"` // no secret: nobody gets in with it
	Provider  string  `json:"provider,omitzero"`
	CreatedAt ISOTime `json:"createdAt"` // the sign-in
	LastSeen  ISOTime `json:"lastSeen"`  // to within UpdateAge
	ExpiresAt ISOTime `json:"expiresAt"` // if it is not used any more
	IP        string  `json:"ip,omitzero"`
	UserAgent string  `json:"userAgent,omitzero"`
	Current   bool    `json:"current"` // the session of the request
}

// Sessions lists the living sessions of a user, the newest first. Pass the
// gin.Context as ctx to have the session of the request marked as Current. The
// error is [ErrNoStore] without a Store, and wraps [store.ErrUnsupported] with
// one that can't list.
func (a *Auth[T, S]) Sessions(ctx context.Context, subject string) ([]SessionInfo, error) {
	if a.store == nil {
		return nil, ErrNoStore
	}
	bounded, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	records, err := a.store.List(bounded, subject)
	if err != nil {
		return nil, fmt.Errorf("nuxtauth: list sessions: %w", err)
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

// SessionID names the session of the request for [Auth.Revoke]. It is empty
// when signed out, and for a session in a cookie without a deny-list.
func (a *Auth[T, S]) SessionID(c *gin.Context) string {
	l := a.loaded(c)
	switch {
	case l == nil || l.token == nil:
		return ""
	case l.held.record != nil:
		return l.held.record.ID
	}
	return defaultsOf(l.token).SessionID
}

// Revoke ends the sessions that which selects: all of a user,
//
//	auth.Revoke(ctx, store.Filter{Subject: "42"})
//
// one of them (with ID), all but one (with ExceptID, as for "sign out my other
// devices"), or those from one session at a provider. Name the Subject beside
// an ID that a user chose, so that nobody ends the sessions of others.
//
// It returns how many there were; always 0 with a deny-list, which can't count,
// and can't spare the one of ExceptID either. Other requests of an ended
// session are signed out from their next session data on. An error that wraps
// [store.ErrUnsupported] says that nothing can be ended this way; any other,
// that some may live on.
func (a *Auth[T, S]) Revoke(ctx context.Context, which store.Filter) (int, error) {
	if err := which.Check(); err != nil {
		return 0, fmt.Errorf("nuxtauth: revoke: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	n, err := 0, error(nil)
	switch {
	case a.store != nil:
		n, err = a.store.DeleteWhere(ctx, which)
	case a.denyList == nil:
		err = fmt.Errorf("%w (%w)", store.ErrUnsupported, ErrNoStore)
	default:
		err = a.denyWhere(ctx, which)
	}
	if err != nil {
		return n, fmt.Errorf("nuxtauth: revoke: %w", err)
	}
	return n, nil
}

func (a *Auth[T, S]) denyWhere(ctx context.Context, which store.Filter) error {
	switch {
	case which.ExceptID != "":
		return fmt.Errorf("%w: a deny-list can't spare one session", store.ErrUnsupported)
	case which.ID != "":
		return a.deny(ctx, "session:"+which.ID)
	case which.Subject != "" && which.Provider != "":
		return a.deny(ctx, idpUserMark(which.Provider, which.Subject))
	case which.Subject != "":
		return a.deny(ctx, "subject:"+which.Subject)
	}
	return a.deny(ctx, idpSessionMark(which.Provider, which.ProviderSession))
}

// What a deny-list knows: under each name, the second up to which the sign-ins
// of that session, user, or session at a provider count no more.

func sessionMark(d *DefaultJWT) string { return "session:" + firstOf(d.SessionID, d.ID) }

func idpSessionMark(provider, session string) string { return "idp:" + provider + ":sid:" + session }

func idpUserMark(provider, subject string) string { return "idp:" + provider + ":sub:" + subject }

func marksOf(d *DefaultJWT) []string {
	names := []string{sessionMark(d), "subject:" + d.Subject}
	if d.IDP.Provider != "" {
		names = append(names, idpSessionMark(d.IDP.Provider, d.IDP.name()), idpUserMark(d.IDP.Provider, d.Subject))
	}
	return names
}

var errDenied = fmt.Errorf("%w: it was taken back", token.ErrInvalid)

// checkDenied asks the deny-list, if there is one, whether a token still counts.
func (a *Auth[T, S]) checkDenied(ctx context.Context, t *T) error {
	if a.denyList == nil {
		return nil
	}
	d := defaultsOf(t)
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	notBefore, err := a.denyList.Marked(ctx, marksOf(d)...)
	if err != nil {
		return KeepSession(err)
	}
	signedIn := orDefault(d.AuthTime, d.IssuedAt)
	if slices.Max(notBefore) >= int64(signedIn) {
		return errDenied
	}
	return nil
}

// deny takes back everything of a name that was signed in up to now. The
// deny-list remembers it for as long as such a token could be alive.
func (a *Auth[T, S]) deny(ctx context.Context, name string) error {
	if a.denyList == nil {
		return nil
	}
	now := a.now()
	_, err := a.denyList.Mark(ctx, name, now.Unix(), now.Add(a.maxAge+time.Hour))
	return err
}

// notBefore is the earliest second at which a new sign-in counts.
func (a *Auth[T, S]) notBefore(ctx context.Context, d *DefaultJWT) (token.NumericDate, error) {
	if a.denyList == nil {
		return 0, nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	denied, err := a.denyList.Marked(ctx, marksOf(d)...)
	if err != nil {
		return 0, err
	}
	return token.NumericDate(slices.Max(denied) + 1), nil
}
