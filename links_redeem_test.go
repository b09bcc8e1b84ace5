package nuxtauth_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/mail"
	"github.com/nuxtauth/nuxtauth/store"
)

func TestRedeemLink_Reset(t *testing.T) {
	for name, storage := range map[string]func(*apptest.Config){
		"sessions in cookies": func(*apptest.Config) {},
		"sessions in a store": func(cfg *apptest.Config) {
			cfg.Session.Store = store.NewMemory(store.MemoryOptions{Now: cfg.Now})
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newLinkApp(t, storage)
			u := a.user("ada@example.com", true, false)
			own, other, elsewhere := a.as(u.ID), a.as(u.ID), a.as("another user")
			first, second := a.link(mail.PurposeReset, u.Email), a.link(mail.PurposeReset, u.Email)
			verify := a.link(mail.PurposeVerify, u.Email)
			r, err := a.redeem(own, mail.PurposeReset, second)
			if err != nil || r.Email != u.Email || r.Subject != u.ID || r.Reclaimed {
				t.Fatalf("%+v, %v", r, err)
			}
			for i, b := range []*apptest.App{own, other} {
				if b.Session() != nil {
					t.Errorf("session %d goes on", i+1)
				}
			}
			if elsewhere.Session() == nil {
				t.Error("the session of another user has ended")
			}
			if got := a.has(u.ID); got != "password account" {
				t.Errorf("the user has %s", got)
			}
			for what, q := range map[string]url.Values{"used": second, "another": first} {
				if _, err := a.redeem(a.App, mail.PurposeReset, q); !errors.Is(err, nuxtauth.ErrInvalidLink) {
					t.Errorf("the link that is %s: %v", what, err)
				}
			}
			if _, err := a.redeem(a.App, mail.PurposeVerify, verify); !errors.Is(err, nuxtauth.ErrInvalidLink) {
				t.Errorf("the link for another purpose: %v", err)
			}
			if b := a.as(u.ID); b.Session() == nil {
				t.Error("no session can begin")
			}
		})
	}
}

// The user who has not proved the address may have been made by another person.
func TestRedeemLink_Reclaims(t *testing.T) {
	for _, purpose := range []mail.Purpose{mail.PurposeReset, mail.PurposeVerify, "invite"} {
		for _, test := range []struct {
			signedIn       string // as
			verified       bool
			has            string
			reclaimed      bool
			sessionsGoOn   bool // but for a reset
			updateReclaims bool
		}{
			{"unknown", false, "", true, false, true},
			{"another", false, "", true, false, true},
			{"the user", false, "password account", false, true, false},
			{"unknown", true, "password account", false, true, false},
			{"another", true, "password account", false, true, false},
			{"the user", true, "password account", false, true, false},
		} {
			name := fmt.Sprintf("%s, signed in as %s, verified %t", purpose, test.signedIn, test.verified)
			a := newLinkApp(t)
			u := a.user("ada@example.com", test.verified, false)
			left := a.as(u.ID) // by the person who made the user
			b := a.Another()
			switch test.signedIn {
			case "another":
				b = a.as("another user")
			case "the user":
				b = a.as(u.ID)
			}
			r, err := a.redeem(b, purpose, a.link(purpose, u.Email))
			if err != nil || r.Subject != u.ID || r.Reclaimed != test.reclaimed {
				t.Errorf("%s: %+v, %v", name, r, err)
			}
			if got := a.has(u.ID); got != test.has {
				t.Errorf("%s: the user has %s", name, got)
			}
			if got, want := left.Session() != nil, test.sessionsGoOn && purpose != mail.PurposeReset; got != want {
				t.Errorf("%s: the session goes on: %t", name, got)
			}
			if len(a.updates) != 1 || a.updates[0].Reclaimed != test.updateReclaims || a.updates[0].User.ID != u.ID || !a.updates[0].User.EmailVerified || (len(a.updates[0].Removed) == 1) != test.updateReclaims {
				t.Errorf("%s: events %+v", name, a.updates)
			}
		}
	}
}

