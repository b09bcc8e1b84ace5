package session

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/clientip"
	"github.com/nuxtauth/nuxtauth/internal/cookie"
	"github.com/nuxtauth/nuxtauth/internal/observe"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// save gives a session a new lifetime and writes it: it seals the token, or
// writes it to the store, as a new session if it was not there. The error wraps
// [ErrSignedOut] if the session has ended, [store.ErrConflict] if another request
// has changed it, [ErrUnavailable] after a fault, and [ErrTokenTooLarge]. After any
// error s is as it was.
func (m *Manager) save(ctx context.Context, cs *CookieSet, s *Session, from clientip.Client) (err error) {
	if s.Claims.Subject == "" {
		return errNoSubject
	}
	ctx, end := m.observe.Start(ctx, observe.Operation{Name: observe.Save, Provider: s.Claims.Origin.Provider})
	defer end.Done(&err)
	before := *s.Claims
	err = m.write(ctx, cs, s, from)
	if err != nil {
		*s.Claims = before
		return fmt.Errorf("nuxtauth: save the session of %q: %w", before.Subject, err)
	}
	s.claims, s.found, s.save, s.cookieDue = "", identity{s.Claims.Subject, sessionID(s.Claims)}, false, true
	return nil
}

// write is save but for what becomes of s.
func (m *Manager) write(ctx context.Context, cs *CookieSet, s *Session, from clientip.Client) error {
	if s.isFound() && s.found.subject != s.Claims.Subject {
		if err := m.denyList.changeSubject(ctx, s); err != nil {
			return err
		}
	}
	m.stamp(s)
	b := m.getBuffer()
	defer m.putBuffer(b)
	claims, err := m.encode(b, s)
	if err != nil {
		return err
	}
	if m.store == nil {
		return m.seal(ctx, cs, s, claims)
	}
	return m.saveToStore(ctx, cs, s, claims, from)
}

// stamp sets the claims that say when and where a token was written.
func (m *Manager) stamp(s *Session) {
	c, now := s.Claims, m.now()
	if c.Origin.AuthTime == 0 {
		c.Origin.AuthTime = cmp.Or(c.IssuedAt, token.DateOf(now))
		c.Origin.Since = s.latest
	}
	if c.Origin.SessionID == "" && m.denyList.marks != nil {
		if c.Origin.SessionID = c.ID; c.ID == "" {
			c.Origin.SessionID = rand.Text()
		}
	}
	expires := m.lifetime.expiry(c, now)
	c.IssuedAt, c.ExpiresAt, c.NotBefore, c.ID = token.DateOf(now), token.DateOf(expires), 0, ""
	if m.store == nil {
		c.ID = rand.Text()
	}
}

func (m *Manager) encode(b *bytes.Buffer, s *Session) ([]byte, error) {
	claims, err := m.types().Encode(b.AvailableBuffer(), s)
	if err != nil {
		return nil, err
	}
	b.Write(claims) // the buffer grows for the next session
	return b.Bytes(), nil
}

// seal makes the token of s the value of its cookie.
func (m *Manager) seal(ctx context.Context, cs *CookieSet, s *Session, claims []byte) error {
	value, err := cs.Codec.Seal(ctx, claims)
	if err == nil {
		err = cs.Session.Check(value)
	}
	switch {
	case errors.Is(err, token.ErrTooLarge), errors.Is(err, cookie.ErrTooLarge):
		return ErrTokenTooLarge
	case err != nil:
		return Transient(err)
	}
	s.value = value
	return nil
}

