package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/nuxtauth/nuxtauth/internal/page"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

const (
	networkWindow = time.Minute
	accountWindow = 15 * time.Minute

	// maxCallbacks is how many answers of providers may fail within networkWindow
	// for a network. It is more than the users behind one address need, and bounds
	// the states that one address adds to a counter.
	maxCallbacks = 300
)

// retryAfterParam is the parameter of the error page that has Retry-After, which browsers
// do not show.
const retryAfterParam = "retryAfter"

// LimitConfig says how often sign-ins may fail.
type LimitConfig struct {
	Skip       bool
	PerNetwork int // in a minute, from an IPv4 address or a /64 of IPv6
	PerAccount int // in 15 minutes

	// Account returns the account of a form; nil means the provider's [AccountField].
	Account func(ctx context.Context, form url.Values) (string, error)
}

// AccountField returns the name of the input that says which account a form is
// for, "" if there is none.
func AccountField(fields []provider.Field) string {
	name, _ := page.AccountField(pageFields(fields))
	return name
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

// A limiter counts attempts to sign in that fail.
type limiter struct {
	LimitConfig
	counter *counter
}

// An attempt is one try to sign in. It is counted before the credentials or the code
// are checked, so that attempts at the same time can't exceed the limit together.
type attempt struct {
	counter          *counter      // nil without a limit
	network, account string        // names of counts, "" for none
	rejectedFor      time.Duration // above 0: the window in which there were too many
	rejectedBy       string        // then, what there were too many of, for the log
}

// countAttempt counts an attempt with credentials at the provider of a call. The
// error is that of the application's function for the account.
func (l *limiter) countAttempt(c *Call, form url.Values) (a attempt, err error) {
	if l.Skip {
		return a, nil
	}
	ctx, account := c.r.Context(), ""
	if l.Account == nil {
		account = form.Get(AccountField(c.provider.Fields))
	} else if account, err = l.Account(ctx, form); err != nil {
		return a, err
	}
	a = attempt{counter: l.counter, network: "signin:net:" + c.network()}
	if account = foldAccount(account); account != "" {
		a.account = "signin:account:" + c.providerID + ":" + account
	}
	switch {
	case l.counter.add(ctx, a.network, 1, networkWindow) > l.PerNetwork:
		a.rejectedFor, a.rejectedBy = networkWindow, "network"
	case a.account != "" && l.counter.add(ctx, a.account, 1, accountWindow) > l.PerAccount:
		a.rejectedFor, a.rejectedBy = accountWindow, "account"
	}
	return a, nil
}

// countCallback counts the answer of a provider that a call brings.
func (l *limiter) countCallback(c *Call) (a attempt) {
	if l.Skip {
		return a
	}
	a = attempt{counter: l.counter, network: "callback:net:" + c.network()}
	if l.counter.add(c.r.Context(), a.network, 1, networkWindow) > maxCallbacks {
		a.rejectedFor, a.rejectedBy = networkWindow, "network"
	}
	return a
}

// countSignUp counts a sign-up, which is not taken back: users behind one address do not
// sign up more often than they sign in.
func (l *limiter) countSignUp(c *Call) (a attempt) {
	if l.Skip {
		return a
	}
	a = attempt{counter: l.counter, network: "signup:net:" + c.network()}
	if l.counter.add(c.r.Context(), a.network, 1, networkWindow) > l.PerNetwork {
		a.rejectedFor, a.rejectedBy = networkWindow, "network"
	}
	return a
}

// succeeded takes the attempt back, and forgets the failed ones at the account.
// It is called once the session has begun: until then the SignIn callback may
// refuse, for a wrong one-time code for instance, and that attempt counts.
func (a attempt) succeeded(ctx context.Context) {
	if a.counter == nil {
		return
	}
	a.counter.add(ctx, a.network, -1, networkWindow)
	if a.account != "" {
		a.counter.add(ctx, a.account, -store.MaxCount, accountWindow)
	}
}

// unchecked takes the attempt back for its account: it has shown nothing of the password. It
// still counts for the network, which may have caused the fault by a flood.
func (a attempt) unchecked(ctx context.Context) {
	if a.account != "" {
		a.counter.add(ctx, a.account, -1, accountWindow)
	}
}

// logTooMany logs an attempt that was rejected.
func (c *Call) logTooMany(a attempt) {
	c.failure = &provider.Error{Code: CodeTooManyAttempts}
	ctx := c.r.Context()
	if event := c.cfg.Callbacks.LimitedEvent; event != nil {
		event(ctx, c.providerID, a.rejectedBy, a.rejectedFor, c.client(c.request()))
	}
	c.cfg.Log.WarnContext(ctx, "nuxtauth: too many attempts to sign in", "provider", c.providerID, "limit", a.rejectedBy, "network", c.network())
	if doubt := c.cfg.Clients.Doubt(c.source, c.r.Header); doubt != "" && a.rejectedBy == "network" {
		c.warnings.add(ctx, "nuxtauth: the limit of attempts to sign in may apply to many clients together", "address", c.network(), "reason", doubt)
	}
}

// tooManyAttempts answers an attempt that was rejected. Retry-After is the length of
// the window, because counters do not tell when theirs began.
func (c *Call) tooManyAttempts(a attempt) {
	c.logTooMany(a)
	c.failLater(http.StatusTooManyRequests, CodeTooManyAttempts, strconv.Itoa(int(a.rejectedFor/time.Second)))
}
