package api

import (
	"net/http"
	"strings"

	"github.com/nuxtauth/nuxtauth/internal/clientip"
	"github.com/nuxtauth/nuxtauth/internal/observe"
	"github.com/nuxtauth/nuxtauth/internal/session"
)

// A Call is one request to the API and its answer.
type Call struct {
	*Server
	w      http.ResponseWriter
	r      *http.Request
	h      http.Header // of the answer
	source clientip.Source
	base   Base

	action        string        // "signin" in /api/auth/signin/github
	providerID    string        // "github", or ""
	provider      *authProvider // with this ID; nil where there is none
	extraSegments bool          // the path goes on after the ID
	body          body

	formChecked   bool     // checkForm has run, which sets the fields below
	cookiesBefore []string // the Set-Cookie lines before it
	csrfToken     string
	csrfOK        bool   // a POST of this site that shows the CSRF token
	callbackURL   string // to which the sign-in or sign-out redirects in the end; safe

	failure error // for Config.Observe, nil for a call that has done what was asked
}

// parsePath splits what follows the base path, such as "/signin/github".
func (c *Call) parsePath(path string) {
	var rest string
	c.action, rest = cutAction(path)
	c.providerID, _, c.extraSegments = strings.Cut(strings.TrimSuffix(rest, "/"), "/")
	if c.providerID == "undefined" { // what JavaScript makes of an ID that is not set
		c.providerID = ""
	}
	c.provider = c.cfg.Providers.byID[c.providerID]
}

// cutAction cuts the action off what follows the base path. It is "" for the base
// path itself, and has two segments below "local".
func cutAction(path string) (action, rest string) {
	action, rest, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if action+"/" == localPrefix {
		action, rest, _ = strings.Cut(rest, "/")
		action = localPrefix + action
	}
	return action, rest
}

const localPrefix = "local/"

// isLocal reports whether an action is one of the endpoints of [LocalConfig].
func isLocal(action string) bool { return strings.HasPrefix(action, localPrefix) }

// observe begins to observe the action, whose route was found: other paths are names that
// clients choose.
func (c *Call) observe() observe.End {
	op := observe.Operation{Name: observe.Action + c.action, Method: c.r.Method}
	if c.provider != nil {
		op.Provider = c.providerID
	}
	ctx, end := c.cfg.Observe.Start(c.r.Context(), op)
	c.r = c.r.WithContext(ctx)
	return end
}

// request is the request for the session manager.
func (c *Call) request() session.Request { return c.base.SessionRequest(c.r, c.source, c.h) }

// network is that of the client: an IPv4 address, or a /64 of IPv6.
func (c *Call) network() string { return c.cfg.Clients.Of(c.source, c.r.Header).Network() }
