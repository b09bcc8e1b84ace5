package nuxtauth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth/internal/account"
	"github.com/nuxtauth/nuxtauth/internal/address"
	"github.com/nuxtauth/nuxtauth/internal/guard"
	"github.com/nuxtauth/nuxtauth/internal/origin"
	"github.com/nuxtauth/nuxtauth/mail"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

// MailConfig is how the application sends mails: links of [provider.Email] and of
// [Auth.SendLink], and notices about changes of accounts. The zero value sends none.
//
// A notice tells the owner of a user of Config.Accounts that an account was linked or removed,
// that a link to reset the password was redeemed, or that the proof of the address has
// removed what was there before ([UpdateUserEvent].Reclaimed). It goes to an address that the
// user has proved, after the answer, at most 20 times a day; one that can't be sent is logged.
//
// An address gets at most 3 links in 10 minutes and 10 a day, a network asks for 20 in 10
// minutes, and all together for 1,000. A link that is above a limit is not sent, which the
// answer does not show.
type MailConfig struct {
	_ [0]func()

	// Send sends a message to m.To and to no other address. It runs after the answer to
	// the request, and has to return when its context ends, after 10 seconds. An error that
	// wraps [mail.ErrRejected] is about this recipient; after any other, which is an outage,
	// sign-ins by e-mail fail with the code EmailSignin for 30 seconds, whatever the
	// address. Errors are logged: they must not have the text of the message. Module
	// mail/smtp has one that speaks SMTP.
	Send func(ctx context.Context, m mail.Message) error

	// Link makes the message of a link; it has no request, and l.URL is in no log. Nil means
	// [mail.Default].
	Link func(ctx context.Context, l mail.Link) (mail.Message, error)

	// Notice makes the message of a notice. It can set n.URL, the page where the user reviews
	// the account, and call [mail.DefaultNotice]. Nil means mail.DefaultNotice.
	Notice func(ctx context.Context, n mail.Notice) (mail.Message, error)

	// SkipNotices sends no notices, for an application that sends its own by Events.
	SkipNotices bool
}

// LinkRequest is a link to send, for [Auth.SendLink].
type LinkRequest struct {
	_ [0]func()

	// Purpose is what the link is for: [mail.PurposeReset], [mail.PurposeVerify], or one of
	// the application.
	Purpose mail.Purpose

	// Email is the address as the user typed it.
	Email string

	// RedirectTo is the page of the application that the link opens: an absolute URL, or a
	// path below Config.URL. It gets ?email= and ?token=, for [Auth.RedeemLink]. Opening it
	// must change nothing, because programs open the links of mails: show a form, and
	// redeem the link when it is posted, after a check that no other site posts it. Send
	// the page with "Referrer-Policy: strict-origin" and "Cache-Control: no-store".
	RedirectTo string

	// Lifetime is how long the link works, up to 24 hours; zero means 10 minutes.
	Lifetime time.Duration
}

// LinkProof is what the page of a link posts, for [Auth.RedeemLink].
type LinkProof struct {
	_ [0]func()

	Purpose      mail.Purpose // that of the request: a link for another does not count
	Email, Token string       // from the query of the link
}

// RedeemedLink is a link that was redeemed.
type RedeemedLink struct {
	_ [0]func()

	Email   string
	Subject string // the ID of the user with the address, "" if there is none

	// Reclaimed says that no user had proved the address before, and that the browser was
	// not signed in as its user: another person may have made the user. The password, the
	// accounts and the sessions are gone; let the user choose a new password.
	Reclaimed bool
}

// ErrInvalidLink says that a link was used, has expired, or was never sent.
var ErrInvalidLink = errors.New("nuxtauth: the link does not work, or not any more")

const (
	maxLinkLifetime = 24 * time.Hour
	maxRedirectTo   = 2048 // bytes
	maxPurpose      = 64   // bytes, as every store takes them
)

