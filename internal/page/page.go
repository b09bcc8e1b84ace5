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
	Site        string     // public URL of the site, whose host is shown unless the theme has a name; empty leaves it out
	Providers   []Provider // in the order of the page
	CSRFToken   string
	CallbackURL string // value of the field callbackUrl; empty leaves the field out
	Email       string // value of the field of the e-mail form
	ErrorCode   string // value of ?error=; empty means no error

	// Form is the ID of the provider whose form was sent with wrong credentials, and
	// Account the value of its account field then.
	Form, Account string

	ForgotPasswordURL, SignUpURL string // an http(s) URL or an absolute path; empty leaves the link out

	User  *User // the signed-in user; nil for none and unknown
	Again bool  // User has to sign in again: there is no link to continue
}

// User is a signed-in user.
type User struct {
	Name    string // may be an e-mail address; empty leaves the user out
	Picture string // an http(s) URL or an absolute path; any other value means the first letter of Name
}

// SignOut is the content of the sign-out page.
type SignOut struct {
	Site      string // public URL of the site, for the link to it; empty leaves it out
	Action    string // absolute URL to post to: BASE/signout
	CSRFToken string
	ErrorCode string // why the form was refused; empty means no error

	User      *User  // the signed-in user; nil for unknown
	SignedOut bool   // there is no session: the page has no form
	SignInURL string // then, of the sign-in page
}

// VerifyRequest is the content of the page that is shown after a sign-in link was
// sent.
type VerifyRequest struct {
	Site string // public URL of the site, for the link to it; empty leaves it out
}

// Confirm is the content of the page that a link of a mail opens.
type Confirm struct {
	Site      string // public URL of the site
	Action    string // absolute URL to post to: BASE/callback/<id>
	CSRFToken string
	Email     string // to which the link was sent
	Token     string // of the link

	// CallbackURL is where the sign-in leads, for a link that is not stored with it; empty
	// leaves it out.
	CallbackURL string

	User *User // another user, who is signed in and will not be; nil for none
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
	var alert notice
	if d.ErrorCode != "" {
		alert = noticeFor(d.ErrorCode, unknownSignInError)
	}
	data := signInData{
		frame:       p.frame(english.SignIn, d.Site, d.ErrorCode != "" && !alert.Info),
		Alert:       alert,
		CSRFToken:   d.CSRFToken,
		CallbackURL: d.CallbackURL,
		Groups:      groups(d, alert),
		User:        d.User.shown(),
		SignUpURL:   d.SignUpURL,
	}
	data.ContinueTo = around(english.ContinueTo, data.SiteName)
	images := []string{p.theme.Logo, p.theme.LogoDark}
	if data.User != nil {
		images = append(images, data.User.Picture)
		if d.Again && d.ErrorCode == "" {
			data.Alert = notice{Text: english.SignInAgain, Info: true}
		}
		if !d.Again {
			data.ContinueURL = cmp.Or(d.CallbackURL, d.Site)
		}
	}
	var actions []string
	for _, g := range data.Groups {
		if g.Alert.Text != "" {
			data.Alert = notice{} // it is there
		}
		for _, e := range g.Entries {
			images = append(images, e.Style.Logo)
			actions = append(actions, e.Action)
		}
	}
	p.write(w, http.StatusOK, "signin", p.policy(images, actions), data)
}

// SignOut writes the page with the form for a sign-out, or that there is no session,
// with status 200.
func (p *Pages) SignOut(w http.ResponseWriter, d SignOut) {
	heading := english.SignOut
	if d.SignedOut {
		heading = english.SignedOut
	}
	data := signOutData{
		frame: p.frame(heading, d.Site, d.ErrorCode != ""), Action: d.Action, CSRFToken: d.CSRFToken, User: d.User.shown(), Heading: heading,
	}
	if d.ErrorCode != "" {
		data.Alert = noticeFor(d.ErrorCode, unknownError)
	}
	images, actions := []string{p.theme.Logo, p.theme.LogoDark}, []string{d.Action}
	if data.User != nil {
		images = append(images, data.User.Picture)
	}
	if d.SignedOut {
		data.SignedOut, data.SignInURL, actions = true, d.SignInURL, nil
	}
	p.write(w, http.StatusOK, "signout", p.policy(images, actions), data)
}

