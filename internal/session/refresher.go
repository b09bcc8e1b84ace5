package session

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/clientip"
	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/internal/memo"
	"github.com/nuxtauth/nuxtauth/internal/observe"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

const (
	refreshTimeout = 30 * time.Second // for the whole of a refresh
	leaseTTL       = 3 * time.Second  // of its lock: other processes wait for this time if the process that has it ends
	maxRefreshes   = 5                // attempts, while other requests change the session
	saveRetries    = 4                // if the store does not take the new refresh token
	retryBackoff   = 50 * time.Millisecond

	rotatedTTL = 5 * time.Minute  // for requests that still come with the old refresh token
	reusedTTL  = 10 * time.Second // the same where the provider keeps its refresh tokens
	faultTTL   = 5 * time.Second  // so that not every request waits for a provider that is down
)

// Providers exchange refresh tokens for new tokens. The methods are safe for concurrent
// use.
type Providers interface {
	// CanRefresh reports whether the provider with this ID can have refresh tokens.
	CanRefresh(id string) bool

	// SendsLogoutTokens reports whether logout tokens of the provider with this ID are
	// accepted.
	SendsLogoutTokens(id string) bool

	// Refresh exchanges a refresh token of the provider with this ID. Its errors are
	// those of [flow.Flow.Refresh].
	Refresh(ctx context.Context, id string, r flow.Refresh) (*provider.Account, error)
}

// A refresher refreshes the tokens of providers: once, for all requests that need
// it.
type refresher struct {
	providers Providers
	accounts  *memo.Memo[*provider.Account] // by provider and refresh token
	sessions  *memo.Memo[refreshed]         // by the ID of the session in the store
	locker    store.Locker                  // nil for sessions in cookies
	realm     string
	reader    *Reader
	save      func(ctx context.Context, cs *CookieSet, s *Session, from clientip.Client) error
	log       *slog.Logger
	observe   observe.Func
	refreshed func(ctx context.Context, subject, provider string) // the event; nil for none
	now       func() time.Time
}

// refreshed is a session of the store after a refresh. Many requests share it, so
// that each decodes a token of its own.
type refreshed struct {
	record  *store.Record
	handle  string
	written bool // by the refresh, and not by a request before it
}

func newRefresher(cfg Config, reader *Reader, save func(context.Context, *CookieSet, *Session, clientip.Client) error) *refresher {
	const name = "a refresh"
	return &refresher{
		providers: cfg.Providers,
		accounts:  memo.New(memo.Options[*provider.Account]{Name: name, Detached: true, Timeout: refreshTimeout, Log: cfg.Log, Now: cfg.Now}),
		sessions:  memo.New(memo.Options[refreshed]{Name: name, Detached: true, Timeout: refreshTimeout, Log: cfg.Log, Now: cfg.Now}),
		locker:    cfg.Abilities.Locker,
		realm:     cfg.Realm,
		reader:    reader,
		save:      save,
		observe:   cfg.Observe,
		refreshed: cfg.Events.Refreshed,
		log:       cfg.Log,
		now:       cfg.Now,
	}
}

// refresh refreshes the tokens of a session in the store: one request does it for
// all.
func (f *refresher) refresh(ctx context.Context, cs *CookieSet, s *Session) (refreshed, error) {
	id, handle, local := s.record.ID, s.value, s.local
	return f.sessions.Load(ctx, id, func(ctx context.Context) (refreshed, time.Duration, error) {
		r, err := f.refreshLocked(ctx, cs, id, handle, local)
		if err == nil || errors.Is(err, ErrSignedOut) {
			return r, 0, err
		}
		f.log.WarnContext(ctx, "nuxtauth: the provider's tokens could not be refreshed, the session goes on", "error", err)
		return r, faultTTL, err
	})
}

