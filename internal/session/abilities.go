package session

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/guard"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

// Abilities are what the application's store and deny-list can do, guarded. Those
// that it has not are nil.
type Abilities struct {
	Store    store.Sessions
	Index    store.Index
	Locker   store.Locker
	Counter  store.Counter
	Marks    store.Marks // of the store
	DenyList store.Marks
	Adopt    bool

	inMemory  bool   // the store or the deny-list is in the memory of this process
	storeType string // for errors
}

// A Storage says where the sessions of an application are.
type Storage struct {
	Store    store.Sessions // nil: they live in their cookies
	DenyList store.Marks    // of sessions in cookies; nil for none

	// Adopt says that sessions move from their cookies into the store: its marks
	// are the deny-list of those that are yet to be moved.
	Adopt bool

	// ProviderTokens says that the token type has them: they need locks.
	ProviderTokens bool

	// Users says that the application has users, whose sessions have to be ended.
	Users bool
}

// NewAbilities finds the abilities of a storage. The error joins all that a feature
// needs and the storage has not.
func NewAbilities(log *slog.Logger, in Storage) (Abilities, error) {
	s := in.Store
	index, _ := store.As[store.Index](s)
	locker, _ := store.As[store.Locker](s)
	marks, _ := store.As[store.Marks](s)
	counter, ok := store.As[store.Counter](s)
	if !ok {
		counter, _ = store.As[store.Counter](in.DenyList)
	}
	a := Abilities{
		Store: guard.Sessions(log, s), Index: guard.Index(log, index), Locker: guard.Locker(log, locker),
		Counter: guard.Counter(log, counter), Marks: guard.Marks(log, marks), DenyList: guard.Marks(log, in.DenyList),
		Adopt: in.Adopt, storeType: fmt.Sprintf("%T", s),
	}
	for _, s := range []any{in.Store, in.DenyList} {
		if _, ok := store.As[*store.Memory](s); ok {
			a.inMemory = true
		}
	}
	err := a.check(in)
	if in.Adopt && a.Marks != nil {
		a.DenyList = a.Marks
	}
	return a, err
}

// whole says which stores have every ability.
const whole = "use store.Memory, redisstore or sqlstore, or give a decorator around one of them a method Unwrap() store.Sessions"

func (a Abilities) check(in Storage) error {
	var problems []error
	if in.Store != nil && in.DenyList != nil {
		problems = append(problems, errors.New("nuxtauth: Session.DenyList is for sessions in cookies: leave it out, the Store ends sessions by itself"))
	}
	if in.Store == nil && in.Adopt {
		problems = append(problems, errors.New("nuxtauth: Session.AdoptCookies moves sessions into a Store: set Session.Store, or leave it out"))
	}
	if in.Store != nil && in.Adopt && a.Index == nil {
		problems = append(problems, fmt.Errorf("nuxtauth: Session.AdoptCookies needs a store that can end all sessions of a user, and %s is no store.Index: %s", a.storeType, whole))
	}
	if in.Store != nil && in.ProviderTokens && a.Locker == nil {
		problems = append(problems, fmt.Errorf("nuxtauth: ProviderTokens need a store in which one request at a time refreshes them, because a refresh token that is used twice ends the session, and %s is no store.Locker: %s", a.storeType, whole))
	}
	if in.Users && in.Store != nil && a.Index == nil {
		problems = append(problems, fmt.Errorf("nuxtauth: Accounts need a store that can end all sessions of a user, and %s is no store.Index: %s", a.storeType, whole))
	}
	if in.Users && in.Store == nil && in.DenyList == nil {
		problems = append(problems, errors.New("nuxtauth: Accounts need to end all sessions of a user, and Accounts.Store is no store.Marks, which would be their deny-list: set Session.Store or Session.DenyList"))
	}
	return errors.Join(problems...)
}

// LogoutReplay remembers the logout tokens that were used: where all processes see
// it, or else in this one. A [store.Memory] is bounded: the tokens must not take the place
// of ended sessions, so that they are in another.
func (a Abilities) LogoutReplay(now func() time.Time) store.Marks {
	switch {
	case a.inMemory:
	case a.DenyList != nil:
		return a.DenyList
	case a.Marks != nil:
		return a.Marks
	}
	return store.NewMemory(store.MemoryOptions{Now: now})
}

// CheckProvider reports a logout that the store can't serve.
func (a Abilities) CheckProvider(p provider.Provider) error {
	switch {
	case !p.FederatedLogout && !p.BackchannelLogout:
		return nil
	case a.Store != nil && a.Index == nil:
		return fmt.Errorf("nuxtauth: provider %q has FederatedLogout or BackchannelLogout, which need a store that can end the sessions of a user at a provider, and %s is no store.Index: %s", p.ID, a.storeType, whole)
	case p.BackchannelLogout && a.Store == nil && a.DenyList == nil:
		return fmt.Errorf("nuxtauth: provider %q has BackchannelLogout, and sessions in their cookies can't be ended from elsewhere: set Session.DenyList or Session.Store", p.ID)
	}
	return nil
}
