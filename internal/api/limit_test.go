package api_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

// A guesser sends passwords from chosen addresses.
type guesser struct {
	*testing.T
	router  *gin.Engine
	csrf    string
	cookies []*http.Cookie
	asked   atomic.Int32 // the calls of Authorize
	clock   *apptest.Clock
}

func newGuesser(t *testing.T, change ...func(*apptest.Config)) *guesser {
	t.Helper()
	g := &guesser{T: t, clock: apptest.NewClock()}
	cfg := apptest.Config{Secret: apptest.Secret, URL: "http://localhost", Now: g.clock.Now, Logger: slog.New(slog.DiscardHandler)}
	cfg.Providers = []provider.Provider{provider.Credentials(func(ctx context.Context, form url.Values) (*provider.User, error) {
		g.asked.Add(1)
		return apptest.Authorize(ctx, form)
	})}
	for _, f := range change {
		f(&cfg)
	}
	auth, err := nuxtauth.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	g.router = apptest.NewRouter(auth)
	w := httptest.NewRecorder()
	g.router.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/api/auth/csrf", nil))
	g.csrf, g.cookies = strings.Split(w.Body.String(), `"`)[3], w.Result().Cookies()
	return g
}

// guess sends a password.
func (g *guesser) guess(from, username, password string) *httptest.ResponseRecorder {
	return g.post(from, url.Values{"username": {username}, "password": {password}})
}

// post sends a form.
func (g *guesser) post(from string, form url.Values) *httptest.ResponseRecorder {
	return g.postTo("credentials", from, form)
}

