package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/nuxtauth/nuxtauth/internal/guard"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

const (
	networkWindow = time.Minute
	accountWindow = 15 * time.Minute
)

// LimitConfig says how often sign-ins with credentials may fail.
type LimitConfig struct {
	Skip       bool
	PerNetwork int // in a minute, from an IPv4 address or a /64 of IPv6
	PerAccount int // in 15 minutes

	// Account returns the account of a form; nil means the provider's [AccountField].
	Account func(ctx context.Context, form url.Values) (string, error)

	Shared store.Counter // nil: each process counts for itself
	Local  store.Counter // in memory; also while the shared one does not answer
}

// AccountField returns the name of the input that says which account a form is
// for, "" if there is none.
func AccountField(fields []provider.Field) string {
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

// A limiter counts failed attempts, and the states of sign-ins that were used.
type limiter struct {
	LimitConfig
	realm string
	log   *slog.Logger
}

func newLimiter(cfg Config) *limiter { return &limiter{cfg.Limit, cfg.Realm, cfg.Log} }

// count adds to a count and returns what it is then.
func (l *limiter) count(ctx context.Context, name string, n int, window time.Duration) int {
	ctx, name = context.WithoutCancel(ctx), l.realm+":"+name
	if l.Shared != nil {
		total, err := l.Shared.Count(ctx, name, n, window)
		if err == nil {
			return total
		}
		guard.Log(ctx, l.log, slog.LevelError, "nuxtauth: attempts to sign in are counted in this process alone", err)
	}
	total, err := l.Local.Count(ctx, name, n, window)
	if err != nil {
		guard.Log(ctx, l.log, slog.LevelError, "nuxtauth: attempts to sign in are not counted", err)
	}
	return total
}

// An attempt is one try to sign in, counted before the credentials are checked:
// many at once don't get through together.
type attempt struct {
	limiter          *limiter // nil without a limit
	network, account string   // names of counts, "" for none
	rejected         bool     // there were too many
}

// begin counts an attempt at the provider of x. The error is that of the
// application's function for the account.
func (l *limiter) begin(x *Exchange, form url.Values) (a attempt, err error) {
	if l.Skip {
		return a, nil
	}
	ctx, account := x.r.Context(), ""
	if l.Account == nil {
		account = form.Get(AccountField(x.provider.Fields))
	} else if account, err = l.Account(ctx, form); err != nil {
		return a, err
	}
	a = attempt{limiter: l, network: "signin:net:" + x.clients.Of(x.source, x.r.Header).Network()}
	if account = foldAccount(account); account != "" {
		a.account = "signin:account:" + x.id + ":" + account
	}
	a.rejected = l.count(ctx, a.network, 1, networkWindow) > l.PerNetwork ||
		a.account != "" && l.count(ctx, a.account, 1, accountWindow) > l.PerAccount
	return a, nil
}

// succeeded takes the attempt back, and forgets the failed ones at the account.
// It is called once the session has begun: until then the SignIn callback may
// refuse, for a wrong one-time code for instance, and that attempt counts.
func (a attempt) succeeded(ctx context.Context) {
	if a.limiter == nil {
		return
	}
	a.limiter.count(ctx, a.network, -1, networkWindow)
	if a.account != "" {
		a.limiter.count(ctx, a.account, -store.MaxCount, accountWindow)
	}
}

// tooManyAttempts answers an attempt that was rejected.
func (x *Exchange) tooManyAttempts(a attempt) {
	x.log.WarnContext(x.r.Context(), "nuxtauth: too many attempts to sign in", "provider", x.id, "network", strings.TrimPrefix(a.network, "signin:net:"))
	x.protocol.tooManyAttempts(x)
	x.h.Set("Retry-After", "60")
	to := withQuery(x.absolute(x.customPages.Error, "error"), "error", "TooManyAttempts")
	if x.asJSON() {
		x.json(http.StatusTooManyRequests, map[string]string{"url": to})
		return
	}
	x.redirect(http.StatusFound, to)
}
