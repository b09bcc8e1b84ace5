package nuxtauth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth/internal/account"
	"github.com/nuxtauth/nuxtauth/internal/guard"
	"github.com/nuxtauth/nuxtauth/internal/session"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// AccountsConfig gives the application users of its own, who are stored with the accounts at
// providers by which they sign in. The zero value has none: then a user is known by the ID of
// the provider, and none is ever new.
type AccountsConfig struct {
	_ [0]func()

	// Store stores the users. With it the subject of a session is the ID of a user there,
	// Authorize of a credentials provider has to return one that exists, and the sessions of
	// before end, but for those of a Node server and of [Auth.Issue] without a provider. If
	// it is also [store.Marks], and sessions are stored in cookies, it is their DenyList,
	// unless there is another: sessions of a user have to end.
	Store store.Accounts

	// StoreTokens stores the tokens of the latest sign-in with each account, encrypted with
	// Config.Secret, for [Auth.FindAccount]. False stores none.
	StoreTokens bool

	// InsecureUnencryptedTokens stores these tokens as they are, which is how Auth.js in Node
	// reads and writes them, for a database that both use. Who reads the database, or a copy
	// of it, can use the tokens at the providers; who writes to it can put a token of
	// another account in their place. FindAccount then returns what either has written;
	// without the field, it refuses tokens that are not encrypted.
	InsecureUnencryptedTokens bool

	// LinkByEmail signs a user in with an account that is new here, if its e-mail address is
	// that of a user, and both have proved it: the user by a link or a provider with
	// VerifiesEmail, the account by a provider with VerifiesEmail. False refuses such an
	// account with the code OAuthAccountNotLinked, unless Conflict decides otherwise.
	LinkByEmail bool

	// Conflict decides what becomes of an account whose e-mail address another user has. An
	// error refuses the sign-in: an [*Error] with its code, one of [RedirectTo] with a
	// redirect, and any other with the code OAuthAccountNotLinked. Nil refuses all.
	Conflict func(ctx context.Context, c AccountConflict) (Resolution, error)

	// RecentFor is how long after a sign-in users can link accounts, from a second to 24
	// hours; zero means 10 minutes. An account is linked by POST
	// /api/auth/signin/<provider> with the field link=true, if the same user is signed in
	// until the provider sends the browser back. Later, and without a user, the code is
	// SessionRequired; an account, or its address, of another user is
	// OAuthAccountNotLinked. Without the field, an account that is new makes a new user.
	RecentFor time.Duration
}

// AccountConflict is an account that is new here, and the user who has its e-mail address.
type AccountConflict struct {
	_ [0]func()

	User    *User // of the application; EmailVerified says whether the user has proved the address
	Account *Account
	Profile Profile
	Proved  bool // the provider of the account vouches for the address
}

// Resolution says what becomes of an [AccountConflict].
type Resolution int

const (
	// Refuse rejects the sign-in with the code OAuthAccountNotLinked. It is the zero value.
	Refuse Resolution = iota
	// LinkAfterProof shows the sign-in page with the code OAuthAccountNotLinked. If the
	// browser signs in as the user within 15 minutes, the account is linked to that user.
	// It is Refuse unless the conflict is Proved: the browser may be one that another person
	// has left.
	LinkAfterProof
)

// ErrLastWayIn says that a user could not sign in any more without an account: see
// [Auth.UnlinkAccount].
var ErrLastWayIn = account.ErrLastWayIn

const (
	defaultRecentFor = 10 * time.Minute
	maxRecentFor     = 24 * time.Hour
)

// AccountInfo is an account of a user, for a page that lists them. It has no secret: its
// JSON can be sent to the front end of this user.
type AccountInfo struct {
	_ [0]func()

	Provider          string  `json:"provider"` // the ID of the provider
	ProviderAccountID string  `json:"providerAccountId"`
	Issuer            string  `json:"issuer,omitzero"`    // see [Account]
	Email             string  `json:"email,omitzero"`     // that the provider gave; it identifies no user
	CreatedAt         ISOTime `json:"createdAt,omitzero"` // when it was linked; zero if the store does not know
}

