package account

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth/internal/address"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

// row is the account of a proof as the store gets it, of the user with this ID.
func (a *Accounts) row(ctx context.Context, p *Proof, userID string) (*store.Account, error) {
	from := p.Account
	email, _ := address.Normalize(p.User.Email) // "" if it is none
	row := &store.Account{AccountKey: Key(from), UserID: userID, Type: string(from.Type), Email: email}
	if a.cfg.Tokens == nil {
		return row, nil
	}
	var extra struct {
		SessionState string `json:"session_state"`
	}
	_ = json.Unmarshal(from.Extra, &extra) // it is empty, or has one of another type
	row.TokenType, row.Scope, row.ExpiresAt, row.SessionState = fit(from.TokenType, store.MaxUserText), from.Scope, from.ExpiresAt, extra.SessionState
	for _, t := range []struct {
		kind, value string
		to          *string
	}{
		{"access_token", from.AccessToken, &row.AccessToken},
		{"refresh_token", from.RefreshToken, &row.RefreshToken},
		{"id_token", from.IDToken, &row.IDToken},
	} {
		if t.value == "" {
			continue
		}
		var err error
		if a.cfg.UnencryptedTokens {
			*t.to = t.value
		} else if *t.to, err = a.seal(ctx, sealed{t.kind, row.Provider, row.Issuer, row.ProviderAccountID, t.value}); err != nil {
			return nil, err
		}
	}
	return row, nil
}

// sealedPrefix tells a token that was encrypted here from one that another system has
// stored, which may be encrypted too, by the provider.
const sealedPrefix = "sealed:"

// sealed is a token of an account as it is encrypted, with what it belongs to: a token that
// was copied to another row, or column, does not open.
type sealed struct {
	Kind     string `json:"storedToken"`
	Provider string `json:"provider"`
	Issuer   string `json:"issuer"`
	ID       string `json:"id"`
	Value    string `json:"value"`
}

func (a *Accounts) seal(ctx context.Context, t sealed) (string, error) {
	b, err := json.Marshal(t, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return "", fmt.Errorf("nuxtauth: seal a token of an account: %w", err)
	}
	text, err := a.cfg.Tokens.Seal(ctx, b)
	return sealedPrefix + text, err
}

// open returns the token in a column of a row, "" for none.
func (a *Accounts) open(ctx context.Context, row *store.Account, kind, column string) (string, error) {
	text, ok := strings.CutPrefix(column, sealedPrefix)
	switch {
	case ok:
	case column == "" || a.cfg.UnencryptedTokens:
		return column, nil
	default:
		return "", fmt.Errorf("nuxtauth: the %s of an account at %q is not encrypted: Accounts.InsecureUnencryptedTokens accepts those that another system has stored", kind, row.Provider)
	}
	b, err := a.cfg.Tokens.Open(ctx, text)
	var t sealed
	if err == nil {
		err = json.Unmarshal(b, &t)
	}
	if err == nil && (t.Kind != kind || t.Provider != row.Provider || t.Issuer != row.Issuer || t.ID != row.ProviderAccountID) {
		err = errors.New("it belongs to another account")
	}
	if err != nil {
		return "", fmt.Errorf("nuxtauth: the %s of an account at %q can't be opened: %w", kind, row.Provider, err)
	}
	return t.Value, nil
}

// Tokens returns an account of a user with the tokens of its latest sign-in, or
// [store.ErrNotFound]. Without Config.Tokens the tokens are empty.
func (a *Accounts) Tokens(ctx context.Context, userID string, key store.AccountKey) (*provider.Account, error) {
	rows, err := a.cfg.Store.ListAccounts(ctx, userID)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		if row.AccountKey != key {
			continue
		}
		found := &provider.Account{
			Provider: row.Provider, Type: provider.Type(row.Type), ProviderAccountID: row.ProviderAccountID, Issuer: row.Issuer,
			TokenType: row.TokenType, Scope: row.Scope, ExpiresAt: row.ExpiresAt,
		}
		if a.cfg.Tokens == nil {
			return found, nil
		}
		if found.AccessToken, err = a.open(ctx, row, "access_token", row.AccessToken); err != nil {
			return nil, err
		}
		if found.RefreshToken, err = a.open(ctx, row, "refresh_token", row.RefreshToken); err != nil {
			return nil, err
		}
		found.IDToken, err = a.open(ctx, row, "id_token", row.IDToken)
		return found, err
	}
	return nil, store.ErrNotFound
}
