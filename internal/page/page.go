// Package page renders the built-in pages: sign-in, sign-out, verification request
// and error.
//
// Forms, field names, ids and class names are those of Auth.js, so that scripts and
// browser tests for its pages work with these. The pages contain no script, and have a
// Content-Security-Policy that allows none.
package page

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"strings"
	"time"
)

//go:embed templates/*.gohtml
var templateFiles embed.FS

// Pages renders the built-in pages with one [Theme]. It is safe for concurrent
// use. Make one with [New].
type Pages struct {
	templates *template.Template
	theme     Theme
	style     template.CSS
	styleHash string // of style, as a source of style-src
}

// New returns the pages with a theme. The error joins all problems of the theme.
func New(t Theme) (*Pages, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	style, styleErr := t.stylesheet()
	templates, templateErr := template.ParseFS(templateFiles, "templates/*.gohtml")
	if err := errors.Join(styleErr, templateErr); err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(style))
	return &Pages{
		templates: templates,
		theme:     t,
		style:     style,
		styleHash: "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'",
	}, nil
}

// SignIn is the content of the sign-in page.
type SignIn struct {
	Site        string     // public URL of the site, whose host is shown; empty leaves it out
	Providers   []Provider // in the order of the page
	CSRFToken   string
	CallbackURL string // value of the field callbackUrl; empty leaves the field out
	Email       string // value of the field of the e-mail form
	ErrorCode   string // value of ?error=; empty means no error
}

// SignOut is the content of the sign-out page.
type SignOut struct {
	Site      string // public URL of the site, for the link to it; empty leaves it out
	Action    string // absolute URL to post to: BASE/signout
	CSRFToken string
	ErrorCode string // why the form was refused; empty means no error
}

// VerifyRequest is the content of the page that is shown after a sign-in link was
// sent.
type VerifyRequest struct {
	Site string // public URL of the site, for the link to it; empty leaves it out
}

// Error is the content of the error page.
type Error struct {
	Site      string // public URL of the site, for the link to it; empty leaves it out
	Code      string // value of ?error=
	SignInURL string // absolute URL of the sign-in page; empty leaves the button out

	// RetryAfter is when TooManyAttempts ends, up to an hour; any other value means a minute.
	RetryAfter time.Duration
}

// SignIn writes the sign-in page, with status 200.
func (p *Pages) SignIn(w http.ResponseWriter, d SignIn) {
	data := signInData{
		frame:       p.frame("Sign In", d.Site),
		CSRFToken:   d.CSRFToken,
		CallbackURL: d.CallbackURL,
		Email:       d.Email,
		Entries:     entries(d.Providers),
	}
	if d.ErrorCode != "" {
		data.Error = noticeFor(d.ErrorCode, unknownSignInError).Text
	}
	images := []string{p.theme.Logo}
	var actions []string
	for _, e := range data.Entries {
		images = append(images, e.Logo)
		actions = append(actions, e.Action)
	}
	p.write(w, http.StatusOK, "signin", p.policy(images, actions), data)
}

// SignOut writes the page with the form for a sign-out, with status 200.
func (p *Pages) SignOut(w http.ResponseWriter, d SignOut) {
	data := signOutData{frame: p.frame("Sign Out", d.Site), Action: d.Action, CSRFToken: d.CSRFToken}
	if d.ErrorCode != "" {
		data.Error = noticeFor(d.ErrorCode, unknownError).Text
	}
	p.write(w, http.StatusOK, "signout", p.policy([]string{p.theme.Logo}, []string{d.Action}), data)
}

// VerifyRequest writes the page that points to the link in the e-mail, with status
// 200.
func (p *Pages) VerifyRequest(w http.ResponseWriter, d VerifyRequest) {
	p.write(w, http.StatusOK, "verify-request", p.policy([]string{p.theme.Logo}, nil), p.frame("Verify Request", d.Site))
}

// Error writes the error page. The status depends on the code, which is
// case-insensitive: 500 for Configuration, 403 for AccessDenied and Verification, 429
// for TooManyAttempts, 503 for SessionUnavailable, and 200 for others. The code itself
// is not part of the page.
func (p *Pages) Error(w http.ResponseWriter, d Error) {
	n := noticeFor(d.Code, unknownError)
	if n.Status == http.StatusTooManyRequests && d.RetryAfter > time.Minute && d.RetryAfter <= time.Hour {
		n.Text = strings.Replace(n.Text, "a minute", fmt.Sprintf("%.0f minutes", math.Ceil(d.RetryAfter.Minutes())), 1)
	}
	data := errorData{frame: p.frame("Error", d.Site), Notice: n}
	if n.Status != http.StatusInternalServerError { // another sign-in would fail too
		data.SignInURL = d.SignInURL
	}
	p.write(w, n.Status, "error", p.policy([]string{p.theme.Logo}, nil), data)
}

// The data of the templates.
type (
	frame struct {
		Title       string
		Style       template.CSS
		ColorScheme string
		Logo        string
		Site, Host  string
	}
	signInData struct {
		frame
		Error                         string
		CSRFToken, CallbackURL, Email string
		Entries                       []entry
	}
	signOutData struct {
		frame
		Action, CSRFToken, Error string
	}
	errorData struct {
		frame
		Notice    notice
		SignInURL string
	}
)

func (p *Pages) frame(title, site string) frame {
	f := frame{Title: title, Style: p.style, ColorScheme: p.theme.scheme(), Logo: p.theme.Logo}
	if u, ok := httpURL(site); ok {
		f.Site, f.Host = site, u.Host
	}
	return f
}

// policy returns the Content-Security-Policy of a page with these images and form
// actions. Browsers apply form-action to redirects after a post too, so that it has to
// allow all identity providers: https, and also http on a site that is served over
// http.
func (p *Pages) policy(images, actions []string) string {
	img := "img-src 'self' https:"
	if anyPlainHTTP(images) {
		img += " http:"
	}
	form := "form-action 'none'"
	if len(actions) > 0 {
		form = "form-action 'self' https:"
	}
	if anyPlainHTTP(actions) {
		form += " http:"
	}
	return strings.Join([]string{
		"default-src 'none'",
		"style-src " + p.styleHash,
		img,
		form,
		"base-uri 'none'",
		"frame-ancestors " + cmp.Or(strings.Join(p.theme.Frames, " "), "'none'"),
	}, "; ")
}

func anyPlainHTTP(urls []string) bool {
	for _, s := range urls {
		if u, ok := httpURL(s); ok && u.Scheme == "http" {
			return true
		}
	}
	return false
}

// write renders into memory first, so that the response is a whole page or an error.
func (p *Pages) write(w http.ResponseWriter, status int, name, policy string, data any) {
	h := w.Header()
	h.Set("Cache-Control", "private, no-cache, no-store")
	h.Set("Pragma", "no-cache")
	h.Set("Expires", "0")
	h.Set("Content-Security-Policy", policy)
	// With no-referrer, browsers would send "Origin: null" with the forms, which
	// the check of the Origin header rejects.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	if len(p.theme.Frames) == 0 {
		h.Set("X-Frame-Options", "DENY")
	}

	var page bytes.Buffer
	if err := p.templates.ExecuteTemplate(&page, name, data); err != nil {
		h.Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write([]byte("This page can't be shown right now. Please try again later.\n"))
		return
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes()) // an error means that the client has disconnected
}
