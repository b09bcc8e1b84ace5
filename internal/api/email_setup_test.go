package api_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/mail"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

// An emailApp is an application whose users sign in by links, or with their address and the
// password lovelace.
type emailApp struct {
	*apptest.App
	store *linkStore
	post  *postOffice
}

// newEmailApp starts the application. No token of a link may be in its log.
func newEmailApp(t *testing.T, change ...func(*apptest.Config)) *emailApp {
	t.Helper()
	a := &emailApp{store: new(linkStore), post: new(postOffice)}
	a.App = apptest.New(t, append([]func(*apptest.Config){func(cfg *apptest.Config) {
		a.store.Memory = store.NewMemory(store.MemoryOptions{Now: cfg.Now})
		cfg.Accounts.Store = a.store
		cfg.Mail.Send = a.post.Send
		cfg.Providers = []provider.Provider{provider.Email(), provider.Credentials(func(ctx context.Context, form url.Values) (*provider.User, error) {
			u, err := a.store.Memory.FindUserByEmail(ctx, form.Get("username"))
			if errors.Is(err, store.ErrNotFound) || form.Get("password") != "lovelace" {
				return nil, nil
			}
			if err != nil {
				return nil, err
			}
			return &provider.User{ID: u.ID, Name: u.Name, Email: u.Email}, nil
		})}
	}}, change...)...)
	t.Cleanup(func() {
		for _, m := range a.post.all() {
			if token := tokenIn(t, m); strings.Contains(a.Log.String(), token) {
				t.Errorf("the token %s is in the log:\n%s", token, a.Log)
			}
		}
	})
	return a
}

// eachEmailProtocol runs a test with both protocols.
func eachEmailProtocol(t *testing.T, test func(t *testing.T, v5 bool, protocol func(*apptest.Config))) {
	for name, p := range map[string]nuxtauth.Protocol{"v4": nuxtauth.NextAuth, "v5": nuxtauth.AuthJS} {
		t.Run(name, func(t *testing.T) {
			test(t, p == nuxtauth.AuthJS, func(cfg *apptest.Config) { cfg.Protocol = p })
		})
	}
}

// A linkStore is a store in memory with faults in what e-mail links need.
type linkStore struct {
	*store.Memory

	mu     sync.Mutex
	faults map[string]error // by method
	panics string           // a method
	calls  []string         // those that write
	saved  []store.Link
	taken  func(*store.Link) // changes a link that was taken
}

func (s *linkStore) fail(method string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = map[string]error{method: err}
}

func (s *linkStore) call(method string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, method)
	if s.panics == method {
		panic("the store panics in " + method)
	}
	return s.faults[method]
}

func (s *linkStore) written() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

func (s *linkStore) links() []store.Link {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.saved
}

func (s *linkStore) SaveLink(ctx context.Context, l *store.Link) error {
	if err := s.call("SaveLink"); err != nil {
		return err
	}
	s.mu.Lock()
	s.saved = append(s.saved, *l)
	s.mu.Unlock()
	return s.Memory.SaveLink(ctx, l)
}

func (s *linkStore) FindLink(ctx context.Context, key store.LinkKey) (*store.Link, error) {
	s.mu.Lock()
	err := s.faults["FindLink"]
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return s.Memory.FindLink(ctx, key)
}

func (s *linkStore) TakeLink(ctx context.Context, key store.LinkKey) (*store.Link, error) {
	if err := s.call("TakeLink"); err != nil {
		return nil, err
	}
	l, err := s.Memory.TakeLink(ctx, key)
	s.mu.Lock()
	change := s.taken
	s.mu.Unlock()
	if err == nil && change != nil {
		change(l)
	}
	return l, err
}

func (s *linkStore) DeleteLinks(ctx context.Context, email string) error {
	if err := s.call("DeleteLinks"); err != nil {
		return err
	}
	return s.Memory.DeleteLinks(ctx, email)
}

func (s *linkStore) FindUserByEmail(ctx context.Context, email string) (*store.User, error) {
	s.mu.Lock()
	err := s.faults["FindUserByEmail"]
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return s.Memory.FindUserByEmail(ctx, email)
}

