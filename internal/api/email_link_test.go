package api_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/mail"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

func TestML11_MailHasNothingOfTheRequest(t *testing.T) {
	const marker = "evil-marker"
	a := newEmailApp(t, func(cfg *apptest.Config) { cfg.Theme.Name = "Acme" })
	a.user(store.User{Email: "ada@example.com", Name: marker})
	form := url.Values{"csrfToken": {a.CSRF()}, "email": {"ada@example.com"}, "callbackUrl": {"/" + marker + "?a=" + marker}, "name": {marker}}
	req := a.Request("POST", "/api/auth/signin/email?callbackUrl=/"+marker, apptest.FormType, form.Encode())
	req.Host = marker + ".example"
	for _, name := range []string{"X-Forwarded-Host", "X-Forwarded-Server", "Forwarded", "User-Agent", "Referer", "Accept-Language"} {
		req.Header.Set(name, marker+".example")
	}
	for _, c := range a.Cookies() { // the jar has none for that host
		req.AddCookie(c)
	}
	a.Do(req)
	sent := a.mails()
	if len(sent) != 1 {
		t.Fatalf("%d mails\n%s", len(sent), a.Log)
	}
	m, link := sent[0], linkIn(t, sent[0])
	for _, text := range []string{m.Subject, m.Text, m.HTML} {
		if strings.Contains(text, marker) {
			t.Errorf("the mail has a text of the request:\n%s", text)
		}
	}
	without := strings.ReplaceAll(m.Text, link, "") + strings.ReplaceAll(strings.ReplaceAll(m.HTML, strings.ReplaceAll(link, "&", "&amp;"), ""), link, "")
	if strings.Contains(without, "ada") {
		t.Errorf("the mail has the address outside of the link:\n%s", without)
	}
	if want := a.URL + "/api/auth/callback/email?email=ada%40example.com&token="; !strings.HasPrefix(link, want) {
		t.Errorf("the link is %s, want %s…", link, want)
	}
}

func TestML12_RedirectIsInTheRowAndCheckedAgain(t *testing.T) {
	eachEmailProtocol(t, func(t *testing.T, v5 bool, protocol func(*apptest.Config)) {
		var tighten atomic.Bool
		a := newEmailApp(t, protocol, func(cfg *apptest.Config) {
			cfg.Callbacks.Redirect = func(_ context.Context, p nuxtauth.RedirectParams) (string, error) {
				if tighten.Load() && strings.Contains(p.URL, "/after") {
					return p.BaseURL + "/elsewhere", nil
				}
				return p.URL, nil
			}
		})
		link := a.link("ada@example.com")
		if row := a.store.links()[0]; row.RedirectTo != a.URL+"/after" || strings.Contains(link, "after") {
			t.Errorf("the row is %+v, the link %s", row, link)
		}
		tighten.Store(true)
		if got := a.press(a.App, link+"&callbackUrl=https%3A%2F%2Fevil.example").Header.Get("Location"); got != a.URL+"/elsewhere" {
			t.Errorf("the sign-in leads to %s", got)
		}

		b := newEmailApp(t, protocol) // with the built-in check
		b.store.taken = func(l *store.Link) { l.RedirectTo = "https://evil.example/" }
		if got := b.press(b.App, b.link("ada@example.com")).Header.Get("Location"); got != b.URL {
			t.Errorf("the sign-in leads to %s", got)
		}
	})
}

var hiddenField = regexp.MustCompile(`<input type="hidden" name="(\w+)" value="([^"]*)">`)

