package session_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

// A conflictStore reports conflicts until a time of the bubble, and counts them.
type conflictStore struct {
	*store.Memory
	until     time.Time
	conflicts int
	onFirst   func()
}

func (s *conflictStore) ReplaceSession(ctx context.Context, handle string, r *store.Record) (string, error) {
	if time.Now().After(s.until) {
		return s.Memory.ReplaceSession(ctx, handle, r)
	}
	if s.conflicts++; s.conflicts == 1 && s.onFirst != nil {
		s.onFirst()
	}
	return "", store.ErrConflict
}

// newConflictApp starts an application whose route /set updates the session, and ends
// with the error in *err.
func newConflictApp(t *testing.T) (a *apptest.App, s *conflictStore, err *error) {
	s, err = new(conflictStore), new(error)
	a = apptest.New(t, func(c *apptest.Config) {
		s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
		c.Session.Store = s
	})
	a.Router.POST("/set", func(c *gin.Context) { *err = a.Auth.Update(c, countess) })
	a.SignIn()
	return a, s, err
}

// An update goes on for three seconds while other requests change the session.
func TestUpdate_OutlastsConflicts(t *testing.T) {
	for conflicts, saved := range map[time.Duration]bool{2800 * time.Millisecond: true, time.Minute: false} {
		t.Run(conflicts.String(), func(t *testing.T) {
			apptest.Bubble(t, func(t *testing.T) {
				a, s, err := newConflictApp(t)
				start := time.Now()
				s.until = start.Add(conflicts)
				a.Post("/set", nil)
				took := time.Since(start)
				if saved && *err != nil || !saved && !errors.Is(*err, nuxtauth.ErrConflict) {
					t.Errorf("Update returns %v", *err)
				}
				if took < min(conflicts, 3*time.Second) || took > 3200*time.Millisecond {
					t.Errorf("Update takes %v of the bubble", took)
				}
				if s.conflicts < 20 || s.conflicts > 200 { // the pauses are up to 128 ms
					t.Errorf("Update tries %d times", s.conflicts)
				}
				name := ""
				if a.Router.GET("/name", func(c *gin.Context) { name = a.Auth.Token(c).Nickname }); a.Get("/name").StatusCode != 200 || (name == "countess") != saved {
					t.Errorf("the token has the name %q", name)
				}
			})
		})
	}
}

// Whether the session is valid is not known when the client leaves.
func TestUpdate_ClientLeavesAfterConflict(t *testing.T) {
	apptest.Bubble(t, func(t *testing.T) {
		a, s, err := newConflictApp(t)
		leave, serve := a.Cancelable("POST", "/set", "")
		start := time.Now()
		s.until, s.onFirst = start.Add(time.Hour), leave
		serve()
		if took := time.Since(start); !errors.Is(*err, nuxtauth.ErrUnavailable) || took > time.Second || s.conflicts != 1 {
			t.Errorf("Update returns %v after %v of the bubble and %d attempts", *err, took, s.conflicts)
		}
	})
}
