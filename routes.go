package nuxtauth

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth/internal/api"
	"github.com/nuxtauth/nuxtauth/internal/origin"
	"github.com/nuxtauth/nuxtauth/provider"
)

// routes are the actions of the API, the first segment below Config.BasePath:
// /api/auth/signin/github is the action signin with the provider github.
//
// Reads says that the action changes nothing, so that HEAD is answered as GET is, without
// the body; so is the callback with the link of an e-mail. Provider says that the ID of a
// provider may follow the action. In the protocol of next-auth v4 more segments may follow it,
// and the code of an error the action error; after any other action nothing may follow. Cookies says that the answer
// sets the cookies of the CSRF token and of the callback URL where they are new; CSRF,
// that the request must show the CSRF token as well.
//
// The exceptions: POST callback checks what the provider's way to sign in needs, the
// CSRF token of a form (with the cookies of CSRF) or the state of a sign-in. In Auth.js
// v5, signout takes the ID of a provider with FederatedLogout alone, from which users
// return there, and there is no _log.
var routes = []api.Route{
	{Method: http.MethodGet, Action: "session", Reads: true, Handle: api.Session, Cookies: true},
	{Method: http.MethodPost, Action: "session", Handle: api.UpdateSession, CSRF: true},
	{Method: http.MethodGet, Action: "csrf", Reads: true, Handle: api.CSRFToken, Cookies: true},
	{Method: http.MethodGet, Action: "providers", Reads: true, Handle: api.ListProviders},

	{Method: http.MethodGet, Action: "signin", Reads: true, Handle: api.SignInPage, Provider: true, Cookies: true},
	{Method: http.MethodPost, Action: "signin", Handle: api.SignIn, Provider: true, CSRF: true},
	{Method: http.MethodGet, Action: "callback", Handle: api.Callback, Provider: true},
	{Method: http.MethodPost, Action: "callback", Handle: api.Callback, Provider: true},

	{Method: http.MethodGet, Action: "signout", Reads: true, Handle: api.SignOutPage, Provider: true, Cookies: true},
	{Method: http.MethodPost, Action: "signout", Handle: api.SignOut, CSRF: true},
	{Method: http.MethodPost, Action: "backchannel-logout", Handle: api.BackchannelLogout, Provider: true},

	{Method: http.MethodGet, Action: "error", Reads: true, Handle: api.ErrorPage, Cookies: true},
	{Method: http.MethodGet, Action: "verify-request", Reads: true, Handle: api.VerifyRequestPage, Cookies: true},
	{Method: http.MethodPost, Action: "_log", Handle: api.ClientLog},
}

// signUpAction is the action that is there with LocalConfig.SignUp alone.
const signUpAction = "local/register"

// localRoutes are the actions of [LocalConfig]. Local says that their bodies and answers are
// JSON, without cookies and so without a CSRF token.
var localRoutes = []api.Route{
	{Method: http.MethodPost, Action: "local/login", Handle: api.LocalSignIn, Local: true},
	{Method: http.MethodPost, Action: signUpAction, Handle: api.LocalSignUp, Local: true},
	{Method: http.MethodGet, Action: "local/session", Reads: true, Handle: api.LocalSession, Local: true},
	{Method: http.MethodPost, Action: "local/refresh", Handle: api.LocalRefresh, Local: true},
	{Method: http.MethodPost, Action: "local/logout", Handle: api.LocalSignOut, Local: true},
}

// Pages are paths or URLs of the application's own pages. An empty one means
// the built-in page.
type Pages struct {
	_ [0]func()

	SignIn        string // gets ?callbackUrl=, after a failure ?error=, and ?prompt=login from RequireRecent
	SignOut       string // asks whether to sign out, and posts to the API
	Error         string // gets ?error=
	VerifyRequest string // tells the user to look for an e-mail

	NewUser string // where users go after their first sign-in, with Accounts; gets ?callbackUrl=; empty means there

	ForgotPassword string // of the link beside the password on the built-in sign-in page; empty means no link
	SignUp         string // of the link below its forms; empty means no link
}

// SignInForm is what a sign-in page of the application shows: see [Auth.SignInForm]. Each
// provider has a form of its own, which posts CSRFToken and CallbackURL as the hidden
// fields csrfToken and callbackUrl to the provider's Action.
type SignInForm struct {
	_ [0]func()

	CSRFToken   string
	CallbackURL string // to which the sign-in redirects; from ?callbackUrl=, and safe
	Error       string // the code of ?error=, "" for none: an untrusted text
	Message     string // what the built-in page says about it, in English; "" for none
	Providers   []SignInProvider
}

