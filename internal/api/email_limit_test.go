package api_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/mail"
	"github.com/nuxtauth/nuxtauth/store"
)

// from asks for a link with a new browser at an address of the network.
func (a *emailApp) from(ip, address string) apptest.Response {
	a.Helper()
	b := a.Another()
	req := b.Request("POST", "/api/auth/signin/email", apptest.FormType, url.Values{"csrfToken": {b.CSRF()}, "email": {address}}.Encode())
	req.Header.Set("X-Forwarded-For", ip)
	return b.Do(req)
}

// sentTo asks for a link and reports whether one was sent.
func (a *emailApp) sentTo(ip, address string) bool {
	a.Helper()
	res := a.from(ip, address)
	if got := res.Header.Get("Location"); got != a.URL+"/api/auth/verify-request?provider=email&type=email" {
		a.Errorf("redirect to %s\n%s", got, a.Log)
	}
	return len(a.mails()) == 1
}

func ip(n int) string { return fmt.Sprintf("198.51.%d.%d", 100+n/250, 1+n%250) }

func TestML08_LimitPerAddress(t *testing.T) {
	a := newEmailApp(t)
	a.user(store.User{Email: "ada@example.com"})
	for _, address := range []string{"ada@example.com", "unknown@example.com"} { // with a user, and without
		n, sent, begin := 0, 0, a.Clock.Now()
		try := func(typed string) {
			n++
			if a.sentTo(ip(n), typed) {
				sent++
			}
		}
		for window := range 5 {
			for _, typed := range []string{address, strings.ToUpper(address), " " + address, address, address} {
				try(typed)
			}
			if want := min(3*(window+1), 10); sent != want {
				t.Errorf("%s: %d mails in %d0 minutes, want %d", address, sent, window+1, want)
			}
			a.Clock.Advance(10 * time.Minute)
		}
		a.Clock.Advance(begin.Add(24*time.Hour).Sub(a.Clock.Now()) - time.Second)
		try(address)
		if sent != 10 {
			t.Errorf("%s: a mail within the day", address)
		}
		a.Clock.Advance(time.Second)
		try(address)
		if sent != 11 {
			t.Errorf("%s: no mail on the next day", address)
		}
	}
}

func TestML08_LimitPerNetwork(t *testing.T) {
	a := newEmailApp(t)
	sent := 0
	for i := range 30 {
		if a.sentTo("2001:db8::"+fmt.Sprint(i+1), fmt.Sprintf("user%d@example.com", i)) {
			sent++
		}
	}
	if sent != 20 {
		t.Errorf("%d mails for one network", sent)
	}
	for range 10 { // nothing of this counts for the address
		if a.sentTo("2001:db8::1", "ada@example.com") {
			t.Error("a mail for a network above the limit")
		}
	}
	if !a.sentTo("2001:db8:1::1", "ada@example.com") {
		t.Error("no mail for another network")
	}
	a.Clock.Advance(10 * time.Minute)
	if !a.sentTo("2001:db8::1", "ada@example.com") {
		t.Error("no mail after ten minutes")
	}
}

