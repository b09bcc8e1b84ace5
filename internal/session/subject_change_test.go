package session_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

// subjectStorages are the storages in which a revocation by subject is remembered.
var subjectStorages = map[string]func(*apptest.Config){
	"deny-list": func(c *apptest.Config) { apptest.NewStore().UseAsDenyList(c) },
	"adopt": func(c *apptest.Config) {
		apptest.NewStore().Use(c)
		c.Session.AdoptCookies = true
	},
}

func asMerged(t *apptest.Token) error { t.Subject = "2"; return nil }

// The account that a session moves to has been signed out everywhere before.
func TestUpdate_NewSubjectAfterRevocation(t *testing.T) {
	for name, storage := range subjectStorages {
		t.Run(name, func(t *testing.T) {
			a := apptest.New(t, storage)
			a.Router.POST("/merge", func(c *gin.Context) {
				if err := a.Auth.Update(c, asMerged); err != nil {
					c.String(http.StatusInternalServerError, err.Error())
				}
			})
			if err := revokeSessions(t.Context(), a.Auth, "2"); err != nil {
				t.Fatal(err)
			}
			a.Clock.Advance(24 * time.Hour)
			a.SignIn()
			if res := a.Post("/merge", nil); res.StatusCode != http.StatusOK || a.Session() == nil {
				t.Fatalf("Update returns %s, and the session is %v", res.Text, a.Session())
			}
			copied := a.Copy()
			if err := revokeSessions(t.Context(), a.Auth, "2"); err != nil {
				t.Fatal(err)
			}
			if copied.Session() != nil {
				t.Error("a later revocation of the new subject does not end the session")
			}
		})
	}
}

func TestCallback_NewSubjectAfterRevocation(t *testing.T) {
	for name, storage := range subjectStorages {
		t.Run(name, func(t *testing.T) {
			merged := false
			a := apptest.New(t, storage, mergeUser(&merged))
			if err := revokeSessions(t.Context(), a.Auth, "merged"); err != nil {
				t.Fatal(err)
			}
			a.Clock.Advance(24 * time.Hour)
			a.SignIn()
			merged = true
			for i := range 3 {
				if a.Session() == nil {
					t.Fatalf("request %d is signed out", i)
				}
			}
		})
	}
}

// The old subject is revoked while a callback changes it.
func TestCallback_NewSubjectDuringRevocation(t *testing.T) {
	for name, storage := range subjectStorages {
		t.Run(name, func(t *testing.T) {
			var revoke func()
			a := apptest.New(t, storage, func(c *apptest.Config) {
				c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
					if revoke != nil {
						revoke()
						p.Token.Subject = "2"
					}
					return p.Token, nil
				}
			})
			a.SignIn()
			revoke = func() {
				if err := revokeSessions(t.Context(), a.Auth, "1"); err != nil {
					t.Error(err)
				}
			}
			a.Get("/me")
			if a.Session() != nil {
				t.Error("the session goes on with the new subject")
			}
		})
	}
}

// Two requests come with the handle that the first one replaces.
func TestCallback_NewSubjectInParallelRequests(t *testing.T) {
	var both sync.WaitGroup
	change := false
	a := apptest.New(t, apptest.Storages["memory"], func(c *apptest.Config) {
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			if change && p.Token.Subject != "2" {
				both.Done()
				both.Wait()
				p.Token.Subject = "2"
			}
			return p.Token, nil
		}
	})
	a.SignIn()
	handle := a.Cookie(apptest.SessionCookie)
	change = true
	both.Add(2)
	answers := make(chan apptest.Response, 2)
	for range 2 {
		go func() { answers <- sendCookies(a, "/me", pair(handle)) }()
	}
	set := 0
	for range 2 {
		res := receive(t, answers, "a response")
		if clearsSession(res) {
			t.Errorf("a response clears the cookie that the other one sets: %v", res.SetCookies())
		}
		for _, c := range res.Cookies() {
			if c.Name == apptest.SessionCookie && c.Value != "" {
				set++
				a.SetCookie(c.Name, c.Value)
			}
		}
	}
	if set != 1 || a.Session() == nil {
		t.Errorf("%d responses set a cookie, and the session is %v", set, a.Session())
	}
	if res := sendCookies(a, "/me", pair(handle)); clearsSession(res) || a.SessionIn(res) != nil {
		t.Errorf("a late request with the old handle is signed in, or its response clears the cookie: %v", res.SetCookies())
	}
	a.Clock.Advance(2 * time.Minute)
	if res := sendCookies(a, "/me", pair(handle)); !clearsSession(res) {
		t.Error("the old handle is not cleared two minutes later")
	}
}
