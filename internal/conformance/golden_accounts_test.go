package conformance_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/mail"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

// The recordings of applications with users: each exchange has the time, the browser, and
// what went wrong in the database.

func TestGoldenAccounts_NextAuthV4(t *testing.T) {
	replay(t, "../../testdata/golden/accounts-v4.jsonl.gz", nuxtauth.NextAuth, accountDifferences)
}

func TestGoldenAccounts_AuthJSV5(t *testing.T) {
	replay(t, "../../testdata/golden/accounts-v5.jsonl.gz", nuxtauth.AuthJS, accountDifferences)
}

// goldenHook is what a callback did in place of its default.
type goldenHook struct {
	Name, When, Throws, Does string
	Returns                  any
}

// returns is the error of a SignIn callback with this hook.
func (h *goldenHook) returns(verificationRequest bool) error {
	if h == nil || h.Name != "signIn" || h.When != "" && verificationRequest != (h.When == "verificationRequest") {
		return nil
	}
	if to, ok := h.Returns.(string); ok {
		return nuxtauth.RedirectTo(to)
	}
	return errors.New(cmp.Or(h.Throws, "denied"))
}

// goldenMail is a mail that was sent.
type goldenMail struct {
	Envelope   struct{ To []string }
	Identifier string // in the recordings without users' tables, in place of Envelope
	URL        string
}

// before does what SQL has done in the recorded database before an exchange.
func (p *player) before(e *goldenExchange) {
	ctx, err := p.Context(), error(nil)
	for _, statement := range e.Before {
		table := strings.Fields(statement)[2]
		switch {
		case strings.HasPrefix(statement, "DELETE FROM users"):
			var u *store.User
			if u, err = p.users.Memory.FindUserByEmail(ctx, strings.Split(statement, "'")[1]); err == nil {
				err = p.deleteUser(ctx, u.ID)
			}
		case e.Scenario == "no-email-jwt": // a user with an address in capitals, which a store never has
			p.users.users++
		case table == "users":
			verified := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
			u := &store.User{Name: "Ada Lovelace", Email: "ada@example.com", EmailVerified: verified, FirstSignIn: verified}
			err = p.users.CreateUser(ctx, u, nil)
		case table == "accounts":
			key := store.AccountKey{Provider: "fakeoauth", ProviderAccountID: "u-ada"}
			err = p.users.LinkAccount(ctx, &store.Account{AccountKey: key, UserID: "1", Type: "oauth"})
		case table == "verification_token":
			err = p.users.SaveLink(ctx, &store.Link{
				LinkKey:    store.LinkKey{Purpose: string(mail.PurposeSignIn), Email: "ada@example.com", Hash: sha256.Sum256([]byte("made-elsewhere" + p.rec.meta.Secret))},
				RedirectTo: "/x", CreatedAt: e.At, ExpiresAt: e.At.Add(time.Hour),
			})
		}
		if err != nil {
			p.Fatal(statement, err)
		}
	}
}