// Auth.js in Node has the callback URL in the link, and in the row an address, a hash and an expiry.
func TestML12_LinkOfAuthJS(t *testing.T) {
	const nodeToken = "3cff9927f1a39ca3f453dad61e34e2d47d11ba019df5b027c24597262eb5bcb4"
	eachEmailProtocol(t, func(t *testing.T, v5 bool, protocol func(*apptest.Config)) {
		id := "email"
		if v5 {
			id = "nodemailer"
		}
		var own atomic.Bool
		a := newEmailApp(t, protocol, func(cfg *apptest.Config) {
			cfg.Providers = []provider.Provider{provider.Email(func(p *provider.Provider) { p.ID = id })}
			cfg.Callbacks.Redirect = func(_ context.Context, p nuxtauth.RedirectParams) (string, error) {
				if own.Load() {
					return p.BaseURL + "/decided", nil
				}
				if strings.HasPrefix(p.URL, p.BaseURL) {
					return p.URL, nil
				}
				return p.BaseURL, nil
			}
		})
		callback := "/api/auth/callback/" + id
		for _, test := range []struct {
			name, asked, to string
			own             bool
		}{
			{"a page", a.URL + "/after?a=b&c=d", a.URL + "/after?a=b&c=d", false},
			{"the origin", a.URL, a.URL, false},
			{"another site", "https://evil.example/", a.URL, false},
			{"none", "", a.URL, false},
			{"by the callback", a.URL + "/after", a.URL + "/decided", true},
		} {
			own.Store(test.own)
			a.Clock.Advance(time.Hour)
			l := &store.Link{
				LinkKey:   store.LinkKey{Purpose: "signin", Email: "ada@example.com", Hash: sha256.Sum256([]byte(nodeToken + apptest.Secret))},
				ExpiresAt: a.Clock.Now().Add(24 * time.Hour),
			}
			if err := a.store.Memory.SaveLink(t.Context(), l); err != nil {
				t.Fatal(err)
			}
			link := callback + "?callbackUrl=" + url.QueryEscape(test.asked) + "&token=" + nodeToken + "&email=ada%40example.com"
			b := a.Another()
			page := b.Get(link)
			form := make(url.Values)
			for _, field := range hiddenField.FindAllStringSubmatch(page.Text, -1) {
				form.Set(field[1], html.UnescapeString(field[2]))
			}
			if page.StatusCode != http.StatusOK || form.Get("token") != nodeToken || b.Session() != nil {
				t.Fatalf("%s: %d\n%s", test.name, page.StatusCode, page.Text)
			}
			b.Get("/api/auth/csrf?callbackUrl=/elsewhere") // a second page, which changes the cookie
			if got := b.Post(callback, form).Header.Get("Location"); got != test.to || b.Session() == nil {
				t.Errorf("%s: the sign-in leads to %s, want %s", test.name, got, test.to)
			}
			a.expectError(a.Another().Get(link), v5, "Verification")
		}
	})
}

func TestML12_HostileCallbackURLs(t *testing.T) {
	a := newEmailApp(t, func(cfg *apptest.Config) {
		cfg.Callbacks.Redirect = func(_ context.Context, p nuxtauth.RedirectParams) (string, error) { return p.URL, nil }
	})
	for i, to := range []string{"https://evil.example/\x00", "https://evil.example/\xff", "/" + strings.Repeat("a", 5000), "https://x.example/?" + strings.Repeat("a", 9000), "//evil.example", "\r\nX: y", "javascript:alert(1)"} {
		a.Clock.Advance(time.Minute)
		address := fmt.Sprintf("ada%d@example.com", i)
		a.Post("/api/auth/signin/email", url.Values{"csrfToken": {a.CSRF()}, "email": {address}, "callbackUrl": {to}})
		sent := a.mails()
		if len(sent) != 1 {
			t.Errorf("%.40q: %d mails\n%s", to, len(sent), a.Log)
			continue
		}
		b := a.Another()
		if res := a.press(b, linkIn(t, sent[0])); b.Session() == nil || res.StatusCode != http.StatusFound || strings.HasPrefix(res.Header.Get("Location"), "javascript") {
			t.Errorf("%.40q: %d %s", to, res.StatusCode, res.Header.Get("Location"))
		}
	}
}

