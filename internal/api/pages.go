package api

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/nuxtauth/nuxtauth/internal/page"
	"github.com/nuxtauth/nuxtauth/provider"
)

// SignInPage shows the ways to sign in. It starts none: a link must not be able to
// sign a user in.
func (x *Exchange) SignInPage() {
	if !x.protocol.showsSignInPage(x) {
		return
	}
	code := cmp.Or(x.r.URL.Query().Get("error"), x.id)
	if x.customPages.SignIn != "" {
		to := withQuery(x.customPages.SignIn, "callbackUrl", x.callbackURL)
		if code != "" {
			to = withQuery(to, "error", code)
		}
		x.redirect(http.StatusOK, to)
		return
	}
	if x.id == code {
		code = "" // a provider's id is no error
	}
	d := page.SignIn{
		Site: x.at.Origin, CSRFToken: x.csrfToken, CallbackURL: x.callbackURL, ErrorCode: code, Email: x.r.URL.Query().Get("email"),
	}
	for _, p := range x.providers {
		d.Providers = append(d.Providers, x.onPage(p))
	}
	x.pages.SignIn(x.w, d)
}

func (x *Exchange) onPage(p *authProvider) page.Provider {
	action := "signin"
	if p.Type == provider.TypeCredentials {
		action = "callback"
	}
	shown := page.Provider{
		ID: p.ID, Name: p.Name, Type: string(p.Type), Action: x.at.URL(action, p.ID),
		Logo: p.Style.Logo, Brand: p.Style.Brand,
	}
	for _, f := range p.Fields {
		shown.Fields = append(shown.Fields, page.Field(f))
	}
	return shown
}

// ErrorPage shows why a sign-in failed.
func (x *Exchange) ErrorPage() {
	code, onSignInPage := x.protocol.errorCode(x)
	switch {
	case onSignInPage:
		x.redirect(http.StatusOK, withQuery(x.at.URL("signin"), "error", code))
	case x.customPages.Error != "" && code == "":
		x.redirect(http.StatusOK, x.customPages.Error)
	case x.customPages.Error != "":
		x.redirect(http.StatusOK, withQuery(x.customPages.Error, "error", code))
	default:
		x.pages.Error(x.w, page.Error{Site: x.at.Origin, Code: code, SignInURL: x.at.URL("signin")})
	}
}

// VerifyRequestPage tells the user to look for an e-mail.
func (x *Exchange) VerifyRequestPage() {
	to := x.customPages.VerifyRequest
	if to == "" {
		x.pages.VerifyRequest(x.w, page.VerifyRequest{Site: x.at.Origin})
		return
	}
	if query := x.protocol.verifyRequestQuery(x); query != "" {
		sep := "?"
		if strings.Contains(to, "?") {
			sep = "&"
		}
		to += sep + query
	}
	x.redirect(http.StatusOK, to)
}

// Refuse answers a request to the application that it must not serve: a browser
// that opens a page gets the error page of code, which has the same status, a
// program a message in JSON.
func (s *Server) Refuse(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	site, err := s.Site(r)
	if err != nil || code == "" || !WantsPage(r) {
		refuse(w, status, message)
		return
	}
	d := page.Error{Site: site.Origin, Code: code}
	if status == http.StatusForbidden {
		d.SignInURL = site.URL("signin") // as another user
	}
	s.pages.Error(w, d)
}

// AskToSignIn answers a request to the application that needs a session: a browser
// that opens a page is led to the sign-in page, a program gets a message in JSON.
func (s *Server) AskToSignIn(w http.ResponseWriter, r *http.Request) {
	site, err := s.Site(r)
	if err != nil || !WantsPage(r) {
		refuse(w, http.StatusUnauthorized, "Sign in first.")
		return
	}
	to := cmp.Or(s.customPages.SignIn, site.URL("signin"))
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", withQuery(to, "callbackUrl", site.Origin+r.URL.RequestURI()))
	w.WriteHeader(http.StatusFound)
}
