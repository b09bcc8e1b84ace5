package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

// A bearerClient sends a token, sealed or the handle of a stored session, in the
// Authorization header. It has a cookie jar of its own for the CSRF token.
type bearerClient struct {
	*apptest.App
	token string
}

// newBearerClient has the session of the browser of a.
func newBearerClient(a *apptest.App) *bearerClient {
	return &bearerClient{a.Another(), a.Cookie(apptest.SessionCookie)}
}

// send has the application answer a request without a network: an HTTP client
// would send a GET request again after a panic.
func (b *bearerClient) send(method, path, contentType, body string) apptest.Response {
	b.Helper()
	req, rec := b.Request(method, path, contentType, body), httptest.NewRecorder()
	req.Header.Set("Authorization", "Bearer "+b.token)
	for _, c := range b.Cookies() {
		req.AddCookie(c)
	}
	b.Router.ServeHTTP(rec, req)
	res := apptest.Recorded(rec)
	b.Client.Jar.SetCookies(req.URL, res.Cookies())
	return res
}

func (b *bearerClient) get(path string) apptest.Response {
	b.Helper()
	return b.send("GET", path, "", "")
}

// A client that sends a sealed token does not get a new one.
func TestBearer_ExpiresWithItsToken(t *testing.T) {
	for _, storage := range []string{"cookie", "deny-list"} {
		for name, later := range map[string]time.Duration{"at once": 0, "after an hour": time.Hour, "after UpdateAge": 25 * time.Hour, "after 29 days": 29 * 24 * time.Hour} {
			t.Run(storage+", "+name, func(t *testing.T) {
				a := apptest.New(t, apptest.Storages[storage], func(c *apptest.Config) {
					c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
						p.Token.Nickname += "x" // a change in each request
						return p.Token, nil
					}
				})
				a.SignIn()
				end := a.Clock.Now().Add(30 * 24 * time.Hour)
				mobile := newBearerClient(a)
				a.Clock.Advance(later)
				for _, path := range []string{"/api/auth/session", "/me"} {
					s := mobile.SessionIn(mobile.get(path))
					if s == nil {
						t.Fatalf("%s: signed out", path)
					}
					if got := s.Expires.Time(); got.Sub(end).Abs() > time.Second {
						t.Errorf("%s: the session expires at %v, its token at %v", path, got, end)
					}
				}
			})
		}
	}
}

// The client does not get the handle of a new session.
func TestBearer_UpdateOfSubjectIsError(t *testing.T) {
	a := apptest.New(t, apptest.NewStore().Use)
	var got error
	a.Router.POST("/merge", func(c *gin.Context) {
		got = a.Auth.Update(c, func(t *apptest.Token) error { t.Subject = "merged"; return nil })
	})
	a.Router.POST("/nickname", func(c *gin.Context) {
		got = a.Auth.Update(c, func(t *apptest.Token) error { t.Nickname = "countess"; return nil })
	})
	a.Router.GET("/token", func(c *gin.Context) {
		if tok := a.Auth.Token(c); tok != nil {
			c.String(http.StatusOK, tok.Subject+" "+tok.Nickname)
		}
	})
	a.SignIn()
	mobile := newBearerClient(a)
	mobile.send("POST", "/merge", "", "")
	if got == nil || errors.Is(got, nuxtauth.ErrSignedOut) {
		t.Errorf("Update with a new subject returns %v", got)
	}
	if got := mobile.get("/token").Text; got != "1 " {
		t.Errorf("after it the token has %q", got)
	}
	if mobile.send("POST", "/nickname", "", ""); got != nil {
		t.Errorf("Update of another field returns %v", got)
	}
	if got := mobile.get("/token").Text; got != "1 countess" {
		t.Errorf("after it the token has %q", got)
	}
	if list, err := listSessions(t.Context(), a.Auth, "merged"); err != nil || len(list) != 0 {
		t.Errorf("the new subject has sessions: %v, %v", list, err)
	}
}

