package account_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/account"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// withTokens stores the tokens of providers.
func withTokens(t *testing.T, secrets ...string) func(*account.Config) {
	t.Helper()
	codec, err := token.NewAuthJS("test", secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return func(c *account.Config) { c.Tokens = codec }
}

// withAll is a proof of an account with all tokens.
func withAll() *account.Proof {
	p := at("1", ada)
	p.Account.AccessToken, p.Account.RefreshToken, p.Account.IDToken = "secret-access", "secret-refresh", "secret-id"
	p.Account.TokenType, p.Account.Scope, p.Account.ExpiresAt = "Bearer", "openid", 1234
	p.Account.Extra = []byte(`{"session_state":"state","more":1}`)
	return p
}

func TestTokens(t *testing.T) {
	const secret, other = "a-secret-of-at-least-32-characters", "another-secret-of-at-least-32-chars"
	a := newApp(t, withTokens(t, secret))
	p := withAll()
	r, err := a.Resolve(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	key := account.Key(p.Account)
	stored := func() *store.Account {
		rows, err := a.store.Memory.ListAccounts(t.Context(), r.User.ID)
		if err != nil || len(rows) != 1 {
			t.Fatal(rows, err)
		}
		return rows[0]
	}
	row := stored()
	for _, column := range []string{row.AccessToken, row.RefreshToken, row.IDToken} {
		if column == "" || strings.Contains(column, "secret-") {
			t.Errorf("a column is %q", column)
		}
	}
	if row.TokenType != "Bearer" || row.Scope != "openid" || row.ExpiresAt != 1234 || row.SessionState != "state" {
		t.Errorf("the row is %+v", row)
	}
	got, err := a.Tokens(t.Context(), r.User.ID, key)
	if err != nil || got.AccessToken != "secret-access" || got.RefreshToken != "secret-refresh" || got.IDToken != "secret-id" || account.Key(got) != key ||
		got.Type != provider.TypeOIDC || got.TokenType != "Bearer" || got.Scope != "openid" || got.ExpiresAt != 1234 {
		t.Errorf("%+v, %v", got, err)
	}
	if rows, err := a.List(t.Context(), r.User.ID); err != nil || rows[0].AccessToken+rows[0].RefreshToken+rows[0].IDToken != "" || rows[0].Email != ada {
		t.Errorf("the list is %+v, %v", rows[0], err)
	}
	for what, k := range map[string]store.AccountKey{"provider": {Provider: "other", ProviderAccountID: "1", Issuer: key.Issuer}, "issuer": {Provider: "idp", ProviderAccountID: "1"}} {
		if got, err := a.Tokens(t.Context(), r.User.ID, k); got != nil || !errors.Is(err, store.ErrNotFound) {
			t.Errorf("another %s: %+v, %v", what, got, err)
		}
	}

	// A token opens in its own column of its own row alone.
	for what, change := range map[string]func(*store.Account){
		"access token, of another secret":     func(x *store.Account) { x.AccessToken = "x" },
		"refresh token, of another column":    func(x *store.Account) { x.RefreshToken = row.AccessToken },
		"ID token, of another column":         func(x *store.Account) { x.IDToken = row.AccessToken },
		"access token, not sealed as a token": func(x *store.Account) { x.AccessToken = a.seal(secret, `{"value":1}`) },
		"access token, of another account": func(x *store.Account) {
			x.AccessToken = a.seal(secret, `{"storedToken":"access_token","provider":"idp","issuer":"https://idp.example","id":"2","value":"x"}`)
		},
		"access token, of another provider": func(x *store.Account) {
			x.AccessToken = a.seal(secret, `{"storedToken":"access_token","provider":"x","issuer":"https://idp.example","id":"1","value":"x"}`)
		},
		"access token, of another issuer": func(x *store.Account) {
			x.AccessToken = a.seal(secret, `{"storedToken":"access_token","provider":"idp","issuer":"x","id":"1","value":"x"}`)
		},
		"access token, of the cookie's claims": func(x *store.Account) { x.AccessToken = a.seal(secret, `{"sub":"1"}`) },
	} {
		changed := *row
		change(&changed)
		if err := a.store.Memory.UpdateAccount(t.Context(), &changed); err != nil {
			t.Fatal(err)
		}
		if got, err := a.Tokens(t.Context(), r.User.ID, key); err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}

	if err := a.store.Memory.UpdateAccount(t.Context(), row); err != nil {
		t.Fatal(err)
	}

	// The next sign-in replaces what the provider sends, and a fault keeps no user out.
	p.Account.AccessToken, p.Account.RefreshToken, p.Account.IDToken, p.Account.Extra = "newer", "", "", []byte(`{"session_state":1}`)
	p.Account.TokenType = strings.Repeat("x", store.MaxUserText+1)
	if _, err := a.Resolve(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if row := stored(); row.SessionState != "" || len(row.TokenType) != store.MaxUserText {
		t.Errorf("the row is %+v", row)
	}
	if got, err := a.Tokens(t.Context(), r.User.ID, key); err != nil || got.AccessToken != "newer" || got.RefreshToken != "secret-refresh" || got.IDToken != "" {
		t.Errorf("%+v, %v", got, err)
	}
	p.Account.RefreshToken = "refresh"
	if _, err := a.Resolve(t.Context(), linking(r.User.ID, p)); err != nil {
		t.Fatal(err)
	}
	if got, err := a.Tokens(t.Context(), r.User.ID, key); err != nil || got.AccessToken != "newer" || got.RefreshToken != "refresh" || got.IDToken != "" {
		t.Errorf("%+v, %v", got, err)
	}
	if a.log.Len() > 0 {
		t.Errorf("the log has %s", a.log.String())
	}

	for what, tt := range map[string]struct {
		secrets []string
		ok      bool
	}{"rotated": {[]string{other, secret}, true}, "gone": {[]string{other}, false}} {
		b := newApp(t, func(c *account.Config) { c.Store = a.store }, withTokens(t, tt.secrets...))
		if got, err := b.Tokens(t.Context(), r.User.ID, key); (err == nil) != tt.ok || tt.ok && got.AccessToken != "newer" {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
	without := newApp(t, func(c *account.Config) { c.Store = a.store })
	if got, err := without.Tokens(t.Context(), r.User.ID, key); err != nil || got.AccessToken != "" || got.ProviderAccountID != "1" {
		t.Errorf("without tokens: %+v, %v", got, err)
	}
	p = withAll()
	p.Account.ProviderAccountID = "2"
	if _, err := without.Resolve(t.Context(), linking(r.User.ID, p)); err != nil {
		t.Fatal(err)
	}
	rows, err := a.store.Memory.ListAccounts(t.Context(), r.User.ID)
	if err != nil || len(rows) != 2 {
		t.Fatal(rows, err)
	}
	if row := rows[1]; row.AccessToken+row.RefreshToken+row.IDToken+row.TokenType+row.Scope+row.SessionState != "" || row.ExpiresAt != 0 {
		t.Errorf("without tokens: %+v", row)
	}
	a.store.Fail(true)
	if got, err := a.Tokens(t.Context(), r.User.ID, key); got != nil || !errors.Is(err, apptest.ErrDown) {
		t.Errorf("a fault: %+v, %v", got, err)
	}
	if _, err := a.List(t.Context(), r.User.ID); !errors.Is(err, apptest.ErrDown) {
		t.Errorf("a fault: %v", err)
	}
}

func (a *app) seal(secret, claims string) string {
	a.Helper()
	codec, err := token.NewAuthJS("test", secret)
	if err != nil {
		a.Fatal(err)
	}
	sealed, err := codec.Seal(a.Context(), []byte(claims))
	if err != nil {
		a.Fatal(err)
	}
	return sealed
}

// brokenCodec seals nothing.
type brokenCodec struct{ token.Codec }

func (brokenCodec) Seal(context.Context, []byte) (string, error) { return "", errDown }

// What can't be sealed is not stored, and keeps no known user out.
func TestTokens_NotSealed(t *testing.T) {
	broken := func(c *account.Config) { c.Tokens, c.LinkByEmail = brokenCodec{}, true }
	for _, set := range []func(*provider.Account){
		func(a *provider.Account) { a.AccessToken = "x" }, func(a *provider.Account) { a.RefreshToken = "x" }, func(a *provider.Account) { a.IDToken = "x" },
	} {
		a := newApp(t, broken)
		a.add(store.User{Name: "Ada", Email: ada, EmailVerified: a.now})
		for what, p := range map[string]*account.Proof{"new user": at("2", ""), "linked": linking("Ada", at("2", "")), "by address": at("2", ada)} {
			set(p.Account)
			if r, err := a.Resolve(t.Context(), p); !errors.Is(err, errDown) || r.User != nil {
				t.Errorf("%s: %+v, %v", what, r.User, err)
			}
		}
		equal(t, "events", a.took())
		equal(t, "accounts", a.accounts("Ada"))
		p := at("1", "")
		a.link("Ada", p.Account)
		set(p.Account)
		if r, err := a.Resolve(t.Context(), p); err != nil || r.User.ID != "Ada" || !strings.Contains(a.log.String(), "the tokens of an account could not be stored") {
			t.Errorf("known: %+v, %v, log %s", r.User, err, a.log.String())
		}
	}
}
