package api_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

// A partialStore can't end the sessions of a user of a provider while failing is
// set, but those of a user of the application.
type partialStore struct {
	*store.Memory
	failing atomic.Bool
}

func (s *partialStore) DeleteProviderSubject(ctx context.Context, realm, provider, subject string) (int, error) {
	if s.failing.Load() {
		return 0, apptest.ErrDown
	}
	return s.Memory.DeleteProviderSubject(ctx, realm, provider, subject)
}

// The provider is to send its token again, as long as a session may be valid.
func TestLogout_PartialFaultIsFailure(t *testing.T) {
	s := new(partialStore)
	a := apptest.NewOpenIDApp(t, func(c *apptest.OpenIDConfig) {
		s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
		c.Session.Store = s
	}, apptest.Backchannel)
	a.SignIn()
	token := a.IDP.LogoutToken(t, a.IDP.Sessions()[0].Subject, "")
	s.failing.Store(true)
	if res := postLogoutToken(a, token); res.StatusCode != http.StatusBadRequest || !strings.Contains(res.Text, "logout_failed") {
		t.Errorf("%d %s", res.StatusCode, res.Text)
	}
	s.failing.Store(false)
	if res := postLogoutToken(a, token); res.StatusCode != http.StatusOK || a.Session() != nil {
		t.Errorf("sent again: %d %s", res.StatusCode, res.Text)
	}
}

func TestLogout_DenyListFaultIsFailure(t *testing.T) {
	for name, bySession := range map[string]bool{"of a user": false, "of a session": true} {
		t.Run(name, func(t *testing.T) {
			s := apptest.NewStore()
			a := apptest.NewOpenIDApp(t, func(c *apptest.OpenIDConfig) {
				s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
				c.Session.DenyList = s
			}, apptest.Backchannel)
			a.SignIn()
			session := a.IDP.Sessions()[0]
			if !bySession {
				session.ID = ""
			}
			token := a.IDP.LogoutToken(t, session.Subject, session.ID)
			s.RunBefore("Mark", func() { s.Fail(apptest.ErrDown) })
			if res := postLogoutToken(a, token); res.StatusCode != http.StatusBadRequest || !strings.Contains(res.Text, "logout_failed") {
				t.Errorf("%d %s", res.StatusCode, res.Text)
			}
			s.Fail(nil)
			if a.Session() == nil {
				t.Error("the session ended")
			}
			if res := postLogoutToken(a, token); res.StatusCode != http.StatusOK || a.Session() != nil {
				t.Errorf("sent again: %d %s", res.StatusCode, res.Text)
			}
		})
	}
}
