package account

import (
	"context"
	"fmt"

	"github.com/nuxtauth/nuxtauth/mail"
	"github.com/nuxtauth/nuxtauth/store"
)

// A Notice is a change of a user, of which the owner gets a mail.
type Notice struct {
	Kind     mail.NoticeKind
	Email    string // which the user has proved
	Provider string // the ID of the provider of an account that was linked or removed
}

// OnNotice sets the function that gets the notices, which must not wait for the mail. It is
// called before the first sign-in.
func (a *Accounts) OnNotice(f func(ctx context.Context, n Notice)) { a.notify = f }

// notice tells the owner of a user of a change. An address that is not proved may be that of
// another person.
func (a *Accounts) notice(ctx context.Context, u *store.User, kind mail.NoticeKind, providerID string) {
	if a.notify == nil || a.cfg.Mail.Notice == nil || u.Email == "" || u.EmailVerified.IsZero() {
		return
	}
	a.notify(a.cfg.Detach(ctx), Notice{Kind: kind, Email: u.Email, Provider: providerID})
}

// SendNotice sends a notice. method is the way to sign in that was linked or removed, as it
// stands in a sentence, "" for none.
func (a *Accounts) SendNotice(ctx context.Context, n Notice, method string) error {
	message, err := a.cfg.Mail.Notice(ctx, mail.Notice{Kind: n.Kind, Method: method, Time: a.cfg.Now(), Site: a.cfg.Mail.Site})
	if err != nil {
		return fmt.Errorf("make a notice: %w", err)
	}
	message.To = n.Email
	if err := a.cfg.Mail.Send(ctx, message); err != nil {
		return fmt.Errorf("send a notice: %w", err)
	}
	return nil
}