// SignInProvider is a provider on a sign-in page of the application.
type SignInProvider struct {
	_ [0]func()

	ID     string
	Name   string
	Style  provider.Style
	Action string           // URL of the form
	Fields []provider.Field // its inputs, with Label, Type and Autocomplete as on the built-in page; none for a button
}

// SignOutForm is what a sign-out page of the application shows: see [Auth.SignOutForm].
// Its form posts CSRFToken and CallbackURL as the hidden fields csrfToken and callbackUrl
// to Action.
type SignOutForm struct {
	_ [0]func()

	Action      string
	CSRFToken   string
	CallbackURL string
}

// SignInForm returns what a page at Config.Pages.SignIn shows, for a template. It sets
// the cookies that belong to the form, and headers that keep the page out of caches: call
// it before the body of the response. Browsers send no Origin from a page with
// "Referrer-Policy: no-referrer", and its forms are refused.
//
// The error says that the response has begun, that c is a copy, or that the request is
// for a host that is not the application's.
func (a *Auth[T, S]) SignInForm(c *gin.Context) (SignInForm, error) {
	r, err := a.writable(c)
	if err != nil {
		return SignInForm{}, err
	}
	f, err := a.api.SignInForm(r.Request, r.Source, r.Response)
	form := SignInForm{CSRFToken: f.CSRFToken, CallbackURL: f.CallbackURL, Error: f.Error, Message: f.Message}
	for _, p := range f.Providers {
		form.Providers = append(form.Providers, SignInProvider{ID: p.ID, Name: p.Name, Style: p.Style, Action: p.Action, Fields: p.Fields})
	}
	return form, err
}

// SignOutForm returns what a page at Config.Pages.SignOut shows, as [Auth.SignInForm]
// does. After the sign-out the browser is redirected to CallbackURL: to that of the query
// ?callbackUrl=, or else of the last form.
func (a *Auth[T, S]) SignOutForm(c *gin.Context) (SignOutForm, error) {
	r, err := a.writable(c)
	if err != nil {
		return SignOutForm{}, err
	}
	f, err := a.api.SignOutForm(r.Request, r.Source, r.Response)
	return SignOutForm{Action: f.Action, CSRFToken: f.CSRFToken, CallbackURL: f.CallbackURL}, err
}

// check reports pages that are neither paths nor URLs.
func (p Pages) check() error {
	var problems []error
	for _, f := range []struct{ name, value string }{
		{"SignIn", p.SignIn}, {"SignOut", p.SignOut}, {"Error", p.Error}, {"VerifyRequest", p.VerifyRequest},
		{"NewUser", p.NewUser},
		{"ForgotPassword", p.ForgotPassword}, {"SignUp", p.SignUp},
	} {
		u, err := url.Parse(f.value)
		if f.value == "" || err == nil && (strings.HasPrefix(f.value, "/") && u.Host == "" || u.Scheme == "https" || u.Scheme == "http") {
			continue
		}
		problems = append(problems, fmt.Errorf("nuxtauth: Pages.%s is %q: write a path such as %q, or an absolute URL", f.name, f.value, "/login"))
	}
	return errors.Join(problems...)
}

// compile returns the pages as package api has them.
func (p Pages) compile() api.CustomPages {
	return api.CustomPages{
		SignIn: p.SignIn, SignOut: p.SignOut, Error: p.Error, VerifyRequest: p.VerifyRequest, NewUser: p.NewUser, ForgotPassword: p.ForgotPassword, SignUp: p.SignUp,
	}
}

// publicURL returns the address of the application, "" if it is not set.
func publicURL(configured string) string {
	return cmp.Or(configured, os.Getenv("AUTH_URL"), os.Getenv("NEXTAUTH_URL"))
}

// siteOf returns the address of the API and of what belongs to it, of which URL may come from
// the environment.
func siteOf(cfg origin.Config) (*origin.Site, error) {
	cfg.URL = publicURL(cfg.URL)
	var problems []error
	if cfg.URL == "" && cfg.TrustHost && len(cfg.TrustedOrigins) == 0 && cfg.TrustOrigin == nil {
		problems = append(problems, errors.New(`nuxtauth: TrustHost alone accepts any Host: name the origins that the proxy serves in TrustedOrigins, such as "https://app.example.com", or set URL`))
	}
	site, err := origin.New(cfg)
	return site, errors.Join(append(problems, err)...)
}
