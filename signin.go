package nuxtauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth/internal/cookie"
	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

const (
	ticketLife     = 15 * time.Minute
	maxTicketsRead = 32
	maxTickets     = 5 // sign-ins that one browser can have under way, each in its tab
)

// A ticket is what a browser carries while it is away at a provider: the
// checks of the sign-in, and where to go afterwards. It is sealed for this
// purpose alone, and bound to the provider, its issuer and the redirect URI.
type ticket struct {
	flow.Check
	CallbackURL string            `json:"callbackUrl"`
	Session     string            `json:"session,omitzero"` // that of the browser so far, which a cross-site post will not show
	IssuedAt    token.NumericDate `json:"iat"`
	ExpiresAt   token.NumericDate `json:"exp"`
}

// signIn starts a sign-in with the provider of the path.
func (x *exchange[T, S]) signIn() {
	f := x.flows[x.provider]
	switch {
	case !x.verified:
		x.unverified("signin")
	case f != nil:
		x.startFlow(f)
	case x.protocol == AuthJS && x.provider != "" && x.configured() == nil:
		x.fail("Configuration", http.StatusOK)
	case x.protocol == AuthJS || x.configured() != nil:
		x.redirect(http.StatusOK, x.base.URL("signin"))
	default:
		x.redirect(http.StatusOK, x.base.URL("signin")+"?csrf=true")
	}
}

// configured is the provider of the path, nil when there is none.
func (x *exchange[T, S]) configured() *provider.Provider {
	for i := range x.providers {
		if x.providers[i].ID == x.provider {
			return &x.providers[i]
		}
	}
	return nil
}

// startFlow sends the browser to an OAuth or OpenID provider.
func (x *exchange[T, S]) startFlow(f *flow.Flow) {
	to, check, err := f.Start(x.r.Context(), x.base.URL("callback", x.provider), x.r.URL.Query())
	if err != nil {
		x.refused(err, "OAuthSignin", http.StatusOK)
		return
	}
	now := x.now()
	claims, err := json.Marshal(ticket{
		Check: *check, CallbackURL: x.callbackURL, Session: x.current(),
		IssuedAt: token.NumericDate(now.Unix()), ExpiresAt: token.NumericDate(now.Add(ticketLife).Unix()),
	})
	if err == nil {
		var sealed string
		if sealed, err = x.kit.checks.Seal(claims); err == nil {
			x.dropTickets(maxTickets - 1)
			err = x.ticketCookie(check.State).SetFor(x.h, sealed, ticketLife, now)
		}
	}
	if err != nil {
		x.refused(err, "OAuthSignin", http.StatusOK)
		return
	}
	x.redirect(http.StatusOK, to)
}

// current names the session that the browser has, for endBefore.
func (x *exchange[T, S]) current() string {
	value, _, _ := x.kit.session.Read(x.r.Header)
	if _, ok := store.KeyOf(value); ok && x.store != nil {
		return value
	}
	if x.denyList == nil {
		return ""
	}
	claims, err := token.OpenString(x.kit.codec, value)
	if err != nil {
		return ""
	}
	t := new(T)
	if err := decodeToken(claims, t, x.claims, x.now()); err != nil {
		return ""
	}
	return sessionName(defaultsOf(t))
}

// endBefore ends the session that the browser had when it went to the provider.
func (x *exchange[T, S]) endBefore(name string) error {
	if _, ok := store.KeyOf(name); ok && x.store != nil {
		return x.deleteStored(x.r.Context(), name)
	}
	if x.denyList == nil {
		return nil
	}
	ctx, cancel := lasting(x.r.Context())
	defer cancel()
	defer x.forgetAll()
	return x.deny(ctx, sessionMark(name), always)
}

// callback finishes a sign-in: with the credentials of a form, or with what a
// provider sends the browser back with.
func (x *exchange[T, S]) callback() {
	p := x.configured()
	switch {
	case p == nil && x.protocol == AuthJS:
		x.fail("Configuration", http.StatusOK)
	case p == nil:
		x.badRequest()
	case x.flows[p.ID] != nil:
		x.finishFlow(x.flows[p.ID])
	case p.Type == provider.TypeCredentials && x.r.Method == http.MethodPost:
		x.prepare()
		x.credentials(p)
	default:
		x.badRequest()
	}
}