func TestRedeemLink_Invalid(t *testing.T) {
	a := newLinkApp(t)
	for name, spoil := range map[string]func(u *store.User, q url.Values){
		"no token":             func(_ *store.User, q url.Values) { q.Del("token") },
		"another token":        func(_ *store.User, q url.Values) { q.Set("token", strings.Repeat("A", 26)) },
		"a token with more":    func(_ *store.User, q url.Values) { q.Set("token", q.Get("token")+"A") },
		"no address":           func(_ *store.User, q url.Values) { q.Del("email") },
		"another address":      func(_ *store.User, q url.Values) { q.Set("email", "grace@example.com") },
		"two addresses":        func(_ *store.User, q url.Values) { q.Set("email", q.Get("email")+",grace@example.com") },
		"expired":              func(*store.User, url.Values) { a.Clock.Advance(10 * time.Minute) },
		"the user is deleted":  func(u *store.User, _ url.Values) { a.check(a.store.DeleteUser(t.Context(), u.ID)) },
		"the user is disabled": func(u *store.User, _ url.Values) { a.change(u.ID, func(u *store.User) { u.Disabled = true }) },
		"the address is another": func(u *store.User, _ url.Values) {
			a.change(u.ID, func(u *store.User) { u.Email = "new-" + u.Email })
		},
		"the address is another user's": func(u *store.User, _ url.Values) {
			email := u.Email
			a.change(u.ID, func(u *store.User) { u.Email = "new-" + u.Email })
			a.user(email, true, false)
		},
		"two users have the address": func(*store.User, url.Values) { a.store.fault = "ambiguous" },
	} {
		a.store.fault = ""
		u := a.user(strings.ToLower(rand.Text())+"@example.com", false, false)
		q := a.link(mail.PurposeReset, u.Email)
		spoil(u, q)
		if r, err := a.redeem(a.App, mail.PurposeReset, q); r != nil || !errors.Is(err, nuxtauth.ErrInvalidLink) || errors.Is(err, nuxtauth.ErrUnavailable) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		a.store.fault = ""
	}
	u := a.user("grace@example.com", false, false)
	q := a.link(mail.PurposeReset, u.Email)
	for _, purpose := range []mail.Purpose{"", mail.PurposeSignIn, mail.PurposeVerify, "invite"} {
		if r, err := a.redeem(a.App, purpose, q); r != nil || !errors.Is(err, nuxtauth.ErrInvalidLink) {
			t.Errorf("purpose %s: %+v, %v", purpose, r, err)
		}
	}
	if got := a.has(u.ID); got != "password account, not verified" || len(a.updates) != 0 {
		t.Errorf("the user has %s, events %+v", got, a.updates)
	}
	if r, err := a.redeem(a.App, mail.PurposeReset, q); err != nil || r.Subject != u.ID {
		t.Errorf("the link has been spent: %v", err)
	}
}

func (a *linkApp) check(err error) {
	a.Helper()
	if err != nil {
		a.Error(err)
	}
}

func (a *linkApp) change(id string, change func(*store.User)) {
	a.Helper()
	_, err := a.store.UpdateUser(a.Context(), id, func(u *store.User) error { change(u); return nil })
	a.check(err)
}

// The user is changed while the link is being redeemed.
func TestRedeemLink_ChangeMeanwhile(t *testing.T) {
	for name, change := range map[string]func(a *linkApp, u *store.User) error{
		"deleted": func(a *linkApp, u *store.User) error { return a.store.DeleteUser(t.Context(), u.ID) },
		"another address": func(a *linkApp, u *store.User) error {
			_, err := a.store.Memory.UpdateUser(t.Context(), u.ID, func(u *store.User) error { u.Email = "new@example.com"; return nil })
			return err
		},
	} {
		for _, own := range []bool{false, true} {
			a := newLinkApp(t)
			u := a.user("ada@example.com", false, false)
			b := a.Another()
			if own {
				b = a.as(u.ID)
			}
			q := a.link(mail.PurposeVerify, u.Email)
			a.store.found = func(u *store.User) { a.check(change(a, u)) }
			if r, err := a.redeem(b, mail.PurposeVerify, q); r != nil || !errors.Is(err, nuxtauth.ErrInvalidLink) || len(a.updates) != 0 {
				t.Errorf("%s, own %t: %+v, %v, %v", name, own, r, err, a.updates)
			}
			if u, err := a.store.FindUser(t.Context(), u.ID); err == nil && !u.EmailVerified.IsZero() {
				t.Errorf("%s, own %t: the new address is verified", name, own)
			}
		}
	}
}

func TestRedeemLink_AddressOfNoUser(t *testing.T) {
	a := newLinkApp(t)
	r, err := a.redeem(a.App, "invite", a.link("invite", "ada@example.com"))
	if err != nil || r.Email != "ada@example.com" || r.Subject != "" || r.Reclaimed || len(a.updates) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestRedeemLink_CountsOnce(t *testing.T) {
	a := newLinkApp(t)
	u := a.user("ada@example.com", true, false)
	q := a.link(mail.PurposeReset, u.Email)
	var wait sync.WaitGroup
	results := make(chan error, 16)
	for range cap(results) {
		wait.Go(func() {
			_, err := a.Auth.RedeemLink(t.Context(), nuxtauth.LinkProof{Purpose: mail.PurposeReset, Email: q.Get("email"), Token: q.Get("token")})
			results <- err
		})
	}
	wait.Wait()
	close(results)
	n := 0
	for err := range results {
		switch {
		case err == nil:
			n++
		case !errors.Is(err, nuxtauth.ErrInvalidLink):
			t.Error(err)
		}
	}
	if n != 1 {
		t.Errorf("%d calls have succeeded", n)
	}
}

func TestRedeemLink_Faults(t *testing.T) {
	for fault, spent := range map[string]bool{
		"TakeLink":        false,
		"Marked":          false, // whether the browser is signed in can't be told
		"FindUserByEmail": true,
		"UpdateUser":      true,
		"Mark":            true, // the sessions do not end
		"DeleteLinks":     true,
	} {
		a := newLinkApp(t)
		u := a.user("ada@example.com", true, false)
		b := a.as(u.ID)
		q := a.link(mail.PurposeReset, u.Email)
		a.store.fault = fault
		if r, err := a.redeem(b, mail.PurposeReset, q); r != nil || !errors.Is(err, nuxtauth.ErrUnavailable) || errors.Is(err, nuxtauth.ErrInvalidLink) {
			t.Errorf("%s: %+v, %v", fault, r, err)
		}
		a.store.fault = ""
		if _, err := a.redeem(b, mail.PurposeReset, q); errors.Is(err, nuxtauth.ErrInvalidLink) != spent || !spent && err != nil {
			t.Errorf("%s: afterwards %v", fault, err)
		}
	}
}
