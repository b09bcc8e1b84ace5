package api_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

// A fragileUser is a user whose JSON fails while it is broken.
type fragileUser struct{ broken *atomic.Bool }

// MarshalJSON writes an empty object.
func (u fragileUser) MarshalJSON() ([]byte, error) {
	if u.broken != nil && u.broken.Load() {
		return nil, errors.New("no JSON")
	}
	return []byte(`{}`), nil
}

// The front end gets no session, and the user stays signed in.
func TestSession_ViewWithoutJSON(t *testing.T) {
	type session = nuxtauth.DefaultSession[fragileUser]
	for protocol, signedOut := range map[nuxtauth.Protocol]string{nuxtauth.NextAuth: "{}", nuxtauth.AuthJS: "null"} {
		for name, age := range map[string]time.Duration{"fresh": 0, "to be renewed": time.Hour} {
			t.Run(protocol.String()+", "+name, func(t *testing.T) {
				clock, log, broken, events := apptest.NewClock(), new(apptest.LogBuffer), new(atomic.Bool), 0
				cfg := nuxtauth.Config[apptest.Token, session]{
					Secret: apptest.Secret, URL: "http://localhost:3000", Protocol: protocol, Now: clock.Now,
					Logger: slog.New(slog.NewTextHandler(log, nil)),
				}
				cfg.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[apptest.Token, session]) (*session, error) {
					p.Session.User.broken = broken
					return p.Session, nil
				}
				cfg.Events.Session = func(context.Context, nuxtauth.SessionEvent[apptest.Token, session]) { events++ }
				auth, err := nuxtauth.New(cfg)
				if err != nil {
					t.Fatal(err)
				}
				cookies, err := apptest.Cookies(auth.Issue(t.Context(), &apptest.Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}}))
				if err != nil {
					t.Fatal(err)
				}
				clock.Advance(age)
				r := gin.New()
				r.Use(auth.Middleware())
				get := func() apptest.Response {
					req, rec := apptest.NewRequest("GET", "/api/auth/session", cookies)
					r.ServeHTTP(rec, req)
					return apptest.Recorded(rec)
				}

				broken.Store(true)
				res := get()
				if res.StatusCode != http.StatusOK || res.Text != signedOut || res.Header.Get("Content-Type") != "application/json" {
					t.Errorf("%d %s %s", res.StatusCode, res.Header.Get("Content-Type"), res.Text)
				}
				if n := strings.Count(log.String(), "\n"); n != 1 || events != 0 {
					t.Errorf("%d events, and %d lines in the log: %s", events, n, log)
				}
				for _, c := range res.Cookies() {
					if strings.HasSuffix(c.Name, "session-token") && (c.MaxAge < 0 || c.Value == "") {
						t.Errorf("the answer ends the session: %s", c)
					} else if strings.HasSuffix(c.Name, "session-token") {
						cookies = []*http.Cookie{c}
					}
				}
				broken.Store(false)
				if res := get(); !strings.Contains(res.Text, `"expires"`) {
					t.Errorf("afterwards: %s", res.Text)
				}
			})
		}
	}
}
