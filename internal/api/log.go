package api

import (
	"errors"
	"net/http"

	"github.com/nuxtauth/nuxtauth/provider"
)

// report logs an error of a function of the application.
func (c *Call) report(what string, err error) {
	c.cfg.Log.WarnContext(c.r.Context(), "nuxtauth: "+what+" failed", "error", err)
}

// logFailure logs why a sign-in failed: an [*provider.Error] as one that was refused,
// any other as a fault.
func (c *Call) logFailure(err error, code string) {
	if _, ok := errors.AsType[*provider.Error](err); ok {
		c.cfg.Log.WarnContext(c.r.Context(), "nuxtauth: a sign-in was refused", "provider", c.providerID, "code", code, "error", err)
		return
	}
	c.report("a sign-in with "+c.providerID, err)
}

// ClientLog takes what next-auth's client reports of its own errors. The text is
// untrusted, so it is logged at the debug level, quoted and cut.
func ClientLog(c *Call) {
	cut := func(s string) string { return s[:min(len(s), 200)] }
	c.cfg.Log.DebugContext(c.r.Context(), "nuxtauth: the front end reports",
		"level", cut(c.body.get("level")), "code", cut(c.body.get("code")), "message", cut(c.body.get("message")))
	c.w.WriteHeader(http.StatusOK)
}
