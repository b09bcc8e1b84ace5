package session

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"slices"
	"strings"

	"github.com/nuxtauth/nuxtauth/internal/cookie"
	"github.com/nuxtauth/nuxtauth/internal/guard"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// idPrefix begins a name that is the ID of a session. No handle and no sealed
// token has a colon.
const idPrefix = "id:"

// end ends the session that name stands for, for copies of its cookie too where
// there is a store or a deny-list to do it, though the client may have left. name
// is the value of the session's cookie (a handle or a sealed token) or what
// [Manager.Name] returned. A name without a session is no error.
func (m *Manager) end(ctx context.Context, cs *CookieSet, name string) error {
	if name == "" {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	id, err := m.deniedID(ctx, cs, name)
	if err != nil {
		return err
	}
	defer m.cache.delete(name)
	if m.reader.Store != nil && !isSealed(name) && !strings.HasPrefix(name, idPrefix) {
		if err := ignoreUnsupported(m.reader.Store.DeleteSession(ctx, name)); err != nil {
			return Transient(err)
		}
	}
	if id == "" {
		return nil
	}
	defer m.cache.clear() // other cookies of the session may be cached, under values that are not known here
	return Transient(m.deny(ctx, m.reader.sessionName(id)))
}

// deniedID returns the ID under which the deny-list has to know that a session
// has ended, "" if there is no deny-list or no session. It comes from what was
// written, not from a token that a callback may have changed.
func (m *Manager) deniedID(ctx context.Context, cs *CookieSet, name string) (string, error) {
	if m.reader.DenyList == nil {
		return "", nil
	}
	if id, ok := strings.CutPrefix(name, idPrefix); ok {
		return id, nil
	}
	s := m.types().New()
	switch {
	case m.reader.Store == nil || isSealed(name):
		claims, err := token.OpenString(ctx, cs.Codec, name)
		if errors.Is(err, token.ErrInvalid) {
			return "", nil
		}
		if err != nil {
			return "", Transient(err)
		}
		s.claims = claims
	default:
		record, err := m.reader.Store.FindSession(ctx, name)
		if errors.Is(err, store.ErrNotFound) {
			return "", nil
		}
		if err != nil {
			return "", Transient(err)
		}
		s.claims = string(record.Claims)
	}
	if err := m.types().Decode(s.claims, s); err != nil {
		return "", nil
	}
	return sessionID(s.Claims), nil
}

// Name returns a short name of the session that the request carries in its
// cookies, for [SignIn.Previous]; "" if there is none, or none that could be
// ended.
func (m *Manager) Name(r Request) string {
	c := readCookies(r)
	switch {
	case c.Value == "":
		return ""
	case m.reader.Store != nil && !isSealed(c.Value):
		return c.Value
	}
	id, err := m.deniedID(r.Context(), r.Cookies, c.Value)
	if err != nil || id == "" {
		return ""
	}
	return idPrefix + id
}

// endLoaded ends a session that has turned out to be over, and clears its
// cookies. A cookie that was not read stays.
func (m *Manager) endLoaded(r Request, s *Session) {
	if s.Found() {
		if err := m.end(r.Context(), r.Cookies, s.value); err != nil {
			guard.Log(r.Context(), m.log, slog.LevelError, "nuxtauth: a session that is over could not be ended for copies of its cookie", err)
		}
	}
	if !s.credential.Bearer && !s.credential.partial() {
		r.Cookies.Session.Clear(r.Response, s.credential.Present)
	}
}

// SignOut ends every session that the request carries, and clears its cookies. current is the session that was loaded for the request, or nil.
// It returns the session that has ended, nil if there was none. After an error
// the cookies stay, and so may the session.
func (m *Manager) SignOut(r Request, current *Session) (ended *Session, err error) {
	ctx := context.WithoutCancel(r.Context())
	c, _ := ReadCredential(r)
	values := slices.Collect(c.values)
	if current != nil && current.Found() && !slices.Contains(values, current.value) {
		values = append(values, current.value)
	}
	for _, value := range values {
		s := m.types().New()
		err := m.reader.open(ctx, r.Cookies.Codec, value, s)
		if err != nil && isTransient(ctx, err) {
			return nil, err
		}
		if err := m.end(ctx, r.Cookies, value); err != nil {
			return nil, err
		}
		if err != nil {
			continue
		}
		if s.value != value { // the cookie is a sealed one, and the session has been moved into the store
			if err := m.end(ctx, r.Cookies, s.value); err != nil {
				return nil, err
			}
		}
		if ended == nil {
			ended = s
		}
	}
	r.Cookies.Session.Clear(r.Response, c.Present)
	m.clearOtherScopes(r, c)
	if ended != nil && m.signedOut != nil {
		m.report(ctx, "the SignOut event", m.signedOut(ctx, ended))
	}
	return ended, nil
}

// clearOtherScopes clears the session's cookies of the request in the scopes that
// they may have been set in before the configuration changed: for the host alone
// where there is a domain, and for the domains above the host where the request
// shows that there are cookies of two scopes.
func (m *Manager) clearOtherScopes(r Request, c Credential) {
	session, own := r.Cookies.Session, r.Cookies.Session.Cookie.Domain
	if own != "" {
		session.ClearScope(r.Response, c.Present, "")
	}
	if c.several == nil {
		return
	}
	u, err := url.Parse(r.Origin)
	if err != nil {
		return
	}
	for _, domain := range cookie.ParentDomains(u.Host) {
		if domain != own {
			session.ClearScope(r.Response, c.Present, domain)
		}
	}
}
