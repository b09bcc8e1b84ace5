package api_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

// storing stores the tokens of accounts.
func storing(c *apptest.Config) { c.Accounts.StoreTokens = true }

// row is the account of a user as it is stored.
func (u *usersApp) row(id, provider string) *store.Account {
	u.Helper()
	rows, err := u.store.Memory.ListAccounts(u.Context(), id)
	if err != nil {
		u.Fatal(err)
	}
	for _, row := range rows {
		if row.Provider == provider {
			return row
		}
	}
	u.Fatalf("no account at %s", provider)
	return nil
}

// latest records the account of the latest sign-in.
func latest(account **nuxtauth.Account) func(*apptest.Config) {
	return func(c *apptest.Config) {
		for i := range c.Providers {
			if c.Providers[i].ID == "idp" {
				c.Providers[i].Scopes = []string{"openid", "profile", "email", "offline_access"}
			}
		}
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			if p.Account != nil {
				*account = p.Account
			}
			return p.Token, nil
		}
	}
}

func TestAC14_TokensAreSealed(t *testing.T) {
	var account *nuxtauth.Account
	u := newUsersApp(t, storing, latest(&account))
	id := u.mustSignIn("idp", "alice")
	for _, when := range []string{"first", "second"} {
		row := u.row(id, "idp")
		text := fmt.Sprintf("%+v", *row)
		for _, secret := range []string{account.AccessToken, account.RefreshToken, account.IDToken} {
			if secret == "" || strings.Contains(text, secret) || strings.Contains(text, secret[:len(secret)/2]) {
				t.Errorf("after the %s sign-in the row has the token %q: %s", when, secret, text)
			}
		}
		if row.AccessToken == "" || row.RefreshToken == "" || row.IDToken == "" || row.ExpiresAt != account.ExpiresAt || row.TokenType != account.TokenType || row.Scope != account.Scope {
			t.Errorf("after the %s sign-in the row is %s", when, text)
		}
		got, err := u.Auth.FindAccount(t.Context(), id, "idp", "alice", "")
		if err != nil {
			t.Fatal(err)
		}
		want := *account
		want.Extra = nil
		if !reflect.DeepEqual(*got, want) {
			t.Errorf("FindAccount returns %+v, want %+v", *got, want)
		}
		before := row.AccessToken
		u.mustSignIn("idp", "alice")
		if u.row(id, "idp").AccessToken == before {
			t.Error("the next sign-in does not replace the tokens")
		}
	}
	if got := u.Get("/api/auth/session").Text; strings.Contains(got, account.AccessToken) {
		t.Errorf("the session has a token: %s", got)
	}
	list, err := u.Auth.ListAccounts(t.Context(), id)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	if text, err := json.Marshal(list); err != nil || string(text) != fmt.Sprintf(`[{"provider":"idp","providerAccountId":"alice","email":"alice@example.com","createdAt":%q}]`, u.row(id, "idp").CreatedAt.Format("2006-01-02T15:04:05.000Z07:00")) {
		t.Errorf("the list is %s, %v", text, err)
	}
}

// Without the option no token is stored, and a linked account is as one of a sign-in.
func TestAC14_TokensAreStoredByOption(t *testing.T) {
	for _, on := range []bool{false, true} {
		u := newUsersApp(t, func(c *apptest.Config) { c.Accounts.StoreTokens = on })
		id := u.mustSignIn("idp", "alice")
		u.mustSignIn("idp", "alice")
		u.link("idp2", "carol")
		for _, p := range []string{"idp", "idp2"} {
			row := u.row(id, p)
			if has := row.AccessToken != "" && row.IDToken != "" && row.TokenType != ""; has != on || !on && (row.AccessToken+row.IDToken+row.RefreshToken+row.Scope+row.TokenType != "" || row.ExpiresAt != 0) {
				t.Errorf("StoreTokens %t: the row is %+v", on, *row)
			}
		}
		found, err := u.Auth.FindAccount(t.Context(), id, "idp2", "carol", "")
		if err != nil || (found.AccessToken != "") != on || found.ProviderAccountID != "carol" {
			t.Errorf("StoreTokens %t: FindAccount returns %+v, %v", on, found, err)
		}
		before := u.row(id, "idp2").AccessToken
		u.link("idp2", "carol") // once more, perhaps for other scopes
		if on && u.row(id, "idp2").AccessToken == before {
			t.Error("linking the account again does not replace the tokens")
		}
	}
}

