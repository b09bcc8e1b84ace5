package nuxtauth

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/internal/memo"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// ProviderTokens keeps the tokens of the provider that the user signed in with,
// and keeps them fresh: embed it by value in your own token type beside
// [DefaultJWT].
//
//	type Token struct {
//		nuxtauth.DefaultJWT
//		nuxtauth.ProviderTokens
//	}
//
// The fields are filled in before the JWT callback of the sign-in runs. Later,
// whenever the session is loaded with less than 20 seconds of the access token
// left, the library refreshes it before the callbacks run: once for all
// requests of a session, in this process and, through a Store that is a
// [store.Locker], in all others. The new refresh token is kept at once.
//
// A provider that says invalid_grant has ended the session. One that does not
// answer has not: the session goes on with what it has, and an error of a
// callback counts as [KeepSession] meanwhile, since a stale access token may be
// the reason.
//
// A provider that replaces refresh tokens needs a Store where there is more than one
// process: without one, the new refresh token is in the cookie of one response alone,
// and other processes do not see it.
//
// The names in JSON are those that Auth.js' guide to refresh tokens uses.
type ProviderTokens struct {
	AccessToken  string `json:"access_token,omitzero"`
	RefreshToken string `json:"refresh_token,omitzero"` // most providers want the scope offline_access for it

	// AccessTokenExpires is zero when the provider did not say; such a token
	// is never refreshed.
	AccessTokenExpires token.NumericDate `json:"expires_at,omitzero"`

	// IDToken is kept for a provider with FederatedLogout alone, which wants it
	// back at the sign-out.
	IDToken string `json:"id_token,omitzero"`
}

const (
	refreshEarly   = 20 * time.Second // before the access token expires
	refreshWait    = time.Second      // of a request whose access token is still good
	refreshTimeout = 30 * time.Second // for the whole of it, and for the lock
	maxRefreshes   = 5                // with others changing the session meanwhile
	keepRetries    = 4                // of a store that does not take the new refresh token
	keepPause      = 50 * time.Millisecond

	rotatedLife = 5 * time.Minute  // for requests that still come with the old refresh token
	reusedLife  = 10 * time.Second // the same where the provider keeps its refresh tokens
	faultLife   = 5 * time.Second  // so that not every request waits for a provider that is down
)

// ErrNoAccessToken says that there is no access token that is good now: the
// provider gave none, or it expired and could not be refreshed.
var ErrNoAccessToken = errors.New("nuxtauth: there is no fresh access token")

var errOver = errors.New("the session is over")

func (t *ProviderTokens) providerTokens() *ProviderTokens { return t }

// providerTokensOf returns nil for a token type that does not embed them.
func providerTokensOf[T JWT](t *T) *ProviderTokens {
	if with, ok := any(t).(interface{ providerTokens() *ProviderTokens }); ok {
		return with.providerTokens()
	}
	return nil
}

// set takes over what a provider sent. What it left out stays.
func (t *ProviderTokens) set(a *Account, withIDToken bool) {
	t.AccessToken = a.AccessToken
	t.AccessTokenExpires = token.NumericDate(a.ExpiresAt)
	t.RefreshToken = firstOf(a.RefreshToken, t.RefreshToken)
	if withIDToken {
		t.IDToken = firstOf(a.IDToken, t.IDToken)
	}
}

// left is the time that the access token has; a long one when nobody knows.
func (t *ProviderTokens) left(now time.Time) time.Duration {
	if t.AccessTokenExpires == 0 {
		return time.Hour
	}
	return t.AccessTokenExpires.Time().Sub(now)
}

func (t *ProviderTokens) due(now time.Time) bool {
	return t.RefreshToken != "" && t.left(now) < refreshEarly
}

// refreshes are the refreshes under way, and what came of the last ones.
type refreshes struct {
	answers  *memo.Memo[*provider.Account] // by provider and refresh token
	sessions *memo.Memo[renewed]           // by the session's ID in the store
	locker   store.Locker                  // nil where other processes can't be told
}

// renewed is a session of the store after a refresh. Many requests share it, so each
// decodes a token of its own.
type renewed struct {
	record  *store.Record
	handle  string
	expires time.Time
}

func newRefreshes(s store.Store, now func() time.Time) refreshes {
	r := refreshes{
		answers:  memo.New(memo.Options[*provider.Account]{Now: now}),
		sessions: memo.New(memo.Options[renewed]{Now: now}),
	}
	r.locker, _ = s.(store.Locker)
	return r
}

