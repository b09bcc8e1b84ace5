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
	return defaultsOf(l.token).Origin.SessionID
}

// Revoke ends the sessions that which selects: all of a user,
//
//	auth.Revoke(ctx, store.Filter{Subject: "42"})
//
// one of them (with ID), all but one (with ExceptID, as for "sign out my other
// devices"), or those from a user or a session at a provider. Name the Subject
// beside an ID that a user chose, so that nobody ends the sessions of others,
// and refuse an ID that is empty: an empty field selects nothing, and what is
// left is all sessions of the user.
//
// It returns how many there were; always 0 with a deny-list, which can't count,
// and can't spare the one of ExceptID either. Requests under way go on; the next
// ones of an ended session are signed out. An error that wraps
// [store.ErrUnsupported] says that nothing can be ended this way; any other,
// that some may live on.
func (a *Auth[T, S]) Revoke(ctx context.Context, which store.Filter) (int, error) {
	if err := which.Check(); err != nil {
		return 0, fmt.Errorf("nuxtauth: revoke: %w", err)
	}
	ctx, cancel := lasting(ctx)
	defer cancel()
	defer a.forgetAll()
	n, err := 0, error(nil)
	switch {
	case a.store != nil && a.denyList != nil: // some are still in cookies, see SessionConfig.AdoptCookies
		if n, err = a.store.DeleteWhere(ctx, which); err == nil {
			err = ignoreUnsupported(a.denyWhere(ctx, which))
		}
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

// denyWhere ends what a deny-list has a name for.
func (a *Auth[T, S]) denyWhere(ctx context.Context, which store.Filter) error {
	now := a.now().Unix()
	switch which {
	case store.Filter{Subject: which.Subject}:
		return a.deny(ctx, subjectMark(which.Subject), now)
	case store.Filter{Subject: which.Subject, ID: which.ID}:
		return a.deny(ctx, ownSessionMark(which.Subject, which.ID), always)
	case store.Filter{Provider: which.Provider, ProviderSession: which.ProviderSession}:
		return a.deny(ctx, idpSessionMark(which.Provider, which.ProviderSession), now)
	case store.Filter{Provider: which.Provider, ProviderSubject: which.ProviderSubject}:
		return a.deny(ctx, idpSubjectMark(which.Provider, which.ProviderSubject), now)
	}
	return fmt.Errorf("%w: a deny-list ends a session, or all of a user or of a user or session at a provider", store.ErrUnsupported)
}

// What a deny-list knows. Under the name of a session, that it has ended. Under
// that of a user, or of a user or session at a provider, the second up to which
// sign-ins count no more.

// always is later than any sign-in, whatever the clocks say. Redis counts in
// floating point.
const always = 1 << 52

func sessionMark(name string) string { return "session:" + name }

func ownSessionMark(subject, id string) string { return "session:" + id + ":of:" + subject }

func subjectMark(subject string) string { return "subject:" + subject }

func idpSessionMark(provider, session string) string { return "idp:" + provider + ":sid:" + session }

func idpSubjectMark(provider, subject string) string { return "idp:" + provider + ":sub:" + subject }

// sessionName is what all tokens of a session have in common: those of before
// there was a deny-list took it over from the first.
func sessionName(d *DefaultJWT) string { return firstOf(d.Origin.SessionID, d.ID) }

// marksOf are the names under which a token may have been taken back.
func marksOf(d *DefaultJWT) []string {
	names := []string{subjectMark(d.Subject)}
	if name := sessionName(d); name != "" {
		names = append(names, sessionMark(name), ownSessionMark(d.Subject, name))
	}
	if o := d.Origin; o.ProviderSession != "" {
		names = append(names, idpSessionMark(o.Provider, o.ProviderSession))
	}
	if o := d.Origin; o.ProviderSubject != "" {
		names = append(names, idpSubjectMark(o.Provider, o.ProviderSubject))
	}
	return names
}

var errDenied = fmt.Errorf("%w: it was taken back", token.ErrInvalid)

// checkDenied asks a deny-list, if there is one, whether a token still counts.
func checkDenied(ctx context.Context, denyList store.Marks, d *DefaultJWT) error {
	if denyList == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	notBefore, err := denyList.Marked(ctx, marksOf(d)...)
	if err != nil {
		return KeepSession(err)
	}
	signedIn := orDefault(d.Origin.AuthTime, d.IssuedAt)
	if slices.Max(notBefore) >= int64(signedIn) {
		return errDenied
	}
	return nil
}

// deny takes something back. The deny-list remembers it for as long as such a
// token could be alive.
func (a *Auth[T, S]) deny(ctx context.Context, name string, notBefore int64) error {
	_, err := a.denyList.Mark(ctx, name, notBefore, a.now().Add(a.maxAge+time.Hour))
	return err
}

// denySession takes one session back, if there is a deny-list. Older cookies of
// it may be remembered, and nobody knows them by name.
func (a *Auth[T, S]) denySession(ctx context.Context, d *DefaultJWT) error {
	name := sessionName(d)
	if a.denyList == nil || name == "" {
		return nil
	}
	defer a.forgetAll()
	return a.deny(ctx, sessionMark(name), always)
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
