package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// seal is a token of a Node server with the secret of the applications here.
func seal(t *testing.T, claims string) string {
	t.Helper()
	codec, err := token.NewNextAuth("", apptest.Secret)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := codec.Seal(t.Context(), []byte(claims))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// A JWT callback may build a token from the one that it gets.
func TestCallback_NewTokenIsSameSession(t *testing.T) {
	const lifetime = 50 * 24 * time.Hour
	for _, storage := range []string{"cookie", "deny-list", "memory"} {
		t.Run(storage, func(t *testing.T) {
			a := apptest.NewOpenIDApp(t, apptest.OpenIDStorages[storage], func(c *apptest.OpenIDConfig) {
				if storage != "cookie" {
					apptest.Backchannel(c)
				}
				c.Session.MaxLifetime = lifetime
				c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.OpenIDToken]) (*apptest.OpenIDToken, error) {
					return &apptest.OpenIDToken{
						DefaultJWT: nuxtauth.DefaultJWT{Subject: p.Token.Subject, Name: p.Token.Name}, Note: p.Token.Note + "x",
					}, nil
				}
			})
			var notes, ids []string
			a.Router.GET("/token", func(c *gin.Context) {
				if tok := a.Auth.Token(c); tok != nil {
					notes, ids = append(notes, tok.Note), append(ids, a.Auth.SessionID(c))
				}
			})
			a.SignIn()
			notes = nil
			a.Get("/token")
			a.Get("/token")
			if len(notes) != 2 || len(notes[1]) != len(notes[0])+1 {
				t.Errorf("the changes of the callback are %q", notes)
			}
			if ids[0] != ids[1] || ids[0] == "" && storage != "cookie" {
				t.Errorf("the IDs of the session are %q", ids)
			}
			if storage != "cookie" {
				phone, s := a.Another(), a.IDP.Sessions()[0]
				phone.SignIn()
				res := a.Another().Post("/api/auth/backchannel-logout/idp", url.Values{"logout_token": {a.IDP.LogoutToken(t, s.Subject, s.ID)}})
				if res.StatusCode != http.StatusOK || a.Session() != nil || phone.Session() == nil {
					t.Errorf("a logout token of the session: %d %s; it is valid, or another ended", res.StatusCode, res.Text)
				}
				a = phone
			}
			for range 4 {
				if a.Clock.Advance(lifetime / 5); a.Session() == nil {
					t.Fatal("the session ended before MaxLifetime")
				}
			}
			if a.Clock.Advance(lifetime/5 + time.Minute); a.Session() != nil {
				t.Error("the session is valid after MaxLifetime")
			}
		})
	}
}

// Such a token does not say when the user signed in.
func TestToken_OfNodeServerEndsByLifetime(t *testing.T) {
	for _, path := range []string{"/api/auth/session", "/me"} {
		a := apptest.New(t)
		now := a.Clock.Now().Unix()
		a.SetCookie(apptest.SessionCookie, seal(t, fmt.Sprintf(`{"sub":"1","name":"Ada","iat":%d,"exp":%d}`, now, now+30*24*3600)))
		for day := 0; day < 85; day += 17 {
			if a.SessionIn(a.Get(path)) == nil {
				t.Fatalf("%s: it ended after %d days", path, day)
			}
			a.Clock.Advance(17 * 24 * time.Hour)
		}
		a.Get(path)
		if a.Clock.Advance(6 * 24 * time.Hour); a.SessionIn(a.Get(path)) != nil {
			t.Errorf("%s: it is valid after 91 days", path)
		}
	}
}

func TestToken_WithUnfitClaimIsSignedOut(t *testing.T) {
	a := apptest.New(t)
	now := a.Clock.Now().Unix()
	claims := fmt.Sprintf(`{"sub":"1","name":"Ada","nickname":"countess","iat":%d,"exp":%d}`, now, now+3600)
	a.SetCookie(apptest.SessionCookie, seal(t, claims))
	if a.Session() == nil {
		t.Fatal("a good token is no session")
	}
	for _, change := range []string{
		`"sub":1`, `"sub":null`, `"sub":""`, `"name":7`, `"nickname":{"a":1}`, `"exp":"soon"`, `"iat":null`, `"nuxtauth":"x"`, `"email":"a@example.com","email":"b@example.com"`,
	} {
		name, _, _ := strings.Cut(change, ":")
		var changed string
		if i := strings.Index(claims, name+":"); i >= 0 {
			end := i + strings.IndexAny(claims[i:], ",}")
			changed = claims[:i] + change + claims[end:]
		} else {
			changed = claims[:len(claims)-1] + "," + change + "}"
		}
		a.SetCookie(apptest.SessionCookie, seal(t, changed))
		if got := a.Get("/me").Text; got != "null" {
			t.Errorf("%s is a session: %s", changed, got)
		}
	}
}

func TestCallback_NoSubjectFailsSignIn(t *testing.T) {
	for name, storage := range apptest.Storages {
		a := apptest.New(t, storage, func(c *apptest.Config) {
			c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
				p.Token.Subject = ""
				return p.Token, nil
			}
		})
		form := a.CredentialsForm("ada", "lovelace")
		form.Del("json")
		res := a.Post("/api/auth/callback/credentials", form)
		apptest.NotSignedIn(t, name, res)
		if got := res.Header.Get("Location"); got != a.URL+"/api/auth/error?error=Callback" {
			t.Errorf("%s: the sign-in leads to %s", name, got)
		}
		if log := a.Log.String(); !strings.Contains(log, "no subject") {
			t.Errorf("%s: the log does not say why: %s", name, log)
		}
	}
}

