package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/nuxtauth/nuxtauth/store"
)

// The limits are those that the databases are made for: a longer string is refused, and
// never cut.
func TestCheck_Limits(t *testing.T) {
	user := func(set func(u *store.User, s string)) func(string) error {
		return func(s string) error {
			u := new(store.User)
			set(u, s)
			return u.Check()
		}
	}
	account := func(set func(a *store.Account, s string)) func(string) error {
		return func(s string) error {
			a := &store.Account{AccountKey: store.AccountKey{Provider: "a", ProviderAccountID: "b"}}
			set(a, s)
			return a.Check()
		}
	}
	link := func(set func(l *store.Link, s string)) func(string) error {
		return func(s string) error {
			l := &store.Link{LinkKey: store.LinkKey{Purpose: "a", Email: "b"}, ExpiresAt: time.Now()}
			set(l, s)
			return l.Check()
		}
	}
	for name, tt := range map[string]struct {
		check func(s string) error
		limit int
	}{
		"User.ID":                   {user(func(u *store.User, s string) { u.ID = s }), store.MaxUserID},
		"User.Name":                 {user(func(u *store.User, s string) { u.Name = s }), store.MaxUserText},
		"User.Email":                {user(func(u *store.User, s string) { u.Email = s }), store.MaxEmail},
		"User.Image":                {user(func(u *store.User, s string) { u.Image = s }), 64 << 10},
		"User.PasswordHash":         {user(func(u *store.User, s string) { u.PasswordHash = s }), store.MaxUserText},
		"Account.Provider":          {account(func(a *store.Account, s string) { a.Provider = s }), store.MaxAccountKey},
		"Account.ProviderAccountID": {account(func(a *store.Account, s string) { a.ProviderAccountID = s }), store.MaxAccountKey},
		"Account.Issuer":            {account(func(a *store.Account, s string) { a.Issuer = s }), store.MaxAccountKey},
		"Account.Type":              {account(func(a *store.Account, s string) { a.Type = s }), store.MaxUserText},
		"Account.AccessToken":       {account(func(a *store.Account, s string) { a.AccessToken = s }), 64 << 10},
		"Account.RefreshToken":      {account(func(a *store.Account, s string) { a.RefreshToken = s }), 64 << 10},
		"Account.IDToken":           {account(func(a *store.Account, s string) { a.IDToken = s }), 64 << 10},
		"Account.TokenType":         {account(func(a *store.Account, s string) { a.TokenType = s }), store.MaxUserText},
		"Account.Scope":             {account(func(a *store.Account, s string) { a.Scope = s }), 64 << 10},
		"Account.SessionState":      {account(func(a *store.Account, s string) { a.SessionState = s }), 64 << 10},
		"Account.Email":             {account(func(a *store.Account, s string) { a.Email = s }), store.MaxEmail},
		"Link.Purpose":              {link(func(l *store.Link, s string) { l.Purpose = s }), 64},
		"Link.Email":                {link(func(l *store.Link, s string) { l.Email = s }), store.MaxEmail},
		"Link.Subject":              {link(func(l *store.Link, s string) { l.Subject = s }), store.MaxUserID},
		"Link.RedirectTo":           {link(func(l *store.Link, s string) { l.RedirectTo = s }), 8 << 10},
	} {
		if err := tt.check(strings.Repeat("x", tt.limit)); err != nil {
			t.Errorf("%s of %d bytes: %v", name, tt.limit, err)
		}
		for _, bad := range []string{strings.Repeat("x", tt.limit+1), "a\x00", "\xff", "\xed\xa0\x80"} {
			if err := tt.check(bad); err == nil {
				t.Errorf("%s of %d bytes, %.5q, is accepted", name, len(bad), bad)
			}
		}
	}
	for extra, want := range map[string]bool{
		"": true, "{}": true, ` { "a" : [1] } `: true, "null": false, "[]": false, `"a"`: false, `{"a":`: false, `{} {}`: false, `{"a":1,"a":2}`: false, " ": false,
		`{"":"` + strings.Repeat("x", 64<<10-7) + `"}`: true, `{"":"` + strings.Repeat("x", 64<<10-6) + `"}`: false,
	} {
		u := &store.User{Extra: jsontext.Value(extra)}
		if err := u.Check(); (err == nil) != want {
			t.Errorf("Extra of %d bytes, %.20q: %v, want it accepted: %v", len(extra), extra, err, want)
		}
	}
	if err := (&store.User{Email: "Ada@example.com"}).Check(); err == nil {
		t.Error("an address with upper case is accepted")
	}
}
