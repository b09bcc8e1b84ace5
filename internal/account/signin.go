package account

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nuxtauth/nuxtauth/internal/address"
	"github.com/nuxtauth/nuxtauth/mail"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

// maxRaces is how often a decision is made anew because a simultaneous sign-in has made the
// user or the account.
const maxRaces = 4

// errRace says that a decision has to be made anew.
var errRace = errors.New("another sign-in has changed the user or the account")

// A Result is the user of a sign-in.
type Result struct {
	User *provider.User
	New  bool // no sign-in of the user was complete before

	linked *store.User // the account was linked to this user, who asked for it; nil if not

	// LinkAfterProof says that the account is not linked yet: the browser has to sign in
	// as the user first. Then no session begins.
	LinkAfterProof bool
}

// Resolve returns the user of a proof that the application has accepted, and makes or links
// what is missing. The error is a [*provider.Error] if the sign-in is refused, one of the
// Conflict function, or a fault of the store, after which nothing is half done and the next
// attempt starts again or goes on.
func (a *Accounts) Resolve(ctx context.Context, p *Proof) (Result, error) {
	var err error
	for range maxRaces {
		var r Result
		if r, err = a.resolve(ctx, p); !errors.Is(err, errRace) {
			return r, err
		}
		p.found = nil
	}
	return Result{}, fmt.Errorf("nuxtauth: users and accounts: %w", err)
}

func (a *Accounts) resolve(ctx context.Context, p *Proof) (Result, error) {
	u := p.found
	if u == nil {
		var err error
		if u, err = a.find(ctx, p); err != nil && !errors.Is(err, store.ErrNotFound) {
			return Result{}, ambiguous(err)
		}
	}
	switch {
	case u != nil && u.Disabled:
		return Result{}, refuse(codeAccessDenied, "the user is disabled")
	case p.Kind == AtForm && u == nil:
		return Result{}, refuse(codeAccessDenied, "Authorize returned the ID of no user in Config.Accounts: return that of the users row")
	case p.Kind == ByEmail:
		return a.byEmail(ctx, p, u)
	case p.LinkTo != "":
		return a.link(ctx, p, u)
	case u == nil:
		return a.unknown(ctx, p)
	}
	if p.Kind == AtProvider {
		if err := a.known(ctx, p, u); err != nil {
			return Result{}, err
		}
	}
	return signedIn(u), nil
}

func signedIn(u *store.User) Result { return Result{User: User(u), New: u.FirstSignIn.IsZero()} }

// ambiguous refuses an address that several users have, and leaves other errors as they
// are.
func ambiguous(err error) error {
	if errors.Is(err, store.ErrAmbiguousEmail) {
		return &provider.Error{Code: CodeNotLinked, Err: err}
	}
	return err
}

// storeTokens replaces the tokens of an account that u has.
func (a *Accounts) storeTokens(ctx context.Context, p *Proof, u *store.User) {
	if a.cfg.Tokens == nil {
		return
	}
	row, err := a.row(ctx, p, u.ID)
	if err == nil {
		err = a.cfg.Store.UpdateAccount(ctx, row)
	}
	if err != nil { // the user can sign in all the same
		a.cfg.Log.ErrorContext(ctx, "nuxtauth: the tokens of an account could not be stored", "provider", p.Account.Provider, "error", err)
	}
}

// known is a sign-in with an account that u has.
func (a *Accounts) known(ctx context.Context, p *Proof, u *store.User) error {
	a.storeTokens(ctx, p, u)
	if email, proved := proved(p); proved && email == u.Email && u.EmailVerified.IsZero() {
		return a.verify(ctx, p, u)
	}
	return nil
}

// unknown is a sign-in with an account that no user has.
func (a *Accounts) unknown(ctx context.Context, p *Proof) (Result, error) {
	email, isProof := proved(p)
	if email != "" {
		owner, err := a.cfg.Store.FindUserByEmail(ctx, email)
		if err == nil {
			return a.taken(ctx, p, owner, isProof)
		}
		if !errors.Is(err, store.ErrNotFound) {
			return Result{}, ambiguous(err)
		}
	}
	u := &store.User{Name: fit(p.User.Name, store.MaxUserText), Email: email, Image: p.User.Image}
	if isProof {
		u.EmailVerified = a.cfg.Now()
	}
	row, err := a.row(ctx, p, "")
	if err != nil {
		return Result{}, err
	}
	if err := a.create(ctx, u, row); err != nil {
		return Result{}, err
	}
	event(ctx, a.cfg.Events.LinkAccount, &Linked{User(u), p.Account, p.Profile})
	return signedIn(u), nil
}

