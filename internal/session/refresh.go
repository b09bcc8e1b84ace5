package session

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/clientip"
	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/internal/guard"
	"github.com/nuxtauth/nuxtauth/internal/memo"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

const (
	refreshEarly   = 20 * time.Second // before the access token expires
	refreshWait    = time.Second      // of a request whose access token is still good
	refreshTimeout = 30 * time.Second // for the whole of a refresh, and for its lock
	maxRefreshes   = 5                // attempts, while other requests change the session
	saveRetries    = 4                // of a store that does not take the new refresh token
	retryBackoff   = 50 * time.Millisecond

	rotatedTTL = 5 * time.Minute  // for requests that still come with the old refresh token
	reusedTTL  = 10 * time.Second // the same where the provider keeps its refresh tokens
	faultTTL   = 5 * time.Second  // so that not every request waits for a provider that is down
)

// ErrNoAccessToken means that there is no access token that is good now: the
// provider gave none, or it has expired and could not be refreshed.
var ErrNoAccessToken = errors.New("nuxtauth: there is no fresh access token")

// errOver means that the session has ended, at the provider or here.
var errOver = errors.New("the session is over")

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

func (t *ProviderTokens) due(now time.Time) bool {
	return t.RefreshToken != "" && t.left(now) < refreshEarly
}

// A refresher shares refreshes between requests.
type refresher struct {
	flows    map[string]*flow.Flow
	accounts *memo.Memo[*provider.Account] // by provider and refresh token
	sessions *memo.Memo[refreshed]         // by the ID of the session in the store
	locker   store.Locker                  // nil for sessions in cookies
}

// refreshed is a session of the store after a refresh. Many requests share it, so
// that each decodes a token of its own.
type refreshed struct {
	record  *store.Record
	handle  string
	expires token.NumericDate
}

func newRefresher(cfg Config) refresher {
	const name = "a refresh"
	return refresher{
		flows:    cfg.Flows,
		accounts: memo.New(memo.Options[*provider.Account]{Name: name, Detached: true, Timeout: refreshTimeout, Now: cfg.Now}),
		sessions: memo.New(memo.Options[refreshed]{Name: name, Detached: true, Timeout: refreshTimeout, Now: cfg.Now}),
		locker:   cfg.Abilities.Locker,
	}
}

// refreshIfDue makes the access token of a session last for the request. The
// session is stale when the token has expired and can't be refreshed now. An
// error says that the session is over, or that the request is.
func (m *Manager) refreshIfDue(ctx context.Context, cs *CookieSet, s *Session) (err error) {
	s.stale = false
	t := s.ProviderTokens
	if t == nil || !t.due(m.now()) || m.refresher.flows[s.Claims.Origin.Provider] == nil {
		return nil
	}
	if s.credential.Bearer && !s.stored() { // the client would not learn of the new refresh token
		s.stale = t.left(m.now()) <= 0
		return nil
	}
	wait := ctx
	if t.left(m.now()) > 0 {
		var cancel context.CancelFunc
		wait, cancel = context.WithTimeout(ctx, refreshWait)
		defer cancel()
	}
	if s.stored() {
		err = m.refreshInStore(wait, cs, s)
	} else {
		err = m.refreshInCookie(wait, cs, s)
	}
	if errors.Is(err, errOver) || ctx.Err() != nil {
		return cmp.Or(err, ctx.Err())
	}
	s.stale = s.ProviderTokens.left(m.now()) <= 0 // why was logged where it was found
	return nil
}

// refreshInCookie refreshes the tokens of a session that lives in its cookie. A
// remembered answer may have expired too: then its refresh token is next.
func (m *Manager) refreshInCookie(ctx context.Context, cs *CookieSet, s *Session) error {
	t := s.ProviderTokens
	for n := 0; n == 0 || n < maxRefreshes && t.left(m.now()) <= 0; n++ {
		account, err := m.redeem(ctx, s.Claims.Origin, t.RefreshToken)
		if err != nil {
			return err
		}
		t.set(account, t.IDToken != "")
	}
	if err := m.save(ctx, cs, s, clientip.Client{}); err != nil {
		guard.Log(ctx, m.log, slog.LevelError, "nuxtauth: refreshed tokens could not be saved", err)
	}
	return nil
}

// refreshInStore refreshes the tokens of a session in the store: one request does
// it for all.
func (m *Manager) refreshInStore(ctx context.Context, cs *CookieSet, s *Session) error {
	id, handle := s.record.ID, s.value
	r, err := m.refresher.sessions.Load(ctx, id, func(ctx context.Context) (refreshed, time.Duration, error) {
		r, err := m.refreshStored(ctx, cs, id, handle)
		if err == nil || errors.Is(err, errOver) {
			return r, 0, err
		}
		guard.Log(ctx, m.log, slog.LevelWarn, "nuxtauth: the provider's tokens could not be refreshed, the session goes on", err)
		return r, faultTTL, err
	})
	if err != nil {
		return err
	}
	record := *r.record
	m.types().CopyToken(s, m.types().New()) // empty
	s.record, s.value, s.expires, s.claims = &record, r.handle, r.expires, string(record.Claims)
	return asOver(m.reader.decode(s))
}