func TestML13_PurposesAreApart(t *testing.T) {
	a := newEmailApp(t)
	u := a.user(store.User{Email: "ada@example.com"})
	form := formOf(t, a.link(u.Email), "")
	token, now := form.Get("token"), a.Clock.Now()
	for _, purpose := range []string{"reset", "verify", "own"} { // the same token under another purpose
		l := &store.Link{LinkKey: store.LinkKey{Purpose: purpose, Email: "grace@example.com", Hash: sha256.Sum256([]byte(token + apptest.Secret))}, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
		if err := a.store.Memory.SaveLink(t.Context(), l); err != nil {
			t.Fatal(err)
		}
		a.expectError(a.press(a.App, "?email=grace%40example.com&token="+token), false, "Verification")
	}
	for _, purpose := range []mail.Purpose{mail.PurposeSignIn, mail.PurposeReset, mail.PurposeVerify, "own"} {
		if _, err := a.Auth.RedeemLink(t.Context(), nuxtauth.LinkProof{Purpose: purpose, Email: u.Email, Token: token}); !errors.Is(err, nuxtauth.ErrInvalidLink) {
			t.Errorf("RedeemLink with purpose %s: %v", purpose, err)
		}
	}
	a.SetCookie(apptest.SessionCookie, token)
	if a.Session() != nil {
		t.Error("the token is a session")
	}
	b := a.Another()
	form.Set("csrfToken", token)
	b.SetCookie("next-auth.csrf-token", token+"|"+token)
	b.Post("/api/auth/callback/email", form)
	if b.Session() != nil {
		t.Error("the token is a CSRF token")
	}
	b = a.Another()
	csrf := b.CSRF()
	b.Post("/api/auth/callback/email", url.Values{"csrfToken": {csrf}, "email": {u.Email}, "token": {csrf}})
	if b.Session() != nil {
		t.Error("a CSRF token is the token of a link")
	}
	a.press(b, "?"+url.Values{"email": {u.Email}, "token": {token}}.Encode())
	if b.Session() == nil {
		t.Error("the link has been spent")
	}
}

func TestML14_PageNamesBothUsers(t *testing.T) {
	eachEmailProtocol(t, func(t *testing.T, v5 bool, protocol func(*apptest.Config)) {
		a := newEmailApp(t, protocol)
		bob, ada := a.user(store.User{Email: "bob@example.com", Name: "Bob"}), a.user(store.User{Email: "ada@example.com", Name: "Ada"})
		signIn := func(u *store.User) *apptest.App {
			b := a.Another()
			b.Post("/api/auth/callback/credentials", b.CredentialsForm(u.Email, "lovelace"))
			if s := b.Session(); s == nil || s.User.Name != u.Name {
				t.Fatalf("%+v is not %s\n%s", s, u.Name, a.Log)
			}
			return b
		}
		link := a.link(ada.Email)
		own := signIn(ada)
		if page := own.Get(link).Text; strings.Contains(page, "Another user") || strings.Contains(page, `class="user"`) {
			t.Errorf("the page of the same user:\n%s", page)
		}
		b := signIn(bob)
		page := b.Get(link).Text
		for _, part := range []string{"Signed in as <strong dir=\"auto\">Bob</strong>", "Another user is signed in here, and will be signed out.", "Sign in as <strong dir=\"auto\">ada@example.com</strong>"} {
			if !strings.Contains(page, part) {
				t.Errorf("%s is not in\n%s", part, page)
			}
		}
		if s := b.Session(); s == nil || s.User.Name != "Bob" {
			t.Fatalf("the link has ended the session: %+v", s)
		}
		copied := b.Copy()
		a.press(b, link)
		if s := b.Session(); s == nil || s.User.Name != "Ada" {
			t.Errorf("signed in as %+v", s)
		}
		if s := copied.Session(); s != nil {
			t.Errorf("the session of before goes on: %+v", s)
		}
	})
}

func TestML14_UserWithoutAName(t *testing.T) {
	a := newEmailApp(t)
	link := a.link("ada@example.com")
	cookies, err := apptest.Cookies(a.Auth.Issue(t.Context(), &apptest.Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "7"}}))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cookies {
		a.SetCookie(c.Name, c.Value)
	}
	if page := a.Get(link).Text; !strings.Contains(page, "Another user is signed in here") {
		t.Errorf("the page is\n%s", page)
	}
}

