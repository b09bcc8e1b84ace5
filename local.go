package nuxtauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/api"
	"github.com/nuxtauth/nuxtauth/internal/guard"
	"github.com/nuxtauth/nuxtauth/internal/session"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

// LocalConfig switches on the endpoints for clients that keep tokens in place of cookies:
// the provider local of @sidebase/nuxt-auth, and applications on a device. They are below
// /api/auth/local: POST login, register, refresh and logout, and GET session. A sign-in is one
// like that of the credentials form: the same Authorize, limits, callbacks, events and users.
// Its session is one of Session.Store, which it needs, and is listed and ended like all others.
//
// The client gets {"token", "refreshToken"}. The access token is for the header
// Authorization: Bearer, also on the routes of the application; each request with one reads
// the session in the store, so that it ends with the session. The refresh token is for
// POST refresh alone.
type LocalConfig struct {
	_ [0]func()

	// Provider is the ID of the credentials provider that checks the sign-ins, such as
	// "credentials". Empty means that there are no such endpoints.
	Provider string

	// SignUp makes a user from what POST register sends. nuxt-auth signs in afterwards with
	// the same fields. The error is an answer if it wraps [ErrTaken], [store.ErrEmailTaken],
	// a [FieldError] or an [*Error]; any other is a fault. The answer to a sign-up without an
	// error has no data: to hide whether an address has a user, return nil for both. It runs
	// within the limit SignInLimit.PerNetwork, at the same time for several requests, with a
	// context as that of [Callbacks]; a panic is a fault. Nil: there is no POST register.
	SignUp func(ctx context.Context, p SignUpParams) error

	// AccessLifetime is how long an access token works, from a minute to 24 hours. Zero means
	// 10 minutes. nuxt-auth puts the token into each page that the server renders.
	AccessLifetime time.Duration

	// RefreshLifetime is the idle timeout of such a session, in place of Session.MaxAge: it
	// and its refresh token expire when they were not used for this duration, AccessLifetime
	// at least. Zero means 7 days. Session.MaxLifetime applies too.
	RefreshLifetime time.Duration

	// RotateRefreshTokens gives the client a new refresh token for each that it uses. One
	// that comes again after ReuseGrace ends the session, because it may be stolen (RFC 9700
	// §4.14.2), and the log has a warning. False keeps the refresh token, as nuxt-auth needs
	// it unless its option refreshOnlyToken is false.
	RotateRefreshTokens bool

	// ReuseGrace is how long a refresh token still works after it was replaced, from a minute
	// to an hour: other tabs, and a server that renders pages, may use it at the same time. Until then the
	// client gets the same new token each time. Zero means a minute.
	ReuseGrace time.Duration
}

// SignUpParams is what a client sends to sign up.
type SignUpParams struct {
	_ [0]func()

	// Form has the members of the body that are strings, numbers or booleans, as Authorize
	// gets them.
	Form url.Values

	IP        string // of the client, "" if it is not known; see [SignInLimit] for proxies
	UserAgent string // of the client, cut to 256 bytes, without control characters
}

// ErrTaken is for an error of LocalConfig.SignUp: another user has the name or the address.
// The client gets 409, with the code Taken, or that of an [*Error] that wraps it.
var ErrTaken = errors.New("nuxtauth: taken")

// FieldError is an error of LocalConfig.SignUp: what is wrong, by the name of the field.
// The client gets 422, the code InvalidFields, and the texts as "fields".
type FieldError map[string]string

// Error lists the names of the fields, for the log.
func (f FieldError) Error() string {
	names := make([]string, 0, len(f))
	for name := range f {
		names = append(names, name)
	}
	slices.Sort(names)
	return "nuxtauth: fields that are not valid: " + strings.Join(names, ", ")
}

// The codes of the endpoints of [LocalConfig] beside [CodeUnavailable] (503), [CodeCredentialsSignIn],
// [CodeAccessDenied], [CodeTooManyAttempts] and those of the application. They are the member
// "code" of the answer; "message" is a text in English.
const (
	CodeBadRequest    = "BadRequest"    // 400, 405, 413, 415: the request is none of the API
	CodeInvalidToken  = "InvalidToken"  // 401: the token is wrong, has expired, or its session has ended
	CodeTaken         = "Taken"         // 409: another user has the name or the address
	CodeInvalidFields = "InvalidFields" // 422: of a sign-up
)

const (
	defaultAccessLifetime  = 10 * time.Minute
	defaultRefreshLifetime = 7 * 24 * time.Hour
	defaultReuseGrace      = time.Minute
	maxAccessLifetime      = 24 * time.Hour
	maxReuseGrace          = time.Hour
)

