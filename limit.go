package nuxtauth

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// A SignInLimit slows down who guesses passwords. Attempts at providers of type
// credentials are counted when they fail: by network, and by account from
// wherever they come. Who has too many is refused, also with the right
// password, without asking Authorize; the answer is 429 and
// ?error=TooManyAttempts.
//
// Counts are kept in the Store or the DenyList of [SessionConfig], if it is a
// [store.Counter], so that all processes share them, and in memory otherwise.
type SignInLimit struct {
	// PerNetwork is how many attempts may fail in a minute from one IPv4 address
	// or one /64 of IPv6. Zero means 30. Addresses behind proxies are those of
	// gin's ClientIP: call SetTrustedProxies.
	PerNetwork int

	// PerAccount is how many attempts at one account may fail in 15 minutes.
	// Zero means 20. Somebody who wants to can keep a user out for that long, but
	// no user who is signed in already.
	PerAccount int

	// Account names the account that a form is for, "" when it names none. Nil
	// means the field username or, without one, email. Upper and lower case
	// are the same.
	Account func(form url.Values) string

	// Skip switches the limit off, for an application that has one of its own.
	Skip bool
}

const (
	defaultPerNetwork = 30
	defaultPerAccount = 20
	networkWindow     = time.Minute
	accountWindow     = 15 * time.Minute
)

func (l SignInLimit) check() error {
	if l.PerNetwork < 0 || l.PerAccount < 0 {
		return fmt.Errorf("nuxtauth: SignInLimit is %d per network and %d per account: write numbers above 0, leave them out for %d and %d, or set Skip",
			l.PerNetwork, l.PerAccount, defaultPerNetwork, defaultPerAccount)
	}
	return nil
}

func accountOf(form url.Values) string { return firstOf(form.Get("username"), form.Get("email")) }

// A limiter counts failed attempts.
type limiter struct {
	SignInLimit
	shared store.Counter // nil when there is none
	own    store.Counter // also while the shared one does not answer
	log    *slog.Logger
}

func newLimiter(l SignInLimit, s SessionConfig, now func() time.Time, log *slog.Logger) *limiter {
	l.PerNetwork = orDefault(l.PerNetwork, defaultPerNetwork)
	l.PerAccount = orDefault(l.PerAccount, defaultPerAccount)
	if l.Account == nil {
		l.Account = accountOf
	}
	lim := &limiter{SignInLimit: l, own: store.NewMemory(store.MemoryOptions{Now: now}), log: log}
	lim.shared, _ = s.Store.(store.Counter)
	if lim.shared == nil {
		lim.shared, _ = s.DenyList.(store.Counter)
	}
	return lim
}

// count adds to a count and returns what it is then.
func (l *limiter) count(ctx context.Context, name string, n int, window time.Duration) int {
	if l.shared != nil {
		ctx, cancel := lasting(ctx)
		defer cancel()
		total, err := l.shared.Count(ctx, name, n, window)
		if err == nil {
			return total
		}
		l.log.ErrorContext(ctx, "nuxtauth: attempts to sign in are counted in this process alone", "error", err)
	}
	total, err := l.own.Count(context.WithoutCancel(ctx), name, n, window)
	if err != nil {
		l.log.ErrorContext(ctx, "nuxtauth: attempts to sign in are not counted", "error", err)
	}
	return total
}

// An attempt is one try to sign in, counted before anybody looks at the
// password: many at once don't get through together.
type attempt struct {
	limiter          *limiter
	network, account string // names of counts, "" for none
}

// attempt counts a try. It is refused when there were too many.
func (x *exchange[T, S]) attempt(providerID string, form url.Values) (t attempt, ok bool) {
	if x.limiter.Skip {
		return t, true
	}
	t = attempt{limiter: x.limiter, network: "signin:net:" + x.clients.of(x.c).network()}
	if account := strings.ToLower(strings.TrimSpace(x.limiter.Account(form))); account != "" {
		t.account = "signin:account:" + providerID + ":" + account
	}
	ctx := x.r.Context()
	ok = x.limiter.count(ctx, t.network, 1, networkWindow) <= x.limiter.PerNetwork
	if ok && t.account != "" {
		ok = x.limiter.count(ctx, t.account, 1, accountWindow) <= x.limiter.PerAccount
	}
	return t, ok
}

// succeeded takes the try back, and forgets the failed ones at the account.
func (t attempt) succeeded(ctx context.Context) {
	if t.limiter == nil {
		return
	}
	t.limiter.count(ctx, t.network, -1, networkWindow)
	if t.account != "" {
		t.limiter.count(ctx, t.account, -store.MaxCount, accountWindow)
	}
}

// tooMany refuses a try, whoever it was for.
func (x *exchange[T, S]) tooMany(t attempt) {
	x.log.WarnContext(x.r.Context(), "nuxtauth: too many attempts to sign in", "provider", x.provider, "network", strings.TrimPrefix(t.network, "signin:net:"))
	if x.protocol == AuthJS {
		x.unprepare()
	}
	x.h.Set("Retry-After", "60")
	to := withQuery(x.absolute(x.own.Error, "error"), "error", "TooManyAttempts")
	if x.asJSON() {
		x.json(http.StatusTooManyRequests, map[string]string{"url": to})
		return
	}
	x.redirect(http.StatusFound, to)
}