// finishFlow takes the answer of an OAuth or OpenID provider. No CSRF token
// guards it: the state does, which only this browser's ticket has.
func (x *exchange[T, S]) finishFlow(f *flow.Flow) {
	x.h.Set("Referrer-Policy", "no-referrer")
	params := x.r.URL.Query()
	if x.r.Method == http.MethodPost {
		params = x.body.form
	}
	t, err := x.redeemTicket(params.Get("state"))
	if err != nil {
		x.refused(&Error{Code: "OAuthCallback", Err: err}, "", http.StatusOK)
		return
	}
	res, err := f.Finish(x.r.Context(), &t.Check, x.base.URL("callback", x.provider), params)
	if err != nil {
		x.refused(err, "OAuthCallback", http.StatusOK)
		return
	}
	x.callbackURL, x.before = t.CallbackURL, t.Session
	x.admit(SignInParams{User: res.User, Account: res.Account, Profile: res.Profile},
		Origin{Provider: x.provider, ProviderSubject: res.Subject, ProviderSession: res.Session})
}

// ticketCookie is the cookie of one sign-in under way: each has its own, so
// that two tabs do not disturb each other.
func (x *exchange[T, S]) ticketCookie(state string) cookie.Cookie {
	c := x.kit.names.Check
	c.Name += "." + state[:min(len(state), 12)]
	if p := x.configured(); p != nil && p.ResponseMode == "form_post" && c.Secure {
		c.SameSite = http.SameSiteNoneMode // the provider's page posts here
	}
	return c
}

// redeemTicket opens the ticket of a state, and takes it from the browser
// whatever comes of it.
func (x *exchange[T, S]) redeemTicket(state string) (*ticket, error) {
	if len(state) < 12 || strings.Trim(state, base64url) != "" {
		return nil, errors.New("the answer has no state, or a malformed one")
	}
	c := x.ticketCookie(state)
	sealed, ok := c.Value(x.r.Header)
	if !ok {
		return nil, errors.New("the browser has no sign-in under way for this state")
	}
	c.Clear(x.h)
	return x.openTicket(sealed)
}

const base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func (x *exchange[T, S]) openTicket(sealed string) (*ticket, error) {
	claims, err := x.kit.checks.Open(sealed)
	if err != nil {
		return nil, err
	}
	t := new(ticket)
	if err := json.Unmarshal(claims, t); err != nil {
		return nil, err
	}
	return t, token.Validate(t.IssuedAt, t.ExpiresAt, 0, x.now())
}

// dropTickets clears the oldest tickets of sign-ins that were never finished,
// and those that do not open, until so many are left.
func (x *exchange[T, S]) dropTickets(leave int) {
	type old struct {
		name string
		at   token.NumericDate
	}
	var tickets []old
	for name, sealed := range x.kit.names.Check.Family(x.r.Header) {
		if len(tickets) == maxTicketsRead {
			break // planted ones: the rest goes at later sign-ins
		}
		t, err := x.openTicket(sealed)
		if err != nil {
			t = new(ticket)
		}
		tickets = append(tickets, old{name, t.IssuedAt})
	}
	slices.SortFunc(tickets, func(a, b old) int { return cmp.Compare(b.at, a.at) })
	for i, t := range tickets {
		if i >= leave || t.at == 0 {
			c := x.kit.names.Check
			c.Name = t.name
			c.Clear(x.h)
		}
	}
}

// credentials signs in with a form that the application checks.
func (x *exchange[T, S]) credentials(p *provider.Provider) {
	if !x.verified {
		x.unverified("signin")
		return
	}
	form := x.body.credentials()
	try, ok := x.attempt(p, form)
	if !ok {
		x.tooMany(try)
		return
	}
	user, err := authorize(x.r.Context(), p, form)
	if own := new(Error); x.protocol == AuthJS && errors.As(err, &own) {
		x.logRefusal(err, own.Code)
		x.failCredentials(own.Code)
		return
	}
	if err != nil {
		x.refused(err, "Callback", http.StatusUnauthorized)
		return
	}
	if user == nil {
		x.wrongCredentials(p.ID)
		return
	}
	if x.admit(SignInParams{
		User:        user,
		Account:     &Account{Provider: p.ID, Type: p.Type, ProviderAccountID: user.ID, AccessToken: user.AccessToken},
		Profile:     user.Profile,
		Credentials: form,
	}, Origin{Provider: p.ID}) {
		try.succeeded(x.r.Context())
	}
}

