package main

import (
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/store"
)

// recent is how long after a sign-in an account can be changed. The buttons of the page
// work for a minute less, which leaves time to press one.
const recent = 10 * time.Minute

// ownAccount is the account of the user, as the page shows it.
type ownAccount struct {
	Email       string
	Verified    bool
	HasPassword bool
	Connected   []connection
	Connect     []nuxtauth.SignInProvider // those that are not connected
	CSRFToken   string                    // of the forms that connect one
	Recent      bool                      // the user has signed in recently
}

// connection is an account at a provider.
type connection struct {
	nuxtauth.AccountInfo
	Name  string // of the provider
	Since moment
}

func (p *pages) account(c *gin.Context) {
	view := p.page(c, "Your account")
	view.Notice = notices[c.Query("notice")]
	own, err := p.ownAccount(c)
	if err != nil {
		p.later(c, err)
		return
	}
	view.Account = own
	p.renderWith(c, http.StatusOK, "account", view, p.policyOfConnect)
}

func (p *pages) ownAccount(c *gin.Context) (own ownAccount, err error) {
	token := p.auth.Token(c)
	user, err := p.people.FindUser(c, token.Subject)
	if err != nil {
		return own, err
	}
	list, err := p.auth.ListAccounts(c, token.Subject)
	if err != nil {
		return own, err
	}
	own = ownAccount{
		Email: user.Email, Verified: !user.EmailVerified.IsZero(), HasPassword: user.PasswordHash != "",
		Recent: time.Since(token.Origin.AuthTime.Time()) < recent-time.Minute,
	}
	has := map[string]bool{}
	for _, info := range list {
		own.Connected = append(own.Connected, connection{info, p.providerName(info.Provider), when(info.CreatedAt, time.Now())})
		has[info.Provider] = true
	}
	form, err := p.auth.SignInForm(c)
	if err != nil { // the page is not on the host of AUTH_URL, where accounts are connected
		slog.DebugContext(c, "example: accounts can't be connected here", "error", err)
		return own, nil
	}
	own.CSRFToken = form.CSRFToken
	for _, offered := range form.Providers {
		if offered.ID != "credentials" && offered.ID != "email" && !has[offered.ID] {
			own.Connect = append(own.Connect, offered)
		}
	}
	return own, nil
}

// disconnect removes an account of the user, unless it is the last way to sign in. The
// sessions that came from it end, which may be this one.
func (p *pages) disconnect(c *gin.Context) {
	limitBody(c)
	err := p.auth.UnlinkAccount(c, p.auth.Subject(c), c.PostForm("provider"), c.PostForm("id"), c.PostForm("issuer"))
	notice := "disconnected"
	switch {
	case errors.Is(err, nuxtauth.ErrLastWayIn):
		notice = "last-way-in"
	case errors.Is(err, store.ErrNotFound):
		notice = "not-connected"
	case err != nil:
		p.later(c, err)
		return
	}
	c.Redirect(http.StatusSeeOther, "/account?notice="+notice)
}

func (p *pages) confirmDeletion(c *gin.Context) {
	p.render(c, http.StatusOK, "delete", p.page(c, "Delete your account"))
}

// deleteAccount deletes the user with all accounts and sessions. Events.DeleteUser removes
// the profile at the user API.
func (p *pages) deleteAccount(c *gin.Context) {
	err := p.auth.DeleteUser(c, p.auth.Subject(c))
	if err == nil {
		err = p.auth.SignOut(c) // clears the cookie
	}
	if err != nil {
		p.later(c, err)
		return
	}
	p.back(c, "deleted")
}
