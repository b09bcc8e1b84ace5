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

// browsers are as many user agents as a service may see.
const browsers = 500

func userAgent(i int) string {
	return fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.%d.0 Safari/537.36", i%browsers)
}

// A keeper keeps sessions in memory. Open returns what signs a person in, and
// the store, which must live for as long as it is measured.
type keeper struct {
	title string
	open  func() (signIn func(p *person) error, store any)
}

var keepers = []keeper{
	{"`store.Memory`", func() (func(*person) error, any) {
		m := store.NewMemory(store.MemoryOptions{})
		return inMemory(m), m
	}},
	{"scs: memstore", func() (func(*person) error, any) {
		manager, signIn := newSCS()
		return func(p *person) error {
			_, err := signIn(p)
			return err
		}, manager
	}},
	{"gin-contrib/sessions: memstore", func() (func(*person) error, any) {
		s := memstore.NewStore(key)
		var who *person
		r := newGinSessions(s, func(*gin.Context) *person { return who })
		return func(p *person) error {
			who = p
			w := httptest.NewRecorder()
			r.ServeHTTP(w, get("/sign-in"))
			if w.Code != http.StatusOK {
				return fmt.Errorf("the sign-in answered %d %s", w.Code, w.Body)
			}
			return nil
		}, s
	}},
}

// inMemory signs in with the form of an application that keeps its sessions in m.
func inMemory(m *store.Memory) func(p *person) error {
	var who *person
	_, h, err := newAuth(func(c *config) {
		c.Session.Store = m
		c.Providers = []provider.Provider{provider.Credentials(func(context.Context, url.Values) (*provider.User, error) {
			return &provider.User{ID: who.Subject, Name: who.Name, Email: who.Email, Image: who.Picture}, nil
		})}
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) {
			p.Token.Role, p.Token.AccessToken = who.Role, who.AccessToken
			return p.Token, nil
		}
	})
	if err != nil {
		return func(*person) error { return err }
	}
	asksForToken := httptest.NewRecorder()
	h.ServeHTTP(asksForToken, get("/api/auth/csrf"))
	var csrf struct{ CSRFToken string }
	if err := json.Unmarshal(asksForToken.Body.Bytes(), &csrf); err != nil {
		return func(*person) error { return err }
	}
	form := url.Values{"csrfToken": {csrf.CSRFToken}, "json": {"true"}}.Encode()
	header := get("/", asksForToken.Result().Cookies()...).Header
	header.Set("Content-Type", "application/x-www-form-urlencoded")

	return func(p *person) error {
		who = p
		r := httptest.NewRequest(http.MethodPost, "http://localhost:3000/api/auth/callback/credentials", strings.NewReader(form))
		r.Header = header.Clone()
		r.Header.Set("User-Agent", userAgent(m.Len()))
		before := m.Len()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if m.Len() != before+1 {
			return fmt.Errorf("the sign-in answered %d %s and kept no session", w.Code, w.Body)
		}
		return nil
	}
}

// memory is the command that fills stores and says what is alive after a
// garbage collection.
func memory(args []string) error {
	flags := flag.NewFlagSet("memory", flag.ExitOnError)
	n := flags.Int("sessions", 100_000, "how many sessions each store gets")
	if err := flags.Parse(args); err != nil {
		return err
	}
	fmt.Printf("%s, %s/%s, %d sessions.\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, *n)
	fmt.Println("| sessions in memory | bytes each |")
	fmt.Println("|---|--:|")
	for _, k := range keepers {
		before := liveHeap()
		signIn, s := k.open()
		for i := range *n {
			if err := signIn(somebody(i)); err != nil {
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

// liveHeap collects twice: what a sync.Pool holds goes at the second time.
func liveHeap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// somebody is another person for each i, of the same size, who shares no
// string with the others.
func somebody(i int) *person {
	number := fmt.Sprintf("%06d", i)
	last := func(s string) string { return s[:len(s)-len(number)] + number }
	return &person{
		Subject: last(ada.Subject), Name: last(ada.Name), Email: number + ada.Email[len(number):],
		Picture: last(ada.Picture), Role: strings.Clone(ada.Role), AccessToken: last(ada.AccessToken),
	}
}