func authorize(ctx context.Context, p *provider.Provider, form url.Values) (u *User, err error) {
	defer recovered(&err)
	u, err = p.Authorize(ctx, form)
	if err == nil && u != nil && u.ID == "" {
		err = fmt.Errorf("nuxtauth: Authorize of %q returned a user without an ID", p.ID)
	}
	return u, err
}

// admit asks the SignIn callback, makes the token and signs the user in. It is
// the one way in. It returns whether the session has begun.
func (x *exchange[T, S]) admit(p SignInParams, from Origin) bool {
	ctx := x.r.Context()
	denied := http.StatusForbidden
	if err := x.callbacks.signIn(ctx, p); err != nil {
		var elsewhere *redirectError
		if errors.As(err, &elsewhere) {
			x.redirect(denied, x.resolve(elsewhere.url))
			return false
		}
		x.refused(err, "AccessDenied", denied)
		return false
	}
	h, err := x.newToken(p, from)
	if err == nil {
		err = x.begin(h)
	}
	if err != nil {
		x.refused(fmt.Errorf("the token of the sign-in: %w", err), "Callback", http.StatusUnauthorized)
		return false
	}
	x.report(ctx, "the SignIn event", x.events.signIn(ctx, SignInEvent{User: p.User, Account: p.Account, Profile: p.Profile}))
	x.redirect(http.StatusOK, x.callbackURL)
	return true
}

// newToken makes the token of a sign-in, with what the JWT callback adds.
func (x *exchange[T, S]) newToken(p SignInParams, from Origin) (*held[T], error) {
	ctx := x.r.Context()
	t := new(T)
	d := defaultsOf(t)
	d.Name, d.Email, d.Picture, d.Subject = p.User.Name, p.User.Email, p.User.Image, p.User.ID
	if x.tracks {
		d.Origin = from
	}
	d.Origin.AuthTime = token.NumericDate(x.now().Unix())
	if tokens := providerTokensOf(t); tokens != nil {
		tokens.set(p.Account, x.configured().FederatedLogout)
	}
	given := *d
	t, err := x.callbacks.jwt(ctx, JWTParams[T]{
		Token: t, Trigger: TriggerSignIn, User: p.User, Account: p.Account, Profile: p.Profile,
	})
	if err != nil {
		return nil, err
	}
	d = defaultsOf(t)
	d.keepOurs(&given)
	notBefore, err := x.notBefore(ctx, d)
	d.Origin.AuthTime = max(d.Origin.AuthTime, notBefore) // all sessions of the user may have been ended in this very second
	return &held[T]{token: t}, err
}

// begin keeps a new session and ends the one that the browser had.
func (x *exchange[T, S]) begin(h *held[T]) error {
	ctx := x.r.Context()
	value, present, _ := x.kit.session.Read(x.r.Header)
	if err := x.keep(ctx, x.kit, h, x.sender(x.c)); err != nil {
		return err
	}
	if x.r.Method == http.MethodPost && x.flows[x.provider] != nil {
		present = cookie.All // a cross-site post comes without the old session's cookies
	}
	if err := x.Auth.setCookie(x.h, x.kit, present, h); err != nil {
		return errors.Join(err, x.end(ctx, h))
	}
	if err := x.endOld(ctx, value); err != nil {
		x.log.ErrorContext(ctx, "nuxtauth: the session before this sign-in could not be ended", "error", err)
	}
	return nil
}

// endOld ends the session that the browser had until now.
func (x *exchange[T, S]) endOld(ctx context.Context, value string) error {
	switch {
	case value == "" && x.before == "":
		return nil
	case value == "":
		return x.endBefore(x.before)
	}
	_, err := x.findAndEnd(ctx, x.kit, value)
	return err
}

// refused ends a sign-in with an error: its own code, or the given one. The
// cause goes to the log.
func (x *exchange[T, S]) refused(err error, code string, status int) {
	var own *Error
	if errors.As(err, &own) && own.Code != "" {
		code = own.Code
	}
	x.logRefusal(err, code)
	x.fail(code, status)
}
