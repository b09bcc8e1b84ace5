package nuxtauth

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

// A SignInLimit slows down guessing of passwords and one-time codes. Attempts at
// providers of type credentials count unless they end with a session: by network,
// and by account from wherever they come. Who has too many is refused, also with the right
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

	// Account returns the account that a form is for, "" when it names none; such
	// an attempt counts for its network alone. Nil means the value of the
	// provider's field with the autocomplete value username or email, or else of
	// its first field that is not a password. Accounts that differ only in case,
	// accents, width or invisible characters share a count, because many
	// databases take them for the same.
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

// checkFields reports a credentials provider whose account the limit can't tell.
func (l SignInLimit) checkFields(p provider.Provider) error {
	if p.Type != provider.TypeCredentials || l.Skip || l.Account != nil || accountField(p.Fields) != "" {
		return nil
	}
	return fmt.Errorf("nuxtauth: provider %q has no field for an account, so that SignInLimit can't count attempts by account: list the form's inputs in its Fields, or set SignInLimit.Account or SignInLimit.Skip", p.ID)
}

// accountField returns the name of the input that says which account a form is
// for, "" if there is none.
func accountField(fields []provider.Field) string {
	for _, purpose := range []string{"username", "email"} {
		for _, f := range fields {
			if slices.Contains(strings.Fields(f.Autocomplete), purpose) {
				return f.Name
			}
		}
	}
	for _, f := range fields {
		if f.Type != "password" && f.Type != "hidden" {
			return f.Name
		}
	}
	return ""
}

// foldAccount maps the spellings of an account that databases compare as equal
// to one: compatibility forms, case, accents and characters without a glyph.
func foldAccount(account string) string {
	account = strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.M, unicode.C, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) {
			return -1
		}
		return unicode.ToLower(unicode.ToUpper(r))
	}, norm.NFKD.String(account))
	return strings.TrimSpace(account)
}

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
func (x *exchange[T, S]) attempt(p *provider.Provider, form url.Values) (t attempt, ok bool) {
	if x.limiter.Skip {
		return t, true
	}
	t = attempt{limiter: x.limiter, network: "signin:net:" + x.clients.of(x.c).network()}
	account := ""
	if x.limiter.Account != nil {
		account = x.limiter.Account(form)
	} else {
		account = form.Get(accountField(p.Fields))
	}
	if account = foldAccount(account); account != "" {
		t.account = "signin:account:" + p.ID + ":" + account
	}
	ctx := x.r.Context()
	ok = x.limiter.count(ctx, t.network, 1, networkWindow) <= x.limiter.PerNetwork
	if ok && t.account != "" {
		ok = x.limiter.count(ctx, t.account, 1, accountWindow) <= x.limiter.PerAccount
	}
	return t, ok
}

// succeeded takes the try back, and forgets the failed ones at the account. It
// is called once the session has begun: until then the SignIn callback may
// refuse, for a wrong one-time code for instance, and that attempt counts.
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