// refreshLocked locks the session while it refreshes, and looks first what
// others did before it got the lock. Before a session ends because the provider
// refused its refresh token, it is read again on a new connection to the store: what
// was read may be from a former primary, and the token one that another process has
// used since.
func (f *refresher) refreshLocked(ctx context.Context, cs *CookieSet, id, handle string, local bool) (refreshed, error) {
	lease, err := f.locker.Lock(ctx, f.realm+":refresh:"+id, leaseTTL)
	if err != nil {
		return refreshed{}, err
	}
	defer lease.Release()
	defer f.extend(ctx, lease)()
	rejected := "" // a refresh token that the provider refused
	for range maxRefreshes {
		s, find := f.reader.Types.New(), ctx
		s.local = local
		if rejected != "" {
			find = store.WithNewConnection(ctx)
		}
		if err := f.reader.open(find, cs, handle, s); err != nil {
			return refreshed{}, err
		}
		t := s.ProviderTokens
		if !t.isDue(f.now()) {
			return refreshed{record: s.record, handle: s.value}, nil
		}
		if t.RefreshToken == rejected { // no other request has put another in its place
			return refreshed{}, errGrantEnded
		}
		account, err := f.redeem(ctx, s.Claims, t.RefreshToken)
		if errors.Is(err, ErrSignedOut) {
			rejected = t.RefreshToken
			continue // a process that can't be locked out may have been faster
		}
		if err != nil {
			return refreshed{}, err
		}
		t.set(account, t.IDToken != "")
		err = f.saveWithRetry(ctx, cs, s)
		if errors.Is(err, store.ErrConflict) || err == nil && t.left(f.now()) <= 0 {
			continue
		}
		return refreshed{s.record, s.value, true}, err
	}
	return refreshed{}, store.ErrConflict
}

// extend extends a lease until stop is called. One that is lost all the same does no
// harm to the session: its writes are checked.
func (f *refresher) extend(ctx context.Context, lease store.Lease) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(leaseTTL / 3)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			err := lease.Extend(ctx, leaseTTL)
			if errors.Is(err, store.ErrLeaseLost) {
				return
			}
			if err != nil && ctx.Err() == nil {
				f.log.WarnContext(ctx, "nuxtauth: the lock of a refresh could not be extended", "error", err)
			}
		}
	}()
	return func() { cancel(); <-done }
}

// saveWithRetry tries more than once: the new refresh token is nowhere else, and
// the old one can't be used again.
func (f *refresher) saveWithRetry(ctx context.Context, cs *CookieSet, s *Session) error {
	err := f.save(ctx, cs, s, clientip.Client{})
	for pause, n := retryBackoff, 0; n < saveRetries; pause, n = 2*pause, n+1 {
		if err == nil || errors.Is(err, store.ErrConflict) || errors.Is(err, ErrSignedOut) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
		err = f.save(ctx, cs, s, clientip.Client{})
	}
	return err
}

// errGrantEnded means that the provider refuses the refresh token for good.
var errGrantEnded = ended(flow.ErrInvalidGrant)

// redeem trades a refresh token for new tokens: once, for all requests that come
// with it now or soon. So a new refresh token that could not be saved is not lost.
// The error wraps [ErrSignedOut] if the provider refuses the refresh token for good.
func (f *refresher) redeem(ctx context.Context, c *Claims, refreshToken string) (*provider.Account, error) {
	o, subject := c.Origin, c.Subject
	sum := sha256.Sum256([]byte(refreshToken))
	key := o.Provider + " " + base64.RawURLEncoding.EncodeToString(sum[:])
	return f.accounts.Load(ctx, key, func(ctx context.Context) (*provider.Account, time.Duration, error) {
		account, err := f.exchange(ctx, o, refreshToken)
		if err != nil {
			f.log.WarnContext(ctx, "nuxtauth: a refresh of a provider's tokens failed", "provider", o.Provider, "error", err)
			return nil, faultTTL, err
		}
		if f.refreshed != nil {
			f.refreshed(ctx, subject, o.Provider)
		}
		if account.RefreshToken != "" && account.RefreshToken != refreshToken {
			return account, rotatedTTL, nil
		}
		fresh := ProviderTokens{AccessTokenExpires: token.NumericDate(account.ExpiresAt)}
		return account, min(reusedTTL, fresh.left(f.now())-refreshEarly), nil
	})
}

// exchange is redeem without its memory.
func (f *refresher) exchange(ctx context.Context, o token.Origin, refreshToken string) (account *provider.Account, err error) {
	ctx, end := f.observe.Start(ctx, observe.Operation{Name: observe.Refresh, Provider: o.Provider})
	defer end.Done(&err)
	account, err = f.providers.Refresh(ctx, o.Provider, flow.Refresh{RefreshToken: refreshToken, Subject: o.ProviderSubject, Issuer: o.Issuer})
	if errors.Is(err, flow.ErrInvalidGrant) {
		err = ended(err)
	}
	return account, err
}
