package session_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// What a revocation returns beside an error counts no session, and a deny-list can't count.
func TestRevoke_Results(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.Use)
	a.SignIn()
	list, err := listSessions(t.Context(), a.Auth, "1")
	if err != nil || len(list) != 1 {
		t.Fatalf("%d sessions, %v", len(list), err)
	}
	if found, err := a.Auth.RevokeSession(t.Context(), "1", ""); found || err == nil {
		t.Errorf("RevokeSession without an ID: %t, %v", found, err)
	}
	s.Fail(apptest.ErrDown)
	if found, err := a.Auth.RevokeSession(t.Context(), "1", list[0].ID); found || err == nil {
		t.Errorf("RevokeSession with a fault of the store: %t, %v", found, err)
	}
	if n, err := a.Auth.RevokeSessions(t.Context(), "1"); n != 0 || err == nil {
		t.Errorf("RevokeSessions with a fault of the store: %d, %v", n, err)
	}
	if _, err := listSessions(t.Context(), a.Auth, "1"); err == nil {
		t.Error("ListSessions with a fault of the store returns no error")
	}

	b := apptest.New(t, s.UseAsDenyList)
	s.Fail(nil)
	if found, err := b.Auth.RevokeSession(t.Context(), "1", "unknown"); !found || err != nil {
		t.Errorf("RevokeSession with a deny-list: %t, %v", found, err)
	}
	if n, err := b.Auth.RevokeSessions(t.Context(), "1"); n != -1 || err != nil {
		t.Errorf("RevokeSessions with a deny-list: %d, %v", n, err)
	}
	s.Fail(apptest.ErrDown)
	if found, err := b.Auth.RevokeSession(t.Context(), "1", "unknown"); found || err == nil {
		t.Errorf("RevokeSession with a fault of the deny-list: %t, %v", found, err)
	}
	if n, err := b.Auth.RevokeSessions(t.Context(), "1"); n != 0 || err == nil {
		t.Errorf("RevokeSessions with a fault of the deny-list: %d, %v", n, err)
	}
}

// A firstFaultStore fails once to end the sessions of a session at a provider.
type firstFaultStore struct {
	*store.Memory
	failed bool
}

func (s *firstFaultStore) DeleteProviderSession(ctx context.Context, realm, provider, sid string) (int, error) {
	if !s.failed {
		s.failed = true
		return 0, apptest.ErrDown
	}
	return s.Memory.DeleteProviderSession(ctx, realm, provider, sid)
}

// The provider is to send its token again if the session that it names may go on.
func TestLogout_FaultOfNamedSession(t *testing.T) {
	s := new(firstFaultStore)
	a := apptest.NewOpenIDApp(t, func(c *apptest.OpenIDConfig) {
		s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
		c.Session.Store = s
	}, apptest.Backchannel)
	a.SignIn()
	session := a.IDP.Sessions()[0]
	form := url.Values{"logout_token": {a.IDP.LogoutToken(t, session.Subject, session.ID)}}
	if res := a.Another().Post("/api/auth/backchannel-logout/idp", form); res.StatusCode != http.StatusBadRequest || a.Session() == nil {
		t.Errorf("with a fault the logout answers %d %s, or the session has ended", res.StatusCode, res.Text)
	}
	if res := a.Another().Post("/api/auth/backchannel-logout/idp", form); res.StatusCode != http.StatusOK || a.Session() != nil {
		t.Errorf("sent again: %d %s", res.StatusCode, res.Text)
	}
}

// The session of a Node server is as old as the second in which its token was issued: a
// revocation in that second or later ends it.
func TestDenyList_NodeSessionBesideRevocation(t *testing.T) {
	codec, err := token.NewNextAuth("", apptest.Secret)
	if err != nil {
		t.Fatal(err)
	}
	for revoked, valid := range map[time.Duration]bool{
		-time.Second: true, -time.Microsecond: true, 0: false, time.Microsecond: false, time.Second - time.Microsecond: false,
	} {
		a := apptest.New(t, apptest.Storages["deny-list"])
		issued := a.Clock.Now().Add(10 * time.Second).Truncate(time.Second)
		a.Clock.Advance(issued.Add(revoked).Sub(a.Clock.Now()))
		mustRevoke(t, a, "1")
		at := func(d time.Duration) string { return strconv.FormatInt(issued.Add(d).Unix(), 10) }
		value, err := codec.Seal(t.Context(), []byte(`{"sub":"1","jti":"x","iat":`+at(0)+`,"exp":`+at(time.Hour)+`}`))
		if err != nil {
			t.Fatal(err)
		}
		a.SetCookie(apptest.SessionCookie, value)
		a.Clock.Advance(time.Minute)
		if got := a.Session() != nil; got != valid {
			t.Errorf("revoked %v after the token was issued, the session is valid: %t", revoked, got)
		}
	}
}

// Whether a session that has expired has ended before can't be told: the sign-out fails.
func TestSignOut_DenyListFaultWithExpiredSession(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.UseAsDenyList)
	a.SignIn()
	value := a.Cookie(apptest.SessionCookie)
	a.Clock.Advance(31 * 24 * time.Hour)
	a.SetCookie(apptest.SessionCookie, value)
	s.RunBefore("Marked", func() {
		s.Fail(apptest.ErrDown)
		s.RunBefore("Mark", func() { s.Fail(nil) })
	})
	if res := a.SignOut(); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("the sign-out answers %d %s", res.StatusCode, res.Text)
	}
	s.Fail(nil)
}

// The token of another server may have no ID. The JWT callback gives its session to a user
// whose sessions were revoked before: it goes on, as any other of that user that begins now.
func TestDenyList_NewSubjectOfTokenWithoutID(t *testing.T) {
	codec, err := token.NewNextAuth("", apptest.Secret)
	if err != nil {
		t.Fatal(err)
	}
	a := apptest.New(t, apptest.Storages["deny-list"], func(c *apptest.Config) {
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			p.Token.Subject = "2"
			return p.Token, nil
		}
	})
	now := a.Clock.Now().Unix()
	value, err := codec.Seal(t.Context(), fmt.Appendf(nil, `{"sub":"1","iat":%d,"exp":%d}`, now, now+3600))
	if err != nil {
		t.Fatal(err)
	}
	a.Clock.Advance(time.Minute)
	mustRevoke(t, a, "2")
	a.SetCookie(apptest.SessionCookie, value)
	for range 2 {
		if a.Session() == nil {
			t.Error("the session has ended")
		}
	}
}
