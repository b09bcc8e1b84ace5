package session

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/guard"
	"github.com/nuxtauth/nuxtauth/store"
)

// How long Update goes on when other requests change the session at the same
// time, and its pauses, which are random up to these.
const (
	updateWindow  = 3 * time.Second
	firstConflict = 4 * time.Millisecond
	lastConflict  = 128 * time.Millisecond
)

// Update applies change to the token of s, runs the Session callback and writes
// the session and its cookie. It returns the session as it is then; s stays as it
// was, also after an error. With a store, change runs again on the newer token
// when another request was faster.
//
// The error is that of change or of the Session callback, [ErrSignedOut] if the
// session has ended, one that wraps [ErrUnavailable] if the store does not answer,
// [store.ErrConflict] if other requests kept changing the session, or
// [ErrTokenTooLarge].
func (m *Manager) Update(r Request, s *Session, change func(*Session) error) (*Session, error) {
	if s.credential.Bearer && !s.stored() {
		return nil, errors.New("nuxtauth: a session sent as Authorization: Bearer can't be updated: it has no cookie to write")
	}
	ctx := r.Context()
	end, pause := time.Now().Add(updateWindow), firstConflict
	for {
		next, err := m.update(r, s, change)
		if !errors.Is(err, store.ErrConflict) || time.Now().After(end) {
			return next, err
		}
		select {
		case <-time.After(rand.N(pause)):
			pause = min(2*pause, lastConflict)
		case <-ctx.Done():
			return nil, Transient(ctx.Err())
		}
		newer := m.types().New()
		newer.credential, newer.local = s.credential, s.local
		if err := m.reader.open(ctx, r.Cookies, s.value, newer); err != nil {
			return nil, err
		}
		newer.State, newer.tokenEnds = s.State, s.tokenEnds
		s = newer
	}
}

// update is one attempt at Update.
func (m *Manager) update(r Request, s *Session, change func(*Session) error) (*Session, error) {
	next := m.copy(s)
	if err := change(next); err != nil {
		return nil, err
	}
	next.Claims.RestoreReserved(s.Claims)
	if !next.writable() {
		return nil, errors.New("nuxtauth: the subject of a session sent as Authorization: Bearer can't be changed: its handle would change with it")
	}
	if !next.stored() { // the store does it by itself
		if err := m.denyList.check(r.Context(), next); err != nil {
			return nil, err
		}
	}
	if err := m.view(r.Context(), next); err != nil {
		return nil, err
	}
	if err := m.save(r.Context(), r.Cookies, next, m.client(r)); err != nil {
		return nil, err
	}
	m.updated(r, next, false)
	return next, m.setCookie(r, next)
}

// view runs the Session callback for a session that is about to be written.
func (m *Manager) view(ctx context.Context, s *Session) error {
	s.ctx.Start(ctx, guard.Timeout)
	defer s.ctx.Stop()
	if err := m.types().Session(s.ctx, s, nil, m.lifetime.expiry(s.Claims, m.now())); err != nil {
		return fmt.Errorf("nuxtauth: the Session callback: %w", err)
	}
	return nil
}

// copy returns a session with a token of its own, which is equal to that of s.
func (m *Manager) copy(s *Session) *Session {
	c := m.types().New()
	m.types().CopyToken(c, s)
	c.State, c.View, c.waited = s.State, s.View, s.waited
	c.local, c.tokenEnds = s.local, s.tokenEnds
	c.credential, c.record, c.value, c.claims, c.found, c.latest = s.credential, s.record, s.value, s.claims, s.found, s.latest
	return c
}