// VerifyRequest writes the page that points to the link in the e-mail, with status
// 200.
func (p *Pages) VerifyRequest(w http.ResponseWriter, d VerifyRequest) {
	p.write(w, http.StatusOK, "verify-request", p.policy([]string{p.theme.Logo, p.theme.LogoDark}, nil), p.frame(english.CheckEmail, d.Site, false))
}

// Confirm writes the page that a link of a mail opens, with status 200.
func (p *Pages) Confirm(w http.ResponseWriter, d Confirm) {
	data := confirmData{
		frame: p.frame(english.SignIn, d.Site, false), Action: d.Action, CSRFToken: d.CSRFToken, Email: d.Email, Token: d.Token, CallbackURL: d.CallbackURL,
		User: d.User.shown(), SignInAs: around(english.SignInAs, d.Email),
	}
	data.ContinueTo = around(english.ContinueTo, data.SiteName)
	images := []string{p.theme.Logo, p.theme.LogoDark}
	if d.User != nil {
		data.Alert = notice{Text: english.SignsOut, Info: true}
	}
	if data.User != nil {
		images = append(images, data.User.Picture)
	}
	p.write(w, http.StatusOK, "confirm", p.policy(images, []string{d.Action}), data)
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
	data := errorData{frame: p.frame(n.Title, d.Site, !n.Info), Alert: n}
	if n.Status != http.StatusInternalServerError { // another sign-in would fail too
		data.SignInURL = d.SignInURL
	}
	p.write(w, n.Status, "error", p.policy([]string{p.theme.Logo, p.theme.LogoDark}, nil), data)
}

// The data of the templates.
type (
	frame struct {
		Text           *texts
		Title          string
		Style          template.CSS
		ColorScheme    string
		Logo, LogoDark string // LogoDark is for a dark system alone
		Icon           string
		Site, SiteName string
	}
	signInData struct {
		frame
		Alert                               notice // above everything; without a text there is none
		CSRFToken, CallbackURL, ContinueURL string
		ContinueTo                          phrase
		Groups                              []group
		User                                *shownUser
		SignUpURL                           string
	}
	signOutData struct {
		frame
		Heading, Action, CSRFToken, SignInURL string
		Alert                                 notice
		User                                  *shownUser
		SignedOut                             bool
	}
	confirmData struct {
		frame
		Action, CSRFToken, Email, Token, CallbackURL string
		Alert                                        notice
		ContinueTo, SignInAs                         phrase
		User                                         *shownUser
	}
	errorData struct {
		frame
		Alert     notice
		SignInURL string
	}
	shownUser struct {
		User
		Letter                 string // in the place of a Picture
		SignedInAs, ContinueAs phrase
	}
)

func (p *Pages) frame(heading, site string, failed bool) frame {
	f := frame{Text: &english, Style: p.style, ColorScheme: p.theme.scheme(), Logo: p.theme.Logo, SiteName: p.theme.Name, Icon: p.theme.Logo}
	if dark := p.theme.LogoDark; dark != "" && f.ColorScheme == "dark" {
		f.Logo = dark
	} else if f.ColorScheme == "auto" && f.Logo != "" {
		f.LogoDark = dark
	}
	if u, ok := httpURL(site); ok {
		f.Site, f.SiteName = site, cmp.Or(f.SiteName, u.Host)
	}
	f.Title = english.title(heading, f.SiteName, failed)
	return f
}

// shown returns what the templates need of a user, nil for none.
func (u *User) shown() *shownUser {
	if u == nil || u.Name == "" {
		return nil
	}
	s := &shownUser{*u, firstLetter(u.Name), around(english.SignedInAs, u.Name), around(english.ContinueAs, u.Name)}
	if !isImage(s.Picture) {
		s.Picture = ""
	}
	return s
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
	if name == "confirm" { // its URL is a secret, also from scripts of the application's pages
		h.Set("Referrer-Policy", "strict-origin")
	}
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
