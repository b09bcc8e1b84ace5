package main

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth"
)

//go:embed avatars style templates
var files embed.FS

// static serves the files of an embedded folder.
func static(folder string) gin.HandlerFunc {
	return func(c *gin.Context) {
		name := path.Join(folder, c.Param("file"))
		c.Header("X-Content-Type-Options", "nosniff")
		b, err := files.ReadFile(name)
		if err != nil {
			c.Header("Cache-Control", "no-store")
			c.AbortWithStatus(http.StatusNotFound)
			return
		}
		c.Header("Cache-Control", "public, max-age=600")
		c.Header("Content-Security-Policy", "default-src 'none'") // an SVG can contain scripts
		c.Data(http.StatusOK, mime.TypeByExtension(path.Ext(name)), b)
	}
}

// pages serves the HTML pages and their forms.
type pages struct {
	settings
	auth      *nuxtauth.Auth[Token, Session]
	people    *members
	users     *UserAPI
	mails     *outbox
	templates *template.Template
	guard     *http.CrossOriginProtection
	policy    string // Content-Security-Policy

	// policyOfConnect is that of the page with forms that lead to providers: browsers
	// apply form-action to the redirect that follows.
	policyOfConnect string
}

func newPages(s settings, auth *nuxtauth.Auth[Token, Session], people *members, users *UserAPI, mails *outbox) (*pages, error) {
	templates, err := template.ParseFS(files, "templates/*.gohtml")
	if err != nil {
		return nil, err
	}
	guard := http.NewCrossOriginProtection()
	for _, origin := range append([]string{s.site}, s.trusted...) {
		if err := guard.AddTrustedOrigin(origin); err != nil {
			return nil, err
		}
	}
	policy := "default-src 'none'; style-src 'self'; img-src 'self' " + s.origin + "; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
	return &pages{
		settings:        s,
		auth:            auth,
		people:          people,
		users:           users,
		mails:           mails,
		templates:       templates,
		guard:           guard,
		policy:          policy,
		policyOfConnect: policy + " https:",
	}, nil
}

// sameOrigin rejects forms of other sites. The API below /api/auth has checks of its own.
func (p *pages) sameOrigin(c *gin.Context) {
	if err := p.guard.Check(c.Request); err != nil {
		p.message(c, http.StatusForbidden, "The form is from another site", "Nothing was changed. Go back to the start page and try again.")
		c.Abort()
	}
}

// page is the data of all templates.
type page struct {
	Title   string
	API     string   // URL of the sign-in API
	Session *Session // nil when signed out

	Notice                 notice
	Name                   string // value of the field for the name
	NameProblem            bool   // the notice is about it
	Link, LinkText         string // of a message: where to go next
	SessionJSON, TokenJSON string
	IsAdmin                bool
	Accounts               []demoAccount
	Account                ownAccount
	Form                   form
	Mails                  []sent
	HasOutbox              bool // mails are shown on a page
	Users                  []User
	Devices                []device
	InCookies              bool // sessions are in cookies, so that there are no Devices
	Status                 int
	Heading, Text          string
}

func (p *pages) page(c *gin.Context, title string) page {
	return page{Title: title + " – nuxtauth example", API: p.api, Session: p.auth.Session(c), InCookies: p.storage.inCookies(), HasOutbox: p.smtp == nil}
}

// notice is the message about the last form, whose handler redirects to /?notice=<key>.
type notice struct {
	Text string
	Kind kind
}

// kind is what a notice is about, and its class.
type kind string

const (
	done    kind = "done"
	info    kind = "info" // such as the end of the session, which may be expected or not
	problem kind = "problem"
)

var notices = map[string]notice{
	"renamed":    {"The new name is stored at the user API and in the token, and shown in the session.", done},
	"expired":    {"The user API ended your session. The Session callback returned an error, so you are signed out.", info},
	"ended":      {"Your session has ended.", problem},
	"signed-out": {"You are signed out, here and at the user API.", info},

	"welcome":       {"Welcome! This is your first sign-in here.", done},
	"signed-up":     {"Your account is ready. Sign in with your address and your password.", done},
	"new-password":  {"Your new password is stored, and all of your sessions have ended. Sign in with it.", done},
	"deleted":       {"Your account is deleted.", info},
	"connected":     {"The account is connected. You can sign in with it from now on.", done},
	"disconnected":  {"The account is disconnected.", done},
	"not-connected": {"No account was disconnected.", problem},
	"last-way-in":   {"This is your only way to sign in. Connect another account first.", problem},

	"session-ended":         {"That session has ended.", done},
	"session-none":          {"No session was ended.", problem},
	"sessions-others":       {"Your other devices are signed out.", done},
	"signed-out-everywhere": {"You are signed out on all devices.", info},
}

// ofSignedOut are the notices that are wrong for a signed-in user: any site can link to one.
var ofSignedOut = map[string]bool{"expired": true, "ended": true, "signed-out": true, "signed-out-everywhere": true,
	"signed-up": true, "new-password": true, "deleted": true}

var nameProblem = notice{"Write a name of 1 to 60 characters, with at least one letter, number or symbol.", problem}

func (p *pages) home(c *gin.Context) {
	view := p.homePage(c)
	if key := c.Query("notice"); view.Session == nil || !ofSignedOut[key] {
		view.Notice = notices[key]
	}
	p.render(c, http.StatusOK, "home", view)
}

func (p *pages) homePage(c *gin.Context) page {
	view := p.page(c, "Typed sessions")
	view.Accounts = demoAccounts(p.users.avatars)
	if view.Session != nil {
		token := *p.auth.Token(c)
		token.SessionToken = mask(token.SessionToken) // it stays on the server
		view.SessionJSON, view.TokenJSON = pretty(view.Session), pretty(token)
		view.IsAdmin = isAdmin(view.Session)
		view.Name = view.Session.User.Name
	}
	return view
}

