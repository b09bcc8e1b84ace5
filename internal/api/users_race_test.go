package api_test

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/mail"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

// The owner of an address proves it, or resets the password, while the form of another
// person, who knows the former password, is being checked.
func TestAC05_FormUnderWay(t *testing.T) {
	for name, verified := range map[string]bool{"never proved": false, "proved before": true} {
		var u *usersApp
		u = newUsersApp(t, func(cfg *apptest.Config) {
			cfg.Providers[0] = provider.Credentials(func(ctx context.Context, form url.Values) (*provider.User, error) {
				id := form.Get("username")
				row, err := u.store.Memory.FindUser(ctx, id)
				if err != nil {
					return nil, err
				}
				if form.Get("password") == "slow" {
					if _, _, err := u.store.Memory.VerifyEmail(ctx, id, row.Email, cfg.Now(), store.AccountKey{}); err != nil {
						return nil, err
					}
				}
				return &provider.User{ID: id}, nil
			})
		})
		row := &store.User{Email: "owner@example.com"}
		if verified {
			row.EmailVerified = u.Clock.Now()
		}
		id := u.add(row)
		u.Clock.Advance(time.Second)
		u.Post("/api/auth/callback/credentials", u.CredentialsForm(id, "slow"))
		if got := u.subject(); got != "" {
			t.Errorf("%s: signed in as %q", name, got)
		}
		u.Clock.Advance(time.Second)
		u.Post("/api/auth/callback/credentials", u.CredentialsForm(id, "fast"))
		if got := u.subject(); got != id {
			t.Errorf("%s: a later form signs in as %q", name, got)
		}
	}
}

// The sessions of the user who links an account end while the account is being linked.
func TestAC06_SessionEndsWhileLinking(t *testing.T) {
	for _, at := range []string{"the SignIn callback", "the LinkAccount event"} {
		for storageName, storage := range userStorages {
			var u *usersApp
			subject, linking := "", false
			var events []string
			end := func(where string) {
				if linking && where == at {
					if _, err := u.Auth.RevokeSessions(context.Background(), subject); err != nil {
						t.Error(err)
					}
				}
			}
			u = newUsersApp(t, storage, func(cfg *apptest.Config) {
				cfg.Callbacks.SignIn = func(context.Context, nuxtauth.SignInParams) error {
					end("the SignIn callback")
					return nil
				}
				cfg.Events.LinkAccount = func(context.Context, nuxtauth.LinkAccountEvent) {
					events = append(events, "link")
					end("the LinkAccount event")
				}
				cfg.Events.UnlinkAccount = func(context.Context, nuxtauth.UnlinkAccountEvent) { events = append(events, "unlink") }
			})
			subject = u.mustSignIn("idp", "bob")
			linking, events = true, nil
			u.Clock.Advance(time.Second)
			u.link("idp2", "carol")
			if got := u.subject(); got != "" {
				t.Errorf("%s, %s: signed in as %q", at, storageName, got)
			}
			if list := u.accounts(subject); len(list) != 1 {
				t.Errorf("%s, %s: the accounts are %q", at, storageName, list)
			}
			var want []string
			if at == "the LinkAccount event" {
				want = []string{"link", "unlink"}
			}
			equal(t, at, events, want...)
		}
	}
}

// An address that the user has not proved may be that of another person: a link that is sent
// to it is no way in.
func TestAC10_LinkToAnAddressThatIsNotProved(t *testing.T) {
	for _, proved := range []bool{false, true} {
		u := newUsersApp(t, func(cfg *apptest.Config) {
			cfg.Providers = append(cfg.Providers, provider.Email())
			cfg.Mail.Send = func(context.Context, mail.Message) error { return nil }
		})
		id := u.mustSignIn("idp", "bob")
		u.change(id, func(row *store.User) {
			if proved {
				row.EmailVerified = u.Clock.Now()
			}
		})
		err := u.Auth.UnlinkAccount(t.Context(), id, "idp", "bob", "")
		if proved != (err == nil) || err != nil && !errors.Is(err, nuxtauth.ErrLastWayIn) {
			t.Errorf("proved %t: %v", proved, err)
		}
	}
}

// Only a proof of the address shows that its user is disabled.
func TestAC15_DisabledUserShowsToTheOwnerAlone(t *testing.T) {
	for provider, want := range map[string]string{"idp": "OAuthAccountNotLinked", "idp2": "AccessDenied"} {
		u := newUsersApp(t, trusting("idp2"))
		u.add(&store.User{Email: "alice@example.com", Disabled: true})
		u.refused(u.signIn(provider, "alice"), want)
	}
}
