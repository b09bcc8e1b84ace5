package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

// startOf returns the state of a new sign-in of a browser.
func startOf(t *testing.T, a *apptest.App) string {
	t.Helper()
	to, err := url.Parse(a.Start("idp"))
	if err != nil {
		t.Fatal(err)
	}
	return to.Query().Get("state")
}

// The answers of a provider evict no counts of failed attempts.
func TestLimit_SurvivesFloodOfCallbacks(t *testing.T) {
	for name, tt := range map[string]struct {
		counters, callbacks int
		answer              string
		shared              bool
	}{
		"errors":          {100, 110, "error=x", true},
		"denials":         {100, 110, "error=access_denied", true},
		"no answer":       {100, 110, "", true},
		"codes":           {400, 450, "code=x", true},
		"codes, no store": {400, 450, "code=x", false},
	} {
		t.Run(name, func(t *testing.T) {
			a := apptest.New(t, apptest.WithProviders(apptest.StartIDP(t)), func(c *apptest.Config) {
				c.SignInLimit.PerAccount = 5
				if tt.shared {
					c.Session.Store = store.NewMemory(store.MemoryOptions{Now: c.Now, MaxCounts: tt.counters})
				}
			})
			guess := func() int {
				return a.Post("/api/auth/callback/credentials", a.CredentialsForm("ada", "wrong")).StatusCode
			}
			for range 6 {
				guess()
			}
			if status := guess(); status != http.StatusTooManyRequests {
				t.Fatalf("the seventh attempt answers %d", status)
			}
			for range tt.callbacks {
				b := a.Another()
				b.Get("/api/auth/callback/idp?" + tt.answer + "&state=" + startOf(t, b))
			}
			if status := guess(); status != http.StatusTooManyRequests {
				t.Errorf("after %d callbacks an attempt answers %d", tt.callbacks, status)
			}
		})
	}
}

// Callbacks of one network are limited, apart from attempts with credentials. Those
// that end with a session do not count.
func TestLimit_CallbacksPerNetwork(t *testing.T) {
	idp := apptest.StartIDP(t)
	a := apptest.New(t, apptest.WithProviders(idp))
	signIn := func() apptest.Response {
		b := a.Another()
		return b.Follow(idp.SignIn(t, b.Start("idp"), "alice"))
	}
	for range 10 {
		if res := signIn(); res.Header.Get("Location") != a.URL+"/home" {
			t.Fatalf("a sign-in leads to %s", res.Header.Get("Location"))
		}
	}
	for i := range 301 {
		b := a.Another()
		res := b.Get("/api/auth/callback/idp?code=x&state=" + startOf(t, b))
		want := "OAuthCallback"
		if i == 300 {
			want = "TooManyAttempts&retryAfter=60"
		}
		if to := res.Header.Get("Location"); to != a.URL+"/api/auth/error?error="+want || b.CheckCookies() != nil {
			t.Fatalf("callback %d leads to %s, and leaves %d check cookies", i+1, to, len(b.CheckCookies()))
		}
	}
	res := signIn()
	if to := res.Header.Get("Location"); !strings.HasSuffix(to, "error=TooManyAttempts&retryAfter=60") || res.Header.Get("Retry-After") != "60" {
		t.Errorf("a sign-in leads to %s, Retry-After %q", to, res.Header.Get("Retry-After"))
	}
	a.SignIn() // with credentials
	a.Clock.Advance(61e9)
	if res := signIn(); res.Header.Get("Location") != a.URL+"/home" {
		t.Errorf("a minute later a sign-in leads to %s", res.Header.Get("Location"))
	}
}

// A callback after which an account waits for its user begins no session, and counts.
func TestLimit_CallbacksWithoutASession(t *testing.T) {
	u := newUsersApp(t, afterProof, trusting("idp2"))
	u.add(&store.User{Name: "Owner", Email: "alice@example.com", EmailVerified: u.Clock.Now()})
	for range 299 {
		b := u.another()
		b.Get("/api/auth/callback/idp?code=x&state=" + startOf(t, b.App))
	}
	for _, want := range []string{"OAuthAccountNotLinked", "TooManyAttempts"} {
		b := u.another()
		b.refused(b.signIn("idp2", "alice"), want)
	}
}

func TestLimit_RetryAfterIsTheWindow(t *testing.T) {
	network, account := newGuesser(t), newGuesser(t)
	for i := range 30 {
		network.wrong(1, here, fmt.Sprint("user", i))
	}
	account.wrong(20, here, "ada")
	for _, tt := range []struct {
		g    *guesser
		want string
	}{{network, "60"}, {account, "900"}} {
		if got := tt.g.guess(here, "ada", "wrong").Header().Get("Retry-After"); got != tt.want {
			t.Errorf("Retry-After is %q, want %q", got, tt.want)
		}
	}
}
