package api_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// A session says whose ID its subject is: those of before Accounts, and of after, have ended.
func TestUsers_SwitchingAccountsEndsSessions(t *testing.T) {
	for name := range userStorages {
		t.Run(name, func(t *testing.T) {
			idp := apptest.StartIDP(t, idpUsers...)
			users, sessions := store.NewMemory(store.MemoryOptions{}), store.NewMemory(store.MemoryOptions{})
			start := func(with bool) *apptest.App {
				a := apptest.New(t, apptest.WithProviders(idp), func(c *apptest.Config) {
					if with {
						c.Accounts.Store = users
					}
					if name == "store" {
						c.Session.Store = sessions
					}
				})
				a.Router.GET("/subject", func(c *gin.Context) { c.String(200, a.Auth.Subject(c)) })
				return a
			}
			before, after := start(false), start(true)
			move := func(from, to *apptest.App) *apptest.App {
				b := to.Another()
				for _, c := range from.Cookies() {
					b.SetCookie(c.Name, c.Value)
				}
				return b
			}
			before.Follow(idp.SignIn(t, before.Start("idp"), "alice"))
			after.Follow(idp.SignIn(t, after.Start("idp"), "alice"))
			if before.Session() == nil || after.Session() == nil {
				t.Fatal("not signed in")
			}
			if got := move(before, after).Get("/subject").Text; got != "" {
				t.Errorf("a session of before Accounts has the subject %q", got)
			}
			if got := move(after, before).Get("/subject").Text; got != "" {
				t.Errorf("a session with Accounts goes on without, with the subject %q", got)
			}
			for _, from := range []*apptest.App{before, after} {
				issued := from.Another()
				for _, c := range apptest.Issue(t, from.Auth, "Issued") {
					issued.SetCookie(c.Name, c.Value)
				}
				to, want := after, "1"
				if from == after {
					to, want = before, ""
				}
				if got := move(issued, to).Get("/subject").Text; got != want {
					t.Errorf("an issued session has the subject %q, want %q", got, want)
				}
			}
		})
	}
}

// The session of a Node server says nothing of its sign-in, and goes on, also when it was
// renewed here.
func TestUsers_SessionOfANodeServerGoesOn(t *testing.T) {
	for _, p := range spoken {
		u := newUsersApp(t, speaking(p.Protocol))
		name, sealed := nodeSession(t, p.Protocol, u.Clock.Now())
		u.SetCookie(name, sealed)
		u.signedInAs("7")
		u.Clock.Advance(25 * time.Hour)
		u.signedInAs("7")
		u.Clock.Advance(25 * time.Hour)
		u.signedInAs("7")
		if u.Cookie(name) == sealed {
			t.Error("the session was not renewed")
		}
	}
}

// nodeSession is the cookie of a session that a Node server began.
func nodeSession(t *testing.T, p nuxtauth.Protocol, now time.Time) (name, sealed string) {
	t.Helper()
	name = "next-auth.session-token"
	codec, err := token.NewNextAuth("", apptest.Secret)
	if p == nuxtauth.AuthJS {
		name = "authjs.session-token"
		codec, err = token.NewAuthJS(name, apptest.Secret)
	}
	if err == nil {
		sealed, err = codec.Seal(t.Context(), fmt.Appendf(nil, `{"sub":"7","iat":%d,"exp":%d,"jti":"node"}`, now.Unix(), now.Add(30*24*time.Hour).Unix()))
	}
	if err != nil {
		t.Fatal(err)
	}
	return name, sealed
}

// New refuses what can't end the sessions of a user.
func TestUsers_NeedAWayToEndSessions(t *testing.T) {
	memory := store.NewMemory(store.MemoryOptions{})
	for name, tt := range map[string]struct {
		change func(*apptest.Config)
		want   string
	}{
		"a store with marks":       {func(c *apptest.Config) { c.Accounts.Store = memory }, ""},
		"without marks":            {func(c *apptest.Config) { c.Accounts.Store = plainUsers{memory} }, "set Session.Store or Session.DenyList"},
		"with a deny-list":         {func(c *apptest.Config) { c.Accounts.Store, c.Session.DenyList = plainUsers{memory}, memory }, ""},
		"with a store":             {func(c *apptest.Config) { c.Accounts.Store, c.Session.Store = plainUsers{memory}, memory }, ""},
		"with a store of no index": {func(c *apptest.Config) { c.Accounts.Store, c.Session.Store = memory, plainSessions{memory} }, "is no store.Index"},
		"plain tokens, none stored": {func(c *apptest.Config) {
			c.Accounts.Store, c.Accounts.InsecureUnencryptedTokens = store.NewMemory(store.MemoryOptions{}), true
		}, "set Accounts.StoreTokens too"},
		"plain tokens, no store":    {func(c *apptest.Config) { c.Accounts.InsecureUnencryptedTokens = true }, "Accounts.Store is nil"},
		"fields without a store":    {func(c *apptest.Config) { c.Accounts.LinkByEmail = true }, "Accounts.Store is nil"},
		"a time without its unit":   {func(c *apptest.Config) { c.Accounts.Store, c.Accounts.RecentFor = memory, 600 }, "with its unit"},
		"a time that is too long":   {func(c *apptest.Config) { c.Accounts.Store, c.Accounts.RecentFor = memory, 25*time.Hour }, "from 1s to 24h"},
		"a negative time":           {func(c *apptest.Config) { c.Accounts.Store, c.Accounts.RecentFor = memory, -time.Hour }, "with its unit"},
		"the shortest":              {func(c *apptest.Config) { c.Accounts.Store, c.Accounts.RecentFor = memory, time.Second }, ""},
		"the longest":               {func(c *apptest.Config) { c.Accounts.Store, c.Accounts.RecentFor = memory, 24*time.Hour }, ""},
		"a function without a user": {func(c *apptest.Config) { c.Accounts.Conflict = refuseAll }, "Accounts.Store is nil"},
	} {
		cfg := apptest.Config{Secret: apptest.Secret, URL: "http://localhost:3000", Providers: []provider.Provider{provider.Credentials(apptest.Authorize)}}
		tt.change(&cfg)
		_, err := nuxtauth.New(cfg)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type plainUsers struct{ store.Accounts }

type plainSessions struct{ store.Sessions }

func refuseAll(context.Context, nuxtauth.AccountConflict) (nuxtauth.Resolution, error) {
	return nuxtauth.Refuse, nil
}

// A known user costs two calls, and an ordinary request none.
func TestUsers_CallsOfTheStore(t *testing.T) {
	u := newUsersApp(t)
	u.mustSignIn("idp", "alice")
	equal(t, "first sign-in", u.store.Calls(), "FindUserByAccount", "FindUserByAccount", "FindUserByEmail", "CreateUser", "FindUserByAccount", "UpdateUser")
	u.mustSignIn("idp", "alice")
	equal(t, "known user", u.store.Calls(), "FindUserByAccount", "FindUserByAccount")
	u.useForm(u.subject())
	equal(t, "known user, form", u.store.Calls(), "FindUser", "FindUser")
	u.Clock.Advance(25 * time.Hour) // the session is renewed
	u.Session()
	u.Get("/me")
	u.SignOut()
	equal(t, "ordinary requests", u.store.Calls())
}