// Every test of this file looks for tokens in the log: see newEmailApp.
func TestML15_LinkStaysOutOfAnswersAndEvents(t *testing.T) {
	eachEmailProtocol(t, func(t *testing.T, v5 bool, protocol func(*apptest.Config)) {
		var seen []string
		a := newEmailApp(t, protocol, func(cfg *apptest.Config) {
			cfg.Callbacks.SignIn = func(_ context.Context, p nuxtauth.SignInParams) error {
				seen = append(seen, fmt.Sprintf("%+v %+v %+v", p.User, p.Account, p.Credentials))
				return nil
			}
			cfg.Events.SignIn = func(_ context.Context, e nuxtauth.SignInEvent[apptest.Token]) {
				seen = append(seen, fmt.Sprintf("%+v %+v %+v", e.User, e.Account, e.Token))
			}
		})
		link := a.link("ada@example.com")
		token := formOf(t, link, "").Get("token")
		for _, fault := range []string{"FindLink", "TakeLink"} {
			a.store.fail(fault, apptest.ErrDown)
			for _, res := range []apptest.Response{a.Get(link), a.press(a.App, link)} {
				if strings.Contains(res.Header.Get("Location"), token) || strings.Contains(strings.Join(res.Header["Set-Cookie"], ""), token) {
					t.Errorf("%s: the token is in %v", fault, res.Header)
				}
				if fault == "FindLink" {
					break
				}
			}
		}
		a.store.fail("", nil)
		res := a.press(a.App, link)
		if a.Session() == nil || strings.Contains(fmt.Sprint(res.Header, res.Text, a.Get("/api/auth/session").Text, seen), token) {
			t.Errorf("the token is in %v, %s or %q", res.Header, res.Text, seen)
		}
		a.expectError(a.Get(link), v5, "Verification")
		a.expectError(a.press(a.App, link), v5, "Verification")
		if len(seen) != 3 {
			t.Errorf("callbacks and events: %q", seen)
		}
	})
}

func TestEmail_StoreFaults(t *testing.T) {
	eachEmailProtocol(t, func(t *testing.T, v5 bool, protocol func(*apptest.Config)) {
		a := newEmailApp(t, protocol)
		link := a.link("ada@example.com")
		a.store.fail("FindUserByEmail", apptest.ErrDown)
		a.expectError(a.ask(a.App, "ada@example.com"), v5, "Callback")
		a.store.fail("FindLink", apptest.ErrDown)
		a.expectError(a.Get(link), v5, "Callback")
		a.store.fail("TakeLink", apptest.ErrDown)
		a.expectError(a.press(a.App, link), v5, "Callback")
		a.store.fail("DeleteLinks", apptest.ErrDown)
		if a.press(a.App, link); a.Session() == nil {
			t.Errorf("the link does not work after the faults\n%s", a.Log)
		}
		if !strings.Contains(a.Log.String(), "the other links of a user could not be removed") {
			t.Errorf("the log does not have the last fault:\n%s", a.Log)
		}
		if n := len(a.mails()); n != 0 {
			t.Errorf("%d mails", n)
		}
	})
}

func TestEmail_AmbiguousAddress(t *testing.T) {
	a := newEmailApp(t)
	a.store.fail("FindUserByEmail", fmt.Errorf("%w: 7 and 8", store.ErrAmbiguousEmail))
	res := a.ask(a.App, "ada@example.com")
	if got := res.Header.Get("Location"); !strings.HasPrefix(got, a.URL+"/api/auth/verify-request") || len(a.mails()) != 0 {
		t.Errorf("redirect to %s", got)
	}
	if !strings.Contains(a.Log.String(), "7 and 8") {
		t.Errorf("the log does not name the users:\n%s", a.Log)
	}
}

