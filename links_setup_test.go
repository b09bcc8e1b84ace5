package nuxtauth_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/mail"
	"github.com/nuxtauth/nuxtauth/store"
)

// A linkApp is an application that sends links of its own. Its route /redeem redeems one, as
// the page does that such a link opens.
type linkApp struct {
	*apptest.App
	store    *linkFaults
	mu       sync.Mutex
	sent     []mail.Message
	updates  []nuxtauth.UpdateUserEvent
	redeemed *nuxtauth.RedeemedLink
	err      error
}

// linkFaults is a store in memory with a fault in one method.
type linkFaults struct {
	*store.Memory
	fault string
	found func(*store.User) // runs once a user was found by the address
}

func (s *linkFaults) of(method string) error {
	if s.fault == method {
		return apptest.ErrDown
	}
	return nil
}

func (s *linkFaults) FindUserByEmail(ctx context.Context, email string) (*store.User, error) {
	if err := s.of("FindUserByEmail"); err != nil {
		return nil, err
	}
	if s.fault == "ambiguous" {
		return nil, fmt.Errorf("%w: 7 and 8", store.ErrAmbiguousEmail)
	}
	u, err := s.Memory.FindUserByEmail(ctx, email)
	if err == nil && s.found != nil {
		s.found(u)
	}
	return u, err
}

func (s *linkFaults) UpdateUser(ctx context.Context, id string, change func(*store.User) error) (*store.User, error) {
	if err := s.of("UpdateUser"); err != nil {
		return nil, err
	}
	return s.Memory.UpdateUser(ctx, id, change)
}

func (s *linkFaults) TakeLink(ctx context.Context, key store.LinkKey) (*store.Link, error) {
	if err := s.of("TakeLink"); err != nil {
		return nil, err
	}
	return s.Memory.TakeLink(ctx, key)
}

func (s *linkFaults) DeleteLinks(ctx context.Context, email string) error {
	if err := s.of("DeleteLinks"); err != nil {
		return err
	}
	return s.Memory.DeleteLinks(ctx, email)
}

func (s *linkFaults) Mark(ctx context.Context, name string, ttl time.Duration) (int64, bool, error) {
	if err := s.of("Mark"); err != nil {
		return 0, false, err
	}
	return s.Memory.Mark(ctx, name, ttl)
}

func (s *linkFaults) Marked(ctx context.Context, names ...string) ([]int64, error) {
	if err := s.of("Marked"); err != nil {
		return nil, err
	}
	return s.Memory.Marked(ctx, names...)
}

func newLinkApp(t *testing.T, change ...func(*apptest.Config)) *linkApp {
	t.Helper()
	a := &linkApp{store: new(linkFaults)}
	a.App = apptest.New(t, append([]func(*apptest.Config){func(cfg *apptest.Config) {
		a.store.Memory = store.NewMemory(store.MemoryOptions{Now: cfg.Now})
		cfg.Accounts.Store = a.store
		cfg.Mail.SkipNotices = true
		cfg.Mail.Send = func(_ context.Context, m mail.Message) error {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.sent = append(a.sent, m)
			return nil
		}
		cfg.Events.UpdateUser = func(_ context.Context, e nuxtauth.UpdateUserEvent) { a.updates = append(a.updates, e) }
	}}, change...)...)
	a.Router.POST("/redeem", func(c *gin.Context) {
		a.redeemed, a.err = a.Auth.RedeemLink(c, nuxtauth.LinkProof{Purpose: mail.Purpose(c.PostForm("purpose")), Email: c.PostForm("email"), Token: c.PostForm("token")})
	})
	t.Cleanup(func() {
		for _, m := range a.sent {
			if token := query(t, linkOf(t, m)).Get("token"); strings.Contains(a.Log.String(), token) {
				t.Errorf("the token %s is in the log\n%s", token, a.Log)
			}
		}
	})
	return a
}

// mails returns the mails since the last call, after all that are being sent.
func (a *linkApp) mails() []mail.Message {
	a.Helper()
	if err := a.Auth.Shutdown(a.Context()); err != nil {
		a.Fatal(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	sent := a.sent
	a.sent = nil
	return sent
}

func linkOf(t *testing.T, m mail.Message) string {
	t.Helper()
	for line := range strings.Lines(m.Text) {
		if strings.HasPrefix(line, "http") {
			return strings.TrimSpace(line)
		}
	}
	t.Fatalf("no link in %q", m.Text)
	return ""
}

func query(t *testing.T, link string) url.Values {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

// link sends a link to an address and returns its query.
func (a *linkApp) link(purpose mail.Purpose, email string) url.Values {
	a.Helper()
	if err := a.Auth.SendLink(a.Context(), nuxtauth.LinkRequest{Purpose: purpose, Email: email, RedirectTo: "/page"}); err != nil {
		a.Fatal(err)
	}
	sent := a.mails()
	if len(sent) != 1 {
		a.Fatalf("%d mails\n%s", len(sent), a.Log)
	}
	return query(a.T, linkOf(a.T, sent[0]))
}

// redeem redeems a link in the browser b.
func (a *linkApp) redeem(b *apptest.App, purpose mail.Purpose, q url.Values) (*nuxtauth.RedeemedLink, error) {
	a.Helper()
	b.Post("/redeem", url.Values{"purpose": {string(purpose)}, "email": {q.Get("email")}, "token": {q.Get("token")}})
	return a.redeemed, a.err
}

// user makes a user with a password and an account.
func (a *linkApp) user(email string, verified, disabled bool) *store.User {
	a.Helper()
	u := &store.User{Email: email, Name: "Ada", PasswordHash: "a hash", Disabled: disabled}
	if verified {
		u.EmailVerified = a.Clock.Now()
	}
	if err := a.store.CreateUser(a.Context(), u, &store.Account{AccountKey: store.AccountKey{Provider: "github", ProviderAccountID: rand.Text()}}); err != nil {
		a.Fatal(err)
	}
	return u
}

// has says what a user has: "password", "account", both or none.
func (a *linkApp) has(id string) string {
	a.Helper()
	u, err := a.store.FindUser(a.Context(), id)
	rows, rowsErr := a.store.ListAccounts(a.Context(), id)
	if err != nil || rowsErr != nil {
		a.Fatal(err, rowsErr)
	}
	has := ""
	if u.PasswordHash != "" {
		has = "password "
	}
	if len(rows) > 0 {
		has += "account"
	}
	if u.EmailVerified.IsZero() {
		has += ", not verified"
	}
	return has
}

// as returns a browser with a session of a user.
func (a *linkApp) as(id string) *apptest.App {
	a.Helper()
	cookies, err := apptest.Cookies(a.Auth.Issue(a.Context(), &apptest.Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: id, Name: "Ada"}}))
	if err != nil {
		a.Fatal(err)
	}
	b := a.Another()
	for _, c := range cookies {
		b.SetCookie(c.Name, c.Value)
	}
	if b.Session() == nil {
		a.Fatal("no session")
	}
	return b
}
