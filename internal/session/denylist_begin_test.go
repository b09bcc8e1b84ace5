package session_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/token"
)

// A Node server began the session after the user had been signed out everywhere.
func TestDenyList_NodeSessionAfterRevocation(t *testing.T) {
	codec, err := token.NewNextAuth("", apptest.Secret)
	if err != nil {
		t.Fatal(err)
	}
	a := apptest.New(t, apptest.Storages["deny-list"])
	if err := revokeSessions(t.Context(), a.Auth, "1"); err != nil {
		t.Fatal(err)
	}
	at := func(d time.Duration) string { return strconv.FormatInt(a.Clock.Now().Add(d).Unix(), 10) }
	value, err := codec.Seal(t.Context(), []byte(`{"sub":"1","jti":"x","iat":`+at(time.Hour)+`,"exp":`+at(30*24*time.Hour)+`}`))
	if err != nil {
		t.Fatal(err)
	}
	a.SetCookie(apptest.SessionCookie, value)
	a.Clock.Advance(25 * time.Hour)
	for i := range 3 { // the first request renews it
		if a.Session() == nil {
			t.Fatalf("request %d is signed out", i)
		}
	}
	if a.Cookie(apptest.SessionCookie) == value {
		t.Error("the session is not renewed")
	}
}

// A session that began before there was a deny-list has a copy of its cookie from then.
func TestDenyList_EndsCopiesFromBefore(t *testing.T) {
	before := apptest.New(t)
	before.SignIn()
	value := before.Cookie(apptest.SessionCookie)
	a := apptest.New(t, apptest.Storages["deny-list"])
	a.SetCookie(apptest.SessionCookie, value)
	copied := a.Copy()
	a.Clock.Advance(25 * time.Hour)
	if a.Session() == nil || a.Cookie(apptest.SessionCookie) == value {
		t.Fatal("the session is not renewed")
	}
	a.SignOut()
	if copied.Session() != nil {
		t.Error("the copy is valid")
	}
}

// Without a deny-list a session in a cookie has no ID by which it could be ended.
func TestSessionID_InCookie(t *testing.T) {
	for storage, want := range map[string]bool{"cookie": false, "deny-list": true, "memory": true} {
		a := apptest.New(t, apptest.Storages[storage])
		jti := ""
		a.Router.GET("/id", func(c *gin.Context) {
			jti = a.Auth.Token(c).ID
			c.String(http.StatusOK, a.Auth.SessionID(c))
		})
		a.SignIn()
		if got := a.Get("/id").Text; (got != "") != want {
			t.Errorf("%s: the session has the ID %q", storage, got)
		}
		if inCookie := storage != "memory"; (jti != "") != inCookie {
			t.Errorf("%s: the token has the ID %q", storage, jti)
		}
	}
}
