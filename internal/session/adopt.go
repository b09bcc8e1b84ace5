package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/memo"
	"github.com/nuxtauth/nuxtauth/store"
)

// adoptionWindow is how long requests may still come with the sealed cookie of a
// session that has been moved into the store.
const adoptionWindow = time.Minute

// errAdopting means that another process is moving the session into the store, or
// has just done so. The request goes on with the sealed token.
var errAdopting = fmt.Errorf("%w: it is being moved into the store", store.ErrConflict)

// An adopter moves sessions from their cookies into the store. The requests that
// a browser sends at the same time, all with the sealed cookie, become one session.
type adopter struct {
	moved *memo.Memo[moved] // by sealed token
}

// moved is what has become of a sealed token.
type moved struct {
	handle string
	record *store.Record
}

func newAdopter(cfg Config) *adopter {
	return &adopter{memo.New(memo.Options[moved]{Name: "moving a session into the store", Detached: true, Log: cfg.Log, Now: cfg.Now})}
}

// handle returns the handle of the session that a sealed token has become a
// moment ago in this process.
func (a *adopter) handle(value string) (string, bool) {
	m, ok := a.moved.Get(value)
	return m.handle, ok
}

// adopt creates the record r of a session that lives in its cookie. The error is
// [store.ErrConflict] if another request in this process has done so, errAdopting
// if another process has, and wraps [ErrSignedOut] if the session was revoked
// meanwhile.
func (m *Manager) adopt(ctx context.Context, s *Session, r *store.Record) (handle string, err error) {
	done, err := m.adopter.moved.Load(ctx, s.value, func(ctx context.Context) (moved, time.Duration, error) {
		handle, err := m.adoptOnce(ctx, s, r)
		if err != nil {
			return moved{}, 0, err
		}
		return moved{handle, r}, adoptionWindow, nil
	})
	if err == nil && done.record != r {
		err = store.ErrConflict
	}
	return done.handle, err
}

// adoptOnce is adopt for one request of this process.
func (m *Manager) adoptOnce(ctx context.Context, s *Session, r *store.Record) (string, error) {
	if id := s.found.id; id != "" && m.denyList.marks != nil {
		_, first, err := m.denyList.marks.Mark(ctx, m.denyList.adopting(id), adoptionWindow)
		if err != nil {
			return "", err
		}
		if !first {
			return "", errAdopting
		}
	}
	handle, err := m.store.CreateSession(ctx, r)
	if err != nil {
		return "", err
	}
	if err := m.denyList.check(ctx, s); err != nil { // since it was found
		return "", errors.Join(err, m.store.DeleteSession(ctx, handle))
	}
	return handle, nil
}
