package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

// many is the command that measures concurrent sign-ins and concurrent requests with
// sessions, and the memory afterwards.
func many(args []string) error {
	flags := flag.NewFlagSet("many", flag.ExitOnError)
	atOnce := flags.Int("at-once", 1000, "number of concurrent users")
	signIns := flags.Int("sign-ins", 20_000, "number of sign-ins")
	sessions := flags.Int("sessions", 100_000, "number of sessions")
	if err := flags.Parse(args); err != nil {
		return err
	}
	fmt.Printf("%s, %s/%s, %d CPUs, %d at a time.\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), *atOnce)
	fmt.Println("| what | how many | a second | heap before, MB | after half | after all | goroutines left |")
	fmt.Println("|---|--:|--:|--:|--:|--:|--:|")
	for _, c := range workloads {
		n := *sessions
		if c.signIn {
			n = *signIns
		}
		if err := c.run(n, *atOnce); err != nil {
			return fmt.Errorf("%s: %w", c.title, err)
		}
	}
	return nil
}

// workload is a request of many users.
type workload struct {
	title  string
	signIn bool
	change func(*config)
}

var workloads = []workload{
	{"sign in with OAuth", true, nil},
	{"`GET /me`, sessions in cookies", false, nil},
	{"`GET /me`, `CacheFor`", false, func(c *config) { c.Session.CacheFor = time.Minute }},
	{"`GET /me`, `store.Memory`", false, func(c *config) { c.Session.Store = store.NewMemory(store.MemoryOptions{}) }},
}

// run sends the requests of n users, atOnce of them concurrently, and prints a line of the table.
func (c workload) run(n, atOnce int) error {
	idp := httptest.NewServer(http.HandlerFunc(identity))
	defer idp.Close()
	auth, h, err := newAuth(func(cfg *config) {
		cfg.Providers = []provider.Provider{provider.OAuth2(provider.Provider{
			ID: "idp", ClientID: "bench", ClientSecret: secret,
			AuthorizationURL: idp.URL + "/authorize", TokenURL: idp.URL + "/token", UserinfoURL: idp.URL + "/user",
		})}
		if c.change != nil {
			c.change(cfg)
		}
	})
	if err != nil {
		return err
	}
	one := func(int) error { return signInWithOAuth(h) }
	if !c.signIn {
		one = func(i int) error {
			cookies, err := issuedCookies(auth.Issue(context.Background(), tokenOf(*userAt(i))))
			if err != nil {
				return err
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, get("/me", cookies...))
			if !strings.Contains(w.Body.String(), ada.Role) {
				return fmt.Errorf("status %d: %s", w.Code, w.Body)
			}
			return nil
		}
	}
	if err := one(n); err != nil { // for memory that is allocated once
		return err
	}
	count, before := runtime.NumGoroutine(), liveHeap()
	start := time.Now()
	if err := runAll(n/2, atOnce, one); err != nil {
		return err
	}
	took := time.Since(start)
	middle := liveHeap()
	start = time.Now()
	if err := runAll(n-n/2, atOnce, func(i int) error { return one(n/2 + i) }); err != nil {
		return err
	}
	took += time.Since(start)
	after := liveHeap()
	idp.CloseClientConnections()
	mb := func(b int64) float64 { return float64(b) / (1 << 20) }
	fmt.Printf("| %s | %d | %.0f | %.1f | %.1f | %.1f | %d |\n", c.title, n, float64(n)/took.Seconds(),
		mb(before), mb(middle), mb(after), max(0, goroutines(count)-count))
	runtime.KeepAlive(auth)
	return nil
}

// runAll calls do n times, atOnce of them concurrently. All calls must succeed.
func runAll(n, atOnce int, do func(i int) error) error {
	var next atomic.Int64
	var g errgroup.Group
	for range atOnce {
		g.Go(func() error {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := do(i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// goroutines returns the number of goroutines, and waits for the others to end.
func goroutines(want int) int {
	for range 100 {
		if runtime.NumGoroutine() <= want {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return runtime.NumGoroutine()
}

// identity is a provider that accepts every request.
func identity(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/token":
		fmt.Fprintf(w, `{"access_token":%q,"token_type":"bearer"}`, ada.AccessToken)
	case "/user":
		fmt.Fprintf(w, `{"id":%q,"name":%q,"email":%q,"picture":%q}`, ada.Subject, ada.Name, ada.Email, ada.Picture)
	default:
		http.NotFound(w, r)
	}
}

// signInWithOAuth sends the requests of a browser for a sign-in with OAuth.
func signInWithOAuth(h http.Handler) error {
	cookies := cookiesOf(h, get("/api/auth/csrf"))
	token, _, _ := strings.Cut(cookies[0].Value, "%7C")
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "http://localhost:3000/api/auth/signin/idp", strings.NewReader("csrfToken="+token))
	r.Header = get("/", cookies...).Header
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	h.ServeHTTP(w, r)
	to, err := url.Parse(w.Header().Get("Location"))
	if err != nil || to.Query().Get("state") == "" {
		return fmt.Errorf("sign-in: status %d, Location %s", w.Code, to)
	}
	cookies = append(cookies, w.Result().Cookies()...)
	w = httptest.NewRecorder()
	h.ServeHTTP(w, get("/api/auth/callback/idp?code=x&state="+url.QueryEscape(to.Query().Get("state")), cookies...))
	for _, c := range w.Result().Cookies() {
		if strings.HasSuffix(c.Name, ".session-token") {
			return nil
		}
	}
	return fmt.Errorf("callback: status %d, Location %s", w.Code, w.Header().Get("Location"))
}
