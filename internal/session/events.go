package session

import (
	"context"

	"github.com/nuxtauth/nuxtauth/internal/clientip"
)

// Events are functions of the application that learn what has happened; nil for none.
type Events struct {
	Updated   func(ctx context.Context, subject string, frontEnd bool, from clientip.Client)
	Revoked   func(ctx context.Context, r Revoked)
	Refreshed func(ctx context.Context, subject, provider string)
}

// Revoked is sessions that were ended from elsewhere. The public type RevokeSessionsEvent says
// what the fields mean.
type Revoked struct {
	Subject, SessionID                         string
	Others                                     bool
	Provider, ProviderSubject, ProviderSession string
	Count                                      int
}

// updated calls the event for a session that was changed.
func (m *Manager) updated(r Request, s *Session, frontEnd bool) {
	if m.events.Updated != nil {
		m.events.Updated(context.WithoutCancel(r.Context()), s.Claims.Subject, frontEnd, m.clients.Of(r.Source, r.Header))
	}
}