// create makes a user with an account, which may be nil.
func (a *Accounts) create(ctx context.Context, u *store.User, row *store.Account) error {
	switch err := a.cfg.Store.CreateUser(ctx, u, row); {
	case errors.Is(err, store.ErrAccountTaken), errors.Is(err, store.ErrEmailTaken):
		return errRace
	case err != nil:
		return err
	}
	event(ctx, a.cfg.Events.CreateUser, User(u))
	return nil
}

// taken is a sign-in with an account that no user has, and an address that owner has.
// isProof says that the provider vouches for the address.
func (a *Accounts) taken(ctx context.Context, p *Proof, owner *store.User, isProof bool) (Result, error) {
	switch _, err := a.cfg.Store.FindUserByAccount(ctx, Key(p.Account)); {
	case err == nil: // a simultaneous sign-in with this account has made owner
		return Result{}, errRace
	case !errors.Is(err, store.ErrNotFound):
		return Result{}, err
	}
	switch {
	case isProof && owner.Disabled: // others do not learn of it
		return Result{}, refuse(codeAccessDenied, "the user with the address of the account is disabled")
	case isProof && owner.EmailVerified.IsZero(): // owner may have been made by another person: its owner comes now
		if err := a.add(ctx, p, owner); err != nil {
			return Result{}, err
		}
		if err := a.verify(ctx, p, owner); err != nil {
			return Result{}, err
		}
		return signedIn(owner), nil
	case isProof && a.cfg.LinkByEmail:
		if err := a.add(ctx, p, owner); err != nil {
			return Result{}, err
		}
		return signedIn(owner), nil
	case a.cfg.Conflict == nil, owner.Disabled:
		return Result{}, refuse(CodeNotLinked, "another user has the e-mail address of the account")
	}
	how, err := a.cfg.Conflict(ctx, &Conflict{User: User(owner), Account: p.Account, Profile: p.Profile, Proved: isProof})
	switch {
	case err != nil:
		if _, ok := errors.AsType[*provider.Error](err); ok {
			return Result{}, err
		}
		return Result{}, &provider.Error{Code: CodeNotLinked, Err: fmt.Errorf("the Conflict function: %w", err)}
	case how == LinkAfterProof && isProof: // of any other address the browser may have been left to the user with this sign-in under way
		return Result{User: User(owner), LinkAfterProof: true}, nil
	}
	return Result{}, refuse(CodeNotLinked, "another user has the e-mail address of the account")
}

// link links an account to the user who asked for it. found is the user who has it.
func (a *Accounts) link(ctx context.Context, p *Proof, found *store.User) (Result, error) {
	if found != nil {
		if found.ID != p.LinkTo {
			return Result{}, refuse(CodeNotLinked, "the account belongs to another user")
		}
		a.storeTokens(ctx, p, found) // of further scopes, perhaps
		return signedIn(found), nil
	}
	u, err := a.cfg.Store.FindUser(ctx, p.LinkTo)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return Result{}, refuse(CodeNotLinked, "the user who asked for the account does not exist any more")
	case err != nil:
		return Result{}, err
	case u.Disabled:
		return Result{}, refuse(codeAccessDenied, "the user is disabled")
	}
	email, isProof := proved(p)
	if email != "" && email != u.Email {
		switch owner, err := a.cfg.Store.FindUserByEmail(ctx, email); {
		case err == nil && owner.ID != u.ID:
			return Result{}, refuse(CodeNotLinked, "another user has the e-mail address of the account")
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return Result{}, ambiguous(err)
		}
	}
	if err := a.add(ctx, p, u); err != nil {
		return Result{}, err
	}
	if isProof && email == u.Email && u.EmailVerified.IsZero() { // both belong to the user who is signed in
		now := a.cfg.Now()
		u, err = a.cfg.Store.UpdateUser(ctx, u.ID, func(u *store.User) error {
			if u.Email == email {
				u.EmailVerified = now
			}
			return nil
		})
		if err != nil {
			return Result{}, err
		}
		event(ctx, a.cfg.Events.UpdateUser, &Update{User: User(u)})
	}
	r := signedIn(u)
	r.linked = u
	return r, nil
}