// A provider that sends a refresh token once.
func TestAC14_MissingRefreshTokenStays(t *testing.T) {
	u := newUsersApp(t, storing)
	account := nuxtauth.Account{Provider: "own", ProviderAccountID: "1", AccessToken: "access", RefreshToken: "refresh", IDToken: "id"}
	u.Router.GET("/direct", func(c *gin.Context) {
		if err := u.Auth.SignIn(c, &nuxtauth.User{ID: "1"}, &account); err != nil {
			t.Error(err)
		}
	})
	u.Get("/direct")
	account.RefreshToken, account.IDToken, account.AccessToken = "", "", "newer"
	u.Get("/direct")
	got, err := u.Auth.FindAccount(t.Context(), u.subject(), "own", "1", "")
	if err != nil || got.RefreshToken != "refresh" || got.AccessToken != "newer" || got.IDToken != "" {
		t.Errorf("the account is %+v, %v", got, err)
	}
}

// A token in the row of another account, or in another column, does not open.
func TestAC14_TokensAreBoundToTheirPlace(t *testing.T) {
	var account *nuxtauth.Account
	u := newUsersApp(t, storing, latest(&account))
	id := u.mustSignIn("idp", "alice")
	attacker := u.another()
	attackerID := attacker.mustSignIn("idp", "bob")
	victim := u.row(id, "idp")
	for what, change := range map[string]func(own *store.Account){
		"of another account":    func(own *store.Account) { own.AccessToken = victim.AccessToken },
		"of another column":     func(own *store.Account) { own.AccessToken = own.RefreshToken },
		"of another column, ID": func(own *store.Account) { own.IDToken = own.AccessToken },
		"a session":             func(own *store.Account) { own.AccessToken = u.sessionCookie() },
		"in the clear":          func(own *store.Account) { own.RefreshToken = "token" },
	} {
		own := u.row(attackerID, "idp")
		good := *own
		change(own)
		if err := u.store.Memory.UpdateAccount(t.Context(), own); err != nil {
			t.Fatal(err)
		}
		if got, err := u.Auth.FindAccount(t.Context(), attackerID, "idp", "bob", ""); err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
		if err := u.store.Memory.UpdateAccount(t.Context(), &good); err != nil {
			t.Fatal(err)
		}
	}
	for what, args := range map[string][4]string{
		"of another user": {id, "idp", "bob", ""}, "of no user": {"unknown", "idp", "bob", ""}, "at another provider": {attackerID, "idp2", "bob", ""},
		"of another issuer": {attackerID, "idp", "bob", "https://other.example"},
	} {
		if got, err := u.Auth.FindAccount(t.Context(), args[0], args[1], args[2], args[3]); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
}

// The accounts have the same ID, at two providers or at two issuers of one.
func TestAC14_TokensAreBoundToProviderAndIssuer(t *testing.T) {
	u := newUsersApp(t, storing)
	id := u.mustSignIn("idp", "carol")
	from := u.row(id, "idp")
	for _, key := range []store.AccountKey{
		{Provider: "idp2", ProviderAccountID: "carol"}, {Provider: "idp", ProviderAccountID: "carol", Issuer: "https://other.example"},
	} {
		row := &store.Account{AccountKey: key, UserID: id, AccessToken: from.AccessToken}
		if err := u.store.Memory.LinkAccount(t.Context(), row); err != nil {
			t.Fatal(err)
		}
		if got, err := u.Auth.FindAccount(t.Context(), id, key.Provider, key.ProviderAccountID, key.Issuer); err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("%v: %+v, %v", key, got, err)
		}
	}
}