// user makes a user of the application.
func (a *emailApp) user(u store.User) *store.User {
	a.Helper()
	if err := a.store.Memory.CreateUser(a.Context(), &u, nil); err != nil {
		a.Fatal(err)
	}
	return &u
}

// userOf returns the user with an address, nil if there is none.
func (a *emailApp) userOf(email string) *store.User {
	a.Helper()
	u, _ := a.store.Memory.FindUserByEmail(a.Context(), email)
	return u
}

// A postOffice takes the mails of an application.
type postOffice struct {
	mu   sync.Mutex
	sent []mail.Message
	next int                                       // the first that was not collected
	send func(context.Context, mail.Message) error // in place of a delivery; nil delivers
}

func (p *postOffice) Send(ctx context.Context, m mail.Message) error {
	p.mu.Lock()
	p.sent = append(p.sent, m)
	send := p.send
	p.mu.Unlock()
	if send != nil {
		return send(ctx, m)
	}
	return nil
}

// use replaces the delivery of mails, nil delivers them.
func (p *postOffice) use(send func(context.Context, mail.Message) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.send = send
}

func (p *postOffice) all() []mail.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent
}

// mails returns the mails since the last call, after all that are being sent.
func (a *emailApp) mails() []mail.Message {
	a.Helper()
	if err := a.Auth.Shutdown(a.Context()); err != nil {
		a.Fatal(err)
	}
	a.post.mu.Lock()
	defer a.post.mu.Unlock()
	sent := a.post.sent[a.post.next:]
	a.post.next = len(a.post.sent)
	return sent
}

// ask asks for a link as a form does, with the browser b.
func (a *emailApp) ask(b *apptest.App, address string) apptest.Response {
	a.Helper()
	return b.Post("/api/auth/signin/email", url.Values{"csrfToken": {b.CSRF()}, "email": {address}, "callbackUrl": {"/after"}})
}

// link asks for a link and returns it, without the origin.
func (a *emailApp) link(address string) string {
	a.Helper()
	a.mails()
	res := a.ask(a.App, address)
	sent := a.mails()
	if len(sent) != 1 {
		a.Fatalf("%d mails, %d %s\n%s", len(sent), res.StatusCode, res.Header.Get("Location"), a.Log)
	}
	return strings.TrimPrefix(linkIn(a.T, sent[0]), a.URL)
}

// press posts the form of the page of a link, in the browser b.
func (a *emailApp) press(b *apptest.App, link string) apptest.Response {
	a.Helper()
	return b.Post("/api/auth/callback/email", formOf(a.T, link, b.CSRF()))
}

func formOf(t *testing.T, link, csrf string) url.Values {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	return url.Values{"csrfToken": {csrf}, "email": {u.Query().Get("email")}, "token": {u.Query().Get("token")}}
}

// linkIn returns the link in the text of a mail.
func linkIn(t *testing.T, m mail.Message) string {
	t.Helper()
	for line := range strings.Lines(m.Text) {
		if strings.HasPrefix(line, "http") {
			return strings.TrimSpace(line)
		}
	}
	t.Fatalf("no link in %q", m.Text)
	return ""
}

func tokenIn(t *testing.T, m mail.Message) string {
	t.Helper()
	return formOf(t, linkIn(t, m), "").Get("token")
}

// expectError checks that a response redirects to the page of an error of a sign-in by
// e-mail: its code is one of v4, and v5 calls EmailSignin another name.
func (a *emailApp) expectError(res apptest.Response, v5 bool, code string) {
	a.Helper()
	want := a.URL + "/api/auth/error?error=" + code
	if v5 && code == "EmailSignin" {
		want = a.URL + "/api/auth/signin?error=EmailSignInError"
	}
	if v5 && code == "Callback" {
		want = a.URL + "/api/auth/error?error=Configuration"
	}
	if got := res.Header.Get("Location"); res.StatusCode != http.StatusFound || got != want {
		a.Errorf("status %d, redirect to %s, want %s\n%s", res.StatusCode, got, want, a.Log)
	}
}