// linkQueries are queries of a link that are none.
var linkQueries = []string{
	"", "?", "?token=", "?email=ada%40example.com", "?email=ada%40example.com&token=", "?email=&token=x", "?token=x",
	"?email=ada%40example.com&token=x", "?email=ada@example.com&email=grace@example.com&token=x&token=y", "?email[]=a&token[]=b",
	"?email=%00&token=%00", "?email=%ff%fe&token=%ff", "?email=%zz&token=%zz", "?email=a;b&token=c;d", "?email=ada%40example.com&token=" + strings.Repeat("x", 5000),
	"?email=" + strings.Repeat("a", 5000) + "%40example.com&token=x", "?token=<script>&email=<script>", "?email=ada%40example.com%0d%0aX:y&token=%0d%0a",
	"?callbackUrl=https%3A%2F%2Fevil.example&token=x&email=ada%40example.com", "?error=x&code=y&state=z",
}

func TestEmail_OddQueries(t *testing.T) {
	eachEmailProtocol(t, func(t *testing.T, v5 bool, protocol func(*apptest.Config)) {
		a := newEmailApp(t, protocol)
		a.link("ada@example.com")
		a.store.written()
		for _, query := range linkQueries {
			code := "Verification"
			form, _ := url.ParseQuery(strings.TrimPrefix(query, "?")) // of what can't be parsed, the rest
			if form.Get("token") == "" {
				code = "Configuration"
			}
			a.expectError(a.Get("/api/auth/callback/email"+query), v5, code)
			form.Set("csrfToken", a.CSRF())
			a.expectError(a.Post("/api/auth/callback/email", form), v5, code)
		}
		if calls := a.store.written(); slices.ContainsFunc(calls, func(c string) bool { return c != "TakeLink" }) || a.Session() != nil {
			t.Errorf("calls %q, session %v", calls, a.Session())
		}
	})
}

func FuzzEmailLink(f *testing.F) {
	for _, query := range linkQueries {
		f.Add(strings.TrimPrefix(query, "?"), "ada@example.com", "token")
	}
	auth, err := nuxtauth.New(apptest.Config{
		Secret: apptest.Secret, URL: "http://localhost:3000", Logger: slog.New(slog.DiscardHandler),
		Accounts:    nuxtauth.AccountsConfig{Store: store.NewMemory(store.MemoryOptions{})},
		Mail:        nuxtauth.MailConfig{Send: func(context.Context, mail.Message) error { return nil }},
		Providers:   []provider.Provider{provider.Email()},
		SignInLimit: nuxtauth.SignInLimit{Skip: true},
	})
	if err != nil {
		f.Fatal(err)
	}
	router := apptest.NewRouter(auth)
	req, rec := apptest.NewRequest("GET", "/api/auth/csrf", nil)
	router.ServeHTTP(rec, req)
	csrf, cookies := strings.TrimSuffix(strings.TrimPrefix(rec.Body.String(), `{"csrfToken":"`), `"}`), rec.Result().Cookies()
	f.Fuzz(func(t *testing.T, query, email, token string) {
		form := url.Values{"email": {email}, "token": {token}, "csrfToken": {csrf}}.Encode()
		for _, method := range []string{"GET", "HEAD", "POST"} {
			req, rec := apptest.NewRequest(method, "/api/auth/callback/email", cookies)
			req.URL.RawQuery = query + "&" + form
			if method == "POST" {
				req.Header.Set("Content-Type", apptest.FormType)
				req.Body = io.NopCloser(strings.NewReader(form))
			}
			router.ServeHTTP(rec, req)
			res := apptest.Recorded(rec)
			apptest.NotSignedIn(t, method+" "+query, res)
			if to := res.Header.Get("Location"); res.StatusCode < 400 && !strings.HasPrefix(to, "http://localhost:3000/api/auth/error?error=") {
				t.Errorf("%s %s: %d %s", method, query, res.StatusCode, to)
			}
		}
	})
}
