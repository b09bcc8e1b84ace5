package session_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// A handleStore returns a fixed handle in place of its own while one is set.
type handleStore struct {
	*store.Memory
	create, replace *string
}

func (s *handleStore) CreateSession(ctx context.Context, r *store.Record) (string, error) {
	handle, err := s.Memory.CreateSession(ctx, r)
	if s.create != nil {
		handle = *s.create
	}
	return handle, err
}

func (s *handleStore) ReplaceSession(ctx context.Context, handle string, r *store.Record) (string, error) {
	handle, err := s.Memory.ReplaceSession(ctx, handle, r)
	if s.replace != nil {
		handle = *s.replace
	}
	return handle, err
}

// postCredentials posts the right credentials.
func postCredentials(a *apptest.App) apptest.Response {
	return a.Post("/api/auth/callback/credentials", url.Values{"username": {"ada"}, "password": {"lovelace"}, "csrfToken": {a.CSRF()}})
}

// failedSignIn checks that a sign-in failed, and that the log says what is wrong.
func failedSignIn(t *testing.T, a *apptest.App, res apptest.Response, want string) {
	t.Helper()
	apptest.NotSignedIn(t, "the sign-in", res)
	if res.StatusCode == http.StatusOK || !strings.Contains(res.Header.Get("Location"), "error=") {
		t.Errorf("the sign-in answers %d %s", res.StatusCode, res.Header.Get("Location"))
	}
	if !strings.Contains(a.Log.String(), want) {
		t.Errorf("the log does not have %q:\n%s", want, a.Log)
	}
}

func TestStore_WrongHandleIsFault(t *testing.T) {
	for name, tt := range map[string]struct{ handle, want string }{
		"empty": {"", "the store returned an empty handle"},
		"dot":   {"a.b", "the store returned a handle with a character other than"},
		"colon": {"id:a", "the store returned a handle with a character other than"},
		"plus":  {"a+b/c=", "the store returned a handle with a character other than"},
	} {
		t.Run(name, func(t *testing.T) {
			s := new(handleStore)
			a := apptest.New(t, func(c *apptest.Config) {
				s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
				c.Session.Store = s
			})
			s.create = &tt.handle
			failedSignIn(t, a, postCredentials(a), tt.want)

			s.create = nil
			a.SignIn()
			a.Clock.Advance(25 * time.Hour) // due for renewal
			s.replace = &tt.handle
			logged := len(a.Log.String())
			if res := a.Get("/me"); len(res.SetCookies()) > 0 {
				t.Errorf("the renewal sets %v", res.SetCookies())
			}
			if log := a.Log.String()[logged:]; !strings.Contains(log, tt.want) {
				t.Errorf("the log of the renewal does not have %q:\n%s", tt.want, log)
			}
			s.replace = nil
			if a.Session() == nil {
				t.Error("the session ended")
			}
		})
	}
}

// A sealCodec seals every claims set to the same text, and opens what was sealed
// before.
type sealCodec struct {
	token.Codec
	sealed *string
	opened []byte
}

func (c *sealCodec) Seal(ctx context.Context, claims []byte) (string, error) {
	if c.sealed != nil {
		return *c.sealed, nil
	}
	return c.Codec.Seal(ctx, claims)
}

func (c *sealCodec) Open(ctx context.Context, sealed string) ([]byte, error) {
	if c.opened != nil {
		return c.opened, nil
	}
	return c.Codec.Open(ctx, sealed)
}

// newCodecApp starts an application with a sealCodec.
func newCodecApp(t *testing.T) (*apptest.App, *sealCodec) {
	inner, err := token.NewNextAuth("", apptest.Secret)
	if err != nil {
		t.Fatal(err)
	}
	c := &sealCodec{Codec: inner}
	return apptest.New(t, func(cfg *apptest.Config) { cfg.Session.Codec = c }), c
}

func TestCodec_WrongTokenIsFault(t *testing.T) {
	for name, tt := range map[string]struct{ sealed, want string }{
		"empty":  {"", "the codec of the session token returned an empty token"},
		"base64": {"a+b/c=", "the codec of the session token returned a token with a character other than"},
		"space":  {"a b", "the codec of the session token returned a token with a character other than"},
		"comma":  {"a;Domain=example.com", "the codec of the session token returned a token with a character other than"},
	} {
		t.Run(name, func(t *testing.T) {
			a, c := newCodecApp(t)
			c.sealed = &tt.sealed
			failedSignIn(t, a, postCredentials(a), tt.want)

			c.sealed = nil
			a.SignIn()
			a.Clock.Advance(25 * time.Hour)
			c.sealed = &tt.sealed
			if res := a.Get("/me"); len(res.SetCookies()) > 0 {
				t.Errorf("the renewal sets %v", res.SetCookies())
			}
			c.sealed = nil
			if a.Session() == nil {
				t.Error("the session ended")
			}
		})
	}
}

// Open says by an error that a token is not good.
func TestCodec_NoClaimsIsFault(t *testing.T) {
	a, c := newCodecApp(t)
	a.SignIn()
	c.opened = []byte{}
	if res := a.Get("/me"); len(res.SetCookies()) > 0 || res.Text != "null" {
		t.Errorf("/me answers %s and sets %v", res.Text, res.SetCookies())
	}
	if want := "the codec of the session token returned neither claims nor an error"; !strings.Contains(a.Log.String(), want) {
		t.Errorf("the log does not have %q:\n%s", want, a.Log)
	}
	c.opened = nil
	if a.Session() == nil {
		t.Error("the session ended")
	}
}
