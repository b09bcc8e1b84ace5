package api_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/mail"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

func TestEmail_SignIn(t *testing.T) {
	eachEmailProtocol(t, func(t *testing.T, _ bool, protocol func(*apptest.Config)) {
		a := newEmailApp(t, protocol, func(cfg *apptest.Config) { cfg.Pages.NewUser = "/welcome" })
		for i, after := range []string{"/welcome?callbackUrl=" + url.QueryEscape(a.URL+"/after"), a.URL + "/after"} {
			b := a.Another()
			res := a.ask(b, " Ada@Example.com ")
			if got := res.Header.Get("Location"); res.StatusCode != http.StatusFound || got != a.URL+"/api/auth/verify-request?provider=email&type=email" {
				t.Fatalf("%d %s %s", res.StatusCode, got, a.Log)
			}
			if page := b.Get("/api/auth/verify-request?provider=email&type=email"); page.StatusCode != http.StatusOK || !strings.Contains(page.Text, "Check your email") {
				t.Errorf("%d %s", page.StatusCode, page.Text)
			}
			sent := a.mails()
			if len(sent) != 1 || sent[0].To != "ada@example.com" {
				t.Fatalf("sent %v", sent)
			}
			link := strings.TrimPrefix(linkIn(t, sent[0]), a.URL)
			res = b.Get(link)
			if res.StatusCode != http.StatusOK || !strings.Contains(res.Text, "ada@example.com") || b.Session() != nil {
				t.Fatalf("%d %s", res.StatusCode, res.Text)
			}
			if got := a.press(b, link).Header.Get("Location"); got != after || b.Session() == nil {
				t.Fatalf("sign-in %d leads to %s, want %s: %s", i+1, got, after, a.Log)
			}
		}
		if u := a.userOf("ada@example.com"); u == nil || u.EmailVerified.IsZero() || u.FirstSignIn.IsZero() {
			t.Errorf("the user is %+v", u)
		}
	})
}

func TestEmail_JSON(t *testing.T) {
	eachEmailProtocol(t, func(t *testing.T, _ bool, protocol func(*apptest.Config)) {
		a := newEmailApp(t, protocol)
		res := a.PostJSON("/api/auth/signin/email", `{"csrfToken":"`+a.CSRF()+`","email":"ada@example.com","callbackUrl":"/after","json":true}`)
		if got := a.URLIn(res); res.StatusCode != http.StatusOK || got != a.URL+"/api/auth/verify-request?provider=email&type=email" {
			t.Errorf("%d %s", res.StatusCode, got)
		}
		form := formOf(t, linkIn(t, a.mails()[0]), a.CSRF())
		form.Set("json", "true")
		if got := a.URLIn(a.Post("/api/auth/callback/email", form)); got != a.URL+"/after" || a.Session() == nil {
			t.Errorf("the sign-in leads to %s", got)
		}
	})
}

func TestEmail_ProviderWithAnotherID(t *testing.T) {
	a := newEmailApp(t, func(cfg *apptest.Config) {
		cfg.Protocol = nuxtauth.AuthJS
		cfg.Providers[0] = provider.Email(func(p *provider.Provider) { p.ID, p.Name = "nodemailer", "Nodemailer" })
	})
	want := fmt.Sprintf(`"nodemailer":{"id":"nodemailer","name":"Nodemailer","type":"email","signinUrl":"%[1]s/api/auth/signin/nodemailer","callbackUrl":"%[1]s/api/auth/callback/nodemailer"}`, a.URL)
	if got := a.Get("/api/auth/providers").Text; !strings.Contains(got, want) {
		t.Errorf("the providers are %s", got)
	}
	res := a.Post("/api/auth/signin/nodemailer", url.Values{"csrfToken": {a.CSRF()}, "email": {"ada@example.com"}})
	if got := res.Header.Get("Location"); got != a.URL+"/api/auth/verify-request?provider=nodemailer&type=email" {
		t.Errorf("redirect to %s", got)
	}
	link := strings.TrimPrefix(linkIn(t, a.mails()[0]), a.URL)
	if res := a.Get(link); res.StatusCode != http.StatusOK || !strings.Contains(res.Text, `action="`+a.URL+`/api/auth/callback/nodemailer"`) {
		t.Fatalf("%s: %d %s", link, res.StatusCode, res.Text)
	}
	a.Post("/api/auth/callback/nodemailer", formOf(t, link, a.CSRF()))
	if a.Session() == nil {
		t.Error("not signed in")
	}
}

