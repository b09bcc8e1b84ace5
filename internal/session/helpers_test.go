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

// Each of these wraps one call of the public API that several tests make.

func revokeSessions[T nuxtauth.TokenType](ctx context.Context, auth *nuxtauth.Auth[T, apptest.Session], subject string) error {
	_, err := auth.RevokeSessions(ctx, subject)
	return err
}

func revokeSession[T nuxtauth.TokenType](ctx context.Context, auth *nuxtauth.Auth[T, apptest.Session], subject, id string) error {
	_, err := auth.RevokeSession(ctx, subject, id)
	return err
}

func revokeOtherSessions(c *gin.Context, auth *nuxtauth.Auth[apptest.Token, apptest.Session]) error {
	_, err := auth.RevokeOtherSessions(c)
	return err
}

func listSessions[T nuxtauth.TokenType](ctx context.Context, auth *nuxtauth.Auth[T, apptest.Session], subject string) ([]nuxtauth.SessionInfo, error) {
	return auth.ListSessions(ctx, subject)
}

func isConflict(err error) bool { return errors.Is(err, store.ErrConflict) }

// receive waits for a value, or for the channel to be closed, and fails the test
// after ten seconds. event is the text of that failure.
func receive[V any](t *testing.T, ch <-chan V, event string) V {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(10 * time.Second):
		t.Fatal("it does not happen: " + event)
		panic("unreachable")
	}
}

// withCookies is a new browser at the same application with the cookies of
// Auth.Issue.
func withCookies(t *testing.T, a *apptest.App, subject string) *apptest.App {
	t.Helper()
	cookies, err := apptest.Cookies(a.Auth.Issue(t.Context(), &apptest.Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: subject}}))
	if err != nil {
		t.Fatal(err)
	}
	b := a.Another()
	for _, c := range cookies {
		b.SetCookie(c.Name, c.Value)
	}
	return b
}
