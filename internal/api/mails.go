package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/account"
	"github.com/nuxtauth/nuxtauth/internal/clientip"
	"github.com/nuxtauth/nuxtauth/mail"
)

// The limits of mails with links, of all purposes. They are counted before it is known
// whether an address has a user.
const (
	mailsSoon       = 3 // to one address in mailWindow
	mailsDaily      = 10
	mailsPerNetwork = 20   // in mailWindow
	mailsInAll      = 1000 // in mailWindow
	mailWindow      = 10 * time.Minute

	mailTimeout   = 10 * time.Second // to store a link and to send it
	maxSending    = 100              // at the same time, from which on no more are accepted
	outageTimeout = 30 * time.Second // after which mails are tried again
)

var errMailDown = errors.New("the latest mails could not be sent")

// mails sends mails with links after the answers to the requests that ask for them. Whether
// one was sent shows in no answer, unless none can be sent now, to any address.
type mails struct {
	users   *account.Accounts
	counter *counter
	log     *slog.Logger
	now     func() time.Time

	mu       sync.Mutex
	failedAt time.Time     // when the latest mail could not be sent; zero for never
	sending  int           // at this moment
	idle     chan struct{} // closed when sending is 0 again
}

func newMails(cfg Config) *mails {
	return &mails{users: cfg.Users, counter: newCounter(cfg, "mails"), log: cfg.Log, now: cfg.Now}
}

// down reports whether mails can't be sent now.
func (m *mails) down() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now().Sub(m.failedAt) < outageTimeout || m.sending >= maxSending // the zero time is long ago
}

// count counts a mail to an address, which a client of a network asks for, and reports
// whether it is within the limits. What one limit has stopped does not count for those after
// it, so that a network above its own uses up those of no address.
func (m *mails) count(ctx context.Context, to, network string) bool {
	for _, l := range []struct {
		name   string
		window time.Duration
		max    int
	}{
		{"mail:net:" + network, mailWindow, mailsPerNetwork},
		{"mail:to:" + to, mailWindow, mailsSoon},
		{"mail:day:" + to, 24 * time.Hour, mailsDaily},
		{"mail:all", mailWindow, mailsInAll},
	} {
		if l.name == "mail:net:" { // the application did not say whose request it is
			continue
		}
		if m.counter.add(ctx, l.name, 1, l.window) > l.max {
			m.log.WarnContext(ctx, "nuxtauth: a mail is not sent, because there were too many", "limit", l.max, "window", l.window)
			return false
		}
	}
	return true
}

// begin notes that a mail is being sent, until end.
func (m *mails) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sending == 0 {
		m.idle = make(chan struct{})
	}
	m.sending++
}

func (m *mails) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sending--
	if m.sending == 0 {
		close(m.idle)
	}
}

// noteOutage notes that a mail could not be sent.
func (m *mails) noteOutage() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failedAt = m.now()
}

// send sends a link, and does not wait for it.
func (m *mails) send(ctx context.Context, l account.Link) {
	m.begin()
	go func() {
		defer m.end()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), mailTimeout)
		defer cancel()
		err := m.users.SendLink(ctx, l)
		switch {
		case err == nil:
		case errors.Is(err, mail.ErrRejected):
			m.log.WarnContext(ctx, "nuxtauth: a mail was rejected", "error", err)
		default:
			m.noteOutage()
			m.log.ErrorContext(ctx, "nuxtauth: a mail could not be sent", "error", err)
		}
	}()
}

// SendLink sends a link that the application asks for, within the limits of mails.
func (s *Server) SendLink(ctx context.Context, network string, l account.Link, send bool) error {
	if s.mails.down() {
		return errMailDown
	}
	if s.mails.count(ctx, l.Email, network) && send {
		s.mails.send(ctx, l)
	}
	return nil
}

// NetworkOf returns the network of the client of a request.
func (s *Server) NetworkOf(r *http.Request, src clientip.Source) string {
	return s.cfg.Clients.Of(src, r.Header).Network()
}

// ConfiguredOrigin returns the origin of the application if its configuration has it.
func (s *Server) ConfiguredOrigin() (string, bool) {
	base, ok := s.cfg.Site.Configured()
	return base.Origin, ok
}

// Shutdown waits for the mails that are being sent. The error is that of ctx if it ends
// first.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mails.mu.Lock()
	sending, idle := s.mails.sending, s.mails.idle
	s.mails.mu.Unlock()
	if sending == 0 {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
