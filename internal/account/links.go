package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/address"
	"github.com/nuxtauth/nuxtauth/mail"
	"github.com/nuxtauth/nuxtauth/store"
)

// DefaultLinkLifetime is how long a link works unless it is set.
const DefaultLinkLifetime = 10 * time.Minute

// A Link is a link that is to be sent.
type Link struct {
	Purpose    mail.Purpose
	Email      string // normalized
	Subject    string // the user it is for, "" if it is for the user who has the address then
	RedirectTo string
	Lifetime   time.Duration // 0 means DefaultLinkLifetime

	// URL makes the link of a token: letters and digits, which stand at its end.
	URL func(token string) string
}

// SendsLinks reports whether links can be sent.
func (a *Accounts) SendsLinks() bool { return a.cfg.Links != nil && a.cfg.Mail.Send != nil }

// SendLink stores a link and sends it. If it can't be sent it is removed. The error is one
// of the store or the mail server.
func (a *Accounts) SendLink(ctx context.Context, l Link) error {
	token := rand.Text()
	lifetime := l.Lifetime
	if lifetime == 0 {
		lifetime = DefaultLinkLifetime
	}
	message, err := a.cfg.Mail.Link(ctx, mail.Link{Purpose: l.Purpose, URL: l.URL(token), Lifetime: lifetime, Site: a.cfg.Mail.Site})
	if err != nil {
		return fmt.Errorf("make the mail with a link: %w", err)
	}
	message.To = l.Email
	key, now := a.linkKey(l.Purpose, l.Email, token, a.cfg.LinkSecrets[0]), a.cfg.Now()
	err = a.cfg.Links.SaveLink(ctx, &store.Link{
		LinkKey: key, Subject: l.Subject, RedirectTo: l.RedirectTo, CreatedAt: now, ExpiresAt: now.Add(lifetime),
	})
	if err != nil {
		return fmt.Errorf("store a link: %w", err)
	}
	if err := a.cfg.Mail.Send(ctx, message); err != nil {
		_, takeErr := a.cfg.Links.TakeLink(context.WithoutCancel(ctx), key)
		if errors.Is(takeErr, store.ErrNotFound) { // the mail may have arrived all the same
			takeErr = nil
		}
		return errors.Join(fmt.Errorf("send a link: %w", err), takeErr)
	}
	return nil
}

// linkKey is what the store has of a link: as in Auth.js, the hash of the token and the
// secret.
func (a *Accounts) linkKey(purpose mail.Purpose, email, token, secret string) store.LinkKey {
	return store.LinkKey{Purpose: string(purpose), Email: email, Hash: sha256.Sum256([]byte(token + secret))}
}

// FindLink returns a link that works, without spending it, or [store.ErrNotFound].
func (a *Accounts) FindLink(ctx context.Context, purpose mail.Purpose, email, token string) (*store.Link, error) {
	return a.eachKey(purpose, email, token, func(k store.LinkKey) (*store.Link, error) { return a.cfg.Links.FindLink(ctx, k) })
}

// TakeLink spends a link and returns it, or [store.ErrNotFound].
func (a *Accounts) TakeLink(ctx context.Context, purpose mail.Purpose, email, token string) (*store.Link, error) {
	return a.eachKey(purpose, email, token, func(k store.LinkKey) (*store.Link, error) { return a.cfg.Links.TakeLink(ctx, k) })
}

// maxToken is longer than the token of a link.
const maxToken = 256

// eachKey looks for a link with each secret that may have made it.
func (a *Accounts) eachKey(purpose mail.Purpose, email, token string, find func(store.LinkKey) (*store.Link, error)) (*store.Link, error) {
	email, err := address.Normalize(email)
	if err != nil || token == "" || len(token) > maxToken {
		return nil, store.ErrNotFound
	}
	for _, secret := range a.cfg.LinkSecrets {
		l, err := find(a.linkKey(purpose, email, token, secret))
		if !errors.Is(err, store.ErrNotFound) {
			return l, err
		}
	}
	return nil, store.ErrNotFound
}

// FindByEmail returns the user with an address, nil if there is none. The user may be
// disabled.
func (a *Accounts) FindByEmail(ctx context.Context, email string) (*store.User, error) {
	u, err := a.cfg.Store.FindUserByEmail(ctx, email)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return u, err
}

// EndLinks ends the links to an address, after a sign-in with one of them. After a fault,
// which is logged, they work until they expire.
func (a *Accounts) EndLinks(ctx context.Context, email string) {
	if err := a.cfg.Links.DeleteLinks(context.WithoutCancel(ctx), email); err != nil {
		a.cfg.Log.WarnContext(ctx, "nuxtauth: the other links of a user could not be removed", "error", err)
	}
}

// Redeem spends a link of a purpose other than a sign-in, which proves the address. The
// user is nil if no user has it. signedIn is the ID of the user whose session shows the
// link, "" for none: a user who has not proved the address before loses what another person
// may have left, unless that session is the user's own. reset ends all sessions of the user.
// The error is [store.ErrNotFound] if the link does not work, or is one for another user
// than the one who has the address now.
func (a *Accounts) Redeem(ctx context.Context, purpose mail.Purpose, email, token, signedIn string, reset bool) (l *store.Link, u *store.User, reclaimed bool, err error) {
	if l, err = a.TakeLink(ctx, purpose, email, token); err != nil {
		return nil, nil, false, err
	}
	if u, err = a.FindByEmail(ctx, l.Email); err != nil {
		return nil, nil, false, err
	}
	if u == nil && l.Subject == "" {
		return l, nil, false, nil
	}
	if u == nil || u.Disabled || l.Subject != "" && l.Subject != u.ID {
		return nil, nil, false, store.ErrNotFound
	}
	if signedIn == u.ID {
		u, err = a.verifyOwn(ctx, u)
	} else {
		reclaimed = u.EmailVerified.IsZero()
		err = a.verify(ctx, &Proof{Kind: ByEmail}, u)
	}
	if errors.Is(err, errRace) {
		err = store.ErrNotFound
	}
	if err == nil && reset {
		ctx := context.WithoutCancel(ctx)
		err = errors.Join(a.cfg.EndSessions(ctx, u.ID), a.cfg.Links.DeleteLinks(ctx, l.Email))
		if err == nil && !reclaimed {
			a.notice(ctx, u, mail.NoticePassword, "")
		}
	}
	return l, u, reclaimed, err
}

// verifyOwn notes that a user who is signed in has proved the address. Everything that the
// user has stays.
func (a *Accounts) verifyOwn(ctx context.Context, u *store.User) (*store.User, error) {
	email, now := u.Email, a.cfg.Now()
	u, err := a.cfg.Store.UpdateUser(ctx, u.ID, func(u *store.User) error {
		if u.Email != email {
			return errRace
		}
		u.EmailVerified = now
		return nil
	})
	if err == nil {
		event(ctx, a.cfg.Events.UpdateUser, &Update{User: User(u)})
	}
	return u, err
}