func infoOf(row *store.Account) AccountInfo {
	return AccountInfo{
		Provider: row.Provider, ProviderAccountID: row.ProviderAccountID, Issuer: row.Issuer, Email: row.Email, CreatedAt: ISOTime(row.CreatedAt),
	}
}

// errNoUsers says that the application has no users of its own.
var errNoUsers = fmt.Errorf("nuxtauth: %w: set Config.Accounts", store.ErrUnsupported)

// ListAccounts lists the accounts of a user, the oldest first. The error wraps
// [store.ErrUnsupported] without Config.Accounts, and [ErrUnavailable] if the store does not
// answer.
func (a *Auth[T, S]) ListAccounts(ctx context.Context, subject string) ([]AccountInfo, error) {
	if a.users == nil {
		return nil, errNoUsers
	}
	rows, err := a.users.List(ctx, subject)
	if err != nil {
		return nil, usersError("list accounts", err)
	}
	list := make([]AccountInfo, 0, len(rows))
	for _, row := range rows {
		list = append(list, infoOf(row))
	}
	return list, nil
}

// FindAccount returns an account of a user with the tokens of its latest sign-in, which are
// secrets; they are empty without AccountsConfig.StoreTokens. An access token may have
// expired: FindAccount refreshes none. issuer is that of [AccountInfo]. The error wraps
// [store.ErrNotFound] if the user does not have the account, and is otherwise one of
// [Auth.ListAccounts], or says that the tokens can't be opened with today's secrets, or are
// not encrypted: see AccountsConfig.InsecureUnencryptedTokens.
func (a *Auth[T, S]) FindAccount(ctx context.Context, subject, provider, accountID, issuer string) (*Account, error) {
	if a.users == nil {
		return nil, errNoUsers
	}
	found, err := a.users.Tokens(ctx, subject, store.AccountKey{Provider: provider, ProviderAccountID: accountID, Issuer: issuer})
	if err != nil {
		return nil, usersError("find an account", err)
	}
	return found, nil
}

// UnlinkAccount removes an account of a user, and ends the sessions of the user that came
// from its provider, also that of the request. Guard its route with [Auth.RequireRecent], and
// check that the request was not made by another site. issuer is that of [AccountInfo].
//
// The error wraps [ErrLastWayIn] if the user could not sign in any more with today's
// providers: then the account stays, also if two accounts are removed at once. It wraps
// [store.ErrNotFound] if the user does not have the account. Any other error is a fault: the
// account may be gone, without the event, and sessions may go on. Call it again: it ends them
// also if the account is gone.
func (a *Auth[T, S]) UnlinkAccount(ctx context.Context, subject, provider, accountID, issuer string) error {
	if a.users == nil {
		return errNoUsers
	}
	key := store.AccountKey{Provider: provider, ProviderAccountID: accountID, Issuer: issuer}
	_, err := a.users.Unlink(ctx, subject, key)
	if err == nil || errors.Is(err, store.ErrNotFound) { // after a fault the account may be gone, and its sessions not
		err = errors.Join(err, a.sessions.RevokeUserProvider(ctx, subject, provider))
	}
	return usersError("unlink an account", err)
}

// DeleteUser deletes a user with all accounts and links, and ends all sessions. A later
// sign-in with one of the accounts makes a new user, with another ID. Data of the
// application are its own to delete: see Events.DeleteUser. Guard the route with
// [Auth.RequireRecent].
//
// After an error, which wraps [ErrUnavailable], some of it may be done: call it again. If the
// user was deleted and only the answer was lost, the next call ends what is left, without the
// event. Deleting a user who does not exist is no error.
func (a *Auth[T, S]) DeleteUser(ctx context.Context, subject string) error {
	if a.users == nil {
		return errNoUsers
	}
	if subject == "" {
		return errors.New("nuxtauth: DeleteUser needs the ID of a user")
	}
	return usersError("delete a user", a.users.Delete(ctx, subject))
}

// usersError says what has failed. What is no answer of the store is temporary.
func usersError(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrNotFound), errors.Is(err, ErrLastWayIn), errors.Is(err, store.ErrUnsupported), errors.Is(err, ErrUnavailable):
		return fmt.Errorf("nuxtauth: %s: %w", what, err)
	}
	return fmt.Errorf("nuxtauth: %s: %w", what, Unavailable(err))
}

