package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/mail"
	"github.com/nuxtauth/nuxtauth/password"
	"github.com/nuxtauth/nuxtauth/store"
)

// Sign-up and reset ask for an address first, and answer in the same way for every address:
// the answer does not show who has an account. Name and password are asked for on the page
// of the link, so that no user exists whose address is not proved. Opening that page changes
// nothing: programs open the links of mails.

// purposeSignUp is the purpose of the links of this application.
const purposeSignUp mail.Purpose = "signup"

// form is a form with an e-mail address, and what is wrong with it.
type form struct {
	Heading, Text, Action, Button string

	Choose  bool // the page of a link: Email and Token are hidden fields
	HasName bool

	Email, Token, Name string
	Problems           map[string]string // by field
}

var (
	askSignUp = form{
		Heading: "Create an account", Text: "We send a link to your address, to make sure that it is yours.",
		Action: "/signup", Button: "Send the link",
	}
	askReset = form{
		Heading: "Forgot your password?", Text: "We send a link to your address, by which you choose a new password.",
		Action: "/forgot", Button: "Send the link",
	}
	signUpForm = form{
		Heading: "Create your account", Action: "/signup/confirm", Button: "Create account", Choose: true, HasName: true,
	}
	resetForm = form{
		Heading: "Choose a new password", Text: "It ends all of your sessions.",
		Action: "/reset", Button: "Save the password", Choose: true,
	}
)

func (p *pages) signUp(c *gin.Context) { p.showForm(c, askSignUp) }
func (p *pages) forgot(c *gin.Context) { p.showForm(c, askReset) }

func (p *pages) sendSignUp(c *gin.Context) {
	p.sendLink(c, askSignUp, nuxtauth.LinkRequest{Purpose: purposeSignUp, RedirectTo: p.origin + "/signup/confirm"})
}

func (p *pages) sendReset(c *gin.Context) {
	p.sendLink(c, askReset, nuxtauth.LinkRequest{Purpose: mail.PurposeReset, RedirectTo: p.origin + "/reset"})
}

// sendLink sends a link to the address in the form.
func (p *pages) sendLink(c *gin.Context, f form, r nuxtauth.LinkRequest) {
	limitBody(c)
	f.Email = c.PostForm("email")
	if _, err := mail.NormalizeAddress(f.Email); err != nil {
		f.Problems = map[string]string{"email": "Write an email address, such as ada@example.com."}
		p.showForm(c, f)
		return
	}
	r.Email = f.Email
	if err := p.auth.SendLink(c, r); err != nil {
		p.later(c, err)
		return
	}
	c.Redirect(http.StatusSeeOther, "/sent")
}

func (p *pages) sent(c *gin.Context) {
	p.render(c, http.StatusOK, "sent", p.page(c, "Look for an email"))
}

// choose shows the page of a link.
func (p *pages) choose(f form) gin.HandlerFunc {
	return func(c *gin.Context) {
		f := f
		f.Email, f.Token = c.Query("email"), c.Query("token")
		p.showForm(c, f)
	}
}

// confirmSignUp creates the user. The link is spent only when the form is valid.
func (p *pages) confirmSignUp(c *gin.Context) {
	link, f, hash, ok := p.redeem(c, signUpForm, purposeSignUp)
	if !ok {
		return
	}
	var err error
	switch {
	case link.Subject == "":
		err = p.people.CreateUser(c, &store.User{
			Name: f.Name, Email: link.Email, EmailVerified: time.Now(), PasswordHash: hash,
		}, nil)
	case link.Reclaimed: // made by a person who had not proved the address, and emptied now
		_, err = p.people.UpdateUser(c, link.Subject, func(u *store.User) error {
			u.Name, u.PasswordHash = f.Name, hash
			return nil
		})
	default:
		err = store.ErrEmailTaken
	}
	switch {
	case errors.Is(err, store.ErrEmailTaken): // only the owner of the address gets here
		view := p.page(c, "You have an account already")
		view.Status, view.Heading = http.StatusConflict, "You have an account already"
		view.Text = "There is a user with the address " + link.Email + ". The name and the password stay as they are."
		view.Link, view.LinkText = p.api+"/signin?callbackUrl=%2F", "Sign in"
		p.render(c, view.Status, "message", view)
	case err != nil:
		p.later(c, err)
	default:
		p.back(c, "signed-up")
	}
}

