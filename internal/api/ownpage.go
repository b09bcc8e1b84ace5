package api

import (
	"net/http"

	"github.com/nuxtauth/nuxtauth/internal/clientip"
	"github.com/nuxtauth/nuxtauth/internal/page"
	"github.com/nuxtauth/nuxtauth/provider"
)

// A SignInForm is what a sign-in page of the application needs.
type SignInForm struct {
	CSRFToken   string
	CallbackURL string
	Error       string
	Message     string
	Providers   []SignInProvider
}

// A SignInProvider is a provider on such a page.
type SignInProvider struct {
	ID     string
	Name   string
	Style  provider.Style
	Action string
	Fields []provider.Field
}

// SignInForm sets the cookies that belong to the form, and keeps the response h, which
// has the CSRF token, out of caches. The error says that the request is for a host that
// is not the application's.
func (s *Server) SignInForm(r *http.Request, src clientip.Source, h http.Header) (f SignInForm, err error) {
	c, err := s.ownPage(r, src, h)
	if err != nil {
		return f, err
	}
	f.CSRFToken, f.CallbackURL, f.Error = c.csrfToken, c.callbackURL, r.URL.Query().Get("error")
	f.Message = page.Message(f.Error)
	for _, p := range c.cfg.Providers.list {
		if p.Type == provider.TypeCredentials && len(p.Fields) == 0 {
			continue // the front end has a form of its own
		}
		f.Providers = append(f.Providers, SignInProvider{
			ID: p.ID, Name: p.Name, Style: p.Style, Action: c.base.URL(p.method.formAction(), p.ID), Fields: completeFields(p.Fields),
		})
	}
	return f, nil
}

// A SignOutForm is what a sign-out page of the application needs.
type SignOutForm struct {
	Action      string
	CSRFToken   string
	CallbackURL string
}

// SignOutForm is SignInForm for a sign-out page.
func (s *Server) SignOutForm(r *http.Request, src clientip.Source, h http.Header) (f SignOutForm, err error) {
	c, err := s.ownPage(r, src, h)
	if err != nil {
		return f, err
	}
	f.Action, f.CSRFToken, f.CallbackURL = c.base.URL("signout"), c.csrfToken, c.callbackURL
	return f, nil
}

// completeFields sets the defaults of the built-in page, such as labels.
func completeFields(fields []provider.Field) (all []provider.Field) {
	for _, f := range pageFields(fields) {
		f = page.Complete(f)
		all = append(all, provider.Field{Name: f.Name, Label: f.Label, Type: f.Type, Placeholder: f.Placeholder, Autocomplete: f.Autocomplete, Optional: f.Optional})
	}
	return all
}

// ownPage is the call of a page outside of the API, with the form checked.
func (s *Server) ownPage(r *http.Request, src clientip.Source, h http.Header) (*Call, error) {
	base, err := s.Base(r)
	if err != nil {
		return nil, err
	}
	c := &Call{Server: s, r: r, h: h, source: src, base: base}
	noStore(h)
	c.checkForm()
	return c, nil
}
