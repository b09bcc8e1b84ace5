package session_test

import (
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

// The names of a user and of a session at a provider in the store are of their issuer, and
// empty where there is none. With logout tokens, a session without one at the provider has
// that of its user.
func TestIssue_RecordOfProvider(t *testing.T) {
	const issuer = "https://idp.example/tenant"
	for name, tt := range map[string]struct {
		issuer, subject          string
		logoutTokens             bool
		wantSession, wantSubject string
	}{
		"user":                           {"", "alice", false, "", "alice"},
		"user, logout tokens":            {"", "alice", true, "sub alice", "alice"},
		"user of an issuer":              {issuer, "alice", false, "", issuer + " alice"},
		"user of issuer, logout tokens":  {issuer, "alice", true, issuer + " sub alice", issuer + " alice"},
		"no user, logout tokens":         {"", "", true, "", ""},
		"no user of an issuer":           {issuer, "", false, "", ""},
		"no user of issuer, with tokens": {issuer, "", true, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newMemory()
			change := []func(*apptest.OpenIDConfig){func(c *apptest.OpenIDConfig) {
				s = store.NewMemory(store.MemoryOptions{Now: c.Now})
				c.Session.Store = s
			}}
			if tt.logoutTokens {
				change = append(change, apptest.Backchannel)
			}
			a := apptest.NewOpenIDApp(t, change...)
			var token apptest.OpenIDToken
			token.Subject, token.Origin.Provider = "1", "idp"
			token.Origin.Issuer, token.Origin.ProviderSubject = tt.issuer, tt.subject
			issued, err := a.Auth.Issue(t.Context(), &token)
			if err != nil {
				t.Fatal(err)
			}
			r, err := s.FindSession(t.Context(), issued.Token)
			if err != nil {
				t.Fatal(err)
			}
			if r.ProviderSession != tt.wantSession || r.ProviderSubject != tt.wantSubject {
				t.Errorf("the record has the session %q of the user %q, want %q of %q", r.ProviderSession, r.ProviderSubject, tt.wantSession, tt.wantSubject)
			}
		})
	}
}
