package api_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

// A reclaimStore has a fault in one method once an address was proved.
type reclaimStore struct {
	*apptest.UserStore
	fault  string
	proved atomic.Bool
}

func (s *reclaimStore) of(method string) error {
	if s.fault == method && s.proved.CompareAndSwap(true, false) {
		return apptest.ErrDown
	}
	return nil
}

func (s *reclaimStore) VerifyEmail(ctx context.Context, id, email string, at time.Time, keep store.AccountKey) (*store.User, []*store.Account, error) {
	u, removed, err := s.UserStore.VerifyEmail(ctx, id, email, at, keep)
	s.proved.Store(s.fault != "" && err == nil)
	return u, removed, err
}

func (s *reclaimStore) Mark(ctx context.Context, name string, ttl time.Duration) (int64, bool, error) {
	if err := s.of("Mark"); err != nil {
		return 0, false, err
	}
	return s.UserStore.Mark(ctx, name, ttl)
}

func (s *reclaimStore) DeleteLinks(ctx context.Context, email string) error {
	if err := s.of("DeleteLinks"); err != nil {
		return err
	}
	return s.UserStore.DeleteLinks(ctx, email)
}

// The address is proved, and what another person has left can't be ended: the next proof
// starts again, and removes what that person has added meanwhile.
func TestAC05_FaultAfterTheProofStartsAgain(t *testing.T) {
	for _, fault := range []string{"Mark", "DeleteLinks"} {
		t.Run(fault, func(t *testing.T) {
			var s *reclaimStore
			u := newUsersApp(t, trusting("idp"), func(cfg *apptest.Config) {
				s = &reclaimStore{UserStore: cfg.Accounts.Store.(*apptest.UserStore)}
				cfg.Accounts.Store = s
			})
			attacker := u.another()
			id := attacker.mustSignIn("idp2", "eve")
			link := &store.Link{LinkKey: store.LinkKey{Purpose: "reset", Email: "alice@example.com"}, ExpiresAt: u.Clock.Now().Add(time.Hour)}
			if err := s.SaveLink(t.Context(), link); err != nil {
				t.Fatal(err)
			}
			s.fault = fault
			u.signIn("idp", "alice")
			u.signedInAs("")
			if row := u.user(id); !row.EmailVerified.IsZero() {
				t.Errorf("the address counts as proved since %v", row.EmailVerified)
			}
			s.fault = ""

			// The link, or a session, still works.
			u.change(id, func(row *store.User) { row.PasswordHash = "of the attacker" })
			other := u.another()
			other.useForm(id)
			other.signedInAs(id)
			u.calls.take()
			u.Clock.Advance(time.Second)

			u.mustSignIn("idp", "alice")
			if events := u.calls.take(); !slices.Contains(events, "updateUser Eve verified=true reclaimed=true removed=0") {
				t.Errorf("the calls are %q", events)
			}
			if row := u.user(id); row.PasswordHash != "" || row.EmailVerified.IsZero() {
				t.Errorf("the user is %+v", row)
			}
			other.signedInAs("")
			attacker.signedInAs("")
			if _, err := s.FindLink(t.Context(), link.LinkKey); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("the link of the attacker: %v", err)
			}
		})
	}
}