// postTo sends a form to the provider with an ID.
func (g *guesser) postTo(id, from string, form url.Values) *httptest.ResponseRecorder {
	form.Set("csrfToken", g.csrf)
	form.Set("json", "true")
	r := httptest.NewRequest("POST", "http://localhost/api/auth/callback/"+id, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", apptest.FormType)
	for _, c := range g.cookies {
		r.AddCookie(c)
	}
	r.RemoteAddr = from
	w := httptest.NewRecorder()
	g.router.ServeHTTP(w, r)
	return w
}

func (g *guesser) wrong(n int, from, username string) {
	g.Helper()
	for range n {
		if w := g.guess(from, username, "wrong"); w.Code != http.StatusUnauthorized {
			g.Fatalf("a wrong password answers %d %s", w.Code, w.Body)
		}
	}
}

func (g *guesser) refused(from, username, password string) {
	g.Helper()
	asked := g.asked.Load()
	w := g.guess(from, username, password)
	rejected := w.Code == http.StatusTooManyRequests && strings.Contains(w.Body.String(), "error=TooManyAttempts")
	if !rejected || w.Header().Get("Retry-After") == "" {
		g.Errorf("%s from %s answers %d %s", username, from, w.Code, w.Body)
	}
	for _, c := range w.Result().Cookies() {
		if strings.Contains(c.Name, "session-token") {
			g.Error("a refused attempt sets a session")
		}
	}
	if g.asked.Load() != asked {
		g.Error("the password was checked")
	}
}

func (g *guesser) signsIn(from string) {
	g.Helper()
	if w := g.guess(from, "ada", "lovelace"); w.Code != http.StatusOK {
		g.Errorf("the right password from %s answers %d %s", from, w.Code, w.Body)
	}
}

const here, there = "203.0.113.5:1000", "198.51.100.7:1000"

// A countFault is a store whose Count fails.
type countFault struct{ *store.Memory }

func (countFault) Count(context.Context, string, int, time.Duration) (int, error) {
	return 0, apptest.ErrDown
}

func TestLimit_PerNetwork(t *testing.T) {
	g := newGuesser(t)
	for i := range 30 {
		g.wrong(1, here, fmt.Sprint("user", i))
	}
	g.refused(here, "user31", "wrong")
	g.refused("203.0.113.5:2000", "ada", "lovelace")
	g.signsIn(there)
	g.clock.Advance(time.Minute)
	g.signsIn(here)
}

func TestLimit_PerAccount(t *testing.T) {
	g := newGuesser(t)
	for i := range 20 {
		g.wrong(1, fmt.Sprintf("203.0.113.%d:1", i), []string{"ada", "ADA", " ada "}[i%3])
	}
	g.refused(here, "ada", "lovelace")
	g.refused(there, "Ada", "wrong")
	g.wrong(1, there, "grace")
	g.clock.Advance(15 * time.Minute)
	g.signsIn(here)
}

func TestLimit_UnknownAccountLooksKnown(t *testing.T) {
	g := newGuesser(t)
	answer := func(w *httptest.ResponseRecorder) string {
		w.Header().Del("Date")
		return fmt.Sprint(w.Code, w.Header(), w.Body)
	}
	g.wrong(20, here, "ada")
	g.clock.Advance(time.Minute)
	g.wrong(20, here, "unknown")
	known, unknown := answer(g.guess(there, "ada", "lovelace")), answer(g.guess(there, "unknown", "x"))
	if known != unknown || !strings.HasPrefix(known, "429") {
		t.Errorf("known:\n%s\nunknown:\n%s", known, unknown)
	}
}

func TestLimit_IPv6NetworkIsSlash64(t *testing.T) {
	g := newGuesser(t)
	for i := range 30 {
		g.wrong(1, fmt.Sprintf("[2001:db8:1:2:%x::1]:1", i), fmt.Sprint("user", i))
	}
	g.refused("[2001:db8:1:2:ffff:ffff:ffff:ffff]:1", "ada", "lovelace")
	g.signsIn("[2001:db8:1:3::1]:1")

	g = newGuesser(t)
	for i := range 30 {
		g.wrong(1, "[::ffff:203.0.113.5]:1", fmt.Sprint("user", i))
	}
	g.refused("203.0.113.5:1", "ada", "lovelace")
	g.signsIn("[::ffff:203.0.113.6]:1")
}

func TestLimit_SuccessIsNotCounted(t *testing.T) {
	g := newGuesser(t)
	for range 50 {
		g.signsIn(here)
	}
	for range 5 {
		g.wrong(15, here, "ada")
		g.signsIn(here) // resets the count of the account
		g.clock.Advance(time.Minute)
	}
}

// A right password takes back its own attempt alone: a user with an account gets no
// more guesses at those of others.
func TestLimit_SuccessKeepsFailuresOfNetwork(t *testing.T) {
	g := newGuesser(t)
	for i := range 29 {
		g.wrong(1, here, fmt.Sprint("user", i))
		g.signsIn(here)
	}
	g.wrong(1, here, "user29")
	g.refused(here, "user30", "wrong")
	g.refused(here, "ada", "lovelace")
}

func TestLimit_ConcurrentGuesses(t *testing.T) {
	g := newGuesser(t)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() { g.guess(here, fmt.Sprint("user", i), "wrong") })
	}
	wg.Wait()
	if n := g.asked.Load(); n != 30 {
		t.Errorf("%d of 200 passwords were checked", n)
	}
}

