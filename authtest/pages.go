package authtest

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
)

//go:embed login.html
var loginHTML string

//go:embed login.css
var loginCSS string

// postScript submits the form of the page. It is the only script of the provider;
// browsers without scripts use the button on the page.
const postScript = `document.forms[0].submit()`

// pages are the provider's HTML pages.
type pages struct {
	templates *template.Template
	policy    string // Content-Security-Policy of all pages
}

// newPages returns the pages. Their style sheet and their script are inline and allowed
// by hash.
//
// The policy has no form-action: Chromium applies it to every redirect after the form,
// and the target of the application's redirect after the callback is not known.
func newPages() *pages {
	return &pages{
		templates: template.Must(template.New("").Parse(loginHTML)),
		policy: "default-src 'none'; img-src data:; base-uri 'none'; frame-ancestors 'none'; " +
			"style-src '" + hashSource(loginCSS) + "'; script-src '" + hashSource(postScript) + "'",
	}
}

// hashSource returns the source expression of an inline element (CSP3 §2.3.1).
func hashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// loginForm is the content of the sign-in form.
type loginForm struct {
	Provider string
	Client   string
	Action   string
	Params   []formParam // hidden fields
	Username string
	Problem  string // of the previous attempt
	Hint     string
}

type formParam struct{ Name, Value string }

// showLogin writes the sign-in form.
func (p *pages) showLogin(w http.ResponseWriter, status int, form loginForm) {
	p.show(w, status, "login", form)
}

// showProblem writes the error page about a parameter of a request.
func (p *pages) showProblem(w http.ResponseWriter, text, parameter string) {
	p.show(w, http.StatusBadRequest, "problem", struct{ Text, Parameter string }{text, parameter})
}

// showSignedOut writes the page after a logout.
func (p *pages) showSignedOut(w http.ResponseWriter, provider string) {
	p.show(w, http.StatusOK, "signed-out", struct{ Provider string }{provider})
}

// showPost writes the form that submits the authorization response to the application.
func (p *pages) showPost(w http.ResponseWriter, action string, response url.Values) {
	// With the policy of the other pages, the Origin header of the form would be
	// "null".
	w.Header().Set("Referrer-Policy", "strict-origin")
	page := struct {
		Action string
		Params []formParam
		Script template.JS
	}{Action: action, Script: postScript}
	for _, name := range slices.Sorted(maps.Keys(response)) {
		for _, value := range response[name] {
			page.Params = append(page.Params, formParam{name, value})
		}
	}
	p.show(w, http.StatusOK, "post", page)
}

// show writes a page.
func (p *pages) show(w http.ResponseWriter, status int, name string, data any) {
	var body bytes.Buffer
	page := struct {
		CSS  template.CSS
		Data any
	}{template.CSS(loginCSS), data}
	if err := p.templates.ExecuteTemplate(&body, name, page); err != nil {
		http.Error(w, "authtest: "+err.Error(), http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", p.policy)
	header.Set("X-Frame-Options", "DENY")
	if header.Get("Referrer-Policy") == "" {
		header.Set("Referrer-Policy", "same-origin")
	}
	w.WriteHeader(status)
	w.Write(body.Bytes())
}
