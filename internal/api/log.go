package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/nuxtauth/nuxtauth/provider"
)

// report logs an error of a function of the application. The message is constant.
func (c *Call) report(message string, err error) {
	c.cfg.Log.WarnContext(c.r.Context(), message, "error", err)
}

// warnEvery is how often a warning with the same text is logged at most: those of mistakes
// in the configuration, which every request can cause.
const warnEvery = time.Minute

// warnings logs the warnings that requests cause, each text once in warnEvery.
type warnings struct {
	log  *slog.Logger
	now  func() time.Time
	mu   sync.Mutex
	last map[string]time.Time // by text, of which there are few
}

// add logs a text that the program has, not the client.
func (w *warnings) add(ctx context.Context, text string, args ...any) {
	now := w.now()
	w.mu.Lock()
	due := now.Sub(w.last[text]) >= warnEvery // the zero time is long ago
	if due {
		w.last[text] = now
	}
	w.mu.Unlock()
	if due {
		w.log.WarnContext(ctx, text, args...)
	}
}

// warnOfForm logs why the CSRF token of a form was not accepted. A form of another site is
// what the token is for, and looks like one of an application whose address is not that of
// its configuration.
func (c *Call) warnOfForm() {
	ctx, cookie := c.r.Context(), c.base.Cookies.CSRF.Name
	_, found := c.base.Cookies.CSRF.Value(c.r.Header)
	switch {
	case c.cfg.Site.CrossSite(c.base.Base, c.r):
		c.warnings.add(ctx, "nuxtauth: a form of another origin was refused: open the application at the address of its configuration, or list the origin in Config.TrustedOrigins",
			"origin", cut(c.r.Header.Get("Origin")), "application", c.base.Origin, "path", c.r.URL.Path)
	case !found:
		c.warnings.add(ctx, "nuxtauth: a form without the cookie of its CSRF token was refused: the client has to send the cookies of GET csrf, and browsers send none that are Secure to an address with http",
			"cookie", cookie, "application", c.base.Origin, "path", c.r.URL.Path)
	default:
		c.warnings.add(ctx, "nuxtauth: a form without the right CSRF token was refused: its field csrfToken has to be the answer of GET csrf for the same cookie",
			"cookie", cookie, "path", c.r.URL.Path)
	}
}

// cut returns at most 200 bytes of a text of a client.
func cut(s string) string { return s[:min(len(s), 200)] }

// logFailure logs why a sign-in failed: an [*provider.Error] as one that was refused,
// any other as a fault.
func (c *Call) logFailure(err error, code string) {
	own, refused := errors.AsType[*provider.Error](err)
	c.failure = err
	if _, byCallback := errors.AsType[denied](err); byCallback || refused && own.Code != code {
		c.failure = &provider.Error{Code: code, Err: err}
	}
	c.refused(err, code)
	if refused {
		c.cfg.Log.WarnContext(c.r.Context(), "nuxtauth: a sign-in was refused", "provider", c.providerID, "code", code, "error", err)
		return
	}
	c.cfg.Log.WarnContext(c.r.Context(), "nuxtauth: a sign-in failed", "provider", c.providerID, "error", err)
}

// refused calls the event for a sign-in that has failed.
func (c *Call) refused(err error, code string) {
	if event := c.cfg.Callbacks.RefusedEvent; event != nil {
		event(c.r.Context(), c.providerID, code, err, c.client(c.request()))
	}
}

// ClientLog takes what next-auth's client reports of its own errors. The text is
// untrusted, so it is logged at the debug level, quoted and cut.
func ClientLog(c *Call) {
	c.cfg.Log.DebugContext(c.r.Context(), "nuxtauth: the front end reports",
		"level", cut(c.body.get("level")), "code", cut(c.body.get("code")), "message", cut(c.body.get("message")))
	c.w.WriteHeader(http.StatusOK)
}