// admin is a page for admins. For other users it shows a page in place of the JSON of
// Require(isAdmin), which /api/users uses.
func (p *pages) admin(c *gin.Context) {
	if s := p.auth.Session(c); !isAdmin(s) {
		view := p.page(c, "Only admins may see this page")
		view.Status, view.Heading = http.StatusForbidden, "Only admins may see this page"
		view.Text = fmt.Sprintf("You are signed in as %s, with the role %s.", s.User.Name, s.User.Role)
		view.Link = p.api + "/signin?callbackUrl=%2Fadmin&prompt=login"
		p.render(c, view.Status, "message", view)
		return
	}
	users, err := p.users.Users(c.Request.Context(), p.auth.Token(c).SessionToken)
	if err != nil {
		p.fail(c, err)
		return
	}
	view := p.page(c, "Users")
	view.Users = users
	p.render(c, http.StatusOK, "admin", view)
}

// rename changes the name at the user API, and then in the token. Update runs the Session
// callback, which fetches the new name.
func (p *pages) rename(c *gin.Context) {
	token := p.auth.Token(c)
	if token == nil { // signed out in another tab
		p.back(c, "ended")
		return
	}
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, 4<<10)
	wanted := c.PostForm("name")
	name, err := p.users.Rename(c.Request.Context(), token.SessionToken, wanted)
	if errors.Is(err, ErrName) { // the page with the form again, which has what was written
		view := p.homePage(c)
		view.Title, view.Notice, view.Name, view.NameProblem = "Error: "+view.Title, nameProblem, wanted, true
		p.render(c, http.StatusUnprocessableEntity, "home", view)
		return
	}
	if err == nil {
		err = p.auth.Update(c, func(t *Token) error {
			t.Name = name
			return nil
		})
	}
	if err != nil {
		p.fail(c, err)
		return
	}
	p.back(c, "renamed")
}

func (p *pages) signOut(c *gin.Context) {
	if p.federatedLogout { // the sign-out of the API redirects to the provider
		c.Redirect(http.StatusSeeOther, p.api+"/signout?callbackUrl=%2F%3Fnotice%3Dsigned-out")
		return
	}
	if err := p.auth.SignOut(c); err != nil {
		p.unavailable(c, err)
		return
	}
	p.back(c, "signed-out")
}

// expire ends the session at the user API alone. At the next request the Session callback
// returns an error.
func (p *pages) expire(c *gin.Context) {
	if err := p.users.Expire(c.Request.Context(), p.auth.Token(c).SessionToken); err != nil {
		p.fail(c, err)
		return
	}
	if strings.Contains(c.GetHeader("Accept"), "text/html") {
		p.back(c, "expired")
		return
	}
	c.Status(http.StatusNoContent)
}

func (p *pages) listUsers(c *gin.Context) {
	users, err := p.users.Users(c.Request.Context(), p.auth.Token(c).SessionToken)
	if err != nil {
		p.fail(c, err)
		return
	}
	data(c, users)
}

// me responds with the session.
func (p *pages) me(c *gin.Context) {
	session := c.MustGet("session").(*Session)
	data(c, session)
}

// data responds with JSON about the user, which no cache may store.
func data(c *gin.Context, v any) {
	c.Header("Cache-Control", "no-store")
	c.Header("X-Content-Type-Options", "nosniff")
	c.JSON(http.StatusOK, v)
}

func (p *pages) notFound(c *gin.Context) {
	p.message(c, http.StatusNotFound, "There is no such page", "Check the address.")
}

// back redirects to the start page after a form.
func (p *pages) back(c *gin.Context, notice string) {
	c.Redirect(http.StatusSeeOther, "/?notice="+notice)
}

// fail logs an error and shows a page without it.
func (p *pages) fail(c *gin.Context, err error) {
	slog.ErrorContext(c.Request.Context(), "example: a page failed", "path", c.FullPath(), "error", err)
	p.message(c, http.StatusInternalServerError, "Something went wrong", "Try again in a moment.")
}

func (p *pages) message(c *gin.Context, status int, heading, text string) {
	view := p.page(c, heading)
	view.Status, view.Heading, view.Text = status, heading, text
	p.render(c, status, "message", view)
}

// render writes a whole page or an error.
func (p *pages) render(c *gin.Context, status int, name string, view page) {
	p.renderWith(c, status, name, view, p.policy)
}

func (p *pages) renderWith(c *gin.Context, status int, name string, view page, policy string) {
	var b bytes.Buffer
	if err := p.templates.ExecuteTemplate(&b, name, view); err != nil {
		slog.ErrorContext(c.Request.Context(), "example: a template failed", "template", name, "error", err)
		c.String(http.StatusInternalServerError, "This page can't be shown right now.\n")
		return
	}
	c.Header("Cache-Control", "no-store")
	c.Header("Content-Security-Policy", policy)
	c.Header("Referrer-Policy", "same-origin")
	c.Header("X-Content-Type-Options", "nosniff")
	c.Data(status, "text/html; charset=utf-8", b.Bytes())
}

// pretty writes v as indented JSON.
func pretty(v any) string {
	b, err := json.Marshal(v, json.Deterministic(true), jsontext.WithIndent("  "))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// mask returns the two ends of a secret.
func mask(secret string) string {
	if len(secret) < 20 {
		return "…"
	}
	return secret[:4] + "…" + secret[len(secret)-4:]
}