// A read that is no renewal does not move the end of a session.
func TestSession_ExpiryIsThatOfLastWrite(t *testing.T) {
	for _, tt := range []struct{ storage, path string }{
		{"memory", "/me"}, {"memory", "/api/auth/session"}, {"cookie", "/me"}, {"deny-list", "/me"}, {"memory, cached", "/me"},
	} {
		a := apptest.New(t, apptest.Storages[tt.storage])
		a.SignIn()
		first := a.SessionIn(a.Get(tt.path))
		a.Clock.Advance(time.Hour)
		second := a.SessionIn(a.Get(tt.path))
		if first == nil || second == nil || first.Expires.Time().Unix() != second.Expires.Time().Unix() {
			t.Errorf("%s of %s: %+v, an hour later %+v", tt.path, tt.storage, first, second)
		}
	}
}

func TestSession_ShorterLifetimeCountsForOldOnes(t *testing.T) {
	for name, share := range map[string]func(*apptest.Config, *store.Memory){
		"cookie": func(*apptest.Config, *store.Memory) {},
		"memory": func(c *apptest.Config, m *store.Memory) { c.Session.Store = m },
	} {
		clock := apptest.NewClock()
		shared := store.NewMemory(store.MemoryOptions{Now: clock.Now})
		with := func(lifetime time.Duration) *apptest.App {
			return apptest.New(t, func(c *apptest.Config) { share(c, shared); c.Now, c.Session.MaxLifetime = clock.Now, lifetime })
		}
		long, short := with(60*24*time.Hour), with(40*24*time.Hour)
		long.SignIn()
		for range 2 {
			clock.Advance(18 * 24 * time.Hour)
			long.Session()
		}
		short.SetCookie(apptest.SessionCookie, long.Cookie(apptest.SessionCookie))
		if short.Copy().Session() == nil {
			t.Errorf("%s: it ended after 36 days", name)
		}
		clock.Advance(5 * 24 * time.Hour)
		if short.Session() != nil {
			t.Errorf("%s: it is valid after 41 days", name)
		}
	}
}

// A failed save leaves the token of the request, and the end of its session, as
// they were.
func TestSave_TooLargeTokenKeepsTimes(t *testing.T) {
	size := 0
	a := apptest.New(t, func(c *apptest.Config) {
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			p.Token.SessionToken = strings.Repeat("x", size)
			return p.Token, nil
		}
	})
	var got error
	a.Router.POST("/grow", func(c *gin.Context) {
		got = a.Auth.Update(c, func(t *apptest.Token) error { t.SessionToken = strings.Repeat("x", 70_000); return nil })
	})
	a.Router.GET("/times", func(c *gin.Context) {
		tok := a.Auth.Token(c)
		c.String(http.StatusOK, "%d %d %s", tok.IssuedAt, tok.ExpiresAt, a.Auth.Session(c).Expires)
	})
	a.SignIn()
	before := a.Get("/times").Text
	a.Clock.Advance(time.Hour)
	if a.Post("/grow", nil); !errors.Is(got, nuxtauth.ErrTokenTooLarge) {
		t.Errorf("Update returns %v", got)
	}
	size = 70_000
	if after := a.Get("/times").Text; after != before {
		t.Errorf("the times were %s, and are %s", before, after)
	}
	size = 0
	if after := a.Get("/times").Text; after != before {
		t.Errorf("the times were %s, and are %s in the next request", before, after)
	}
}

// A secretive value can't be written as JSON.
type secretive string

func (s secretive) MarshalJSON() ([]byte, error) {
	if s == "secret" {
		return nil, errors.New("not for JSON")
	}
	return []byte(`"` + string(s) + `"`), nil
}

type secretiveToken struct {
	nuxtauth.DefaultJWT
	Value secretive `json:"value"`
}

func TestUpdate_UnencodableTokenIsNotSaved(t *testing.T) {
	s := store.NewMemory(store.MemoryOptions{})
	auth, err := nuxtauth.New(nuxtauth.Config[secretiveToken, apptest.Session]{
		Secret: apptest.Secret, URL: "http://localhost", Session: nuxtauth.SessionConfig{Store: s},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := gin.New()
	r.Use(auth.Middleware())
	var got error
	r.POST("/", func(c *gin.Context) {
		got = auth.Update(c, func(t *secretiveToken) error { t.Value = "secret"; return nil })
	})
	r.GET("/", func(c *gin.Context) { c.String(http.StatusOK, string(auth.Token(c).Value)) })
	cookies, err := apptest.Cookies(auth.Issue(t.Context(), &secretiveToken{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}, Value: "open"}))
	if err != nil {
		t.Fatal(err)
	}
	req, rec := apptest.NewRequest("POST", "/", cookies)
	if r.ServeHTTP(rec, req); got == nil {
		t.Error("Update returns no error")
	}
	req, rec = apptest.NewRequest("GET", "/", cookies)
	if r.ServeHTTP(rec, req); rec.Body.String() != "open" {
		t.Errorf("the token has %q", rec.Body)
	}
	if _, err := auth.Issue(t.Context(), &secretiveToken{DefaultJWT: nuxtauth.DefaultJWT{Subject: "2"}, Value: "secret"}); err == nil {
		t.Error("Issue returns no error")
	}
	if list, err := listSessions(t.Context(), auth, "2"); err != nil || len(list) != 0 {
		t.Errorf("the store has %d sessions without claims, %v", len(list), err)
	}
}