// What was typed stays in the form after an error.
func TestEmail_FormIsKept(t *testing.T) {
	eachEmailProtocol(t, func(t *testing.T, _ bool, protocol func(*apptest.Config)) {
		a := newEmailApp(t, protocol)
		for i, address := range []string{"ada@example", "ada@example.com"} { // none, and one during an outage
			res := a.ask(a.App, address)
			for range 2 {
				if to := res.Header.Get("Location"); to != "" {
					res = a.Get(strings.TrimPrefix(to, a.URL))
				}
			}
			if !strings.Contains(res.Text, `type="email" name="email" value="`+address+`"`) || !strings.Contains(res.Text, `role="alert"`) {
				t.Errorf("%s:\n%s", address, res.Text)
			}
			if i == 0 {
				a.post.use(func(context.Context, mail.Message) error { return apptest.ErrDown })
				a.ask(a.App, "grace@example.com")
				a.mails()
			}
		}
	})
}

func TestML01_MailGoesToTheAddressOfTheUser(t *testing.T) {
	eachEmailProtocol(t, func(t *testing.T, v5 bool, protocol func(*apptest.Config)) {
		a := newEmailApp(t, protocol)
		for _, test := range []struct{ typed, to string }{
			{"ada@example.com", "ada@example.com"},
			{"  ADA@Example.COM\t", "ada@example.com"},
			{"ﬁne@example.com", "fine@example.com"},
			{"ada＠example.com", "ada@example.com"},
			{"ada@bücher.example", "ada@xn--bcher-kva.example"},
			{"", ""},
			{"attacker@evil.example .corp.example", ""},
			{"x,attacker@evil.example", ""},
			{"a b@example.com", ""},
			{"Ada <ada@example.com>", ""},
			{"a@example.com>", ""},
			{"a@b.example,c.example", ""},
			{`"e@attacker.example"@victim.example`, ""},
			{"ada@example.com\nBcc: x@evil.example", ""},
			{"ada@example.com@evil.example", ""},
			{strings.Repeat("a", 65) + "@example.com", ""},
		} {
			a.Clock.Advance(time.Hour)
			res := a.ask(a.App, test.typed)
			sent := a.mails()
			if test.to == "" {
				a.expectError(res, v5, "EmailSignin")
				if len(sent) != 0 {
					t.Errorf("%q: sent to %s", test.typed, sent[0].To)
				}
				continue
			}
			if len(sent) != 1 || sent[0].To != test.to {
				t.Errorf("%q: %v\n%s", test.typed, sent, a.Log)
				continue
			}
			b := a.Another()
			a.press(b, strings.TrimPrefix(linkIn(t, sent[0]), a.URL))
			if u := a.userOf(test.to); u == nil || b.Session() == nil {
				t.Errorf("%q: user %v, session %v", test.typed, u, b.Session())
			}
		}
	})
}

func TestML02_StoreHasTheHashOfARandomToken(t *testing.T) {
	a := newEmailApp(t)
	ada, grace := formOf(t, a.link("ada@example.com"), ""), formOf(t, a.link("grace@example.com"), "")
	token := ada.Get("token")
	if len(token) < 26 || strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" || token == grace.Get("token") { // 130 bits in base32
		t.Errorf("the tokens are %s and %s", token, grace.Get("token"))
	}
	row := a.store.links()[0]
	if row.Hash != sha256.Sum256([]byte(token+apptest.Secret)) || row.Email != "ada@example.com" || row.Purpose != "signin" {
		t.Errorf("the row is %+v", row)
	}
	if s := fmt.Sprintf("%+v", row); strings.Contains(s, token) {
		t.Errorf("the row has the token: %s", s)
	}
	for what, link := range map[string]string{
		"the token of another address": "/api/auth/callback/email?email=grace%40example.com&token=" + token,
		"the hash for a token":         "/api/auth/callback/email?email=ada%40example.com&token=" + fmt.Sprintf("%x", row.Hash),
	} {
		a.expectError(a.Get(link), false, "Verification")
		a.expectError(a.press(a.App, link), false, "Verification")
		if a.Session() != nil {
			t.Errorf("%s signs in", what)
		}
	}
}

func TestML02_LinkOutlivesTheChangeOfTheSecret(t *testing.T) {
	const old = "another-secret-of-at-least-32-characters"
	now := store.NewMemory(store.MemoryOptions{})
	var sent []mail.Message
	send := func(_ context.Context, m mail.Message) error { sent = append(sent, m); return nil }
	before := newEmailApp(t, func(cfg *apptest.Config) { cfg.Secret, cfg.Accounts.Store, cfg.Mail.Send = old, now, send })
	before.ask(before.App, "ada@example.com")
	before.mails()
	link := strings.TrimPrefix(linkIn(t, sent[0]), before.URL)
	for _, secrets := range [][]string{nil, {old}} {
		a := newEmailApp(t, func(cfg *apptest.Config) { cfg.OldSecrets, cfg.Accounts.Store = secrets, now })
		a.press(a.App, link)
		if got, want := a.Session() != nil, secrets != nil; got != want {
			t.Errorf("with old secrets %q signed in: %t", secrets, got)
		}
	}
}