// Tokens that an old secret has sealed open, and those of a secret that is gone do not.
func TestAC14_Secrets(t *testing.T) {
	const other = "another-secret-of-at-least-32-characters"
	u := newUsersApp(t, storing)
	id := u.mustSignIn("idp", "alice")
	for what, tt := range map[string]struct {
		secret string
		old    []string
		ok     bool
	}{
		"rotated": {other, []string{apptest.Secret}, true}, "gone": {other, nil, false}, "the same": {apptest.Secret, nil, true},
		"still old": {apptest.Secret, []string{other}, true},
	} {
		auth := apptest.NewAuth(t, func(c *apptest.Config) {
			c.Secret, c.OldSecrets, c.Accounts.Store, c.Accounts.StoreTokens, c.Now = tt.secret, tt.old, u.store, true, u.Clock.Now
		})
		if got, err := auth.FindAccount(t.Context(), id, "idp", "alice", ""); (err == nil) != tt.ok || tt.ok && got.AccessToken == "" {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
	auth := apptest.NewAuth(t, func(c *apptest.Config) { c.Accounts.Store = u.store }) // StoreTokens was switched off
	if got, err := auth.FindAccount(t.Context(), id, "idp", "alice", ""); err != nil || got.AccessToken != "" {
		t.Errorf("without StoreTokens: %+v, %v", got, err)
	}
}

// In a database that Auth.js in Node uses too, each reads what the other has written.
func TestAC14_UnencryptedByOption(t *testing.T) {
	var account *nuxtauth.Account
	plain := func(c *apptest.Config) { c.Accounts.InsecureUnencryptedTokens = true }
	u := newUsersApp(t, storing, plain, latest(&account))
	id := u.mustSignIn("idp", "alice")
	find := func(auth *nuxtauth.Auth[apptest.Token, apptest.Session]) (*nuxtauth.Account, error) {
		return auth.FindAccount(t.Context(), id, "idp", "alice", "")
	}
	for _, when := range []string{"first", "second"} {
		row := u.row(id, "idp")
		if row.AccessToken != account.AccessToken || row.RefreshToken != account.RefreshToken || row.IDToken != account.IDToken || row.RefreshToken == "" {
			t.Errorf("after the %s sign-in the row is %+v, want the tokens of %+v", when, *row, *account)
		}
		want := *account
		want.Extra = nil
		if got, err := find(u.Auth); err != nil || !reflect.DeepEqual(*got, want) {
			t.Errorf("FindAccount returns %+v, %v, want %+v", got, err, want)
		}
		u.mustSignIn("idp", "alice")
	}

	other := func(change ...func(*apptest.Config)) *nuxtauth.Auth[apptest.Token, apptest.Session] {
		return apptest.NewAuth(t, func(c *apptest.Config) {
			c.Accounts.Store, c.Accounts.StoreTokens, c.Now = u.store, true, u.Clock.Now
			for _, f := range change {
				f(c)
			}
		})
	}
	if got, err := find(other()); err == nil || errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "InsecureUnencryptedTokens") || strings.Contains(err.Error(), account.AccessToken) {
		t.Errorf("without the option: %+v, %v", got, err)
	}

	// What was stored without the option opens, and only in its place and with its secret.
	sealing := newUsersApp(t, storing, func(c *apptest.Config) { c.Accounts.Store = u.store })
	sealing.mustSignIn("idp", "alice")
	if got, err := find(u.Auth); err != nil || got.AccessToken == "" || strings.Contains(u.row(id, "idp").AccessToken, got.AccessToken) {
		t.Errorf("what was stored encrypted: %+v, %v", got, err)
	}
	if got, err := find(other(plain, func(c *apptest.Config) { c.Secret = "another-secret-of-at-least-32-characters" })); err == nil {
		t.Errorf("encrypted with another secret: %+v", got)
	}
	row := u.row(id, "idp")
	row.AccessToken = row.IDToken
	if err := u.store.Memory.UpdateAccount(t.Context(), row); err != nil {
		t.Fatal(err)
	}
	if got, err := find(u.Auth); err == nil {
		t.Errorf("encrypted in another column: %+v", got)
	}

	// A provider may encrypt its own tokens: they are as any.
	row.AccessToken, row.RefreshToken, row.IDToken = u.sessionCookie(), "of Node", ""
	if err := u.store.Memory.UpdateAccount(t.Context(), row); err != nil {
		t.Fatal(err)
	}
	if got, err := find(u.Auth); err != nil || got.AccessToken != row.AccessToken || got.RefreshToken != "of Node" || got.IDToken != "" {
		t.Errorf("what Node has written: %+v, %v", got, err)
	}
}

// Tokens that can't be stored do not keep a known user out.
func TestAC14_FaultOfTheTokens(t *testing.T) {
	u := newUsersApp(t, storing)
	id := u.mustSignIn("idp", "alice")
	for _, late := range []bool{false, true} {
		u.store.FailAt(2, late)
		b := u.another()
		b.signIn("idp", "alice")
		if calls := u.store.Calls(); calls[1] != "UpdateAccount" {
			t.Fatalf("the calls are %v", calls)
		}
		u.store.FailAt(0, false)
		b.signedInAs(id)
	}
	if !strings.Contains(u.Log.String(), "the tokens of an account could not be stored") {
		t.Error("the log has no error")
	}
}
