package account

import (
	"context"
	"errors"

	"github.com/nuxtauth/nuxtauth/mail"
	"github.com/nuxtauth/nuxtauth/store"
)

// ErrLastWayIn means that a user could not sign in any more without an account.
var ErrLastWayIn = errors.New("nuxtauth: this is the user's last way to sign in")

// Ways are the ways to sign in of today's configuration.
type Ways struct {
	Provider func(id string) bool // reports whether users can sign in with accounts there
	Form     bool                 // users with a password can
	Email    bool                 // users who have proved their address can
}

// List returns the accounts of a user, the oldest first, without tokens.
func (a *Accounts) List(ctx context.Context, userID string) ([]*store.Account, error) {
	rows, err := a.cfg.Store.ListAccounts(ctx, userID)
	for _, row := range rows {
		row.AccessToken, row.RefreshToken, row.IDToken = "", "", ""
	}
	return rows, err
}

// Unlink removes an account of a user, unless the user could not sign in any more: that is
// [ErrLastWayIn]. An account that the user does not have is [store.ErrNotFound].
func (a *Accounts) Unlink(ctx context.Context, userID string, key store.AccountKey) (*store.Account, error) {
	var of *store.User
	removed, err := a.cfg.Store.UnlinkAccount(ctx, userID, key, func(u *store.User, remaining []*store.Account) error {
		of = u
		if !a.canSignIn(u, remaining) {
			return ErrLastWayIn
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	event(ctx, a.cfg.Events.UnlinkAccount, &Unlinked{User(of), removed})
	a.notice(ctx, of, mail.NoticeUnlinked, removed.Provider)
	return removed, nil
}

func (a *Accounts) canSignIn(u *store.User, with []*store.Account) bool {
	for _, row := range with {
		if a.cfg.Ways.Provider(row.Provider) {
			return true
		}
	}
	return a.cfg.Ways.Email && !u.EmailVerified.IsZero() || a.cfg.Ways.Form && u.PasswordHash != ""
}

// Delete removes a user with all accounts and links, and ends the sessions. Deleting a user
// who does not exist, as after an error, ends what is left.
func (a *Accounts) Delete(ctx context.Context, userID string) error {
	u, err := a.cfg.Store.FindUser(ctx, userID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	if u != nil {
		if u.Email != "" && a.cfg.Links != nil {
			if err := a.cfg.Links.DeleteLinks(ctx, u.Email); err != nil {
				return err
			}
		}
		err := a.cfg.Store.DeleteUser(ctx, userID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err == nil {
			event(ctx, a.cfg.Events.DeleteUser, User(u))
		}
	}
	return a.cfg.EndSessions(ctx, userID)
}