// Undo removes the account of a result that was linked for a user whose session has ended
// meanwhile.
func (a *Accounts) Undo(ctx context.Context, p *Proof, r Result) error {
	if r.linked == nil {
		return nil
	}
	removed, err := a.cfg.Store.UnlinkAccount(context.WithoutCancel(ctx), r.User.ID, Key(p.Account), func(*store.User, []*store.Account) error { return nil })
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err == nil {
		event(ctx, a.cfg.Events.UnlinkAccount, &Unlinked{r.User, removed})
		a.notice(ctx, r.linked, mail.NoticeUnlinked, removed.Provider)
	}
	return err
}

// add links an account, which no user has, to u.
func (a *Accounts) add(ctx context.Context, p *Proof, u *store.User) error {
	row, err := a.row(ctx, p, u.ID)
	if err != nil {
		return err
	}
	switch err := a.cfg.Store.LinkAccount(ctx, row); {
	case errors.Is(err, store.ErrAccountTaken), errors.Is(err, store.ErrNotFound):
		return errRace
	case err != nil:
		return err
	}
	event(ctx, a.cfg.Events.LinkAccount, &Linked{User(u), p.Account, p.Profile})
	a.notice(ctx, u, mail.NoticeLinked, row.Provider)
	return nil
}

// LinkPending links an account to the user who has signed in after [Result.LinkAfterProof].
// email is the address that the provider gave.
func (a *Accounts) LinkPending(ctx context.Context, userID, email string, of *provider.Account) error {
	u, err := a.cfg.Store.FindUser(ctx, userID)
	if err != nil {
		return err
	}
	return a.add(ctx, &Proof{User: &provider.User{ID: of.ProviderAccountID, Email: email}, Account: of}, u)
}

// byEmail is a sign-in with the link that was sent to an address, which u has; nil for
// none.
func (a *Accounts) byEmail(ctx context.Context, p *Proof, u *store.User) (Result, error) {
	if u == nil {
		u = &store.User{Email: p.User.Email, EmailVerified: a.cfg.Now()}
		if err := a.create(ctx, u, nil); err != nil {
			return Result{}, err
		}
		return signedIn(u), nil
	}
	if err := a.verify(ctx, p, u); err != nil { // it changes u
		return Result{}, err
	}
	return signedIn(u), nil
}

// verify notes that the owner of the address of u has proved it, for the first time or
// again. The first time removes what another person may have left: accounts, the password,
// links and sessions.
func (a *Accounts) verify(ctx context.Context, p *Proof, u *store.User) error {
	keep := store.AccountKey{}
	if p.Kind == AtProvider {
		keep = Key(p.Account)
	}
	reclaimed, password := u.EmailVerified.IsZero(), u.PasswordHash != ""
	if reclaimed {
		if err := a.cfg.EndSessions(ctx, u.ID); err != nil {
			return err
		}
	}
	after, removed, err := a.cfg.Store.VerifyEmail(ctx, u.ID, u.Email, a.cfg.Now(), keep)
	switch {
	case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrNotFound):
		return errRace
	case err != nil:
		return err
	}
	*u = *after
	for _, row := range removed {
		event(ctx, a.cfg.Events.UnlinkAccount, &Unlinked{User(u), row})
	}
	event(ctx, a.cfg.Events.UpdateUser, &Update{User: User(u), Reclaimed: reclaimed, Removed: removed})
	if reclaimed && (password || len(removed) > 0) {
		a.notice(ctx, u, mail.NoticeReclaimed, "")
	}
	if reclaimed {
		return a.reclaim(context.WithoutCancel(ctx), u)
	}
	return nil
}

// reclaim ends what another person may have begun while the address of u was being proved.
// After a fault the address counts as unproved: the next proof starts again.
func (a *Accounts) reclaim(ctx context.Context, u *store.User) error {
	err := a.cfg.EndSessions(ctx, u.ID)
	if a.cfg.Links != nil {
		err = errors.Join(err, a.cfg.Links.DeleteLinks(ctx, u.Email))
	}
	if err == nil {
		return nil
	}
	_, undo := a.cfg.Store.UpdateUser(ctx, u.ID, func(now *store.User) error {
		if now.EmailVerified.Equal(u.EmailVerified) {
			now.EmailVerified = time.Time{}
		}
		return nil
	})
	return errors.Join(err, undo)
}

// proved returns the address of a proof as users have it, "" for none, and whether the
// provider vouches for it: not if it had to be changed by more than the case of ASCII
// letters, because that may be the address of another person.
func proved(p *Proof) (email string, ok bool) {
	email, err := address.Normalize(p.User.Email)
	return email, err == nil && p.VouchesForEmail && p.User.EmailVerified && email == strings.Map(lowerASCII, p.User.Email)
}

func lowerASCII(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}

// fit cuts a text to n bytes, between two characters.
func fit(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
