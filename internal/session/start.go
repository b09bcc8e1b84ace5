package session

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/nuxtauth/nuxtauth/internal/clientip"
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
	IsNewUser bool         // always false without users
	Origin    token.Origin // the provider, and the user and session there

	// KeepIDToken keeps the ID token in the session, for the sign-out at the
	// provider.
	KeepIDToken bool

	// Previous is the [Manager.PreviousRef] of the session that the browser had when it
	// left for the provider. CrossSite says that the request comes from the
	// provider's site, and so without the cookies that the browser has.
	Previous  Reference
	CrossSite bool

	// Local says that the session has no cookie: see [Local]. The sessions that the browser
	// has go on.
	Local bool
}

// Start begins the session of a sign-in: it makes the token, runs the JWT
// callback, writes the session and its cookie, and ends the sessions that the
// browser had. After an error the request has no new session. It is an error if a session of
// another user can't be ended: then the browser stays signed in as that user.
func (m *Manager) Start(r Request, in SignIn) (*Session, error) {
	ctx := r.Context()
	s, err := m.newSession(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := m.save(ctx, r.Cookies, s, m.client(r)); err != nil {
		return nil, err
	}
	if in.Local {
		s.credential.Bearer, s.local = true, true
		return s, nil
	}
	c := readCookies(r)
	before := slices.Collect(c.values)
	if written, _ := r.Cookies.Session.Written(r.Response); written != "" {
		before = append(before, written) // by a handler, earlier in this request
	}
	s.credential.Present = c.Present
	others := c.Present
	if in.CrossSite {
		s.credential.Present, others = cookie.All, cookie.First
	}
	cookies := slices.Clone(r.Response["Set-Cookie"])
	if err := m.setCookie(r, s); err != nil {
		return nil, errors.Join(err, m.end(ctx, s, nil))
	}
	clearOtherScopes(r, others)
	if err := m.endPrevious(r, before, in.Previous, s); err != nil {
		r.Response["Set-Cookie"] = cookies
		return nil, errors.Join(err, m.end(ctx, s, nil))
	}
	if s.latest > s.Claims.Origin.Since {
		if err := m.beginAfter(r, s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Discard ends a session that [Manager.Start] has begun in this request, and clears its
// cookies. After an error, which is a fault of the store, the session may go on.
func (m *Manager) Discard(r Request, s *Session) error {
	if !s.local {
		r.Cookies.Session.Clear(r.Response, s.credential.Present)
	}
	return m.end(r.Context(), s, nil)
}

// beginAfter writes a session once more, as one that began after a revocation of its user,
// by which the sessions before it have ended.
func (m *Manager) beginAfter(r Request, s *Session) error {
	s.Claims.Origin.Since = s.latest
	if err := m.save(r.Context(), r.Cookies, s, m.client(r)); err != nil {
		return err
	}
	return m.setCookie(r, s)
}

// newSession makes the token of a sign-in, with what the JWT callback adds.
func (m *Manager) newSession(ctx context.Context, in SignIn) (*Session, error) {
	s := m.types().New()
	c := s.Claims
	c.Name, c.Email, c.Picture, c.Subject = in.User.Name, in.User.Email, in.User.Image, in.User.ID
	c.Origin = in.Origin
	c.Origin.AuthTime, c.Origin.User, c.Origin.Local = token.DateOf(m.now()), m.reader.Subjects == UserSubjects, in.Local
	if s.ProviderTokens != nil {
		s.ProviderTokens.set(in.Account, in.KeepIDToken)
	}
	s.ctx.Start(ctx, guard.Timeout)
	defer s.ctx.Stop()
	trigger := TriggerSignIn
	if in.IsNewUser {
		trigger = TriggerSignUp
	}
	_, err := m.types().JWT(s.ctx, s, &Params{
		Trigger: trigger, User: in.User, Account: in.Account, Profile: in.Profile, IsNewUser: in.IsNewUser,
	})
	if err != nil {
		return nil, fmt.Errorf("the JWT callback: %w", err)
	}
	if c.Origin.User && c.Subject != in.User.ID {
		return nil, errOtherSubject
	}
	if err := m.denyList.begin(ctx, s); err != nil {
		return nil, err
	}
	return s, nil
}

// Issue writes a new session with the claims of s, outside of a sign-in, and
// returns the value of its cookie, and the cookies.
func (m *Manager) Issue(ctx context.Context, cs *CookieSet, s *Session) (value string, cookies []*http.Cookie, err error) {
	// It may be the token of another session.
	from := s.Claims.Origin
	s.Claims.RestoreReserved(&Claims{Origin: token.Origin{
		Provider: from.Provider, Issuer: from.Issuer, ProviderSubject: from.ProviderSubject, AuthTime: min(from.AuthTime, token.DateOf(m.now())),
		User: m.reader.Subjects == UserSubjects,
	}})
	if s.ProviderTokens != nil {
		s.ProviderTokens.RefreshToken = ""
	}
	if err := m.denyList.begin(ctx, s); err != nil {
		return "", nil, err
	}
	if err := m.save(ctx, cs, s, clientip.Client{}); err != nil {
		return "", nil, err
	}
	header := http.Header{}
	if err := cs.Session.Write(header, 0, s.value, s.Claims.ExpiresAt.Time()); err != nil {
		return "", nil, err
	}
	return s.value, (&http.Response{Header: header}).Cookies(), nil
}
