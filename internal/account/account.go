// Package account decides which user a proven sign-in belongs to: it finds, makes and
// links the users and accounts of an application that has them. It knows neither HTTP nor
// sessions.
package account

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/nuxtauth/nuxtauth/mail"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// Config is what [Accounts] are made of. The store and the functions of the application
// are guarded.
type Config struct {
	Store store.Accounts
	Links store.Links // nil: the application sends none
	Mail  Mail        // sends them

	// LinkSecrets are part of the hashes of links; the first makes new ones.
	LinkSecrets []string

	// Tokens seals the provider's tokens for the store; nil: they are not stored.
	Tokens token.Codec
	// UnencryptedTokens stores them as they are, and returns those that another system has
	// stored so.
	UnencryptedTokens bool

	// LinkByEmail links an account to the user with the same address if both are proved.
	LinkByEmail bool

	// Conflict decides what becomes of an account whose address another user has; nil
	// refuses it.
	Conflict func(ctx context.Context, c *Conflict) (Resolution, error)

	// Ways are how a user can sign in today, for [Accounts.Unlink].
	Ways Ways

	// Detach returns the context of work that goes on after the request of ctx.
	Detach func(ctx context.Context) context.Context

	// EndSessions ends all sessions of a user.
	EndSessions func(ctx context.Context, userID string) error

	Events Events
	Log    *slog.Logger
	Now    func() time.Time
}

// Mail makes and sends mails. Its functions are guarded.
type Mail struct {
	Send func(ctx context.Context, m mail.Message) error
	Link func(ctx context.Context, l mail.Link) (mail.Message, error)

	// Notice makes the message about a change; nil: the application sends none.
	Notice func(ctx context.Context, n mail.Notice) (mail.Message, error)

	Site mail.Site
}

// Events are called after something has happened. Those that are nil are not.
type Events struct {
	CreateUser    func(ctx context.Context, u *provider.User)
	UpdateUser    func(ctx context.Context, e *Update)
	LinkAccount   func(ctx context.Context, e *Linked)
	UnlinkAccount func(ctx context.Context, e *Unlinked)
	DeleteUser    func(ctx context.Context, u *provider.User)
}

// An Update is a user whose address was proved. Removed are the accounts that are gone
// because they may be those of another person, and Reclaimed says that the address had not
// been proved before.
type Update struct {
	User      *provider.User
	Reclaimed bool
	Removed   []*store.Account
}

// Linked is an account that a user has from now on.
type Linked struct {
	User    *provider.User
	Account *provider.Account
	Profile provider.Profile
}

// Unlinked is an account that a user has no more.
type Unlinked struct {
	User    *provider.User
	Account *store.Account
}

// A Conflict is an account that no user has yet, whose e-mail address User has.
type Conflict struct {
	User    *provider.User // of the application, with EmailVerified
	Account *provider.Account
	Profile provider.Profile
	Proved  bool // the provider vouches for the address
}

// A Resolution says what becomes of a [Conflict].
type Resolution int

// The resolutions.
const (
	Refuse         Resolution = iota // the sign-in fails with the code OAuthAccountNotLinked
	LinkAfterProof                   // the account is linked if the browser signs in as the user next; only with Conflict.Proved
)

// The codes of this package's refusals, which are those of Auth.js.
const (
	CodeNotLinked    = "OAuthAccountNotLinked"
	codeAccessDenied = "AccessDenied"
)

// Accounts decide on the users of an application. It is safe for concurrent use. Make one
// with [New].
type Accounts struct {
	cfg    Config
	notify func(context.Context, Notice) // see OnNotice
}

// New returns the decisions over a store.
func New(cfg Config) *Accounts { return &Accounts{cfg: cfg} }

// A Kind says what a [Proof] proves.
type Kind int

// The kinds of proofs.
const (
	AtProvider Kind = iota // an account at a provider
	AtForm                 // a user of the application, whose form was checked
	ByEmail                // an e-mail address, by a link
)

