package api_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

// Users at both providers of a usersApp. The addresses of alice and dave are verified there,
// and dave is another person with the address of alice.
var idpUsers = []authtest.IDPUser{
	{Username: "alice", Password: "a", Name: "Alice", Email: "alice@example.com", EmailVerified: true},
	{Username: "bob", Password: "b", Name: "Bob", Email: "bob@example.com"},
	{Username: "carol", Password: "c", Name: "Carol"},
	{Username: "dave", Password: "d", Name: "Dave", Email: "alice@example.com", EmailVerified: true},
	{Username: "eve", Password: "e", Name: "Eve", Email: "alice@example.com"},
}

// A usersApp is an application with users, the providers "idp" and "idp2", which it does not
// trust with addresses, and a form that takes the ID of any user.
type usersApp struct {
	*apptest.App
	idp, idp2 *authtest.IDP
	store     *apptest.UserStore
	calls     *record

	// during runs once, in the JWT callback of the next sign-in.
	during *func()
}

// A record is a list of calls. It is safe for concurrent use.
type record struct {
	mu   sync.Mutex
	list []string
}

func (r *record) add(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, fmt.Sprintf(format, args...))
}

// take returns the calls since the last take.
func (r *record) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.list
	r.list = nil
	return list
}

// newUsersApp starts a usersApp with the routes /subject, the ID of the user, and
// /signin?user=&provider=, for [nuxtauth.Auth.SignIn].
func newUsersApp(t *testing.T, change ...func(*apptest.Config)) *usersApp {
	t.Helper()
	u := &usersApp{idp: apptest.StartIDP(t, idpUsers...), idp2: apptest.StartIDP(t, idpUsers...), calls: new(record), during: new(func())}
	var mu sync.Mutex
	base := func(cfg *apptest.Config) {
		u.store = apptest.UseUsers(cfg)
		cfg.Pages.NewUser = "/welcome"
		cfg.Providers[0] = provider.Credentials(func(_ context.Context, form url.Values) (*provider.User, error) {
			if form.Get("username") == "" {
				return nil, nil
			}
			return &provider.User{ID: form.Get("username"), Name: "of the form"}, nil
		})
		cfg.Callbacks.SignIn = func(_ context.Context, p nuxtauth.SignInParams) error {
			u.calls.add("signIn %s", p.User.Name)
			return nil
		}
		cfg.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			if p.Account == nil {
				return p.Token, nil
			}
			u.calls.add("jwt %s new=%t", p.Trigger, p.IsNewUser)
			mu.Lock()
			during := *u.during
			*u.during = nil
			mu.Unlock()
			if during != nil {
				during()
			}
			return p.Token, nil
		}
		e := &cfg.Events
		e.CreateUser = func(_ context.Context, e nuxtauth.UserEvent) { u.calls.add("createUser %s", e.User.Name) }
		e.UpdateUser = func(_ context.Context, e nuxtauth.UpdateUserEvent) {
			u.calls.add("updateUser %s verified=%t reclaimed=%t removed=%d", e.User.Name, e.User.EmailVerified, e.Reclaimed, len(e.Removed))
		}
		e.LinkAccount = func(_ context.Context, e nuxtauth.LinkAccountEvent) {
			u.calls.add("linkAccount %s %s", e.Account.Provider, e.Account.ProviderAccountID)
		}
		e.UnlinkAccount = func(_ context.Context, e nuxtauth.UnlinkAccountEvent) {
			u.calls.add("unlinkAccount %s %s", e.Account.Provider, e.Account.ProviderAccountID)
		}
		e.DeleteUser = func(_ context.Context, e nuxtauth.UserEvent) { u.calls.add("deleteUser %s", e.User.Name) }
		e.SignIn = func(_ context.Context, e nuxtauth.SignInEvent[apptest.Token]) {
			u.calls.add("signIn event %s new=%t", e.User.Name, e.IsNewUser)
		}
	}
	u.App = apptest.New(t, slices.Concat([]func(*apptest.Config){apptest.WithProviders(u.idp, u.idp2), base}, change)...)
	u.Router.GET("/subject", func(c *gin.Context) { c.String(http.StatusOK, u.Auth.Subject(c)) })
	u.Router.GET("/signin", func(c *gin.Context) {
		account := &nuxtauth.Account{Provider: c.Query("provider"), Type: "saml", ProviderAccountID: c.Query("user")}
		if account.Provider == "credentials" {
			account.Type = provider.TypeCredentials
		}
		if err := u.Auth.SignIn(c, &nuxtauth.User{ID: c.Query("user"), Name: "Saml"}, account); err != nil {
			c.String(http.StatusForbidden, err.Error())
		}
	})
	return u
}

// trusting trusts providers with the addresses of users.
func trusting(ids ...string) func(*apptest.Config) {
	return func(cfg *apptest.Config) {
		for i := range cfg.Providers {
			p := &cfg.Providers[i]
			p.VerifiesEmail = p.VerifiesEmail || slices.Contains(ids, p.ID)
		}
	}
}