// recentFor is how long after a sign-in accounts can be linked.
func (c AccountsConfig) recentFor() time.Duration {
	if c.RecentFor == 0 {
		return defaultRecentFor
	}
	return c.RecentFor
}

// check reports what is set without users, and a time that is none.
func (c AccountsConfig) check() error {
	var problems []error
	if c.Store == nil && (c.StoreTokens || c.InsecureUnencryptedTokens || c.LinkByEmail || c.Conflict != nil || c.RecentFor != 0) {
		problems = append(problems, errors.New("nuxtauth: Accounts.Store is nil, and without users the other fields of Accounts do nothing: set it to store.NewMemory, sqlstore.New or another store.Accounts, or leave them out"))
	}
	if c.InsecureUnencryptedTokens && !c.StoreTokens {
		problems = append(problems, errors.New("nuxtauth: Accounts.InsecureUnencryptedTokens is set, and no tokens are stored: set Accounts.StoreTokens too, or leave it out"))
	}
	if d := c.RecentFor; d != 0 && (d < time.Second || d > maxRecentFor) {
		problems = append(problems, fmt.Errorf("nuxtauth: Accounts.RecentFor is %v: write a duration with its unit, such as 10*time.Minute, from 1s to %v, or leave it out for %v", d, maxRecentFor, defaultRecentFor))
	}
	return errors.Join(problems...)
}

// denyList is that of sessions in cookies: the store of the users, unless there is another
// place.
func (c AccountsConfig) denyList(s SessionConfig) store.Marks {
	if s.DenyList != nil || s.Store != nil || c.Store == nil {
		return s.DenyList
	}
	marks, _ := store.As[store.Marks](c.Store)
	return marks
}

// compile returns the users of the application, nil without a store.
func (c AccountsConfig) compile(events account.Events, mails account.Mail, secrets []string, providers []provider.Provider, sessions *session.Manager, log *slog.Logger, now func() time.Time) (*account.Accounts, error) {
	if c.Store == nil {
		return nil, nil
	}
	links, _ := store.As[store.Links](c.Store)
	cfg := account.Config{
		Store: guard.Accounts(log, c.Store), Links: guard.Links(log, links), LinkByEmail: c.LinkByEmail, Ways: waysOf(providers),
		Mail: mails, LinkSecrets: secrets, UnencryptedTokens: c.InsecureUnencryptedTokens, Detach: detached,
		EndSessions: func(ctx context.Context, userID string) error {
			_, err := sessions.RevokeSessions(ctx, userID)
			return err
		},
		Events: events, Log: log, Now: now,
	}
	if c.StoreTokens {
		var err error
		if cfg.Tokens, err = token.NewAuthJS("nuxtauth.account-tokens", secrets...); err != nil { // whatever Config.Protocol is
			return nil, err
		}
	}
	if conflict := c.Conflict; conflict != nil {
		guarded := guard.Func(log, "the Conflict function", conflict)
		cfg.Conflict = func(ctx context.Context, a *account.Conflict) (account.Resolution, error) {
			r, err := guarded(ctx, AccountConflict{User: a.User, Account: a.Account, Profile: a.Profile, Proved: a.Proved})
			return account.Resolution(r), err
		}
	}
	return account.New(cfg), nil
}

// waysOf returns the ways to sign in with these providers.
func waysOf(providers []provider.Provider) account.Ways {
	types := make(map[string]provider.Type)
	w := account.Ways{Provider: func(id string) bool { return types[id] != "" }}
	for _, p := range providers {
		switch p.Type {
		case provider.TypeCredentials:
			w.Form = true
		case provider.TypeEmail:
			w.Email = true
		default:
			types[p.ID] = p.Type
		}
	}
	return w
}

// detached returns a context for work that goes on after the request of ctx: a gin.Context is
// used for another request then.
func detached(ctx context.Context) context.Context {
	if c, ok := ctx.Value(gin.ContextKey).(*gin.Context); ok {
		ctx = c.Request.Context()
	}
	return context.WithoutCancel(ctx)
}
