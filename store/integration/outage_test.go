package integration_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
)

const readers = 100

// A reader is a signed-in user who requests pages of an application.
type reader struct {
	name   string
	app    http.Handler
	cookie *http.Cookie
}

// page returns the status of a page for signed-in users. It fails the test if the page is
// another user's, or the session ends.
func (r reader) page(t *testing.T, path string) int {
	w := get(r.app, path, r.cookie)
	if w.Code == http.StatusOK && strings.Contains(w.Body.String(), "user") && !strings.Contains(w.Body.String(), r.name) {
		t.Errorf("%s gets %s", r.name, w.Body)
	}
	if w.Code == http.StatusUnauthorized || w.Code == http.StatusInternalServerError {
		t.Errorf("%s: %s answers %d %s", r.name, path, w.Code, w.Body)
	}
	if cookies := w.Result().Cookies(); len(cookies) != 0 {
		t.Errorf("%s: %s sets %v", r.name, path, cookies)
	}
	return w.Code
}

// signedOut checks the answers while the store does not answer.
func (r reader) signedOut(t *testing.T) {
	if code := r.page(t, "/private"); code != http.StatusServiceUnavailable {
		t.Errorf("%s: a page for signed-in users answers %d", r.name, code)
	}
	if w := get(r.app, "/api/auth/session", r.cookie); w.Code != http.StatusOK || w.Body.String() != "{}" || len(w.Result().Cookies()) > 2 {
		t.Errorf("%s: session data are %d %s, cookies %v", r.name, w.Code, w.Body, w.Result().Cookies())
	}
	if w := get(r.app, "/me", r.cookie); w.Code != http.StatusOK || w.Body.String() != "" {
		t.Errorf("%s: a page for all answers %d %s", r.name, w.Code, w.Body)
	}
}

// signedIn waits until the session is found again.
func (r reader) signedIn(t *testing.T) {
	for end := time.Now().Add(longTimeout); r.page(t, "/private") != http.StatusOK; {
		if time.Now().After(end) {
			t.Errorf("%s is not signed in", r.name)
			return
		}
	}
}

// An outage stops a server and starts it again.
type outage struct {
	name     string
	down, up func() error
}

func TestOutage_EndsNoSession(t *testing.T) {
	t.Run("Redis", func(t *testing.T) {
		noLeaks(t)
		server := startRedis(t)
		outages(t, setup{Driver: "redis", Name: server.socket},
			outage{"frozen",
				func() error { return server.cmd.Process.Signal(syscall.SIGSTOP) },
				func() error { return server.cmd.Process.Signal(syscall.SIGCONT) }},
			outage{"killed",
				func() error { server.kill(t); return nil },
				func() error { server.start(t); return nil }})
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		p := server(t)
		noLeaks(t)
		outages(t, setup{Driver: "pgx", Name: p.url(p.newDatabase(t), "")},
			outage{"restarted", func() error { return p.stop(syscall.SIGINT) }, p.start},
			outage{"crashed", func() error { return p.stop(syscall.SIGQUIT) }, p.start})
	})
	t.Run("MariaDB", func(t *testing.T) {
		m := mariaServer(t)
		noLeaks(t)
		outages(t, setup{Driver: "mysql", Name: m.source(m.newDatabase(t), "", mysqlSettings)},
			outage{"restarted", func() error { return m.stop(syscall.SIGTERM) }, m.start},
			outage{"crashed", func() error { return m.stop(syscall.SIGKILL) }, m.start})
	})
}

func outages(t *testing.T, p setup, all ...outage) {
	p.Issuer, p.ClientID, p.ClientSecret = "http://127.0.0.1:1", "unused", "unused"
	s, done, err := p.open()
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	ready := s.(interface {
		Check(ctx context.Context) error
	})
	app, auth, err := p.newApp(s, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	users := make([]reader, readers)
	for i := range users {
		name := fmt.Sprintf("user %03d", i)
		issued, err := auth.Issue(t.Context(), &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: name, Name: name}})
		if err != nil {
			t.Fatal(err)
		}
		users[i] = reader{name, app, issued.Cookies[0]}
	}
	forAll := func(do func(reader)) {
		var wg sync.WaitGroup
		for _, r := range users {
			wg.Go(func() { do(r) })
		}
		wg.Wait()
	}
	for _, o := range all {
		forAll(func(r reader) { r.signedIn(t) })

		// The server stops while pages are requested.
		gone := make(chan struct{})
		var reading sync.WaitGroup
		for _, r := range users {
			reading.Go(func() {
				for {
					r.page(t, "/private")
					select {
					case <-gone:
						return
					default:
					}
				}
			})
		}
		err := o.down()
		close(gone)
		reading.Wait()
		if err != nil {
			t.Fatalf("%s: %v", o.name, err)
		}
		forAll(func(r reader) { r.signedOut(t) })
		if err := ready.Check(t.Context()); err == nil {
			t.Errorf("%s: Check succeeds", o.name)
		}
		if err := o.up(); err != nil {
			t.Fatalf("%s: %v", o.name, err)
		}
		forAll(func(r reader) { r.signedIn(t) })
		if err := ready.Check(t.Context()); err != nil {
			t.Errorf("%s is over, Check: %v", o.name, err)
		}
	}
}