// A Proof is a sign-in that was proven.
type Proof struct {
	Kind    Kind
	User    *provider.User
	Account *provider.Account
	Profile provider.Profile

	// VouchesForEmail says that User.EmailVerified is a proof.
	VouchesForEmail bool

	// LinkTo is the user to whom the account is to be linked, "" for a sign-in.
	LinkTo string

	// Since is when the form of AtForm came, before it was checked.
	Since time.Time

	found *store.User // by Find
}

// Find finds the user of a proof, for the SignIn callback, nil if there is none yet. The
// error says that this can't be told.
func (a *Accounts) Find(ctx context.Context, p *Proof) (*provider.User, error) {
	u, err := a.find(ctx, p)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, ambiguous(err)
	}
	p.found = u
	return User(u), nil
}

func (a *Accounts) find(ctx context.Context, p *Proof) (*store.User, error) {
	switch p.Kind {
	case AtForm:
		return a.cfg.Store.FindUser(ctx, p.User.ID)
	case ByEmail:
		return a.cfg.Store.FindUserByEmail(ctx, p.User.Email)
	default:
		return a.cfg.Store.FindUserByAccount(ctx, Key(p.Account))
	}
}

// Key is what an account is found by.
func Key(a *provider.Account) store.AccountKey {
	return store.AccountKey{Provider: a.Provider, ProviderAccountID: a.ProviderAccountID, Issuer: a.Issuer}
}

// User is a user of the store as callbacks get it.
func User(u *store.User) *provider.User {
	return &provider.User{
		ID: u.ID, Name: u.Name, Email: u.Email, Image: u.Image, EmailVerified: !u.EmailVerified.IsZero(), Extra: u.Extra,
	}
}

// refuse is the error of a sign-in that is refused with a code.
func refuse(code, reason string) error { return &provider.Error{Code: code, Err: errors.New(reason)} }

// Confirm runs when the session of a sign-in has begun. It notes the first one, and reports
// that the proof does not count any more: the user was deleted or disabled meanwhile, or the
// account was removed. The sessions of before were ended before this one was there, so that
// it has to be ended now. The error is a [*provider.Error], or a fault of the store.
func (a *Accounts) Confirm(ctx context.Context, p *Proof, r Result) error {
	u, err := a.find(ctx, p)
	switch {
	case err == nil && u.ID != r.User.ID:
		return refuse(codeAccessDenied, "the account was given to another user during the sign-in")
	case err == nil && p.Kind == AtForm && !u.EmailVerified.Before(p.Since.Truncate(time.Millisecond)):
		return refuse(codeAccessDenied, "the owner of the e-mail address has proved it during the sign-in, which may have removed the password")
	case err == nil && !u.Disabled && u.FirstSignIn.IsZero():
		u, err = a.noteFirst(ctx, u)
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return refuse(codeAccessDenied, "the user or the account was deleted during the sign-in")
	case err != nil:
		return err
	case u.Disabled:
		return refuse(codeAccessDenied, "the user is disabled")
	}
	return nil
}

// noteFirst notes the first sign-in of u, and returns what is stored. A fault is logged: the
// sign-in is complete, and the next may be the first once more.
func (a *Accounts) noteFirst(ctx context.Context, u *store.User) (*store.User, error) {
	after, err := a.cfg.Store.UpdateUser(ctx, u.ID, func(u *store.User) error {
		if u.FirstSignIn.IsZero() {
			u.FirstSignIn = a.cfg.Now()
		}
		return nil
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		a.cfg.Log.ErrorContext(ctx, "nuxtauth: the first sign-in of a user could not be noted", "error", err)
		return u, nil
	}
	return after, err
}

// event calls an event that is not nil. What it reports is stored, and comes once: the end
// of the request must not keep the event from its work.
func event[E any](ctx context.Context, f func(context.Context, E), e E) {
	if f != nil {
		f(context.WithoutCancel(ctx), e)
	}
}
