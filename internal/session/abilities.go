package session

import (
	"errors"
	"fmt"
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

	storeType string // for errors
}

// AbilitiesOf finds the abilities of a store and a deny-list, which may be nil.
// adopt says that sessions move from their cookies into the store: its marks are
// the deny-list of those that are yet to be moved.
func AbilitiesOf(s store.Sessions, denyList store.Marks, adopt bool) Abilities {
	a := Abilities{Store: guard.Sessions(s), Adopt: adopt, storeType: fmt.Sprintf("%T", s)}
	if index, ok := store.As[store.Index](s); ok {
		a.Index = guard.Index(index)
	}
	if locker, ok := store.As[store.Locker](s); ok {
		a.Locker = guard.Locker(locker)
	}
	if counter, ok := store.As[store.Counter](s); ok {
		a.Counter = guard.Counter(counter)
	} else if counter, ok := store.As[store.Counter](denyList); ok {
		a.Counter = guard.Counter(counter)
	}
	a.DenyList = guard.Marks(denyList)
	if marks, ok := store.As[store.Marks](s); ok {
		a.Marks = guard.Marks(marks)
	}
	if adopt && a.Marks != nil {
		a.DenyList = a.Marks
	}
	return a
}

// LogoutReplay remembers the logout tokens that were used: where all processes see
// it, or else in this one.
func (a Abilities) LogoutReplay(now func() time.Time) store.Marks {
	switch {
	case a.DenyList != nil:
		return a.DenyList
	case a.Marks != nil:
		return a.Marks
	}
	return store.NewMemory(store.MemoryOptions{Now: now})
}

// whole says which stores have every ability.
const whole = "use store.Memory, redisstore or sqlstore, or give a decorator around one of them a method Unwrap() store.Sessions"

// Check reports abilities that a feature needs and the store has not. denyList is
// that of the configuration; providerTokens says that the token type has
// ProviderTokens.
func (a Abilities) Check(denyList store.Marks, providerTokens bool) error {
	var problems []error
	problem := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("nuxtauth: "+format, args...))
	}
	if a.Store != nil && denyList != nil {
		problem("Session.DenyList is for sessions in cookies: leave it out, the Store ends sessions by itself")
	}
	if a.Store == nil && a.Adopt {
		problem("Session.AdoptCookies moves sessions into a Store: set Session.Store, or leave it out")
	}
	if a.Store != nil && a.Adopt && a.Index == nil {
		problem("Session.AdoptCookies needs a store that can end all sessions of a user, and %s is no store.Index: %s", a.storeType, whole)
	}
	if a.Store != nil && providerTokens && a.Locker == nil {
		problem("ProviderTokens need a store in which one request at a time refreshes them, because a refresh token that is used twice ends the session, and %s is no store.Locker: %s", a.storeType, whole)
	}
	return errors.Join(problems...)
}

// CheckProvider reports a logout that the store can't serve.
func (a Abilities) CheckProvider(p provider.Provider) error {
	switch {
	case !p.FederatedLogout && !p.BackchannelLogout:
		return nil
	case a.Store != nil && a.Index == nil && a.DenyList == nil:
		return fmt.Errorf("nuxtauth: provider %q has FederatedLogout or BackchannelLogout, which need a store that can end the sessions of a user at a provider, and %s is no store.Index: %s", p.ID, a.storeType, whole)
	case p.BackchannelLogout && a.Store == nil && a.DenyList == nil:
		return fmt.Errorf("nuxtauth: provider %q has BackchannelLogout, and sessions in their cookies can't be ended from elsewhere: set Session.DenyList or Session.Store", p.ID)
	}
	return nil
}
