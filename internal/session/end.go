package session

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nuxtauth/nuxtauth/internal/cookie"
)

// end ends a session that was found, for copies of its cookie too where there is a
// store or a deny-list to do it, also when the request is over. next is the session that
// begins in its place, nil if there is none.
func (m *Manager) end(ctx context.Context, s, next *Session) error {
	ctx = context.WithoutCancel(ctx)
	defer m.cache.deleteSession(s)
	if s.stored() {
		if err := ignoreUnsupported(m.store.DeleteSession(ctx, s.value)); err != nil {
			return Transient(err)
		}
	}
	return m.endID(ctx, m.deniedRef(s), next)
}

// deniedRef refers to a session in the deny-list, if there is one.
func (m *Manager) deniedRef(s *Session) (ref Reference) {
	if m.denyList.marks != nil && s.found.id != "" {
		ref.User, ref.Session = key(s.found.subject), key(s.found.id)
	}
	return ref
}

// endID ends a session for all its cookies, where there is a deny-list.
func (m *Manager) endID(ctx context.Context, ref Reference, next *Session) error {
	if m.denyList.marks == nil || ref.Session == "" {
		return nil
	}
	defer m.cache.clear() // other cookies of the session may be cached, under values that are not known here
	return m.denyList.endSession(ctx, ref.User, keyName(m.realm, "session", ref.Session), next)
}

// endValue ends the session of a cookie's value, and returns it, nil if there is
// none. One that has expired, or whose claims can't be read, is ended too, but not
// returned. next is that of end.
func (m *Manager) endValue(ctx context.Context, cs *CookieSet, value string, next *Session) (*Session, error) {
	return m.endOpened(ctx, cs, value, m.types().New(), next)
}

// endOpened is endValue with a session that is new.
func (m *Manager) endOpened(ctx context.Context, cs *CookieSet, value string, s, next *Session) (*Session, error) {
	err := m.reader.open(ctx, cs, value, s)
	if err != nil && isTransient(ctx, err) {
		return nil, err
	}
	m.cache.delete(value)
	if !s.isFound() {
		return nil, nil
	}
	if err != nil {
		return nil, m.endOver(ctx, s, next)
	}
	return s, m.end(ctx, s, next)
}

// endOver ends a session that is over. A copy of its cookie may sign out again and again: if
// the deny-list has it, it must not count as another session of the user.
func (m *Manager) endOver(ctx context.Context, s, next *Session) error {
	err := m.denyList.check(ctx, s)
	if err != nil && isTransient(ctx, err) {
		return err
	}
	if err != nil {
		s.found.id = ""
	}
	return m.end(ctx, s, next)
}

// endRejected ends a session if the application or its provider has rejected it.
func (m *Manager) endRejected(ctx context.Context, s *Session) {
	if s.State != Rejected {
		return
	}
	if err := m.end(ctx, s, nil); err != nil {
		m.log.ErrorContext(ctx, "nuxtauth: a session that was rejected could not be ended for copies of its cookie", "error", err)
	}
}

// clear clears the cookies of a credential whose session has ended. A value that was
// not read stays, and so does the cookie that replaced this one a moment ago.
func (m *Manager) clear(r Request, c Credential) {
	if c.Present == 0 || c.partial() || r.Response == nil {
		return
	}
	if _, ok := m.replaced.Get(c.Value); ok {
		return
	}
	r.Cookies.Session.Clear(r.Response, c.Present)
}

// SignOut ends every session that the request carries or the response has set, and
// clears its cookies. current is the session that was loaded for the request, or
// nil. It returns the session that has ended, nil if there was none. After an error
// the cookies stay, and so may the session.
func (m *Manager) SignOut(r Request, current *Session) (ended *Session, err error) {
	ctx := context.WithoutCancel(r.Context())
	for _, value := range allValues(r, current) {
		s, err := m.endValue(ctx, r.Cookies, value, nil)
		if err != nil {
			return nil, err
		}
		if ended == nil {
			ended = s
		}
	}
	present := readCookies(r).Present
	r.Cookies.Session.Clear(r.Response, present)
	clearOtherScopes(r, present)
	if ended != nil && m.signedOut != nil {
		m.signedOut(ctx, ended, m.clients.Of(r.Source, r.Header))
	}
	return ended, nil
}

// clearOtherScopes clears the session's cookies of the request in the other scopes
// that they may have been set in, before the configuration changed: for the domains
// above the host, and for the host alone.
func clearOtherScopes(r Request, present cookie.Present) {
	_, host, _ := strings.Cut(r.Origin, "://")
	for _, domain := range append(cookie.ParentDomains(host), "") {
		r.Cookies.Session.ClearScope(r.Response, present, domain)
	}
}

// A Reference names a session in a cookie that is sealed, for [SignIn.Previous]. The zero
// value names none.
type Reference struct {
	Subject string `json:"sub,omitzero"` // of the record, with its ID, in a store that finds sessions by these
	Record  string `json:"id,omitzero"`
	Handle  string `json:"handle,omitzero"` // in a store that does not
	Session string `json:"sid,omitzero"`    // the key of its ID in the deny-list, with that of its user
	User    string `json:"user,omitzero"`
}

// PreviousRef returns the reference to the session that the request carries in its
// cookies; the zero value if there is none, or none that could be ended. A handle in it is
// as long as those of the store are.
func (m *Manager) PreviousRef(r Request) (ref Reference) {
	c := readCookies(r)
	for value := range c.values {
		s := m.types().New()
		if m.reader.open(r.Context(), r.Cookies, value, s) != nil {
			continue
		}
		ref = m.deniedRef(s)
		switch {
		case s.stored() && m.index != nil:
			ref.Subject, ref.Record = s.record.Subject, s.record.ID
		case s.stored():
			ref.Handle = s.value
		}
		if ref != (Reference{}) {
			break
		}
	}
	return ref
}

// endPrevious ends the sessions that the browser had before a sign-in: those of cookies
// with these values, and that of a reference. The error is a fault that leaves one of another
// user than that of next, the new session: a copy of its cookie would go on working although
// the browser has switched users. A fault that leaves one of the same user is logged.
func (m *Manager) endPrevious(r Request, values []string, ref Reference, next *Session) (left error) {
	ctx := context.WithoutCancel(r.Context())
	note := func(err error, sameUser bool) {
		switch {
		case err == nil:
		case sameUser:
			m.log.ErrorContext(ctx, "nuxtauth: the session before this sign-in could not be ended", "error", err)
		default:
			left = errors.Join(left, fmt.Errorf("end the session of the user before: %w", err))
		}
	}
	if ref.Handle != "" {
		values = append(values, ref.Handle)
	}
	subject := next.Claims.Subject
	for _, value := range values {
		s, err := m.endValue(ctx, r.Cookies, value, next)
		note(err, s != nil && s.Claims.Subject == subject) // without s, it can't be told whose it is
	}
	note(m.endReference(ctx, ref, next), ref.Subject == subject || ref.User == key(subject))
	return left
}

// endReference ends the session that a reference names by its IDs.
func (m *Manager) endReference(ctx context.Context, ref Reference, next *Session) error {
	if ref.Record != "" && m.index != nil {
		defer m.cache.deleteRecord(ref.Record)
		if _, err := m.index.DeleteSessionByID(ctx, m.realm, ref.Subject, ref.Record); err != nil {
			return Transient(err)
		}
	}
	return m.endID(ctx, ref, next)
}
