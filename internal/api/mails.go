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

	noticesDaily = 20   // to one address
	noticesInAll = 1000 // in mailWindow

	mailTimeout   = 10 * time.Second // to store a link and to send it
	maxSending    = 100              // at the same time, from which on no more are accepted
	outageTimeout = 30 * time.Second // after which mails are tried again
)

var errMailDown = errors.New("the latest mails could not be sent")

// mails sends mails with links after the answers to the requests that ask for them. Whether
// one was sent shows in no answer, unless none can be sent now, to any address.
type mails struct {
	users     *account.Accounts
	providers *Providers
	counter   *counter
	log       *slog.Logger
	now       func() time.Time

	mu       sync.Mutex
	failedAt time.Time     // when the latest mail could not be sent; zero for never
	sending  int           // at this moment, and requests that have yet to tell
	idle     chan struct{} // closed when sending is 0 again
}

func newMails(cfg Config) *mails {
	m := &mails{users: cfg.Users, providers: cfg.Providers, counter: newCounter(cfg, "mails"), log: cfg.Log, now: cfg.Now}
	if m.users != nil {
		m.users.OnNotice(m.notify)
	}
	return m
}

// begin reserves the sending of one mail, until end. It reports whether mails can be sent
// now: it is asked before it is known whether the address gets one, so that the answer is
// the same for every address.
func (m *mails) begin() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now().Sub(m.failedAt) >= outageTimeout && m.reserve() // the zero time is long ago
}

// reserve is begin without a look at the outage. m is locked.
func (m *mails) reserve() bool {
	if m.sending >= maxSending {
		return false
	}
	if m.sending == 0 {
		m.idle = make(chan struct{})
	}
	m.sending++
	return true
}

// count counts a mail to an address, which a client of a network asks for, and reports
// whether it is within the limits. What one limit has stopped does not count for those after
// it, so that a network above its own uses up those of no address.
func (m *mails) count(ctx context.Context, to, network string) bool {
	limits := []mailLimit{
		{"mail:net:" + network, mailWindow, mailsPerNetwork},
		{"mail:to:" + to, mailWindow, mailsSoon},
		{"mail:day:" + to, 24 * time.Hour, mailsDaily},
		{"mail:all", mailWindow, mailsInAll},
	}
	if network == "" { // the application did not say whose request it is
		limits = limits[1:]
	}
	return m.within(ctx, limits...)
}

// A mailLimit is how often something may happen in a window.
type mailLimit struct {
	name   string
	window time.Duration
	max    int
}

// within counts a mail, and reports whether it is within all limits.
func (m *mails) within(ctx context.Context, limits ...mailLimit) bool {
	for _, l := range limits {
		if m.counter.add(ctx, l.name, 1, l.window) > l.max {
			m.log.WarnContext(ctx, "nuxtauth: a mail is not sent, because there were too many", "limit", l.max, "window", l.window)
			return false
		}
	}
	return true
}

// end ends a reservation.
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

// finish ends the reservation of a request: with the mail, if one is sent, or at once. It
// does not wait for the mail.
func (m *mails) finish(ctx context.Context, l *account.Link) {
	if l == nil {
		m.end()
		return
	}
	go func() {
		defer m.end()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), mailTimeout)
		defer cancel()
		err := m.users.SendLink(ctx, *l)
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

// notify sends a notice, and does not wait for it. Its counts are its own: links, for which
// any client can ask, must not use them up. A fault is logged.
func (m *mails) notify(ctx context.Context, n account.Notice) {
	m.mu.Lock()
	ok := m.reserve() // also in an outage, which may be over
	m.mu.Unlock()
	if !ok {
		m.log.ErrorContext(ctx, "nuxtauth: a notice about a change of an account is not sent, because too many mails are being sent", "notice", n.Kind)
		return
	}
	method := ""
	if p := m.providers.byID[n.Provider]; p != nil {
		method = p.Name
	}
	go func() {
		defer m.end()
		ctx, cancel := context.WithTimeout(ctx, mailTimeout)
		defer cancel()
		if !m.within(ctx, mailLimit{"notice:to:" + n.Email, 24 * time.Hour, noticesDaily}, mailLimit{"notice:all", mailWindow, noticesInAll}) {
			return
		}
		if err := m.users.SendNotice(ctx, n, method); err != nil {
			m.log.ErrorContext(ctx, "nuxtauth: a notice about a change of an account could not be sent", "notice", n.Kind, "error", err)
		}
	}()
}

// SendLink sends a link that the application asks for, within the limits of mails.
func (s *Server) SendLink(ctx context.Context, network string, l account.Link, send bool) error {
	if !s.mails.begin() {
		return errMailDown
	}
	var sent *account.Link
	defer func() { s.mails.finish(ctx, sent) }()
	if s.mails.count(ctx, l.Email, network) && send {
		sent = &l
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
