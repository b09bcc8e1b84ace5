package nuxtauth

import (
	"net/http"

	"github.com/nuxtauth/nuxtauth/internal/api"
)

// routes are the actions of the API, the first segment below Config.BasePath:
// /api/auth/signin/github is the action signin of the provider github. Cookies says
// that the answer sets the cookies of the CSRF token and of the callback URL; CSRF,
// that the request must show the CSRF token as well. Callbacks check by themselves
// what they need: the state of the sign-in, or the CSRF token of a form.
var routes = []api.Route{
	{Method: http.MethodGet, Action: "session", Handle: (*api.Exchange).Session, Cookies: true},
	{Method: http.MethodPost, Action: "session", Handle: (*api.Exchange).UpdateSession, CSRF: true},
	{Method: http.MethodGet, Action: "csrf", Handle: (*api.Exchange).CSRFToken, Cookies: true},
	{Method: http.MethodGet, Action: "providers", Handle: (*api.Exchange).ListProviders},

	{Method: http.MethodGet, Action: "signin", Handle: (*api.Exchange).SignInPage, Cookies: true},
	{Method: http.MethodPost, Action: "signin", Handle: (*api.Exchange).SignIn, CSRF: true},
	{Method: http.MethodGet, Action: "callback", Handle: (*api.Exchange).Callback},
	{Method: http.MethodPost, Action: "callback", Handle: (*api.Exchange).Callback},

	{Method: http.MethodGet, Action: "signout", Handle: (*api.Exchange).SignOutPage},
	{Method: http.MethodPost, Action: "signout", Handle: (*api.Exchange).SignOut, CSRF: true},
	{Method: http.MethodPost, Action: "backchannel-logout", Handle: (*api.Exchange).BackchannelLogout},

	{Method: http.MethodGet, Action: "error", Handle: (*api.Exchange).ErrorPage, Cookies: true},
	{Method: http.MethodGet, Action: "verify-request", Handle: (*api.Exchange).VerifyRequestPage, Cookies: true},
	{Method: http.MethodPost, Action: "_log", Handle: (*api.Exchange).ClientLog},
}
