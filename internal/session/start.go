package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/nuxtauth/nuxtauth/internal/cookie"
	"github.com/nuxtauth/nuxtauth/internal/guard"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/token"
)

// A SignIn is a sign-in that was proven and accepted.
type SignIn struct {
	User      *provider.User
	Account   *provider.Account
	Profile   provider.Profile
	IsNewUser bool
	Origin    token.Origin // the provider, and the user and session there

	// KeepIDToken keeps the ID token in the session, for the sign-out at the
	// provider.
	KeepIDToken bool

	// Previous is the [Manager.Name] of the session that the browser had when it
	// left for the provider. CrossSite says that the request comes from the
	// provider's site, and so without the cookies that the browser has.
	Previous  string
	CrossSite bool
}

// Start begins the session of a sign-in: it makes the token, runs the JWT
// callback, writes the session and its cookie, and ends the sessions that the
// browser had. After an error nothing is written.
func (m *Manager) Start(r Request, in SignIn) (*Session, error) {
	s, err := m.newSession(r.Context(), in)
	if err != nil {
		return nil, err
	}
	ctx := r.Context()
	c := readCookies(r)
	if err := m.save(ctx, r.Cookies, s, m.client(r)); err != nil {
		return nil, err
	}
	present := c.Present
	if in.CrossSite {
		present = cookie.All
	}
	if err := m.setCookie(r, s, present); err != nil {
		return nil, errors.Join(err, m.end(ctx, r.Cookies, s.value))
	}
	m.clearOtherScopes(r, c)
	m.endPrevious(ctx, r.Cookies, append(slices.Collect(c.values), in.Previous))
	return s, nil
}

// newSession makes the token of a sign-in, with what the JWT callback adds.
func (m *Manager) newSession(ctx context.Context, in SignIn) (*Session, error) {
	s := m.types().New()
	c := s.Claims
	c.Name, c.Email, c.Picture, c.Subject = in.User.Name, in.User.Email, in.User.Image, in.User.ID
	c.Origin = in.Origin
	c.Origin.AuthTime = token.NumericDate(m.now().Unix())
	if s.ProviderTokens != nil {
		s.ProviderTokens.set(in.Account, in.KeepIDToken)
	}
	s.ctx.Start(ctx, guard.Timeout)
	defer s.ctx.Stop()
	_, err := m.types().JWT(s.ctx, s, &Params{
		Trigger: TriggerSignIn, User: in.User, Account: in.Account, Profile: in.Profile, IsNewUser: in.IsNewUser,
	})
	if err == nil && s.Claims.Subject == "" {
		err = errNoSubject
	}
	if err != nil {
		return nil, fmt.Errorf("the JWT callback: %w", err)
	}
	if err := m.reader.noteRevocations(ctx, s); err != nil {
		return nil, err
	}
	s.Claims.Origin.Since = s.latest
	return s, nil
}

// endPrevious ends the sessions that the browser had before a sign-in. A fault is
// logged: the new session has begun.
func (m *Manager) endPrevious(ctx context.Context, cs *CookieSet, names []string) {
	for _, name := range names {
		if err := m.end(ctx, cs, name); err != nil {
			guard.Log(ctx, m.log, slog.LevelError, "nuxtauth: the session before this sign-in could not be ended", err)
		}
	}
}