// refreshStored holds the session's lock while it refreshes, and looks first what
// others did before it got the lock.
func (m *Manager) refreshStored(ctx context.Context, cs *CookieSet, id, handle string) (refreshed, error) {
	if m.refresher.locker != nil {
		lease, err := m.refresher.locker.Lock(ctx, "refresh:"+id, refreshTimeout)
		if err != nil {
			return refreshed{}, err
		}
		defer lease.Release()
	}
	rejected := "" // a refresh token that the provider refused
	for range maxRefreshes {
		s := m.types().New()
		if err := m.reader.open(ctx, cs.Codec, handle, s); err != nil {
			return refreshed{}, asOver(err)
		}
		t := s.ProviderTokens
		if !t.due(m.now()) {
			return refreshed{s.record, s.value, s.expires}, nil
		}
		if t.RefreshToken == rejected { // no other request has put another in its place
			return refreshed{}, errOver
		}
		account, err := m.redeem(ctx, s.Claims.Origin, t.RefreshToken)
		if errors.Is(err, errOver) {
			rejected = t.RefreshToken
			continue // a process that can't be locked out may have been faster
		}
		if err != nil {
			return refreshed{}, err
		}
		t.set(account, t.IDToken != "")
		err = m.saveWithRetry(ctx, cs, s)
		if errors.Is(err, store.ErrConflict) || err == nil && t.left(m.now()) <= 0 {
			continue
		}
		return refreshed{s.record, s.value, s.expires}, asOver(err)
	}
	return refreshed{}, store.ErrConflict
}

// over reports whether err says that there is no session any more.
func over(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, token.ErrInvalid) || errors.Is(err, token.ErrExpired)
}

// asOver makes an error that says that there is no session any more one that
// wraps errOver.
func asOver(err error) error {
	if err == nil || errors.Is(err, ErrUnavailable) || !over(err) {
		return err
	}
	return fmt.Errorf("%w: %w", errOver, err)
}

// saveWithRetry tries more than once: the new refresh token is nowhere else, and
// the old one is spent.
func (m *Manager) saveWithRetry(ctx context.Context, cs *CookieSet, s *Session) error {
	err := m.save(ctx, cs, s, clientip.Client{})
	for pause, n := retryBackoff, 0; n < saveRetries; pause, n = 2*pause, n+1 {
		if err == nil || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
			return err
		}
		err = m.Returned(ctx, "saving refreshed tokens", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
		err = m.save(ctx, cs, s, clientip.Client{})
	}
	return err
}

// redeem trades a refresh token for new tokens: once, for all requests that come
// with it now or soon. So a new refresh token that could not be saved is not lost.
func (m *Manager) redeem(ctx context.Context, o token.Origin, refreshToken string) (*provider.Account, error) {
	sum := sha256.Sum256([]byte(refreshToken))
	key := o.Provider + " " + base64.RawURLEncoding.EncodeToString(sum[:])
	return m.refresher.accounts.Load(ctx, key, func(ctx context.Context) (*provider.Account, time.Duration, error) {
		account, err := m.refresher.flows[o.Provider].Refresh(ctx, flow.Refresh{RefreshToken: refreshToken, Subject: o.ProviderSubject})
		if errors.Is(err, flow.ErrInvalidGrant) {
			err = fmt.Errorf("%w: %w", errOver, err)
		}
		if err != nil {
			m.report(ctx, "refreshing the tokens of "+o.Provider, err)
			if _, ok := errors.AsType[*guard.PanicError](err); ok {
				err = errors.New(err.Error()) // its stack is in the log
			}
			return nil, faultTTL, err
		}
		if account.RefreshToken != "" && account.RefreshToken != refreshToken {
			return account, rotatedTTL, nil
		}
		fresh := ProviderTokens{AccessTokenExpires: token.NumericDate(account.ExpiresAt)}
		return account, min(reusedTTL, fresh.left(m.now())-refreshEarly), nil
	})
}

// Refresh makes the access token of a session good now, in the middle of a
// request that may have gone on for an hour. It returns the session with the
// token; s stays as it was, because other goroutines may read it. header says that
// the cookie can still be written: without it, only sessions of a store are
// refreshed. The error wraps [ErrNoAccessToken].
func (m *Manager) Refresh(r Request, s *Session, header bool) (*Session, error) {
	if s.ProviderTokens == nil {
		return nil, fmt.Errorf("%w: embed nuxtauth.ProviderTokens in the token type", ErrNoAccessToken)
	}
	if s.ProviderTokens.due(m.now()) && (s.stored() || header) {
		next := m.copy(s)
		if err := m.refreshIfDue(r.Context(), r.Cookies, next); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoAccessToken, err)
		}
		if header && next.expires != 0 && !next.credential.Bearer {
			if err := m.setCookie(r, next, next.credential.Present); err != nil {
				return nil, err
			}
		}
		s = next
	}
	if s.ProviderTokens.AccessToken == "" || s.ProviderTokens.left(m.now()) <= 0 {
		return s, ErrNoAccessToken
	}
	return s, nil
}
