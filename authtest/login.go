package authtest

import (
	"crypto/rand"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// requestParams are the parameters of an authorization request that the provider uses,
// and that are hidden fields of the sign-in form.
var requestParams = [...]string{
	"client_id", "redirect_uri", "response_type", "response_mode",
	"scope", "state", "nonce", "code_challenge", "code_challenge_method",
}

// authorize serves the authorization endpoint (OpenID Connect Core §3.1.2).
func (p *IDP) authorize(w http.ResponseWriter, r *http.Request) {
	params := r.Form // of the URL of a GET, or the body of a POST
	if !p.checkAuthorization(w, params) {
		return
	}
	if slices.Contains(strings.Fields(params.Get("prompt")), "none") {
		p.respondError(w, params, "login_required", "no user is signed in")
		return
	}
	p.showLogin(w, http.StatusOK, params, params.Get("login_hint"), "")
}

// login serves the sign-in form's POST.
func (p *IDP) login(w http.ResponseWriter, r *http.Request) {
	form := r.PostForm
	if !p.checkAuthorization(w, form) {
		return
	}
	if form.Get("decision") == "deny" {
		p.respondError(w, form, "access_denied", "the user denied access")
		return
	}

	user, found := p.user(form.Get("username"))
	if !equal(form.Get("password"), user.Password) || !found {
		p.showLogin(w, http.StatusForbidden, form, form.Get("username"), "That username and password don’t match.")
		return
	}

	now, session := p.now(), rand.Text()
	p.addSession(IDPSession{ID: session, Subject: user.Subject, Username: user.Username})
	p.mu.Lock()
	code := p.codes.issue(&grant{
		user:        user,
		redirectURI: form.Get("redirect_uri"),
		scope:       form.Get("scope"),
		nonce:       form.Get("nonce"),
		challenge:   form.Get("code_challenge"),
		session:     session,
		authTime:    now,
	}, now, codeLifetime)
	p.mu.Unlock()
	p.respond(w, form, url.Values{"code": {code}})
}

// checkAuthorization checks an authorization request. It responds to an invalid one: by
// an error page if the client or the redirect URI is invalid, and by an error response
// otherwise (RFC 6749 §4.1.2.1).
func (p *IDP) checkAuthorization(w http.ResponseWriter, params url.Values) bool {
	switch redirectURI := params.Get("redirect_uri"); {
	case len(params["client_id"]) != 1 || params.Get("client_id") != p.cfg.ClientID:
		p.pages.showProblem(w, "The application is unknown.", "client_id")
		return false
	case len(params["redirect_uri"]) != 1 || !p.isRegistered(redirectURI):
		p.pages.showProblem(w, "The redirect URI of the application is not registered.", "redirect_uri")
		return false
	}

	code, description := checkParams(params)
	if code != "" {
		p.respondError(w, params, code, description)
		return false
	}
	return true
}

// isRegistered reports whether a redirect URI is registered.
func (p *IDP) isRegistered(redirectURI string) bool {
	if len(p.cfg.RedirectURIs) == 0 {
		return isWebURL(redirectURI)
	}
	return slices.Contains(p.cfg.RedirectURIs, redirectURI)
}

// checkParams returns the error code and the description for an authorization request,
// or two empty strings for a valid one.
func checkParams(params url.Values) (code, description string) {
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if len(params[name]) > 1 {
			return "invalid_request", "a parameter occurs more than once"
		}
	}
	mode := params.Get("response_mode")
	switch {
	case params.Has("request"):
		return "request_not_supported", "request objects are not supported"
	case params.Has("request_uri"):
		return "request_uri_not_supported", "request objects are not supported"
	case params.Get("response_type") != "code":
		return "unsupported_response_type", "response_type is not code"
	case mode != "" && mode != "query" && mode != "form_post":
		return "invalid_request", "response_mode is neither query nor form_post"
	case params.Get("code_challenge_method") != "S256":
		return "invalid_request", "PKCE is required: code_challenge_method is not S256"
	case len(params.Get("code_challenge")) != 43:
		return "invalid_request", "PKCE is required: code_challenge is not a SHA-256 hash"
	}
	return "", ""
}

// respondError writes an error response. The description is for developers, in the
// characters that RFC 6749 §4.1.2.1 allows.
func (p *IDP) respondError(w http.ResponseWriter, params url.Values, code, description string) {
	p.respond(w, params, url.Values{"error": {code}, "error_description": {description}})
}

// respond writes the authorization response: a redirect to the application, or a form
// that submits itself (OAuth 2.0 Form Post Response Mode).
func (p *IDP) respond(w http.ResponseWriter, params, response url.Values) {
	response.Set("iss", p.cfg.Issuer) // RFC 9207 §2
	if state := params.Get("state"); state != "" {
		response.Set("state", state)
	}
	for _, change := range effects[onAuthorization](p) {
		change(response)
	}

	redirectURI := params.Get("redirect_uri")
	if params.Get("response_mode") == "form_post" {
		p.pages.showPost(w, redirectURI, response)
		return
	}
	w.Header().Set("Location", withQuery(redirectURI, response))
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(http.StatusSeeOther) // a 307 would repeat the form with the password (RFC 9700 §4.12)
}

// showLogin writes the sign-in form, with the message problem unless it is empty.
func (p *IDP) showLogin(w http.ResponseWriter, status int, params url.Values, username, problem string) {
	client := p.cfg.ClientName
	if client == "" {
		redirectURI, _ := url.Parse(params.Get("redirect_uri")) // checkAuthorization has parsed it
		client = redirectURI.Host
	}
	form := loginForm{
		Provider: p.cfg.Name,
		Client:   client,
		Action:   p.base + loginPath,
		Username: username,
		Problem:  problem,
		Hint:     p.cfg.Hint,
	}
	for _, name := range requestParams {
		if params.Has(name) {
			form.Params = append(form.Params, formParam{name, params.Get(name)})
		}
	}
	p.pages.showLogin(w, status, form)
}
