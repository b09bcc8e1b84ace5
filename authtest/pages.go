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

// postScript sends the form of the page at once. It is the only script of the
// provider; without it the page has a button.
const postScript = `document.forms[0].submit()`

// pages are the provider's HTML pages.
type pages struct {
	templates *template.Template
	policy    string // Content-Security-Policy of all pages
}

// newPages returns the pages. Their one style sheet and their one script are
// inline and allowed by hash.
//
// The policy has no form-action: Chromium applies it to every redirect that
// follows the form, and where the application sends the browser after the
// callback is not known here.
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

// A loginForm is what the sign-in form shows.
type loginForm struct {
	Provider string
	Client   string
	Action   string
	Params   []formParam // hidden fields
	Username string
	Problem  string // what was wrong with the last attempt
	Hint     string
}

type formParam struct{ Name, Value string }

// showLogin shows the sign-in form.
func (p *pages) showLogin(w http.ResponseWriter, status int, form loginForm) {
	p.show(w, status, "login", form)
}

// showProblem says that a request has no answer, and which parameter is to blame.
func (p *pages) showProblem(w http.ResponseWriter, text, parameter string) {
	p.show(w, http.StatusBadRequest, "problem", struct{ Text, Parameter string }{text, parameter})
}

// showSignedOut says that the sign-out is done.
func (p *pages) showSignedOut(w http.ResponseWriter, provider string) {
	p.show(w, http.StatusOK, "signed-out", struct{ Provider string }{provider})
}

// showPost sends the authorization response to the application by a form.
func (p *pages) showPost(w http.ResponseWriter, action string, response url.Values) {
	// The default of the other pages would make the Origin header "null", and
	// the application could not tell where the form comes from.
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

// show answers with a page.
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
