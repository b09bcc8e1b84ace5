package main

import (
	"context"
	"errors"
	"html"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/store"
)

var inMemory = map[string]string{"SESSIONS": "memory"}

const (
	firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
	iPhone  = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Mobile/15E148 Safari/604.1"
	edge    = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0"
	chrome  = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36"
)

// closedPort returns a loopback address without a listener.
func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	return listener.Addr().String()
}

// signedIn returns browsers of one user, each with a User-Agent.
func signedIn(t *testing.T, site, username, password string, userAgents ...string) []*browser {
	t.Helper()
	var all []*browser
	for _, userAgent := range userAgents {
		b := newBrowser(t, site)
		b.client.Transport = userAgentTransport(userAgent)
		b.signIn(username, password)
		all = append(all, b)
	}
	return all
}

type userAgentTransport string

func (userAgent userAgentTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", string(userAgent))
	return http.DefaultTransport.RoundTrip(r)
}

func (b *browser) expectName(want string) {
	b.Helper()
	if got := b.session().User.Name; got != want {
		b.Errorf("session of %q, want %q", got, want)
	}
}

// listed returns the texts of the sessions on a page.
func listed(page response) []string {
	_, list, _ := strings.Cut(page.body, `<ul class="devices`)
	list, _, _ = strings.Cut(list, "</ul>")
	var all []string
	for _, item := range regexp.MustCompile(`(?s)<li>(.*?)</li>`).FindAllStringSubmatch(list, -1) {
		text := html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(item[1], " "))
		all = append(all, strings.Join(strings.Fields(text), " "))
	}
	return all
}

func TestSessions_List(t *testing.T) {
	site := start(t, inMemory)
	phone := signedIn(t, site, "ada", "lovelace", iPhone)[0]
	signedIn(t, site, "grace", "hopper", edge)
	desk := newBrowser(t, site)
	desk.client.Transport = userAgentTransport(firefox)
	desk.signInWithDemoID("ada", "lovelace")

	if home := desk.get("/"); !strings.Contains(home.body, `href="/sessions"`) {
		t.Error("the start page has no link to the sessions")
	}
	page := desk.get("/sessions")
	items := listed(page)
	if page.StatusCode != http.StatusOK || len(items) != 2 {
		t.Fatalf("status %d, sessions %q:\n%s", page.StatusCode, items, page.body)
	}
	if want := "Firefox on Linux This device Signed in just now with Demo ID from 127.0.0.1 Last seen just now , expires in 30 days"; normal(items[0]) != want {
		t.Errorf("first session %q, want %q", items[0], want)
	}
	if want := "Safari on iPhone Signed in just now with password from 127.0.0.1 Last seen just now , expires in 30 days Sign out"; normal(items[1]) != want {
		t.Errorf("second session %q, want %q", items[1], want)
	}
	if items := listed(phone.get("/sessions")); len(items) != 2 || !strings.HasPrefix(items[0], "Safari on iPhone This device") {
		t.Errorf("sessions on the phone: %q", items)
	}
	if res := newBrowser(t, site).get("/sessions"); res.StatusCode != http.StatusFound || !strings.Contains(res.Header.Get("Location"), "/signin?callbackUrl=") {
		t.Errorf("signed out: status %d, Location %q", res.StatusCode, res.Header.Get("Location"))
	}
}

// normal replaces the IPv6 loopback address by that of IPv4.
func normal(item string) string { return strings.ReplaceAll(item, "::1", "127.0.0.1") }

func TestSessions_EndOne(t *testing.T) {
	site := start(t, inMemory)
	devices := signedIn(t, site, "ada", "lovelace", firefox, iPhone)
	here, other := devices[0], devices[1]
	grace := signedIn(t, site, "grace", "hopper", edge)[0]

	res := here.submit(here.get("/sessions"), "/sessions/end", nil)
	if to := res.Header.Get("Location"); res.StatusCode != http.StatusSeeOther || to != "/sessions?notice=session-ended" {
		t.Fatalf("form: status %d, Location %q", res.StatusCode, to)
	}
	other.expectName("")
	here.expectName("Ada Lovelace")
	grace.expectName("Grace Hopper")
	page := here.get(res.Header.Get("Location"))
	if items := listed(page); len(items) != 1 || !strings.Contains(page.body, "That session has ended.") {
		t.Errorf("sessions afterwards: %q", items)
	}
	if strings.Contains(page.body, "/sessions/end-others") {
		t.Error("a button for other devices without another device")
	}
}