// userStorages are the ways to store the sessions of users, by name.
var userStorages = map[string]func(*apptest.Config){
	"cookie": func(*apptest.Config) {}, // the store of the users is the deny-list
	"store":  func(c *apptest.Config) { c.Session.Store = store.NewMemory(store.MemoryOptions{Now: c.Now}) },
}

// spoken are the protocols of the front end, with the code of each for [api.CodeCallback] and
// [api.CodeOAuthCallback].
var spoken = []struct {
	nuxtauth.Protocol
	callback, oauthCallback string
}{{nuxtauth.NextAuth, "Callback", "OAuthCallback"}, {nuxtauth.AuthJS, "Configuration", "OAuthCallbackError"}}

func speaking(p nuxtauth.Protocol) func(*apptest.Config) {
	return func(cfg *apptest.Config) { cfg.Protocol = p }
}

// another returns the same application with a new browser.
func (u *usersApp) another() *usersApp {
	other := *u
	other.App = u.Another()
	return &other
}

// providerOf returns the provider with an ID.
func (u *usersApp) providerOf(id string) *authtest.IDP {
	if id == "idp2" {
		return u.idp2
	}
	return u.idp
}

// answer is the request with which a provider sends a user back.
func (u *usersApp) answer(id, username string) *http.Request {
	u.Helper()
	return u.providerOf(id).SignIn(u.T, u.StartWith(id, "", "/after"), username)
}

// signIn signs in with a provider.
func (u *usersApp) signIn(id, username string) apptest.Response {
	u.Helper()
	return u.Follow(u.answer(id, username))
}

// startLink starts the linking of an account.
func (u *usersApp) startLink(id string) apptest.Response {
	u.Helper()
	return u.Post("/api/auth/signin/"+id, url.Values{"csrfToken": {u.CSRF()}, "callbackUrl": {"/linked"}, "json": {"true"}, "link": {"true"}})
}

// link links an account.
func (u *usersApp) link(id, username string) apptest.Response {
	u.Helper()
	return u.Follow(u.providerOf(id).SignIn(u.T, u.URLIn(u.startLink(id)), username))
}

// useForm signs in with the ID of a user.
func (u *usersApp) useForm(id string) apptest.Response {
	u.Helper()
	return u.Post("/api/auth/callback/credentials", u.CredentialsForm(id, "any"))
}

// subject is the ID of the user who is signed in, "" for none.
func (u *usersApp) subject() string {
	u.Helper()
	return u.Get("/subject").Text
}

// mustSignIn signs in with a provider, and returns the ID of the user.
func (u *usersApp) mustSignIn(id, username string) string {
	u.Helper()
	res := u.signIn(id, username)
	subject := u.subject()
	if subject == "" {
		u.Fatalf("%s is not signed in with %s: %d %s", username, id, res.StatusCode, res.Header.Get("Location"))
	}
	return subject
}

// user is a user as it is stored.
func (u *usersApp) user(id string) *store.User {
	u.Helper()
	row, err := u.store.Memory.FindUser(u.Context(), id)
	if err != nil {
		u.Fatal(err)
	}
	return row
}

// accounts are the accounts of a user, such as "idp alice".
func (u *usersApp) accounts(id string) (list []string) {
	u.Helper()
	rows, err := u.store.Memory.ListAccounts(u.Context(), id)
	if err != nil {
		u.Fatal(err)
	}
	for _, row := range rows {
		list = append(list, row.Provider+" "+row.ProviderAccountID)
	}
	return list
}

// change changes a user in the store.
func (u *usersApp) change(id string, f func(*store.User)) {
	u.Helper()
	if _, err := u.store.Memory.UpdateUser(u.Context(), id, func(row *store.User) error { f(row); return nil }); err != nil {
		u.Fatal(err)
	}
}

// add stores a user.
func (u *usersApp) add(row *store.User) string {
	u.Helper()
	if err := u.store.Memory.CreateUser(u.Context(), row, nil); err != nil {
		u.Fatal(err)
	}
	return row.ID
}

// code is that of the page to which an answer redirects, "" for none.
func code(res apptest.Response) string {
	to := res.Header.Get("Location")
	if to == "" && strings.HasPrefix(res.Text, `{"url":`) {
		to, _, _ = strings.Cut(strings.TrimPrefix(res.Text, `{"url":"`), `"`)
	}
	at, err := url.Parse(to)
	if err != nil {
		return err.Error()
	}
	return at.Query().Get("error")
}

// refused checks that an answer redirects with a code, and that no session has begun.
func (u *usersApp) refused(res apptest.Response, want string) {
	u.Helper()
	if got := code(res); got != want || res.StatusCode >= 500 {
		u.Errorf("the answer is %d with the code %q, want %q: %s%s", res.StatusCode, got, want, res.Header.Get("Location"), res.Text)
	}
	apptest.NotSignedIn(u.T, "the refused sign-in", res)
}

// signedInAs checks that the user with an ID is signed in.
func (u *usersApp) signedInAs(want string) {
	u.Helper()
	if got := u.subject(); got != want {
		u.Errorf("the user %q is signed in, want %q", got, want)
	}
}

// equal checks a list.
func equal[V comparable](t *testing.T, what string, got []V, want ...V) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}