// freshen makes the access token of a session last for the request. It is
// stale when it has expired and can't be refreshed now. An error says that the
// session is over, or that the request is.
func (a *Auth[T, S]) freshen(ctx context.Context, k *kit, h *held[T], bearer bool) (stale bool, err error) {
	tokens := providerTokensOf(h.token)
	if tokens == nil || !tokens.due(a.now()) || a.flows[defaultsOf(h.token).Origin.Provider] == nil {
		return false, nil
	}
	if bearer && h.record == nil { // whoever sent it would not learn of the new refresh token
		return tokens.left(a.now()) <= 0, nil
	}
	wait := ctx
	if tokens.left(a.now()) > 0 {
		var cancel context.CancelFunc
		wait, cancel = context.WithTimeout(ctx, refreshWait)
		defer cancel()
	}
	if h.record == nil {
		err = a.refreshInCookie(wait, k, h)
	} else {
		err = a.refreshInStore(wait, k, h)
	}
	if errors.Is(err, errOver) || ctx.Err() != nil {
		return false, cmp.Or(err, ctx.Err())
	}
	return providerTokensOf(h.token).left(a.now()) <= 0, nil // why was logged where it was found
}

// refreshInCookie refreshes the tokens of a session that lives in its cookie. A
// remembered answer may have expired too: then its refresh token is next.
func (a *Auth[T, S]) refreshInCookie(ctx context.Context, k *kit, h *held[T]) error {
	tokens := providerTokensOf(h.token)
	for n := 0; n == 0 || n < maxRefreshes && tokens.left(a.now()) <= 0; n++ {
		account, err := a.ask(ctx, defaultsOf(h.token), tokens.RefreshToken)
		if err != nil {
			return err
		}
		tokens.set(account, tokens.IDToken != "")
	}
	if err := a.keep(ctx, k, h, client{}); err != nil {
		a.log.ErrorContext(ctx, "nuxtauth: refreshed tokens could not be kept", "error", err)
	}
	return nil
}

// refreshInStore refreshes the tokens of a session in the store: one request
// does it for all.
func (a *Auth[T, S]) refreshInStore(ctx context.Context, k *kit, h *held[T]) error {
	r, err := a.refreshes.sessions.Do(ctx, h.record.ID, func(ctx context.Context) (renewed, time.Duration, error) {
		ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
		defer cancel()
		r, err := a.refreshStored(ctx, k, h.record.ID, h.value)
		if err == nil || errors.Is(err, errOver) {
			return r, 0, err
		}
		a.log.WarnContext(ctx, "nuxtauth: the provider's tokens could not be refreshed, the session goes on", "error", err)
		return r, faultLife, err
	})
	if err != nil {
		return err
	}
	record := *r.record
	t := new(T)
	if err := decodeToken(string(record.Claims), t, a.claims, a.now()); err != nil {
		return err
	}
	*h = held[T]{token: t, claims: string(record.Claims), record: &record, value: r.handle, expires: r.expires}
	return nil
}

// refreshStored holds the session's lock while it refreshes, and looks first
// what others did before it got the lock.
func (a *Auth[T, S]) refreshStored(ctx context.Context, k *kit, id, handle string) (renewed, error) {
	if a.refreshes.locker != nil {
		unlock, err := a.refreshes.locker.Lock(ctx, "refresh:"+id, refreshTimeout)
		if err != nil {
			return renewed{}, err
		}
		defer unlock()
	}
	spent := "" // a refresh token that the provider refused
	for range maxRefreshes {
		h, err := a.find(ctx, k, handle)
		if err != nil {
			return renewed{}, over(ctx, err)
		}
		tokens := providerTokensOf(h.token)
		if !tokens.due(a.now()) {
			return renewed{h.record, h.value, h.expires}, nil
		}
		if tokens.RefreshToken == spent { // nobody has put another in its place
			return renewed{}, errOver
		}
		account, err := a.ask(ctx, defaultsOf(h.token), tokens.RefreshToken)
		if errors.Is(err, errOver) {
			spent = tokens.RefreshToken
			continue // a process that can't be locked out may have been faster
		}
		if err != nil {
			return renewed{}, err
		}
		tokens.set(account, tokens.IDToken != "")
		err = a.keepStubbornly(ctx, k, h)
		if errors.Is(err, store.ErrConflict) || err == nil && tokens.left(a.now()) <= 0 {
			continue
		}
		return renewed{h.record, h.value, h.expires}, over(ctx, err)
	}
	return renewed{}, store.ErrConflict
}

