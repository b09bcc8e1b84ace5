package flow

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/nuxtauth/nuxtauth/provider"
)

// The permanent errors of [Flow.Refresh].
var (
	// ErrInvalidGrant means that the refresh token is invalid, expired, used or
	// revoked (RFC 6749 §5.2): the user has to sign in again.
	ErrInvalidGrant = errors.New("the grant is invalid, expired or revoked")

	// ErrInvalidIDToken means that the ID token of the response is not valid or of
	// another user (OpenID Connect Core §12.2). The new tokens must not be used.
	ErrInvalidIDToken = errors.New("the refreshed ID token is not valid")
)

// Refresh is the input of [Flow.Refresh].
type Refresh struct {
	RefreshToken string // of the latest Account that has one

	// Subject and Issuer are those of the sign-in's Result, which the sub and the iss
	// of a refreshed ID token must equal. Without a Subject neither is checked.
	Subject, Issuer string
}

// Refresh exchanges a refresh token for new tokens (RFC 6749 §6), with the client
// authentication and the limits of a sign-in. The account has no ProviderAccountID.
// An empty RefreshToken, IDToken or Scope means that the response has none, and that
// the previous one is still valid.
//
// A provider may invalidate the old refresh token before its response arrives. So ctx
// should not end with the client's request, and a refresh token should not be used
// concurrently.
//
// The error wraps [ErrInvalidGrant] if the provider rejected the refresh token, and
// [ErrInvalidIDToken] if the new ID token is not valid. All others, such as a
// timeout, a status of 500 or a rejected client, are temporary: they say nothing
// about the refresh token.
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
		// Without keys the new ID token could not be verified, when the old
		// refresh token may be used up already.
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
	if err := f.checkRefreshed(ctx, m, account, r); err != nil {
		return nil, err
	}
	return account, nil
}

// isInvalidGrant reports whether the refresh token was rejected. It requires the
// status of RFC 6749 §5.2 too, since a response with another one may come from a
// proxy. GitHub has an error code of its own, with status 200.
func (e *tokenError) isInvalidGrant() bool {
	if e.code == "bad_refresh_token" {
		return e.status == 200
	}
	return e.code == "invalid_grant" && (e.status == 400 || e.status == 401)
}

// checkRefreshed verifies the ID token of a refresh, if there is one (OpenID Connect
// Core §12.2). Its nonce is not checked.
func (f *Flow) checkRefreshed(ctx context.Context, m *metadata, account *provider.Account, r Refresh) error {
	if f.provider.Type != provider.TypeOIDC || account.IDToken == "" {
		return nil
	}
	c, _, err := f.idToken(ctx, m, account.IDToken, account.AccessToken)
	if errors.Is(err, errNoKeys) || ctx.Err() != nil {
		return fmt.Errorf("ID token: %w", err)
	}
	if err != nil {
		return fmt.Errorf("%w: ID token: %w", ErrInvalidIDToken, err)
	}
	if r.Subject != "" && (c.Subject != r.Subject || f.otherIssuer(c) != r.Issuer) {
		return fmt.Errorf("%w: it is of another user", ErrInvalidIDToken)
	}
	return nil
}
