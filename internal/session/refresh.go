package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/clientip"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

const (
	refreshEarly = 20 * time.Second // before the access token expires
	refreshWait  = time.Second      // of a request whose access token is still valid, once
)

// ErrNoAccessToken means that there is no access token that is valid now: the
// provider gave none, or it has expired and could not be refreshed.
var ErrNoAccessToken = errors.New("nuxtauth: there is no fresh access token")

// set takes over what a provider sent. What it left out stays.
func (t *ProviderTokens) set(a *provider.Account, withIDToken bool) {
	t.AccessToken = a.AccessToken
	t.AccessTokenExpires = token.NumericDate(a.ExpiresAt)
	t.RefreshToken = cmp.Or(a.RefreshToken, t.RefreshToken)
	if withIDToken {
		t.IDToken = cmp.Or(a.IDToken, t.IDToken)
	}
}

// left is the time that the access token has; a long one when the provider did
// not say.
func (t *ProviderTokens) left(now time.Time) time.Duration {
	if t.AccessTokenExpires == 0 {
		return time.Hour
	}
	return t.AccessTokenExpires.Time().Sub(now)
}

// isDue reports whether the access token has to be refreshed, and can be.
func (t *ProviderTokens) isDue(now time.Time) bool {
	return t.RefreshToken != "" && t.left(now) < refreshEarly
}

// refreshIfDue makes the access token of a session last for the request. The
// session is stale when the token has expired and can't be refreshed now. The error
// wraps [ErrSignedOut] if the session is over, and is that of ctx if the request is.
func (m *Manager) refreshIfDue(ctx context.Context, cs *CookieSet, s *Session, from func() clientip.Client) (err error) {
	t := s.ProviderTokens
	if t == nil || !t.isDue(m.now()) || !m.refresher.providers.CanRefresh(s.Claims.Origin.Provider) {
		return nil
	}
	if s.credential.Bearer && !s.stored() { // the client would not learn of the new refresh token
		s.stale = t.left(m.now()) <= 0
		return nil
	}
	wait := ctx
	if t.left(m.now()) > 0 {
		limit := refreshWait
		if s.waited {
			limit = 0
		}
		s.waited = true
		var cancel context.CancelFunc
		wait, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	if m.adopter != nil && !s.stored() { // in the store, one process at a time refreshes
		err = m.adoptNow(ctx, cs, s, from())
	}
	switch {
	case err != nil:
	case s.stored():
		err = m.refreshInStore(wait, cs, s)
	default:
		err = m.refreshInCookie(wait, cs, s)
	}
	if errors.Is(err, ErrSignedOut) || ctx.Err() != nil {
		return cmp.Or(err, ctx.Err())
	}
	s.stale = s.ProviderTokens.left(m.now()) <= 0 // why was logged where it was found
	return nil
}

// adoptNow moves a session from its cookie into the store before its tokens are
// refreshed.
func (m *Manager) adoptNow(ctx context.Context, cs *CookieSet, s *Session, from clientip.Client) error {
	err := m.save(ctx, cs, s, from)
	switch {
	case err == nil, errors.Is(err, errAdopting), errors.Is(err, ErrSignedOut):
	case errors.Is(err, store.ErrConflict): // another request of this process was faster
		moved := m.types().New()
		if err = m.reader.open(ctx, cs, s.value, moved); err == nil {
			m.take(s, moved)
			s.cookieDue = s.cookieDue || moved.cookieDue
		}
	default:
		m.log.ErrorContext(ctx, "nuxtauth: a session could not be moved into the store", "error", err)
	}
	return err
}

// refreshInCookie refreshes the tokens of a session in a cookie. A remembered
// response may have expired too: then its refresh token is next.
func (m *Manager) refreshInCookie(ctx context.Context, cs *CookieSet, s *Session) error {
	t := s.ProviderTokens
	for n := 0; n == 0 || n < maxRefreshes && t.left(m.now()) <= 0; n++ {
		account, err := m.refresher.redeem(ctx, s.Claims, t.RefreshToken)
		if err != nil {
			return err
		}
		t.set(account, t.IDToken != "")
	}
	if err := m.save(ctx, cs, s, clientip.Client{}); err != nil {
		m.log.ErrorContext(ctx, "nuxtauth: refreshed tokens could not be saved", "error", err)
	}
	return nil
}

// refreshInStore refreshes the tokens of a session in the store.
func (m *Manager) refreshInStore(ctx context.Context, cs *CookieSet, s *Session) error {
	r, err := m.refresher.refresh(ctx, cs, s)
	if err != nil {
		return err
	}
	record := *r.record
	next := m.types().New()
	next.record, next.value, next.claims = &record, r.handle, string(record.Claims)
	if err := m.reader.decode(next); err != nil {
		return err
	}
	m.take(s, next)
	s.cookieDue = s.cookieDue || r.written
	return nil
}

// take gives a session the token of another that was read, and what it was read from.
func (m *Manager) take(s, from *Session) {
	m.types().CopyToken(s, from)
	s.record, s.value, s.claims, s.found, s.latest = from.record, from.value, from.claims, from.found, max(s.latest, from.latest)
}

// Refresh makes the access token of a session valid now, in the middle of a
// request that may have gone on for an hour. It returns the session with the
// token; s stays as it was, because other goroutines may read it. If no cookie can
// be written, only sessions of a store are refreshed. The error wraps
// [ErrNoAccessToken].
func (m *Manager) Refresh(r Request, s *Session) (*Session, error) {
	if s.ProviderTokens == nil {
		return nil, fmt.Errorf("%w: embed nuxtauth.ProviderTokens in the token type", ErrNoAccessToken)
	}
	if s.ProviderTokens.isDue(m.now()) && (s.stored() || r.Response != nil) {
		next := m.copy(s)
		if err := m.refreshIfDue(r.Context(), r.Cookies, next, func() clientip.Client { return m.client(r) }); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoAccessToken, err)
		}
		if err := m.setCookie(r, next); err != nil {
			return nil, err
		}
		s = next
	}
	if s.ProviderTokens.AccessToken == "" || s.ProviderTokens.left(m.now()) <= 0 {
		return s, ErrNoAccessToken
	}
	return s, nil
}