// saveToStore writes a session to the store, also when the request is over. One
// whose user has changed, because a callback joined two accounts, becomes a new
// session.
func (m *Manager) saveToStore(ctx context.Context, cs *CookieSet, s *Session, claims []byte, from clientip.Client) (err error) {
	ctx = context.WithoutCancel(ctx)
	r := m.newRecord(s, claims, from)
	handle := ""
	switch {
	case s.stored() && s.record.Subject == r.Subject:
		handle, err = m.store.ReplaceSession(ctx, s.value, r)
	case s.stored():
		handle, err = m.replace(ctx, s, r)
	case s.isFound():
		handle, err = m.adopt(ctx, s, r)
	default:
		handle, err = m.store.CreateSession(ctx, r)
	}
	if err == nil && cs.Session.Check(handle) != nil { // of a store whose handles hold the session
		err = ErrTokenTooLarge
	}
	if err != nil {
		return storeError(err)
	}
	if !s.stored() || s.record.ID != r.ID {
		m.endOldest(ctx, r)
	}
	m.cache.deleteSession(s)
	s.value, s.record = handle, r
	return nil
}

// replacedTTL is how long requests may still come with a handle that was replaced.
const replacedTTL = time.Minute

// replace creates the record r in place of that of s, which ends. If it has
// ended already, the new one must not bring it back: that is [store.ErrNotFound].
func (m *Manager) replace(ctx context.Context, s *Session, r *store.Record) (handle string, err error) {
	if handle, err = m.store.CreateSession(ctx, r); err != nil {
		return "", err
	}
	if err = m.endReplaced(ctx, s); err != nil {
		return "", errors.Join(err, m.store.DeleteSession(ctx, handle))
	}
	_, _ = m.replaced.Load(ctx, s.value, func(context.Context) (struct{}, time.Duration, error) {
		return struct{}{}, replacedTTL, nil
	})
	return handle, nil
}

// endReplaced ends the session of s, which must be there.
func (m *Manager) endReplaced(ctx context.Context, s *Session) error {
	if m.index == nil {
		if _, err := m.store.FindSession(ctx, s.value); err != nil {
			return err
		}
		return ignoreUnsupported(m.store.DeleteSession(ctx, s.value))
	}
	found, err := m.index.DeleteSessionByID(ctx, m.realm, s.record.Subject, s.record.ID)
	if err == nil && !found {
		return store.ErrNotFound
	}
	return err
}

// nodeAgent is the User-Agent of the fetch of Node. A server that renders pages sends the
// tokens of its users with it, from its own address: the user knows neither.
const nodeAgent = "node"

// newRecord is the record of a session as it is to be written.
func (m *Manager) newRecord(s *Session, claims []byte, from clientip.Client) *store.Record {
	o := s.Claims.Origin
	sid := o.ProviderSession
	if !m.refresher.providers.CanRefresh(o.Provider) { // a form: no provider can end its sessions, which need no index
		o.ProviderSubject = ""
	}
	if sid == "" && o.ProviderSubject != "" && m.refresher.providers.SendsLogoutTokens(o.Provider) {
		sid = noSession(o.ProviderSubject) // for a logout token with a sid that no session has
	}
	r := &store.Record{
		Realm: m.realm, Provider: o.Provider, ProviderSubject: atIssuer(o.Issuer, o.ProviderSubject), ProviderSession: atIssuer(o.Issuer, sid),
		CreatedAt: o.AuthTime.Time(),
	}
	if s.stored() {
		*r = *s.record
	}
	if from != (clientip.Client{}) && !(o.Local && s.stored() && from.UserAgent == nodeAgent) {
		r.IP, r.UserAgent = from.IP, store.UserAgent(from.UserAgent)
	}
	r.Subject, r.Claims, r.SeenAt, r.ExpiresAt = s.Claims.Subject, bytes.Clone(claims), m.now(), s.Claims.ExpiresAt.Time()
	return r
}

// storeError gives an error of a store the meaning that callers look for. What does
// not tell about the session is temporary.
func storeError(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return ended(err)
	}
	for _, told := range []error{store.ErrConflict, ErrSignedOut, ErrUnavailable, ErrTokenTooLarge} {
		if errors.Is(err, told) {
			return err
		}
	}
	return Transient(err)
}

// ignoreUnsupported is for stores that keep everything in the cookie: clearing it
// is all that can be done.
func ignoreUnsupported(err error) error {
	if errors.Is(err, store.ErrUnsupported) {
		return nil
	}
	return err
}
