package session

import (
	"context"
	"slices"

	"github.com/nuxtauth/nuxtauth/store"
)

// MaxSessions is how many sessions of one user are in a store at most, if it is a
// [store.Index]: a user who signs in again and again does not fill it. All of them fit
// into one list.
const MaxSessions = 1000

// oldestAtOnce is how many sessions beyond MaxSessions end when one begins. It is more than
// one, so that their number falls where sessions have begun at the same time.
const oldestAtOnce = 10

// endOldest ends the oldest sessions of a user beyond MaxSessions. It spares r, the session
// that has just begun, although that may be of an older sign-in. An error is logged: the
// session has begun.
func (m *Manager) endOldest(ctx context.Context, r *store.Record) {
	if m.index == nil {
		return
	}
	all, err := m.index.ListSessions(ctx, m.realm, r.Subject, MaxSessions+oldestAtOnce)
	all = slices.DeleteFunc(all, func(one *store.Record) bool { return one.ID == r.ID })
	for i := MaxSessions - 1; i < len(all) && err == nil; i++ {
		_, err = m.index.DeleteSessionByID(ctx, m.realm, r.Subject, all[i].ID)
		m.cache.deleteRecord(all[i].ID)
	}
	if ignoreUnsupported(err) != nil {
		m.log.ErrorContext(ctx, "nuxtauth: the oldest sessions of a user could not be ended", "error", err)
	}
}