// SendLink sends a link to an address, after it has returned. For PurposeReset and
// PurposeVerify it sends none unless a user has the address, and none above the limits of
// [MailConfig]: the result does not show it, so that it can be shown to any client. Pass
// the gin.Context as ctx to have the network of the client counted.
//
// The error says that the request can't be one, or that the address is none. It wraps
// [ErrUnavailable] if the store does not answer, or no mail can be sent now, whatever the
// address, and [store.ErrUnsupported] without Config.Accounts and Config.Mail.
func (a *Auth[T, S]) SendLink(ctx context.Context, r LinkRequest) error {
	if a.users == nil || !a.users.SendsLinks() {
		return fmt.Errorf("nuxtauth: SendLink: %w: set Config.Accounts to a store that is a store.Links, and Config.Mail", store.ErrUnsupported)
	}
	to, err := address.Normalize(r.Email)
	if err != nil {
		return fmt.Errorf("nuxtauth: SendLink: %w", err)
	}
	target, err := a.linkTarget(r)
	if err != nil {
		return err
	}
	l := account.Link{
		Purpose: r.Purpose, Email: to, RedirectTo: r.RedirectTo, Lifetime: r.Lifetime,
		URL: func(token string) string {
			q := target.Query()
			q.Set("email", to)
			q.Del("token")
			u := *target
			u.RawQuery = q.Encode() + "&token=" + token
			return u.String()
		},
	}
	send := true
	if r.Purpose == mail.PurposeReset || r.Purpose == mail.PurposeVerify {
		u, err := a.users.FindByEmail(ctx, to)
		if err != nil && !errors.Is(err, store.ErrAmbiguousEmail) {
			return usersError("SendLink", err)
		}
		if send = u != nil && !u.Disabled; send {
			l.Subject = u.ID
		}
	}
	network := ""
	if c, ok := ctx.Value(gin.ContextKey).(*gin.Context); ok {
		network = a.api.NetworkOf(c.Request, c)
		ctx = c.Request.Context() // the mail is sent when gin uses c for another request
	}
	return usersError("SendLink", a.api.SendLink(ctx, network, l, send))
}

// notInHost reports whether a character would end a link in the text of a mail.
func notInHost(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"<>\\^`{|}", r) }

// linkTarget returns the page that a link opens. What it does not refuse is no reason for a
// fault later, which would count as an outage.
func (a *Auth[T, S]) linkTarget(r LinkRequest) (*url.URL, error) {
	if r.Purpose == "" || r.Purpose == mail.PurposeSignIn || len(r.Purpose) > maxPurpose {
		return nil, fmt.Errorf("nuxtauth: SendLink: Purpose is %.200q: write mail.PurposeReset, mail.PurposeVerify or one of the application's own, of at most %d bytes", r.Purpose, maxPurpose)
	}
	if r.Lifetime != 0 && (r.Lifetime < time.Minute || r.Lifetime > maxLinkLifetime) {
		return nil, fmt.Errorf("nuxtauth: SendLink: Lifetime is %v: write a duration with its unit from a minute to %v, or leave it out for 10m", r.Lifetime, maxLinkLifetime)
	}
	to := r.RedirectTo
	if strings.HasPrefix(to, "/") {
		base, ok := a.api.ConfiguredOrigin()
		if !ok {
			return nil, errors.New("nuxtauth: SendLink: RedirectTo is a path, and Config.URL is not set: the Host of a request must not decide where a mail leads")
		}
		to = base + to
	}
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Fragment != "" || strings.ContainsFunc(u.Host, notInHost) || len(to) > maxRedirectTo {
		return nil, fmt.Errorf("nuxtauth: SendLink: RedirectTo is %.200q: write a path such as %q, or an absolute URL in ASCII without a fragment, of at most %d bytes", r.RedirectTo, "/reset", maxRedirectTo)
	}
	return u, nil
}

