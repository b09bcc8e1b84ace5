package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"

	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

// browsers is the number of different user agents.
const browsers = 500

func userAgent(i int) string {
	return fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.%d.0 Safari/537.36", i%browsers)
}

// memoryStore is a store of sessions in memory. open returns a function that signs a user in,
// and the store, which must be reachable until it was measured.
type memoryStore struct {
	title string
	open  func() (signIn func(p *user) error, store any)
}

var memoryStores = []memoryStore{
	{"`store.Memory`", func() (func(*user) error, any) {
		m := store.NewMemory(store.MemoryOptions{})
		return inMemory(m), m
	}},
	{"scs: memstore", func() (func(*user) error, any) {
		manager, signIn := newSCS()
		return func(p *user) error {
			_, err := signIn(p)
			return err
		}, manager
	}},
	{"gin-contrib/sessions: memstore", func() (func(*user) error, any) {
		s := memstore.NewStore(key)
		var current *user
		r := newGinSessions(s, func(*gin.Context) *user { return current })
		return func(p *user) error {
			current = p
			w := httptest.NewRecorder()
			r.ServeHTTP(w, get("/sign-in"))
			if w.Code != http.StatusOK {
				return fmt.Errorf("sign-in: status %d: %s", w.Code, w.Body)
			}
			return nil
		}, s
	}},
}

// inMemory returns a function that signs in with the form of an application whose store is m.
func inMemory(m *store.Memory) func(p *user) error {
	var current *user
	_, h, err := newAuth(func(c *config) {
		c.Session.Store = m
		c.Providers = []provider.Provider{provider.Credentials(func(context.Context, url.Values) (*provider.User, error) {
			return &provider.User{ID: current.Subject, Name: current.Name, Email: current.Email, Image: current.Picture}, nil
		})}
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) {
			p.Token.Role, p.Token.AccessToken = current.Role, current.AccessToken
			return p.Token, nil
		}
	})
	if err != nil {
		return func(*user) error { return err }
	}
	csrfResponse := httptest.NewRecorder()
	h.ServeHTTP(csrfResponse, get("/api/auth/csrf"))
	var csrf struct{ CSRFToken string }
	if err := json.Unmarshal(csrfResponse.Body.Bytes(), &csrf); err != nil {
		return func(*user) error { return err }
	}
	form := url.Values{"csrfToken": {csrf.CSRFToken}, "json": {"true"}}.Encode()
	header := get("/", csrfResponse.Result().Cookies()...).Header
	header.Set("Content-Type", "application/x-www-form-urlencoded")

	return func(p *user) error {
		current = p
		r := httptest.NewRequest(http.MethodPost, "http://localhost:3000/api/auth/callback/credentials", strings.NewReader(form))
		r.Header = header.Clone()
		r.Header.Set("User-Agent", userAgent(m.Len()))
		before := m.Len()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if m.Len() != before+1 {
			return fmt.Errorf("no session after the sign-in: status %d: %s", w.Code, w.Body)
		}
		return nil
	}
}

// memory is the command that measures the live heap of stores with many sessions.
func memory(args []string) error {
	flags := flag.NewFlagSet("memory", flag.ExitOnError)
	n := flags.Int("sessions", 100_000, "number of sessions in each store")
	if err := flags.Parse(args); err != nil {
		return err
	}
	fmt.Printf("%s, %s/%s, %d sessions.\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, *n)
	fmt.Println("| sessions in memory | bytes each |")
	fmt.Println("|---|--:|")
	for _, k := range memoryStores {
		before := liveHeap()
		signIn, s := k.open()
		for i := range *n {
			if err := signIn(userAt(i)); err != nil {
				return fmt.Errorf("%s: %w", k.title, err)
			}
		}
		used := liveHeap() - before
		runtime.KeepAlive(signIn)
		runtime.KeepAlive(s)
		fmt.Printf("| %s | %.0f |\n", k.title, float64(used)/float64(*n))
	}
	return nil
}

// liveHeap returns the size of the live heap. The second collection frees the objects in a sync.Pool.
func liveHeap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// userAt returns a different user of the same size for each i, which shares no string with
// the others.
func userAt(i int) *user {
	number := fmt.Sprintf("%06d", i)
	last := func(s string) string { return s[:len(s)-len(number)] + number }
	return &user{
		Subject: last(ada.Subject), Name: last(ada.Name), Email: number + ada.Email[len(number):],
		Picture: last(ada.Picture), Role: strings.Clone(ada.Role), AccessToken: last(ada.AccessToken),
	}
}
