package nuxtauth

import (
	"net/http"

	"github.com/nuxtauth/nuxtauth/internal/api"
)

// routes are the actions of the API, the first segment below Config.BasePath:
// /api/auth/signin/github is the action signin with the provider github.
//
// Reads says that the action changes nothing, so that HEAD is answered as GET is, without
// the body. Provider says that the ID of a provider may follow the action. In the protocol of
// next-auth v4 more segments may follow it, and the code of an error the action error;
// after any other action nothing may follow. Cookies says that the answer
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