// over marks an error that says that there is no session any more.
func over(ctx context.Context, err error) error {
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, token.ErrInvalid) || errors.Is(err, token.ErrExpired) {
		return fmt.Errorf("%w: %w", errOver, err)
	}
	return err
}

// keepStubbornly tries more than once: the new refresh token is nowhere else,
// and the old one is spent.
func (a *Auth[T, S]) keepStubbornly(ctx context.Context, k *kit, h *held[T]) error {
	err := a.keep(ctx, k, h, client{})
	for pause, n := keepPause, 0; n < keepRetries; pause, n = 2*pause, n+1 {
		if err == nil || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
		err = a.keep(ctx, k, h, client{})
	}
	return err
}

// ask trades a refresh token for new tokens: once, for all who come with it
// now or soon. So a new refresh token that could not be kept is not lost.
func (a *Auth[T, S]) ask(ctx context.Context, d *DefaultJWT, refreshToken string) (*Account, error) {
	from := d.Origin
	sum := sha256.Sum256([]byte(refreshToken))
	key := from.Provider + " " + base64.RawURLEncoding.EncodeToString(sum[:])
	return a.refreshes.answers.Do(ctx, key, func(ctx context.Context) (*Account, time.Duration, error) {
		account, err := refresh(ctx, a.flows[from.Provider], flow.Refresh{RefreshToken: refreshToken, Subject: from.ProviderSubject})
		if errors.Is(err, flow.ErrInvalidGrant) {
			err = fmt.Errorf("%w: %w", errOver, err)
		}
		if err != nil {
			a.report(ctx, "refreshing the tokens of "+from.Provider, err)
			return nil, faultLife, err
		}
		if account.RefreshToken != "" && account.RefreshToken != refreshToken {
			return account, rotatedLife, nil
		}
		fresh := &ProviderTokens{AccessTokenExpires: token.NumericDate(account.ExpiresAt)}
		return account, min(reusedLife, fresh.left(a.now())-refreshEarly), nil
	})
}

func refresh(ctx context.Context, f *flow.Flow, r flow.Refresh) (account *Account, err error) {
	defer recovered(&err) // MintSecret and the HTTP client's transport are the application's
	return f.Refresh(ctx, r)
}

// AccessToken returns an access token of the provider that the user signed in
// with, for calling the provider's API. It has been refreshed if need be; see
// [ProviderTokens], which the token type must embed. Call it before the body of
// the response: a refresh may have to write the cookie. From a copy of the
// context, as goroutines need, it refreshes sessions of a Store alone, and only
// as long as the request goes on.
//
// The error is [ErrSignedOut] without a session, [ErrUnavailable] when nobody
// can tell, and wraps [ErrNoAccessToken] when there is no token that is good now.
func (a *Auth[T, S]) AccessToken(c *gin.Context) (string, error) {
	l, err := a.signedIn(c)
	if err != nil {
		return "", err
	}
	tokens := providerTokensOf(l.token)
	if tokens == nil {
		return "", fmt.Errorf("%w: embed nuxtauth.ProviderTokens in %T", ErrNoAccessToken, *l.token)
	}
	if tokens.due(a.now()) {
		if tokens, err = a.freshenLate(c, l); err != nil {
			return "", err
		}
	}
	if tokens.AccessToken == "" || tokens.left(a.now()) <= 0 {
		return "", ErrNoAccessToken
	}
	return tokens.AccessToken, nil
}

// freshenLate refreshes in the middle of a request, such as one that streams
// for an hour. What was loaded before stays as it is: others may read it.
func (a *Auth[T, S]) freshenLate(c *gin.Context, l *loaded[T, S]) (*ProviderTokens, error) {
	hasHeader := l.of == c && !c.Writer.Written()
	if l.held.record == nil && !hasHeader {
		return providerTokensOf(l.token), nil
	}
	_, k, err := a.place(c.Request)
	if err != nil {
		return nil, err
	}
	t, h := *l.token, *l.held
	h.token, h.expires = &t, time.Time{}
	if _, err := a.freshen(c.Request.Context(), k, &h, l.bearer); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoAccessToken, err)
	}
	if hasHeader {
		newer := *l
		newer.token, newer.held = h.token, &h
		a.set(c, &newer)
		if !h.expires.IsZero() && !l.bearer {
			err = a.setCookie(c.Writer.Header(), k, l.present, &h)
		}
	}
	return providerTokensOf(h.token), err
}