func TestML03_OpeningALinkChangesNothing(t *testing.T) {
	eachEmailProtocol(t, func(t *testing.T, v5 bool, protocol func(*apptest.Config)) {
		a := newEmailApp(t, protocol)
		link := a.link("ada@example.com")
		a.store.written()
		for range 3 {
			for _, b := range []*apptest.App{a.App, a.Another()} {
				head, res := b.Do(b.Request("HEAD", link, "", "")), b.Get(link)
				if head.StatusCode != http.StatusOK || head.Text != "" || head.Header.Get("Content-Type") != res.Header.Get("Content-Type") {
					t.Errorf("HEAD: status %d, %v", head.StatusCode, head.Header)
				}
				if res.StatusCode != http.StatusOK || b.Session() != nil {
					t.Fatalf("GET: status %d, session %v\n%s", res.StatusCode, b.Session(), a.Log)
				}
				h := res.Header
				if h.Get("Cache-Control") != "private, no-cache, no-store" || h.Get("Referrer-Policy") != "strict-origin" ||
					!strings.Contains(res.Text, `<meta name="robots" content="noindex">`) || strings.Contains(res.Text, "<script") ||
					!strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") || strings.Contains(h.Get("Content-Security-Policy"), "script-src") {
					t.Errorf("the page is\n%v\n%s", h, res.Text)
				}
			}
		}
		for what, change := range map[string]func(url.Values, *http.Request){
			"without a CSRF token":              func(f url.Values, _ *http.Request) { f.Del("csrfToken") },
			"with the token of another browser": func(f url.Values, _ *http.Request) { f.Set("csrfToken", a.Another().CSRF()) },
			"from another site":                 func(_ url.Values, r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
			"from no site":                      func(_ url.Values, r *http.Request) { r.Header.Set("Origin", "null") },
		} {
			form := formOf(t, link, a.CSRF())
			req := a.Request("POST", link, apptest.FormType, "")
			change(form, req)
			changed := a.Request("POST", link, apptest.FormType, form.Encode())
			changed.Header = req.Header
			if res := a.Do(changed); res.StatusCode != http.StatusFound || a.Session() != nil {
				t.Errorf("a form %s: status %d, session %v", what, res.StatusCode, a.Session())
			}
		}
		if calls := a.store.written(); len(calls) != 0 {
			t.Errorf("the store was changed by %q", calls)
		}
		if a.userOf("ada@example.com") != nil {
			t.Error("there is a user")
		}
		a.press(a.App, link)
		if a.Session() == nil {
			t.Errorf("the link does not work any more\n%s", a.Log)
		}
	})
}

func TestML04_LinkCountsOnce(t *testing.T) {
	eachEmailProtocol(t, func(t *testing.T, v5 bool, protocol func(*apptest.Config)) {
		a := newEmailApp(t, protocol)
		link := a.link("ada@example.com")
		var signedIn atomic.Int32
		var wait sync.WaitGroup
		for range 16 {
			b := a.Another()
			form := formOf(t, link, b.CSRF())
			wait.Go(func() {
				res := b.Post("/api/auth/callback/email", form)
				if b.Session() != nil {
					signedIn.Add(1)
					return
				}
				a.expectError(res, v5, "Verification")
			})
		}
		wait.Wait()
		if n := signedIn.Load(); n != 1 {
			t.Errorf("%d browsers are signed in", n)
		}
		a.expectError(a.Get(link), v5, "Verification")
		a.expectError(a.press(a.App, link), v5, "Verification")
	})
}

func TestML04_RefusedLinkIsSpent(t *testing.T) {
	eachEmailProtocol(t, func(t *testing.T, v5 bool, protocol func(*apptest.Config)) {
		refuse := true
		a := newEmailApp(t, protocol, func(cfg *apptest.Config) {
			cfg.Callbacks.SignIn = func(_ context.Context, p nuxtauth.SignInParams) error {
				if refuse && !p.VerificationRequest {
					return errors.New("not today")
				}
				return nil
			}
		})
		disabled := a.user(store.User{Email: "bob@example.com"})
		for _, address := range []string{"ada@example.com", disabled.Email} {
			link := a.link(address)
			if address == disabled.Email {
				refuse = false
				if _, err := a.store.UpdateUser(t.Context(), disabled.ID, func(u *store.User) error { u.Disabled = true; return nil }); err != nil {
					t.Fatal(err)
				}
			}
			a.expectError(a.press(a.App, link), v5, "AccessDenied")
			refuse = false
			a.expectError(a.press(a.App, link), v5, "Verification")
			if a.Session() != nil {
				t.Errorf("%s is signed in", address)
			}
		}
		if a.userOf("ada@example.com") != nil {
			t.Error("there is a user who was refused")
		}
	})
}