// reset stores a new password. RedeemLink has ended all sessions of the user.
func (p *pages) reset(c *gin.Context) {
	link, _, hash, ok := p.redeem(c, resetForm, mail.PurposeReset)
	if !ok {
		return
	}
	if link.Subject == "" { // deleted since
		p.invalidLink(c, resetForm)
		return
	}
	_, err := p.people.UpdateUser(c, link.Subject, func(u *store.User) error {
		u.PasswordHash = hash
		return nil
	})
	if err != nil {
		p.later(c, err)
		return
	}
	p.back(c, "new-password")
}

// redeem checks the form on the page of a link, hashes the password, and spends the link. If
// ok is false, it has written the response.
func (p *pages) redeem(c *gin.Context, f form, purpose mail.Purpose) (link *nuxtauth.RedeemedLink, filled form, hash string, ok bool) {
	limitBody(c)
	f.Email, f.Token, f.Name = c.PostForm("email"), c.PostForm("token"), strings.TrimSpace(c.PostForm("name"))
	chosen := c.PostForm("password")
	f.Problems = map[string]string{}
	if f.HasName && !validName(f.Name) {
		f.Problems["name"] = nameProblem.Text
	}
	if err := password.Check(chosen, f.Name, f.Email, "nuxtauth"); err != nil {
		f.Problems["password"] = passwordProblem(err)
	}
	if len(f.Problems) > 0 {
		p.showForm(c, f)
		return nil, f, "", false
	}
	hash, err := p.people.hasher.Hash(c, chosen)
	if err == nil {
		link, err = p.auth.RedeemLink(c, nuxtauth.LinkProof{Purpose: purpose, Email: f.Email, Token: f.Token})
	}
	switch {
	case errors.Is(err, nuxtauth.ErrInvalidLink):
		p.invalidLink(c, f)
		return nil, f, "", false
	case err != nil:
		p.later(c, err)
		return nil, f, "", false
	}
	return link, f, hash, true
}

// passwordProblem says why a password is refused.
func passwordProblem(err error) string {
	refused, ok := errors.AsType[*password.PolicyError](err)
	if !ok {
		return "Choose another password."
	}
	switch refused.Reason {
	case password.TooShort:
		return fmt.Sprintf("Write at least %d characters. A few words are easy to remember.", refused.Limit)
	case password.TooLong:
		return "This password is too long."
	case password.Personal:
		return "This password is your name, your address or the name of this site. Choose another."
	case password.Common:
		return "This password is easy to guess. Choose another."
	}
	return "Choose another password."
}

// showForm shows a form, with 422 if something in it is wrong.
func (p *pages) showForm(c *gin.Context, f form) {
	view := p.page(c, f.Heading)
	view.Form = f
	status := http.StatusOK
	if len(f.Problems) > 0 {
		view.Title, status = "Error: "+view.Title, http.StatusUnprocessableEntity
	}
	p.render(c, status, "form", view)
}

func (p *pages) invalidLink(c *gin.Context, f form) {
	view := p.page(c, "This link does not work")
	view.Status, view.Heading = http.StatusGone, "This link does not work"
	view.Text = "It was used, has expired, or is not complete."
	view.Link, view.LinkText = "/forgot", "Send another link"
	if f.HasName {
		view.Link = "/signup"
	}
	p.render(c, view.Status, "message", view)
}

// later responds with 503 to an error that is temporary, such as an outage of the store.
func (p *pages) later(c *gin.Context, err error) {
	slog.ErrorContext(c.Request.Context(), "example: a form was not processed", "path", c.FullPath(), "error", err)
	c.Header("Retry-After", "5")
	p.message(c, http.StatusServiceUnavailable, "This does not work at the moment", "Try again in a minute.")
}

func limitBody(c *gin.Context) {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, 16<<10)
}