// withDefaults returns c, the zero times replaced.
func (c LocalConfig) withDefaults() LocalConfig {
	c.AccessLifetime = cmp.Or(c.AccessLifetime, defaultAccessLifetime)
	c.RefreshLifetime = cmp.Or(c.RefreshLifetime, max(defaultRefreshLifetime, c.AccessLifetime))
	c.ReuseGrace = cmp.Or(c.ReuseGrace, defaultReuseGrace)
	return c
}

// check reports what the endpoints need, and what is set without them.
func (c LocalConfig) check(sessions SessionConfig, providers []provider.Provider) error {
	var problems []error
	if c.Provider == "" {
		if c.SignUp != nil || c.RotateRefreshTokens || c.AccessLifetime != 0 || c.RefreshLifetime != 0 || c.ReuseGrace != 0 {
			problems = append(problems, errors.New("nuxtauth: Local.Provider is empty, and without it the other fields of Local do nothing: write the ID of a credentials provider, such as \"credentials\", or leave them out"))
		}
		return errors.Join(problems...)
	}
	if !slices.ContainsFunc(providers, func(p provider.Provider) bool {
		return p.ID == c.Provider && p.Type == provider.TypeCredentials
	}) {
		problems = append(problems, fmt.Errorf("nuxtauth: Local.Provider is %q, which is the ID of no credentials provider in Providers: write that of one, such as \"credentials\"", c.Provider))
	}
	if _, ok := store.As[store.Index](sessions.Store); !ok {
		problems = append(problems, errors.New("nuxtauth: Local needs sessions that can be ended on the server: set Session.Store to a store.Index, such as store.NewMemory, redisstore or sqlstore"))
	}
	if c.ReuseGrace != 0 && !c.RotateRefreshTokens {
		problems = append(problems, errors.New("nuxtauth: Local.ReuseGrace is set, and no refresh token is replaced: set Local.RotateRefreshTokens, or leave it out"))
	}
	d := c.withDefaults()
	for _, f := range []struct {
		name            string
		value, min, max time.Duration
	}{
		{"AccessLifetime", d.AccessLifetime, time.Minute, maxAccessLifetime},
		{"RefreshLifetime", d.RefreshLifetime, d.AccessLifetime, maxDuration},
		{"ReuseGrace", d.ReuseGrace, time.Minute, maxReuseGrace},
	} {
		if f.value < f.min || f.value > f.max {
			problems = append(problems, fmt.Errorf("nuxtauth: Local.%s is %v: write a duration with its unit, such as 10*time.Minute, from %v to %v, or leave it out", f.name, f.value, f.min, f.max))
		}
	}
	return errors.Join(problems...)
}

// tokens returns the tokens of the sessions of these endpoints, nil without a provider.
func (c LocalConfig) tokens(secrets []string) (*session.Local, error) {
	if c.Provider == "" {
		return nil, nil
	}
	c = c.withDefaults()
	return session.NewLocal(session.LocalConfig{
		Secrets: secrets, AccessLifetime: c.AccessLifetime, Rotate: c.RotateRefreshTokens, ReuseGrace: c.ReuseGrace,
	})
}

// lifetime adds that of the sessions of these endpoints to l.
func (c LocalConfig) lifetime(l session.Lifetime) session.Lifetime {
	l.Local = c.withDefaults().RefreshLifetime
	return l
}

// routes returns the actions of the API, with those of these endpoints that there are.
func (c LocalConfig) routes() []api.Route {
	if c.Provider == "" {
		return routes
	}
	all := slices.Concat(routes, localRoutes)
	if c.SignUp == nil {
		all = slices.DeleteFunc(all, func(r api.Route) bool { return r.Action == signUpAction })
	}
	return all
}

// compile returns the endpoints as package api has them.
func (c LocalConfig) compile(log *slog.Logger) api.LocalConfig {
	compiled := api.LocalConfig{Provider: c.Provider}
	if signUp := guard.Check(log, "Local.SignUp", c.SignUp); signUp != nil {
		compiled.SignUp = func(ctx context.Context, p *api.SignUpParams) error {
			return signUpError(signUp(ctx, SignUpParams{Form: p.Form, IP: p.IP, UserAgent: p.UserAgent}))
		}
	}
	return compiled
}

// signUpError makes an error of SignUp that is an answer one of package api.
func signUpError(err error) error {
	own, _ := errors.AsType[*Error](err)
	code := func(otherwise string) string {
		if own != nil && own.Code != "" {
			return own.Code
		}
		return otherwise
	}
	fields, invalid := errors.AsType[FieldError](err)
	switch {
	case invalid:
		return &api.SignUpError{Status: http.StatusUnprocessableEntity, Code: code(CodeInvalidFields), Fields: fields, Err: err}
	case errors.Is(err, ErrTaken), errors.Is(err, store.ErrEmailTaken):
		return &api.SignUpError{Status: http.StatusConflict, Code: code(CodeTaken), Err: err}
	}
	return err
}