func TestML08_LimitForAll(t *testing.T) {
	a := newEmailApp(t)
	ask := func(n int) {
		t.Helper()
		r := nuxtauth.LinkRequest{Purpose: "own", Email: fmt.Sprintf("user%d@example.com", n), RedirectTo: "/own"}
		if err := a.Auth.SendLink(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	sent := 0
	for n := range 1005 {
		ask(n)
		if n%50 == 0 { // a hundred are sent at once
			sent += len(a.mails())
		}
	}
	if sent += len(a.mails()); sent != 1000 {
		t.Errorf("%d mails in all", sent)
	}
	if a.sentTo(ip(1), "ada@example.com") {
		t.Error("a sign-in has a limit of its own")
	}
	a.Clock.Advance(10 * time.Minute)
	if !a.sentTo(ip(1), "ada@example.com") {
		t.Error("no mail after ten minutes")
	}
}

// Processes that share a store share the counts.
func TestML08_LimitOfSeveralProcesses(t *testing.T) {
	shared := store.NewMemory(store.MemoryOptions{})
	sent := 0
	for range 3 {
		a := newEmailApp(t, func(cfg *apptest.Config) { cfg.Session.Store = shared })
		for range 2 {
			if a.sentTo(ip(sent), "ada@example.com") {
				sent++
			}
		}
	}
	if sent != 3 {
		t.Errorf("%d mails", sent)
	}
}

func TestML09_SameAnswerForEveryAddress(t *testing.T) {
	eachEmailProtocol(t, func(t *testing.T, v5 bool, protocol func(*apptest.Config)) {
		a := newEmailApp(t, protocol, func(cfg *apptest.Config) {
			cfg.Callbacks.SignIn = func(_ context.Context, p nuxtauth.SignInParams) error {
				switch p.User.Email {
				case "refused@example.com":
					return errors.New("this user must not sign in")
				case "redirected@example.com":
					return nuxtauth.RedirectTo("/elsewhere")
				case "panics@example.com":
					panic("the callback panics")
				}
				return nil
			}
		})
		a.user(store.User{Email: "known@example.com", Name: "Ada"})
		a.user(store.User{Email: "disabled@example.com", Disabled: true})
		a.post.use(func(_ context.Context, m mail.Message) error {
			if m.To == "rejected@example.com" {
				return fmt.Errorf("550 no such user: %w", mail.ErrRejected)
			}
			return nil
		})
		for range 3 {
			a.from(ip(9), "limited@example.com")
		}
		a.mails()
		want := ""
		for i, test := range []struct {
			name string
			sent int
		}{{"unknown", 1}, {"known", 1}, {"refused", 0}, {"redirected", 0}, {"panics", 0}, {"disabled", 0}, {"rejected", 1}, {"limited", 0}} {
			res := a.from(ip(100+i), test.name+"@example.com")
			res.Header.Del("Date")
			got := fmt.Sprintln(res.StatusCode, res.Header, res.Text)
			if i == 0 {
				want = got
				if !strings.Contains(got, "verify-request") {
					t.Errorf("the answer is %s", got)
				}
			}
			if got != want {
				t.Errorf("%s: the answer is\n%s, want\n%s", test.name, got, want)
			}
			if n := len(a.mails()); n != test.sent {
				t.Errorf("%s: %d mails", test.name, n)
			}
		}
		if !a.sentTo(ip(200), "ada@example.com") {
			t.Error("a mail that was rejected is an outage")
		}
		if !strings.Contains(a.Log.String(), "this user must not sign in") {
			t.Errorf("the log does not say why no mail was sent:\n%s", a.Log)
		}
	})
}

// A mail is sent after the answer, and Shutdown waits for it.
func TestML09_MailIsSentAfterTheAnswer(t *testing.T) {
	a := newEmailApp(t)
	started, release := make(chan struct{}), make(chan struct{})
	a.post.use(func(context.Context, mail.Message) error {
		close(started)
		<-release
		return nil
	})
	if res := a.ask(a.App, "ada@example.com"); res.StatusCode != http.StatusFound {
		t.Fatalf("status %d", res.StatusCode)
	}
	<-started
	release2 := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Auth.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown during a mail: %v", err)
	}
	done := make(chan error)
	go func() { done <- a.Auth.Shutdown(context.Background()) }()
	select {
	case err := <-done:
		t.Errorf("Shutdown has not waited: %v", err)
	default:
	}
	a.post.use(func(context.Context, mail.Message) error { <-release2; return nil })
	a.ask(a.App, "ada@example.com") // one more, for which it waits too
	close(release)
	select {
	case err := <-done:
		t.Errorf("Shutdown has not waited: %v", err)
	default:
	}
	close(release2)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := a.Auth.Shutdown(ctx); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown without a mail: %v", err)
	}
}

