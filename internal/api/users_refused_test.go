package api_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

// The subject of each session is the ID of a user in the store.
func TestAC13_SubjectIsTheIDOfAUser(t *testing.T) {
	u := newUsersApp(t)
	subject := u.mustSignIn("idp", "alice")
	if subject == "alice" || u.user(subject).Name != "Alice" {
		t.Errorf("the subject is %q", subject)
	}
	by := u.another()
	by.useForm(subject)
	by.signedInAs(subject)
	for name, id := range map[string]string{"the ID at a provider": "alice", "of no user": "unknown", "of another case": strings.ToLower(subject)} {
		b := u.another()
		res := b.useForm(id)
		b.refused(res, "AccessDenied")
		b.signedInAs("")
		if t.Failed() {
			t.Fatal(name)
		}
	}
	if !strings.Contains(u.Log.String(), "Authorize returned the ID of no user") {
		t.Error("the log does not say what is wrong")
	}
	b := u.another()
	if res := b.Get("/signin?provider=credentials&user=unknown"); res.StatusCode != 403 || !strings.Contains(res.Text, "AccessDenied") {
		t.Errorf("Auth.SignIn: %d %s", res.StatusCode, res.Text)
	}
	b.signedInAs("")
	b.Get("/signin?provider=credentials&user=" + subject)
	b.signedInAs(subject)
	b = u.another()
	b.Get("/signin?provider=saml&user=alice")
	if got := b.subject(); got == "" || got == subject || got == "alice" {
		t.Errorf("Auth.SignIn with an account that is new: user %q", got)
	}
	equal(t, "accounts", u.accounts(b.subject()), "saml alice")
}

func TestAC13_CallbackCannotChangeTheSubject(t *testing.T) {
	u := newUsersApp(t, func(c *apptest.Config) {
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			if p.Account != nil {
				p.Token.Subject = p.Account.ProviderAccountID
			}
			return p.Token, nil
		}
	})
	u.refused(u.signIn("idp", "alice"), "Callback")
	if !strings.Contains(u.Log.String(), "the JWT callback has changed the subject") {
		t.Error("the log does not say why")
	}
}

// A store that does not answer refuses: it never means that no such user exists.
func TestAC13_FaultIsNoUnknownUser(t *testing.T) {
	for _, p := range spoken {
		u := newUsersApp(t, speaking(p.Protocol), trusting("idp"))
		subject := u.mustSignIn("idp", "alice")
		back, linked := u.another().answer("idp", "alice"), u.idp2.SignIn(t, u.URLIn(u.startLink("idp2")), "carol")
		u.calls.take()
		u.store.Fail(true)
		b := u.another()
		if res := b.useForm(subject); !slices.Contains([]string{"Callback", "Configuration"}, code(res)) {
			t.Errorf("%v: the form leads to %s%s", p.Protocol, res.Header.Get("Location"), res.Text)
		}
		if res := b.Get("/signin?provider=saml&user=x"); res.StatusCode != 403 {
			t.Errorf("Auth.SignIn: %d", res.StatusCode)
		}
		b.signedInAs("")
		u.refused(b.Follow(back), p.oauthCallback) // of another browser
		u.refused(u.Follow(linked), p.callback)
		u.signedInAs(subject) // no query for users
		u.store.Fail(false)
		u.signedInAs(subject)
		equal(t, "accounts", u.accounts(subject), "idp alice")
		if count(u.calls.take(), "createUser Carol") != 0 {
			t.Error("a fault has made a second user")
		}
	}
}

// A name that is too long for a store is cut between two characters.
func TestAC13_LongNames(t *testing.T) {
	for in, want := range map[string]string{
		strings.Repeat("x", 256): strings.Repeat("x", 256), strings.Repeat("x", 300): strings.Repeat("x", 256),
		strings.Repeat("\u00e9", 200): strings.Repeat("\u00e9", 128), "x" + strings.Repeat("\u00e9", 200): "x" + strings.Repeat("\u00e9", 127),
	} {
		u := newUsersApp(t)
		u.Router.GET("/direct", func(c *gin.Context) {
			if err := u.Auth.SignIn(c, &nuxtauth.User{ID: "x", Name: in}, &nuxtauth.Account{Provider: "saml", ProviderAccountID: "x"}); err != nil {
				t.Error(err)
			}
		})
		u.Get("/direct")
		if got := u.user(u.subject()).Name; got != want {
			t.Errorf("%q is stored as %q", in, got)
		}
	}
}