// usersConfig adds users and sign-ins by e-mail to a configuration.
func (p *player) usersConfig(e *goldenExchange, cfg *nuxtauth.Config[goldenToken, goldenSession]) {
	if p.users == nil {
		p.users = &goldenUsers{Memory: store.NewMemory(store.MemoryOptions{Now: cfg.Now})}
		if e.Browser == "" {
			p.users.ids = "user-"
			if e.Scenario == "linking" && e.Config == "db" { // the users of the scenario before are still there
				p.users.users = 1
			}
		}
	}
	cfg.Accounts.Store = p.users
	cfg.Accounts.LinkByEmail = true
	if p.database = e.Config != "jwt" && e.Config != "credentials-jwt"; p.database {
		cfg.Session.Store = p.users
	}
	cfg.SignInLimit.Skip = true
	switch e.Config {
	case "newuser":
		cfg.Pages.NewUser = "/welcome"
		if e.Browser == "" {
			cfg.Pages.NewUser = "/welcome?x=1"
		}
	case "pages":
		cfg.Pages = nuxtauth.Pages{SignIn: "/login"}
	}
	cfg.Callbacks.SignIn, cfg.Callbacks.Session, cfg.Callbacks.JWT = p.signIn(e.Config), p.session(e.Config), p.jwt(e.Config)
	p.throws = e.Config == "events-throw"
	if p.database && e.Config != "credentials-db" {
		cfg.Callbacks.JWT = nil
	}
	cfg.Events = p.events()
	own := cfg.Providers[0] // credentials
	cfg.Providers = []provider.Provider{cfg.Providers[1], p.fake("strict", "Strict"), p.fake("linker", "Linker"), cfg.Providers[2]}
	cfg.Providers[2].VerifiesEmail = true
	email := provider.Email(func(email *provider.Provider) { email.LinkLifetime = 24 * time.Hour })
	if p.protocol == nuxtauth.AuthJS && e.Browser != "" {
		email.ID, email.Name = "nodemailer", "Nodemailer"
	}
	cfg.Providers = append(cfg.Providers, email)
	if strings.HasPrefix(e.Config, "credentials") {
		own.Authorize = p.authorizeUser(e.Scenario)
		cfg.Providers = append(cfg.Providers, own)
	}
	if e.Config == "db-credentials-only" {
		own.Authorize = p.authorizeUser(e.Scenario)
		cfg.Providers = []provider.Provider{own}
	}
	cfg.Mail.Send = func(_ context.Context, m mail.Message) error {
		switch {
		case e.Config == "db-smtpdown":
			return errors.New("the mail server is down")
		case m.To == "bounce@example.com", m.To == "fail@example.com":
			return mail.ErrRejected
		}
		sent := goldenMail{URL: linkOf(m)}
		sent.Envelope.To = []string{m.To}
		p.mails = append(p.mails, sent)
		return nil
	}
	if e.Browser == "" && e.Config == "newuser" { // that application has no callbacks and no events
		cfg.Callbacks.SignIn, cfg.Callbacks.Session, cfg.Events = nil, nil, nuxtauth.Events[goldenToken, goldenSession]{}
		return
	}
	events := &cfg.Events
	events.CreateUser = func(_ context.Context, u nuxtauth.UserEvent) {
		p.call("event:createUser", jsObject{"user": userArg(u.User)})
	}
	events.UpdateUser = func(_ context.Context, u nuxtauth.UpdateUserEvent) {
		p.call("event:updateUser", jsObject{"user": userArg(u.User)})
	}
	events.LinkAccount = func(_ context.Context, l nuxtauth.LinkAccountEvent) {
		p.call("event:linkAccount", p.signInArgs(l.User, l.Account, l.Profile))
	}
	events.UnlinkAccount = func(_ context.Context, l nuxtauth.UnlinkAccountEvent) {
		p.call("event:unlinkAccount", jsObject{"user": userArg(l.User), "account": jsObject{"provider": l.Account.Provider}})
	}
}

// authorizeUser checks credentials.
func (p *player) authorizeUser(scenario string) func(context.Context, url.Values) (*provider.User, error) {
	return func(_ context.Context, form url.Values) (*provider.User, error) {
		p.call("authorize", jsObject{"credentials": fieldsOf(form)})
		if form.Get("password") != "right" {
			return nil, nil
		}
		u := &provider.User{ID: "7", Name: "Cred User", Email: "cred@example.com"}
		if scenario == "credentials-link" {
			u.ID = "1"
		}
		return u, nil
	}
}

func userArg(u *nuxtauth.User) jsObject {
	return jsObject{"id": u.ID, "name": u.Name, "email": u.Email, "image": u.Image, "emailVerified": u.EmailVerified}
}

// linkOf returns the link in a mail.
func linkOf(m mail.Message) string {
	for line := range strings.Lines(m.Text) {
		if strings.HasPrefix(line, "http") {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// tokenOf returns the token in a link.
func (p *player) tokenOf(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		p.Fatal(err)
	}
	return u.Query().Get("token")
}

// mailLines describes mails.
func mailLines(mails []goldenMail) (lines []string) {
	for _, m := range mails {
		if m.Identifier != "" {
			m.Envelope.To = []string{m.Identifier}
		}
		lines = append(lines, fmt.Sprint("mail ", m.Envelope.To))
	}
	return lines
}