// RedeemLink spends a link, which proves that the browser's user reads the mail of the
// address. Only the first call for a link succeeds. It notes that the address is verified,
// removes what another person may have left (see [RedeemedLink].Reclaimed), and with
// PurposeReset ends all sessions of the user, also that of the request. Pass the gin.Context
// as ctx: a user who is signed in keeps the password and the accounts.
//
// Check the new password before, and store it at once: until then the old one signs in, and
// a session that has begun with it meanwhile ends with [Auth.RevokeSessions].
//
// The error wraps [ErrInvalidLink] if the link does not work, or the user it was for is
// disabled, is deleted or has another address now. It wraps [ErrUnavailable] if the store
// does not answer; the link may be spent then. It wraps [store.ErrUnsupported] without
// Config.Accounts and Config.Mail.
func (a *Auth[T, S]) RedeemLink(ctx context.Context, p LinkProof) (*RedeemedLink, error) {
	if a.users == nil || !a.users.SendsLinks() {
		return nil, fmt.Errorf("nuxtauth: RedeemLink: %w: set Config.Accounts to a store that is a store.Links, and Config.Mail", store.ErrUnsupported)
	}
	if p.Purpose == mail.PurposeSignIn {
		return nil, fmt.Errorf("nuxtauth: RedeemLink: %w", ErrInvalidLink)
	}
	subject := ""
	if c, ok := ctx.Value(gin.ContextKey).(*gin.Context); ok {
		if _, err := a.signedIn(c); errors.Is(err, ErrUnavailable) { // nothing is spent, or removed
			return nil, usersError("RedeemLink", err)
		}
		subject = a.Subject(c)
	}
	l, u, reclaimed, err := a.users.Redeem(ctx, p.Purpose, p.Email, p.Token, subject, p.Purpose == mail.PurposeReset)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, fmt.Errorf("nuxtauth: RedeemLink: %w", ErrInvalidLink)
	case errors.Is(err, store.ErrAmbiguousEmail):
		return nil, fmt.Errorf("nuxtauth: RedeemLink: %w: %w", ErrInvalidLink, err)
	case err != nil:
		return nil, usersError("RedeemLink", err)
	}
	redeemed := &RedeemedLink{Email: l.Email, Reclaimed: reclaimed}
	if u != nil {
		redeemed.Subject = u.ID
	}
	return redeemed, nil
}

// compile returns the mails of the application, as its users send them.
func (m MailConfig) compile(log *slog.Logger, theme Theme, site *origin.Site) account.Mail {
	c := account.Mail{
		Send: guard.Check(log, "Mail.Send", m.Send), Link: guard.Func(log, "Mail.Link", m.Link),
		Site: mail.Site{Name: theme.Name, BrandColor: theme.BrandColor, ButtonText: theme.ButtonText, Logo: theme.Logo, LogoDark: theme.LogoDark},
	}
	if c.Link == nil {
		c.Link = func(_ context.Context, l mail.Link) (mail.Message, error) { return mail.Default(l) }
	}
	if !m.SkipNotices && m.Send != nil {
		c.Notice = guard.Func(log, "Mail.Notice", m.Notice)
		if c.Notice == nil {
			c.Notice = func(_ context.Context, n mail.Notice) (mail.Message, error) { return mail.DefaultNotice(n) }
		}
	}
	base, _ := site.Configured()
	_, c.Site.Host, _ = strings.Cut(base.Origin, "://")
	for _, logo := range []*string{&c.Site.Logo, &c.Site.LogoDark} {
		if strings.HasPrefix(*logo, "/") { // mails have no page that it could be relative to
			*logo = base.Origin + *logo
		}
	}
	return c
}

// check reports what e-mail providers need, and what is set without users. site is nil if it
// was reported.
func (m MailConfig) check(accounts AccountsConfig, providers []provider.Provider, site *origin.Site, theme Theme) error {
	var problems []error
	first := ""
	_, links := store.As[store.Links](accounts.Store)
	if (m.Link != nil || m.Notice != nil) && m.Send == nil {
		problems = append(problems, errors.New("nuxtauth: Mail.Link and Mail.Notice make messages that nothing sends: set Mail.Send, or leave them out"))
	}
	for _, p := range providers {
		if p.Type != provider.TypeEmail {
			continue
		}
		if !links || m.Send == nil {
			problems = append(problems, fmt.Errorf("nuxtauth: provider %q signs users in by e-mail: set Mail.Send, and Accounts.Store to a store of users that is a store.Links, such as store.NewMemory or sqlstore.New", p.ID))
		}
		if site != nil {
			if _, ok := site.Configured(); !ok {
				problems = append(problems, fmt.Errorf("nuxtauth: provider %q signs users in by e-mail: set URL, because the Host of a request must not decide where a mail leads", p.ID))
			}
		}
		if first != "" && first != p.ID { // two with one ID are reported as such
			problems = append(problems, fmt.Errorf("nuxtauth: providers %q and %q both sign users in by e-mail: keep one, because Mail sends the links of both", first, p.ID))
		}
		first = p.ID
	}
	if len(problems) == 0 && m.Send != nil && m.Notice == nil && !m.SkipNotices && accounts.Store != nil && theme.Name == "" && site != nil {
		if _, ok := site.Configured(); !ok {
			problems = append(problems, errors.New("nuxtauth: Mail sends notices about changes of accounts, and nothing names the application: set URL or Theme.Name, or Mail.SkipNotices"))
		}
	}
	return errors.Join(problems...)
}