func TestSessions_OtherUsers(t *testing.T) {
	memory := store.NewMemory(store.MemoryOptions{})
	site := startWith(t, inMemory, memory)
	ada := signedIn(t, site, "ada", "lovelace", firefox, iPhone)
	grace := signedIn(t, site, "grace", "hopper", edge)[0]
	adas, err := memory.ListSessions(t.Context(), "next-auth", "ada", 10)
	if err != nil || len(adas) != 2 {
		t.Fatalf("%d sessions in the store: %v", len(adas), err)
	}
	for name, form := range map[string]url.Values{
		"another user's":        {"id": {adas[0].ID}},
		"with a subject":        {"id": {adas[0].ID}, "subject": {"ada"}, "sub": {"ada"}},
		"unknown":               {"id": {"nonsense"}},
		"an empty one":          {"id": {""}},
		"none":                  {},
		"the wrong one and one": {"id": {adas[0].ID, adas[1].ID}},
	} {
		res := grace.post("/sessions/end", form)
		if to := res.Header.Get("Location"); res.StatusCode != http.StatusSeeOther || to != "/sessions?notice=session-none" {
			t.Errorf("%s: status %d, Location %q", name, res.StatusCode, to)
		}
	}
	grace.post("/sessions/end-others", url.Values{"subject": {"ada"}, "id": {adas[0].ID}})
	for _, b := range ada {
		b.expectName("Ada Lovelace")
	}
	grace.expectName("Grace Hopper")
}

func TestSessions_EndOthers(t *testing.T) {
	site := start(t, inMemory)
	devices := signedIn(t, site, "ada", "lovelace", firefox, iPhone, edge)
	grace := signedIn(t, site, "grace", "hopper", edge)[0]
	here := devices[0]
	res := here.submit(here.get("/sessions"), "/sessions/end-others", nil)
	if !strings.Contains(here.get(res.Header.Get("Location")).body, "Your other devices are signed out.") {
		t.Errorf("form: status %d, Location %q", res.StatusCode, res.Header.Get("Location"))
	}
	here.expectName("Ada Lovelace")
	devices[1].expectName("")
	devices[2].expectName("")
	grace.expectName("Grace Hopper")
}

func TestSessions_EndAll(t *testing.T) {
	for name, env := range map[string]map[string]string{"in cookies": nil, "in a store": inMemory} {
		t.Run(name, func(t *testing.T) {
			site := start(t, env)
			devices := signedIn(t, site, "ada", "lovelace", firefox, iPhone)
			grace := signedIn(t, site, "grace", "hopper", edge)[0]
			here := devices[0]
			res := here.submit(here.get("/sessions"), "/sessions/end-all", nil)
			if here.cookie() != nil {
				t.Error("the cookie of this browser was not cleared")
			}
			if !strings.Contains(here.get(res.Header.Get("Location")).body, "You are signed out on all devices.") {
				t.Errorf("form: status %d, Location %q", res.StatusCode, res.Header.Get("Location"))
			}
			for _, b := range devices {
				b.expectName("")
			}
			grace.expectName("Grace Hopper")
			here.signIn("ada", "lovelace")
			here.expectName("Ada Lovelace")
		})
	}
}

func TestSessions_InCookies(t *testing.T) {
	site := start(t, nil)
	devices := signedIn(t, site, "ada", "lovelace", firefox, iPhone)
	page := devices[0].get("/sessions")
	if page.StatusCode != http.StatusOK || len(listed(page)) != 0 {
		t.Fatalf("status %d, sessions %q", page.StatusCode, listed(page))
	}
	for _, want := range []string{"They are stored in cookies", "SESSIONS=memory", "REDIS_URL=", "DATABASE_URL="} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	for _, form := range []string{`"/sessions/end"`, `"/sessions/end-others"`} {
		if strings.Contains(page.body, form) {
			t.Errorf("the page has a form for %s", form)
		}
	}
	for path, form := range map[string]url.Values{
		"/sessions/end":        {"id": {devices[1].token().Origin.SessionID}},
		"/sessions/end-others": {},
	} {
		res := devices[0].post(path, form)
		if to := res.Header.Get("Location"); res.StatusCode != http.StatusSeeOther || to != "/sessions?notice=session-none" {
			t.Errorf("%s: status %d, Location %q", path, res.StatusCode, to)
		}
	}
	for _, b := range devices {
		b.expectName("Ada Lovelace")
	}
}

func TestSignOut_EndsCopiedCookies(t *testing.T) {
	site := start(t, nil)
	b := newBrowser(t, site)
	b.signIn("ada", "lovelace")
	copied := b.cookie()
	b.submit(b.get("/"), "/signout", nil)
	other := newBrowser(t, site)
	r := other.request(http.MethodGet, "/api/auth/session", nil)
	r.AddCookie(copied)
	if res := other.do(r); res.body != "{}" {
		t.Errorf("the copy has the session %s", res.body)
	}
}

// failingStore is a store whose methods fail on demand.
type failingStore struct {
	*store.Memory
	cantFind, cantList, cantDelete atomic.Bool
}

var errStore = errors.New("dial tcp 10.0.0.7:6379: connection refused")

func (m *failingStore) FindSession(ctx context.Context, handle string) (*store.Record, error) {
	if m.cantFind.Load() {
		return nil, errStore
	}
	return m.Memory.FindSession(ctx, handle)
}