func TestBearer_SignOutEndsSession(t *testing.T) {
	for _, storage := range []string{"deny-list", "memory", "memory, cached"} {
		t.Run(storage, func(t *testing.T) {
			a := apptest.New(t, apptest.Storages[storage])
			var ended int
			a.Router.POST("/leave", func(c *gin.Context) {
				if err := a.Auth.SignOut(c); err == nil {
					ended++
				}
			})
			for name, signOut := range map[string]func(*bearerClient){
				"API": func(b *bearerClient) {
					res := b.send("POST", "/api/auth/signout", apptest.FormType, "json=true&csrfToken="+b.CSRF())
					if res.StatusCode == http.StatusOK {
						ended++
					}
				},
				"SignOut": func(b *bearerClient) { b.send("POST", "/leave", "", "") },
			} {
				a.SignIn()
				mobile := newBearerClient(a)
				if mobile.get("/me").Text == "null" {
					t.Fatal("not signed in")
				}
				ended = 0
				signOut(mobile)
				if ended != 1 || mobile.get("/me").Text != "null" || a.Copy().Session() != nil {
					t.Errorf("%s: the session is valid, or the sign-out failed", name)
				}
			}
		})
	}
}

func TestBearer_SessionEndsDuringRenewal(t *testing.T) {
	for _, path := range []string{"/me", "/api/auth/session"} {
		s := apptest.NewStore()
		a := apptest.New(t, s.Use)
		a.SignIn()
		mobile := newBearerClient(a)
		a.Clock.Advance(25 * time.Hour)
		s.RunBefore("ReplaceSession", func() {
			if err := revokeSessions(context.Background(), a.Auth, "1"); err != nil {
				t.Error(err)
			}
		})
		res := mobile.get(path)
		if res.StatusCode != http.StatusOK || mobile.SessionIn(res) != nil || res.Header.Get("Set-Cookie") != "" && path == "/me" {
			t.Errorf("%s: %d %s, cookies %v", path, res.StatusCode, res.Text, res.SetCookies())
		}
	}
}

func TestBearer_StoredSessionIsRefreshed(t *testing.T) {
	a := apptest.NewOpenIDApp(t, apptest.OpenIDStorages["memory"])
	a.SignIn()
	mobile := a.Another()
	get := func() string {
		req := mobile.Request("GET", "/api", "", "")
		req.Header.Set("Authorization", "Bearer "+a.Cookie(apptest.SessionCookie))
		if res := mobile.Do(req); res.StatusCode == http.StatusOK {
			return res.Text
		}
		return ""
	}
	first := get()
	a.Clock.Advance(6 * time.Minute)
	second := get()
	if first == "" || second == "" || first == second || a.Refreshes() != 1 {
		t.Errorf("access tokens %q and %q, %d token requests", first, second, a.Refreshes())
	}
	if got := a.AccessToken(); got != second || a.Refreshes() != 1 {
		t.Errorf("the browser has %q, %d token requests", got, a.Refreshes())
	}
}

// As in Auth.js, the token may be percent-encoded, after more than one space.
func TestBearer_SpellingOfHeader(t *testing.T) {
	apptest.EachStorage(t, func(t *testing.T, storage func(*apptest.Config)) {
		a := apptest.New(t, storage)
		a.SignIn()
		token := a.Cookie(apptest.SessionCookie)
		encoded := fmt.Sprintf("%%%02X", token[0]) + token[1:]
		for header, valid := range map[string]bool{
			"Bearer " + token: true, "bearer " + token: true, "Bearer   " + token + " ": true, "Bearer " + encoded: true,
			"Bearer" + token: false, "Basic " + token: false, "Bearer %" + token: false, "Bearer x" + token: false,
		} {
			req, rec := apptest.NewRequest("GET", "/me", nil)
			req.Header.Set("Authorization", header)
			a.Router.ServeHTTP(rec, req)
			if got := a.SessionIn(apptest.Recorded(rec)) != nil; got != valid {
				t.Errorf("%.20q: the session is valid: %t", header, got)
			}
		}
	})
}