// The end of the request does not end the mail.
func TestML09_ClientThatLeaves(t *testing.T) {
	a := newEmailApp(t)
	fault := make(chan error, 1)
	left := make(chan struct{})
	a.post.use(func(ctx context.Context, _ mail.Message) error {
		<-left
		fault <- ctx.Err()
		return ctx.Err()
	})
	cancel, serve := a.Cancelable("POST", "/api/auth/signin/email", url.Values{"csrfToken": {a.CSRF()}, "email": {"ada@example.com"}}.Encode())
	serve()
	cancel()
	close(left)
	if err := <-fault; err != nil {
		t.Error(err)
	}
}

// faultsOfSend are the ways in which a mail is not sent.
var faultsOfSend = map[string]func(context.Context, mail.Message) error{
	"an error":      func(context.Context, mail.Message) error { return apptest.ErrDown },
	"a panic":       func(context.Context, mail.Message) error { panic("the mail server panics") },
	"no answer":     func(ctx context.Context, _ mail.Message) error { <-ctx.Done(); return ctx.Err() },
	"no such user":  func(context.Context, mail.Message) error { return fmt.Errorf("550: %w", mail.ErrRejected) },
	"a late answer": func(ctx context.Context, _ mail.Message) error { <-ctx.Done(); return nil },
}

func TestML10_MailThatIsNotSentLeavesNoLink(t *testing.T) {
	for name, send := range faultsOfSend {
		t.Run(name, func(t *testing.T) {
			apptest.Bubble(t, func(t *testing.T) {
				a := newEmailApp(t)
				a.post.use(send)
				begin := time.Now()
				a.ask(a.App, "ada@example.com")
				if d := time.Since(begin); d != 0 {
					t.Errorf("the answer took %v", d)
				}
				sent := a.mails()
				if d := time.Since(begin); d > 10*time.Second {
					t.Errorf("the mail took %v", d)
				}
				if calls := a.store.written(); len(calls) == 0 || calls[0] != "SaveLink" {
					t.Errorf("calls %q", calls)
				}
				_, err := a.store.Memory.FindLink(t.Context(), a.store.links()[0].LinkKey)
				if delivered := name == "a late answer"; (err == nil) != delivered {
					t.Errorf("the link: %v", err)
				}
				link := strings.TrimPrefix(linkIn(t, sent[0]), a.URL)
				if res := a.press(a.App, link); (a.Session() != nil) != (name == "a late answer") {
					t.Errorf("the link: %d %s", res.StatusCode, res.Header.Get("Location"))
				}
			})
		})
	}
}

// While mails can't be sent, the answer says so, whatever the address, until 30 seconds have
// passed.
func TestML10_Outage(t *testing.T) {
	eachEmailProtocol(t, func(t *testing.T, v5 bool, protocol func(*apptest.Config)) {
		for _, fault := range []string{"an error", "a panic", "the store", "the message"} {
			down := false
			a := newEmailApp(t, protocol, func(cfg *apptest.Config) {
				cfg.Mail.Link = func(_ context.Context, l mail.Link) (mail.Message, error) {
					if down && fault == "the message" {
						return mail.Message{}, errors.New("no template")
					}
					return mail.Default(l)
				}
			})
			a.user(store.User{Email: "known@example.com"})
			a.user(store.User{Email: "disabled@example.com", Disabled: true})
			down = true
			switch fault {
			case "the store":
				a.store.fail("SaveLink", apptest.ErrDown)
			case "the message":
			default:
				a.post.use(faultsOfSend[fault])
			}
			a.sentTo(ip(1), "first@example.com") // nothing is known of the outage yet
			for i, address := range []string{"known@example.com", "unknown@example.com", "disabled@example.com", "first@example.com"} {
				a.expectError(a.from(ip(2+i), address), v5, "EmailSignin")
			}
			if err := a.Auth.SendLink(t.Context(), nuxtauth.LinkRequest{Purpose: mail.PurposeReset, Email: "unknown@example.com", RedirectTo: "/reset"}); !errors.Is(err, nuxtauth.ErrUnavailable) {
				t.Errorf("%s: SendLink: %v", fault, err)
			}
			if n := len(a.mails()); n != 0 {
				t.Errorf("%s: %d mails", fault, n)
			}
			a.Clock.Advance(30*time.Second - time.Millisecond)
			a.expectError(a.from(ip(8), "known@example.com"), v5, "EmailSignin")
			down = false
			a.post.use(nil)
			a.store.fail("", nil)
			a.Clock.Advance(time.Millisecond)
			for i, address := range []string{"known@example.com", "unknown@example.com"} {
				if !a.sentTo(ip(10+i), address) {
					t.Errorf("%s: no mail to %s after the outage\n%s", fault, address, a.Log)
				}
			}
		}
	})
}