func TestLimit_IgnoresForgedHeaders(t *testing.T) {
	g := newGuesser(t)
	header := ""
	forge := func() *httptest.ResponseRecorder {
		form := url.Values{"username": {"user" + header}, "password": {"wrong"}, "csrfToken": {g.csrf}, "json": {"true"}}
		r := httptest.NewRequest("POST", "http://localhost/api/auth/callback/credentials", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", apptest.FormType)
		for _, c := range g.cookies {
			r.AddCookie(c)
		}
		r.RemoteAddr = here
		for _, name := range []string{"X-Forwarded-For", "X-Real-Ip", "Forwarded", "True-Client-Ip", "Cf-Connecting-Ip"} {
			r.Header.Set(name, header)
		}
		w := httptest.NewRecorder()
		g.router.ServeHTTP(w, r)
		return w
	}
	for i := range 31 {
		header = fmt.Sprintf("192.0.2.%d", i)
		if w := forge(); (w.Code == http.StatusTooManyRequests) != (i == 30) {
			t.Errorf("attempt %d answers %d", i+1, w.Code)
		}
	}
}

func TestLimit_ReplicasCountTogether(t *testing.T) {
	for name, share := range map[string]func(*apptest.Config, *store.Memory){
		"store":     func(c *apptest.Config, m *store.Memory) { c.Session.Store = m },
		"deny-list": func(c *apptest.Config, m *store.Memory) { c.Session.DenyList = m },
	} {
		t.Run(name, func(t *testing.T) {
			shared := store.NewMemory(store.MemoryOptions{})
			one := newGuesser(t, func(c *apptest.Config) { share(c, shared) })
			two := newGuesser(t, func(c *apptest.Config) { share(c, shared) })
			for i := range 15 {
				one.wrong(1, here, fmt.Sprint("user", i))
				two.wrong(1, here, fmt.Sprint("user", i))
			}
			one.refused(here, "ada", "lovelace")
			two.refused(here, "ada", "lovelace")
		})
	}
}

func TestLimit_StoreFaultCountsInMemory(t *testing.T) {
	var log strings.Builder
	g := newGuesser(t, func(c *apptest.Config) {
		c.Session.Store = countFault{store.NewMemory(store.MemoryOptions{})}
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
	})
	g.signsIn(here)
	for i := range 30 {
		g.wrong(1, here, fmt.Sprint("user", i))
	}
	g.refused(here, "ada", "lovelace")
	if !strings.Contains(log.String(), "this process counts alone") {
		t.Error("the fault is not in the log")
	}
}

func TestLimit_FormLeadsToPage(t *testing.T) {
	for _, protocol := range []nuxtauth.Protocol{nuxtauth.NextAuth, nuxtauth.AuthJS} {
		a := apptest.New(t, func(c *apptest.Config) { c.Protocol, c.SignInLimit.PerNetwork = protocol, 1 })
		form := url.Values{"username": {"eve"}, "csrfToken": {a.CSRF()}}
		a.Post("/api/auth/callback/credentials", form)
		res := a.Post("/api/auth/callback/credentials", form)
		if res.StatusCode != http.StatusFound || len(res.SetCookies()) != 0 {
			t.Errorf("%v: %d, cookies %v", protocol, res.StatusCode, res.SetCookies())
		}
		res = a.Get(strings.TrimPrefix(res.Header.Get("Location"), a.URL))
		if res.StatusCode != http.StatusTooManyRequests || !strings.Contains(res.Text, "Too many attempts") {
			t.Errorf("%v: the page: %d %s", protocol, res.StatusCode, res.Text)
		}
	}
}

// A right password with a wrong one-time code is a failed attempt.
func TestLimit_SignInCallbackDenies(t *testing.T) {
	g := newGuesser(t, func(c *apptest.Config) {
		c.Callbacks.SignIn = func(_ context.Context, p nuxtauth.SignInParams) error {
			if p.Credentials.Get("code") != "123456" {
				return &nuxtauth.Error{Code: "WrongCode"}
			}
			return nil
		}
	})
	code := func(i int, code string) int {
		return g.post(fmt.Sprintf("203.0.113.%d:1", i), url.Values{"username": {"ada"}, "password": {"lovelace"}, "code": {code}}).Code
	}
	for i := range 20 {
		if status := code(i, "000000"); status != http.StatusForbidden {
			t.Fatalf("a wrong code answers %d", status)
		}
	}
	if status := code(21, "123456"); status != http.StatusTooManyRequests {
		t.Errorf("the right code after 20 wrong ones answers %d", status)
	}
}

// The account is what the form asks for. Other parameters, and other spellings,
// make no counter of their own.
func TestLimit_AccountOfForm(t *testing.T) {
	withEmail := func(c *apptest.Config) {
		c.Providers[0].Fields = []provider.Field{
			{Name: "password", Type: "password"},
			{Name: "tenant"},
			{Name: "email", Autocomplete: "section-x email"},
		}
	}
	for name, form := range map[string]func(i int) url.Values{
		"an added username": func(i int) url.Values {
			return url.Values{"email": {"ada@example.com"}, "username": {fmt.Sprint("x", i)}}
		},
		"a blank username": func(int) url.Values { return url.Values{"email": {"ada@example.com"}, "username": {" "}} },
		"another spelling": func(i int) url.Values {
			return url.Values{"email": {[]string{
				"ADA@example.com", "ａｄａ@example.com", "a\u00add\u200ba@example.com", "a\u0301da@example.com", " ada@Example.com\t",
			}[i%5]}}
		},
	} {
		g := newGuesser(t, withEmail)
		for i := range 20 {
			if w := g.post(fmt.Sprintf("203.0.113.%d:1", i), form(i)); w.Code != http.StatusUnauthorized {
				t.Fatalf("%s: attempt %d answers %d", name, i, w.Code)
			}
		}
		if w := g.post(there, url.Values{"email": {"ada@example.com"}}); w.Code != http.StatusTooManyRequests {
			t.Errorf("%s: after 20 failures an attempt answers %d", name, w.Code)
		}
	}

	g := newGuesser(t, func(c *apptest.Config) {
		c.Providers[0].Fields = []provider.Field{{Name: "password", Type: "password"}, {Name: "login"}}
	})
	for i := range 20 {
		g.post(fmt.Sprintf("203.0.113.%d:1", i), url.Values{"login": {"ada"}})
	}
	if w := g.post(there, url.Values{"login": {"ada"}}); w.Code != http.StatusTooManyRequests {
		t.Errorf("the first field that is no password is not the account: %d", w.Code)
	}

	_, err := nuxtauth.New(apptest.Config{Secret: apptest.Secret, URL: "http://localhost", Providers: []provider.Provider{
		provider.Credentials(apptest.Authorize, provider.Field{Name: "pin", Type: "password"}),
	}})
	if err == nil || !strings.Contains(err.Error(), "SignInLimit.Account") {
		t.Errorf("a form without an account: %v", err)
	}
}

func TestLimit_Configuration(t *testing.T) {
	g := newGuesser(t, func(c *apptest.Config) {
		c.SignInLimit = nuxtauth.SignInLimit{PerNetwork: 1000, PerAccount: 2, Account: func(f url.Values) string { return f.Get("password") }}
	})
	g.wrong(2, here, "ada")
	g.refused(there, "grace", "wrong")

	g = newGuesser(t, func(c *apptest.Config) { c.SignInLimit.Skip = true })
	g.wrong(40, here, "ada")

	_, err := nuxtauth.New(apptest.Config{Secret: apptest.Secret, URL: "http://localhost", SignInLimit: nuxtauth.SignInLimit{PerNetwork: -1}})
	if err == nil || !strings.Contains(err.Error(), "Skip") {
		t.Error(err)
	}
}

// Gin's TrustedPlatform names the header that has the address of the client, also while
// SetTrustedProxies was not called.
func TestLimit_TrustedPlatform(t *testing.T) {
	for name, platform := range map[string]string{"Cloudflare": gin.PlatformCloudflare, "none": ""} {
		t.Run(name, func(t *testing.T) {
			a := apptest.New(t, func(c *apptest.Config) { c.SignInLimit.PerNetwork = 1 })
			a.Router.TrustedPlatform = platform
			attempt := func(client string) int {
				req := a.Request("POST", "/api/auth/callback/credentials", apptest.FormType, a.CredentialsForm("ada", "wrong").Encode())
				req.Header.Set("CF-Connecting-IP", client)
				return a.Do(req).StatusCode
			}
			want := http.StatusUnauthorized // of another client
			if platform == "" {
				want = http.StatusTooManyRequests // any client could send the header
			}
			if first, other := attempt("203.0.113.1"), attempt("203.0.113.2"); first != http.StatusUnauthorized || other != want {
				t.Errorf("the answers are %d and %d", first, other)
			}
			if again := attempt("203.0.113.1"); again != http.StatusTooManyRequests {
				t.Errorf("the second attempt of a client: %d", again)
			}
		})
	}
}