func TestML05_LinkExpires(t *testing.T) {
	for _, test := range []struct {
		set, want time.Duration
		words     string
	}{{0, 10 * time.Minute, "10 minutes"}, {time.Minute, time.Minute, "1 minute"}, {24 * time.Hour, 24 * time.Hour, "24 hours"}} {
		a := newEmailApp(t, func(cfg *apptest.Config) { cfg.Providers[0].LinkLifetime = test.set })
		link := a.link("ada@example.com")
		if text := a.post.all()[0].Text; !strings.Contains(text, test.words) {
			t.Errorf("%s is not in %q", test.words, text)
		}
		a.Clock.Advance(test.want - time.Second)
		if res := a.Get(link); res.StatusCode != http.StatusOK {
			t.Errorf("%v: status %d before the end", test.want, res.StatusCode)
		}
		a.Clock.Advance(time.Second)
		a.expectError(a.Get(link), false, "Verification")
		a.expectError(a.press(a.App, link), false, "Verification")
		if a.Session() != nil {
			t.Errorf("%v: signed in", test.want)
		}
	}
}

func TestML06_SignInEndsOtherLinks(t *testing.T) {
	eachEmailProtocol(t, func(t *testing.T, v5 bool, protocol func(*apptest.Config)) {
		a := newEmailApp(t, protocol, func(cfg *apptest.Config) { cfg.Pages.NewUser = "/welcome" })
		for _, who := range []string{"a new user", "a known user"} {
			a.Clock.Advance(time.Hour)
			first, second := a.link("ada@example.com"), a.link("ada@example.com")
			others := a.link("grace@example.com")
			b := a.Another()
			a.press(b, second)
			if b.Session() == nil {
				t.Fatalf("%s is not signed in\n%s", who, a.Log)
			}
			a.expectError(a.Get(first), v5, "Verification")
			if res := a.Get(others); res.StatusCode != http.StatusOK {
				t.Errorf("the link of another address is gone: %d", res.StatusCode)
			}
		}
	})
}

func TestML06_AtMostThreeLinksAreOpen(t *testing.T) {
	a := newEmailApp(t, func(cfg *apptest.Config) { cfg.Providers[0].LinkLifetime = 24 * time.Hour })
	var links []string
	for range 5 {
		links = append(links, a.link("ada@example.com"))
		a.Clock.Advance(10 * time.Minute)
	}
	for i, link := range links {
		if got, want := a.Get(link).StatusCode == http.StatusOK, i >= 2; got != want {
			t.Errorf("link %d works: %t", i+1, got)
		}
	}
}

// The SignIn callback is asked before a link is sent, and when it is used.
func TestEmail_SignInCallback(t *testing.T) {
	var calls []string
	a := newEmailApp(t, func(cfg *apptest.Config) {
		cfg.Callbacks.SignIn = func(_ context.Context, p nuxtauth.SignInParams) error {
			calls = append(calls, fmt.Sprintf("%s %s %s %s %t", p.User.ID, p.User.Email, p.Account.Type, p.Account.ProviderAccountID, p.VerificationRequest))
			return nil
		}
	})
	u := a.user(store.User{Email: "ada@example.com"})
	for email, id := range map[string]string{u.Email: u.ID, "grace@example.com": "grace@example.com"} {
		calls = nil
		a.press(a.App, a.link(email))
		want := []string{id + " " + email + " email " + email + " true", id + " " + email + " email " + email + " false"}
		if !slices.Equal(calls, want) {
			t.Errorf("the calls are %q, want %q", calls, want)
		}
	}
}

// Links that do not work are counted, as answers of providers are.
func TestEmail_LimitOfGuesses(t *testing.T) {
	a := newEmailApp(t)
	form := formOf(t, "?email=ada%40example.com&token=x", a.CSRF())
	guess := func(n int) (res apptest.Response) {
		for range n {
			res = a.Post("/api/auth/callback/email", form)
		}
		return res
	}
	guess(299)
	for range 3 { // each takes its count back
		a.press(a.Another(), a.link("ada@example.com"))
	}
	a.expectError(guess(1), false, "Verification")
	link := a.link("grace@example.com")
	for _, res := range []apptest.Response{guess(1), a.press(a.App, link)} {
		if got := res.Header.Get("Location"); res.Header.Get("Retry-After") != "60" || !strings.HasPrefix(got, a.URL+"/api/auth/error?error=TooManyAttempts") {
			t.Errorf("redirect to %s", got)
		}
	}
	a.Clock.Advance(time.Minute)
	if a.press(a.App, link); a.Session() == nil {
		t.Error("the link has been spent")
	}
}