// A store that panics beside the request ends no process.
func TestML10_StorePanics(t *testing.T) {
	for _, method := range []string{"SaveLink", "TakeLink"} {
		a := newEmailApp(t)
		a.store.panics = method
		a.post.use(func(context.Context, mail.Message) error { return apptest.ErrDown })
		a.ask(a.App, "ada@example.com")
		a.mails()
		if !strings.Contains(a.Log.String(), `panicked" function="the store"`) {
			t.Errorf("%s: the log is\n%s", method, a.Log)
		}
	}
}

// More mails than that are not sent at once, and it shows.
func TestMails_AtMostAHundredAtOnce(t *testing.T) {
	a := newEmailApp(t)
	release := make(chan struct{})
	a.post.use(func(context.Context, mail.Message) error { <-release; return nil })
	for n := range 100 {
		if err := a.Auth.SendLink(t.Context(), nuxtauth.LinkRequest{Purpose: "own", Email: fmt.Sprintf("user%d@example.com", n), RedirectTo: "/own"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Auth.SendLink(t.Context(), nuxtauth.LinkRequest{Purpose: "own", Email: "ada@example.com", RedirectTo: "/own"}); !errors.Is(err, nuxtauth.ErrUnavailable) {
		t.Errorf("SendLink: %v", err)
	}
	a.expectError(a.ask(a.App, "ada@example.com"), false, "EmailSignin")
	close(release)
	a.mails()
	if !a.sentTo(ip(1), "ada@example.com") {
		t.Error("no mail afterwards")
	}
}

// Requests at the same time can't exceed the number together.
func TestMails_AtMostAHundredForConcurrentRequests(t *testing.T) {
	const requests, atOnce = 130, 100
	asked, answered, release := make(chan struct{}, requests), make(chan string, requests), make(chan struct{})
	a := newEmailApp(t, func(cfg *apptest.Config) {
		cfg.Callbacks.SignIn = func(context.Context, nuxtauth.SignInParams) error {
			asked <- struct{}{}
			<-release
			return nil
		}
	})
	var sending, most atomic.Int64
	delivered := make(chan struct{})
	a.post.use(func(context.Context, mail.Message) error {
		n := sending.Add(1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		<-delivered
		sending.Add(-1)
		return nil
	})
	for n := range requests {
		b := a.Another()
		req := b.Request("POST", "/api/auth/signin/email", apptest.FormType, url.Values{"csrfToken": {b.CSRF()}, "email": {fmt.Sprintf("user%d@example.com", n)}}.Encode())
		req.Header.Set("X-Forwarded-For", ip(n))
		go func() { answered <- b.Do(req).Header.Get("Location") }()
	}
	verify, failed := 0, 0
	count := func(to string) {
		if strings.Contains(to, "verify-request") {
			verify++
		} else if strings.HasSuffix(to, "?error=EmailSignin") {
			failed++
		} else {
			t.Errorf("redirect to %s", to)
		}
	}
	for range requests { // each is in the callback, or has its answer
		select {
		case <-asked:
		case to := <-answered:
			count(to)
		}
	}
	close(release)
	for range requests - failed {
		count(<-answered)
	}
	close(delivered)
	a.mails()
	if verify != atOnce || failed != requests-atOnce || most.Load() > atOnce {
		t.Errorf("%d requests get a mail, %d are refused, and %d mails were sent at once", verify, failed, most.Load())
	}
}
