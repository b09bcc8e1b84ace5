package session

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/clientip"
	"github.com/nuxtauth/nuxtauth/internal/cookie"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// commit writes what follows from a session that was loaded, as its state and
// Save say: it ends it or writes it, and then the cookies of the response. After
// an error the session and its cookies are as they were, except for what a
// refresh has written already.
func (m *Manager) commit(r Request, s *Session) error {
	if s.State == Expired || s.State == Rejected {
		m.endLoaded(r, s)
		return nil
	}
	var err error
	if s.Save {
		err = m.save(r.Context(), r.Cookies, s, m.client(r))
		if errors.Is(err, errAdopting) {
			err = nil
		}
	}
	if s.expires == 0 || s.credential.Bearer || errors.Is(err, store.ErrNotFound) {
		return err
	}
	if written := m.setCookie(r, s, s.credential.Present); err == nil {
		err = written
	}
	return err
}

// setCookie writes the cookie of a session that was written.
func (m *Manager) setCookie(r Request, s *Session, present cookie.Present) error {
	if err := r.Cookies.Session.Write(r.Response, present, s.value, s.expires.Time()); err != nil {
		return fmt.Errorf("nuxtauth: the cookie of %q: %w", s.Claims.Subject, err) // save has checked that it fits
	}
	// A handler that needs other values can still set the headers itself.
	r.Response.Set("Cache-Control", "private, no-cache, no-store")
	r.Response.Add("Vary", "Cookie")
	return nil
}

// save gives a session a new lifetime and writes it: it seals the token, or
// writes it to the store, as a new session if it was not there. The errors of the
// store come through; after any error s is as it was.
func (m *Manager) save(ctx context.Context, cs *CookieSet, s *Session, from clientip.Client) error {
	if s.Claims.Subject == "" {
		return errNoSubject
	}
	before, now := *s.Claims, m.now()
	expires := m.stamp(s, now)
	b := m.buffer()
	defer m.buffers.Put(b)
	claims, err := m.encode(b, s)
	if err == nil {
		if m.reader.Store == nil {
			err = m.seal(ctx, cs, s, claims)
		} else {
			err = m.saveToStore(ctx, cs, s, claims, expires, from)
		}
	}
	if err != nil {
		*s.Claims = before
		return fmt.Errorf("nuxtauth: save the session of %q: %w", before.Subject, err)
	}
	s.claims, s.expires = "", s.Claims.ExpiresAt
	return nil
}

// stamp sets the claims that say when and where a token was written, and returns
// when the session ends.
func (m *Manager) stamp(s *Session, now time.Time) time.Time {
	c := s.Claims
	if c.Origin.AuthTime == 0 {
		c.Origin.AuthTime = c.IssuedAt
		if c.Origin.AuthTime == 0 {
			c.Origin.AuthTime = token.NumericDate(now.Unix())
		}
		c.Origin.Since = s.latest
	}
	if c.Origin.SessionID == "" && m.reader.DenyList != nil {
		if c.Origin.SessionID = c.ID; c.ID == "" {
			c.Origin.SessionID = rand.Text()
		}
	}
	expires := m.expiry(c)
	c.IssuedAt, c.ExpiresAt, c.NotBefore, c.ID = token.NumericDate(now.Unix()), token.NumericDate(expires.Unix()), 0, ""
	if m.reader.Store == nil {
		c.ID = rand.Text()
	}
	return expires
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
	m.cache.delete(s.value)
	s.value = value
	return nil
}

// saveToStore writes a session to the store, though the client may have left. One
// whose user has changed, because a callback joined two accounts, becomes a new
// session.
func (m *Manager) saveToStore(ctx context.Context, cs *CookieSet, s *Session, claims []byte, expires time.Time, from clientip.Client) (err error) {
	ctx = context.WithoutCancel(ctx)
	r := m.newRecord(s, claims, expires, from)
	handle := ""
	switch {
	case s.stored() && s.record.Subject == r.Subject:
		handle, err = m.reader.Store.ReplaceSession(ctx, s.value, r)
	case s.stored():
		handle, err = m.replace(ctx, s, r)
	case s.Found():
		handle, err = m.adopt(ctx, s, r)
	default:
		handle, err = m.reader.Store.CreateSession(ctx, r)
	}
	if err == nil && cs.Session.Check(handle) != nil { // of a store whose handles hold the session
		err = ErrTokenTooLarge
	}
	if err != nil {
		return transientStore(err)
	}
	m.cache.delete(s.value)
	s.value, s.record = handle, r
	return nil
}

// replace creates the record r in place of that of s, which ends. If it has
// ended already, the new one must not bring it back: that is [store.ErrNotFound].
func (m *Manager) replace(ctx context.Context, s *Session, r *store.Record) (handle string, err error) {
	if handle, err = m.reader.Store.CreateSession(ctx, r); err != nil {
		return "", err
	}
	if err = m.endReplaced(ctx, s); err != nil {
		return "", errors.Join(err, m.reader.Store.DeleteSession(ctx, handle))
	}
	return handle, nil
}

// endReplaced ends the session of s, which must be there.
func (m *Manager) endReplaced(ctx context.Context, s *Session) error {
	if m.index == nil {
		if _, err := m.reader.Store.FindSession(ctx, s.value); err != nil {
			return err
		}
		return ignoreUnsupported(m.reader.Store.DeleteSession(ctx, s.value))
	}
	found, err := m.index.DeleteSessionByID(ctx, m.reader.Realm, s.record.Subject, s.record.ID)
	if err == nil && !found {
		return store.ErrNotFound
	}
	return err
}

// newRecord is the record of a session as it is to be written.
func (m *Manager) newRecord(s *Session, claims []byte, expires time.Time, from clientip.Client) *store.Record {
	o := s.Claims.Origin
	r := &store.Record{
		Realm: m.reader.Realm, Provider: o.Provider, ProviderSubject: o.ProviderSubject, ProviderSession: o.ProviderSession,
		CreatedAt: o.AuthTime.Time(),
	}
	if s.stored() {
		*r = *s.record
	}
	if from != (clientip.Client{}) {
		r.IP, r.UserAgent = from.IP, store.UserAgent(from.UserAgent)
	}
	r.Subject, r.Claims, r.SeenAt, r.ExpiresAt = s.Claims.Subject, bytes.Clone(claims), m.now(), expires
	return r
}

// transientStore marks a fault of a store as temporary. What a store says of a
// session is none.
func transientStore(err error) error {
	for _, said := range []error{store.ErrNotFound, store.ErrConflict, ErrUnavailable, ErrTokenTooLarge, errAdopting} {
		if errors.Is(err, said) {
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

// Issue writes a new session with the claims of s, outside of a sign-in, and
// returns its cookies.
func (m *Manager) Issue(ctx context.Context, cs *CookieSet, s *Session) ([]*http.Cookie, error) {
	s.Claims.RestoreReserved(new(Claims)) // it may be the token of another session
	if err := m.reader.noteRevocations(ctx, s); err != nil {
		return nil, err
	}
	if err := m.save(ctx, cs, s, clientip.Client{}); err != nil {
		return nil, err
	}
	header := http.Header{}
	if err := cs.Session.Write(header, 0, s.value, s.expires.Time()); err != nil {
		return nil, err
	}
	return (&http.Response{Header: header}).Cookies(), nil
}