// Auth.SignIn tells a fault from a refusal.
func TestAC13_ErrorsOfAuthSignIn(t *testing.T) {
	u := newUsersApp(t)
	var err error
	u.Router.GET("/direct", func(c *gin.Context) {
		err = u.Auth.SignIn(c, &nuxtauth.User{ID: "x", Email: c.Query("email"), EmailVerified: true}, &nuxtauth.Account{Provider: "saml", ProviderAccountID: c.Query("id")})
	})
	if u.Get("/direct?id=1&email=x@example.com"); err != nil {
		t.Fatal(err)
	}
	if row := u.user(u.subject()); row.Email != "x@example.com" || row.EmailVerified.IsZero() {
		t.Errorf("the user is %+v", row)
	}
	u.Get("/direct?id=2&email=x@example.com")
	if own, ok := errors.AsType[*nuxtauth.Error](err); !ok || own.Code != "OAuthAccountNotLinked" || errors.Is(err, nuxtauth.ErrUnavailable) {
		t.Errorf("an address of another user is %v", err)
	}
	u.store.Fail(true)
	u.Get("/direct?id=1&email=x@example.com")
	if !errors.Is(err, nuxtauth.ErrUnavailable) {
		t.Errorf("a fault is %v", err)
	}
	u.store.Fail(false)
	for n := 1; n <= 2; n++ {
		u.store.FailAt(n, false)
		u.Get("/direct?id=1&email=x@example.com")
		if !errors.Is(err, nuxtauth.ErrUnavailable) {
			t.Errorf("a fault of call %d is %v", n, err)
		}
	}
}

// A user who may not sign in is refused at every way in, and so is one who is deleted, or
// disabled, while the sign-in is under way.
func TestAC15_DisabledAndDeletedUsers(t *testing.T) {
	ways := map[string]func(u *usersApp, subject string) (code string){
		"OAuth":       func(u *usersApp, _ string) string { return code(u.signIn("idp", "alice")) },
		"credentials": func(u *usersApp, subject string) string { return code(u.useForm(subject)) },
		"Auth.SignIn": func(u *usersApp, subject string) string {
			res := u.Get("/signin?provider=credentials&user=" + subject)
			c, _, _ := strings.Cut(res.Text, ":")
			return c
		},
		"by address": func(u *usersApp, _ string) string { return code(u.signIn("idp2", "alice")) },
	}
	for _, p := range spoken {
		for name, storage := range userStorages {
			for way, try := range ways {
				for what, end := range map[string]func(u *usersApp, subject string){
					"disabled": func(u *usersApp, subject string) { u.change(subject, func(row *store.User) { row.Disabled = true }) },
					"deleted": func(u *usersApp, subject string) {
						if err := u.Auth.DeleteUser(t.Context(), subject); err != nil {
							t.Error(err)
						}
					},
				} {
					for _, during := range []bool{false, true} {
						if what == "deleted" && !during && way != "credentials" && way != "Auth.SignIn" {
							continue // the account makes a new user: AC-12
						}
						u := newUsersApp(t, storage, speaking(p.Protocol), trusting("idp", "idp2"), func(c *apptest.Config) { c.Accounts.LinkByEmail = true })
						subject := u.mustSignIn("idp", "alice")
						b := u.another()
						if during {
							*u.during = func() { end(u, subject) }
						} else {
							end(u, subject)
						}
						u.calls.take()
						got := try(b, subject)
						if calls := u.calls.take(); !during && slices.ContainsFunc(calls, func(s string) bool { return !strings.HasPrefix(s, "signIn ") || strings.HasPrefix(s, "signIn event") }) {
							t.Errorf("%s, %s: the calls are %q", way, what, calls)
						}
						if got != "AccessDenied" {
							t.Errorf("%v, %s, %s, %s, during %t: the code is %q", p.Protocol, name, way, what, during, got)
						}
						b.signedInAs("")
						if what == "deleted" {
							u.signedInAs("")
						}
						for _, c := range b.Cookies() {
							if strings.Contains(c.Name, "session-token") {
								t.Errorf("%s: the browser has %s", way, c.Name)
							}
						}
					}
				}
			}
		}
	}
}

// The SignIn callback runs at every way in, and its redirect refuses.
func TestAC15_CallbackRunsAtEveryWayIn(t *testing.T) {
	var u *usersApp
	u = newUsersApp(t, func(c *apptest.Config) {
		c.Callbacks.SignIn = func(context.Context, nuxtauth.SignInParams) error {
			u.calls.add("asked")
			return nuxtauth.RedirectTo("/blocked")
		}
	})
	id := u.add(&store.User{Name: "Known"})
	for way, to := range map[string]func() string{
		"OAuth":       func() string { return u.signIn("idp", "alice").Header.Get("Location") },
		"credentials": func() string { return u.URLIn(u.useForm(id)) },
		"Auth.SignIn": func() string { return u.Get("/signin?provider=credentials&user=" + id).Text },
	} {
		got := to()
		if !strings.Contains(got, "/blocked") {
			t.Errorf("%s leads to %s", way, got)
		}
		equal(t, way, u.calls.take(), "asked")
		u.signedInAs("")
	}
	if _, err := u.store.Memory.FindUserByAccount(t.Context(), store.AccountKey{Provider: "idp", ProviderAccountID: "alice"}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a sign-in that was refused has made a user: %v", err)
	}
}
