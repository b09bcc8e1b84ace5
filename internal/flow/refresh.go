package flow

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/nuxtauth/nuxtauth/provider"
)

// The failures of [Flow.Refresh] that waiting does not mend.
var (
	// ErrInvalidGrant says that the refresh token is spent or revoked: the user
	// has to sign in again (RFC 6749 §5.2).
	ErrInvalidGrant = errors.New("the grant is spent or revoked")

	// ErrRefusedTokens says that the provider sent tokens whose ID token is not
	// good, or is somebody else's (OpenID Connect Core §12.2). Nobody must use
	// them.
	ErrRefusedTokens = errors.New("the refreshed tokens are refused")
)

// Refresh asks for new tokens: RFC 6749 §6.
type Refresh struct {
	RefreshToken string // of the latest Account that has one

	// Subject is that of the sign-in's Result, which a refreshed ID token must
	// name again. Empty is not checked.
	Subject string
}

// Refresh trades a refresh token for new tokens, with the client authentication
// and the limits of a sign-in. The account has no ProviderAccountID. An empty
// RefreshToken, IDToken or Scope means that the provider did not send it anew:
// the old one stands.
//
// A provider may retire the old refresh token before its answer arrives, so ctx
// should not end when a browser leaves, and two refreshes with one token should
// not happen.
//
// An error is [ErrInvalidGrant] if the provider refused the refresh token, and
// [ErrRefusedTokens] if its new ID token was refused here. Every other, such as
// a timeout, a status of 500 or a refused client, is taken for a passing fault:
// it says nothing about the refresh token.
func (f *Flow) Refresh(ctx context.Context, r Refresh) (*provider.Account, error) {
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()

	account, err := f.refresh(ctx, r)
	if err != nil {
		return nil, &cause{f.provider.ID, fmt.Errorf("refresh: %w", err)}
	}
	return account, nil
}

func (f *Flow) refresh(ctx context.Context, r Refresh) (*provider.Account, error) {
	if r.RefreshToken == "" {
		return nil, errors.New("there is no refresh token")
	}
	m, err := f.metadata(ctx)
	if err != nil {
		return nil, err
	}
	if m.keys != nil {
		// Without keys the new ID token could not be verified, and the old
		// refresh token might be spent by then.
		if err := m.keys.ready(ctx); err != nil {
			return nil, err
		}
	}
	account, err := f.tokens(ctx, m, url.Values{
		"grant_type":    {"refresh_token"},
		"refresh_token": {r.RefreshToken},
	})
	if failed, ok := errors.AsType[*tokenError](err); ok && failed.isInvalidGrant() {
		return nil, fmt.Errorf("%w: %w", ErrInvalidGrant, err)
	}
	if err != nil {
		return nil, err
	}
	if err := f.checkRefreshed(ctx, m, account, r.Subject); err != nil {
		return nil, err
	}
	return account, nil
}

// isInvalidGrant wants the status of RFC 6749 §5.2, too: what comes with another
// may be the word of something in between. GitHub has a word of its own, and
// sends its errors with status 200.
func (e *tokenError) isInvalidGrant() bool {
	if e.code == "bad_refresh_token" {
		return e.status == 200
	}
	return e.code == "invalid_grant" && (e.status == 400 || e.status == 401)
}

// checkRefreshed verifies the ID token of a refresh, if there is one: OpenID
// Connect Core §12.2. Its nonce, if any, is not looked at: it has nothing to
// say here.
func (f *Flow) checkRefreshed(ctx context.Context, m *metadata, account *provider.Account, subject string) error {
	if f.provider.Type != provider.TypeOIDC || account.IDToken == "" {
		return nil
	}
	c, _, err := f.idToken(ctx, m, account.IDToken, account.AccessToken)
	if errors.Is(err, errNoKeys) {
		return fmt.Errorf("ID token: %w", err)
	}
	if err != nil {
		return fmt.Errorf("%w: ID token: %w", ErrRefusedTokens, err)
	}
	if subject != "" && c.Subject != subject {
		return fmt.Errorf("%w: the ID token is another user's", ErrRefusedTokens)
	}
	return nil
}