func (m *failingStore) ListSessions(ctx context.Context, realm, subject string, limit int) ([]*store.Record, error) {
	if m.cantList.Load() {
		return nil, errStore
	}
	return m.Memory.ListSessions(ctx, realm, subject, limit)
}

func (m *failingStore) DeleteSession(ctx context.Context, handle string) error {
	if m.cantDelete.Load() {
		return errStore
	}
	return m.Memory.DeleteSession(ctx, handle)
}

func (m *failingStore) DeleteSessions(ctx context.Context, realm, subject, exceptID string) (int, error) {
	if m.cantDelete.Load() {
		return 0, errStore
	}
	return m.Memory.DeleteSessions(ctx, realm, subject, exceptID)
}

func (m *failingStore) DeleteSessionByID(ctx context.Context, realm, subject, id string) (bool, error) {
	if m.cantDelete.Load() {
		return false, errStore
	}
	return m.Memory.DeleteSessionByID(ctx, realm, subject, id)
}

func TestSessions_StoreDown(t *testing.T) {
	m := &failingStore{Memory: store.NewMemory(store.MemoryOptions{})}
	b := newBrowser(t, startWith(t, inMemory, m))
	b.signIn("ada", "lovelace")
	cookie := b.cookie()
	expect503 := func(what string, res response) {
		t.Helper()
		if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
			t.Errorf("%s: status %d", what, res.StatusCode)
		}
		for _, inside := range []string{"10.0.0.7", "refused", "goroutine", ".go:"} {
			if strings.Contains(res.body, inside) {
				t.Errorf("%s has internals: %s", what, res.body)
			}
		}
		if !strings.Contains(strings.ToLower(res.body), "try again") {
			t.Errorf("%s has no advice:\n%s", what, res.body)
		}
	}
	form := url.Values{"id": {"one"}}
	m.cantList.Store(true)
	expect503("the page", b.get("/sessions"))
	m.cantDelete.Store(true)
	for _, path := range []string{"/sessions/end", "/sessions/end-others", "/sessions/end-all", "/signout"} {
		expect503(path, b.post(path, form))
	}
	m.cantFind.Store(true)
	expect503("the page without a session", b.get("/sessions"))
	for _, path := range []string{"/sessions/end", "/sessions/end-others", "/sessions/end-all"} {
		res := b.post(path, form)
		if res.StatusCode == http.StatusSeeOther {
			res = b.get(res.Header.Get("Location"))
		}
		expect503(path+" without a session", res)
	}
	expect503("/signout without a session", b.post("/signout", nil))
	if got := b.cookie(); got == nil || got.Value != cookie.Value {
		t.Errorf("the cookie is %v, and was %v", got, cookie)
	}

	m.cantFind.Store(false)
	m.cantList.Store(false)
	m.cantDelete.Store(false)
	b.expectName("Ada Lovelace")
}

func TestBrowserName_UserAgents(t *testing.T) {
	for userAgent, want := range map[string]string{
		firefox: "Firefox on Linux", iPhone: "Safari on iPhone", edge: "Edge on Windows", chrome: "Chrome on Android",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Safari/605.1.15":                      "Safari on macOS",
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36":                             "Chrome on ChromeOS",
		"Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/142.0.0.0 Mobile/15E148 Safari/604.1":          "Chrome on iPad",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 OPR/125.0.0.0":              "Opera on Windows",
		"Mozilla/5.0 (Linux; Android 15; SM-S931B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/29.0 Chrome/136.0.0.0 Mobile Safari/537.36": "Samsung Internet on Android",
		"curl/8.16.0": "curl", "Go-http-client/1.1": "A Go program", "": "Unknown browser", "<script>": "Unknown browser",
	} {
		if got := browserName(userAgent); got != want {
			t.Errorf("%q: got %q, want %q", userAgent, got, want)
		}
	}
}

func TestWhen_Words(t *testing.T) {
	now := time.Date(2026, 12, 23, 8, 0, 0, 0, time.UTC)
	for d, want := range map[time.Duration]string{
		0: "just now", 59 * time.Second: "just now", -59 * time.Second: "just now", -time.Minute: "1 minute ago", -119 * time.Second: "1 minute ago",
		-2 * time.Minute: "2 minutes ago", 119 * time.Minute: "in 119 minutes", -2 * time.Hour: "2 hours ago", 47*time.Hour + 59*time.Minute: "in 47 hours",
		48 * time.Hour: "in 2 days", 30*24*time.Hour - time.Second: "in 30 days", -90 * 24 * time.Hour: "90 days ago",
	} {
		got := when(nuxtauth.ISOTime(now.Add(d)), now)
		if got.Words != want {
			t.Errorf("%v from now: got %q, want %q", d, got.Words, want)
		}
	}
	if got := when(nuxtauth.ISOTime(now), now).Machine; got != "2026-12-23T08:00:00.000Z" {
		t.Errorf("got %q", got)
	}
}
