package session_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

func TestRevoke_ListedSessions(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.Use)
	a.Router.GET("/sessions", func(c *gin.Context) {
		list, err := a.Auth.ListSessions(c, a.Auth.Token(c).Subject)
		if err != nil {
			c.String(http.StatusInternalServerError, err.Error())
			return
		}
		c.JSON(http.StatusOK, list)
	})
	a.Router.POST("/others", func(c *gin.Context) {
		n, err := a.Auth.RevokeOtherSessions(c)
		c.String(http.StatusOK, "%d %v", n, err)
	})
	phone, laptop, tablet := a, a.Another(), a.Another()
	for _, b := range []*apptest.App{phone, laptop, tablet} {
		b.SignIn()
		a.Clock.Advance(time.Second)
	}
	var list []nuxtauth.SessionInfo
	a.Decode(laptop.Get("/sessions").Text, &list)
	if len(list) != 3 || list[0].Current || !list[1].Current || list[2].Current {
		t.Fatalf("sessions %+v", list)
	}
	if got := list[1]; got.Provider != "credentials" || got.IP != "127.0.0.1" || !strings.HasPrefix(got.UserAgent, "Go-http-client") || got.ID == "" || got.CreatedAt.Time().IsZero() {
		t.Errorf("session %+v", got)
	}

	// One, by its ID. With the ID and another subject, none ends.
	if found, err := a.Auth.RevokeSession(t.Context(), "2", list[0].ID); found || err != nil {
		t.Errorf("%t, %v", found, err)
	}
	if found, err := a.Auth.RevokeSession(t.Context(), "1", list[0].ID); !found || err != nil {
		t.Errorf("%t, %v", found, err)
	}
	if tablet.Session() != nil || laptop.Session() == nil {
		t.Error("the listed session did not end, or another did")
	}
	// All but the current.
	if got := laptop.Post("/others", nil).Text; got != "1 <nil>" {
		t.Error(got)
	}
	if phone.Session() != nil || laptop.Session() == nil {
		t.Error("the other sessions did not end, or the current did")
	}
	// All.
	if n, err := a.Auth.RevokeSessions(t.Context(), "1"); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if laptop.Session() != nil {
		t.Error("the last session did not end")
	}
	// An empty argument selects no more than is meant.
	a.SignIn()
	for what, err := range map[string]error{
		"an ID without a subject": second(a.Auth.RevokeSession(t.Context(), "", "x")),
		"a subject without an ID": second(a.Auth.RevokeSession(t.Context(), "1", "")),
		"no subject":              second(a.Auth.RevokeSessions(t.Context(), "")),
	} {
		if err == nil || a.Session() == nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func second[V any](_ V, err error) error { return err }

func TestRevoke_WithoutStoreIsError(t *testing.T) {
	a := apptest.New(t)
	if _, err := a.Auth.ListSessions(t.Context(), "1"); !errors.Is(err, store.ErrUnsupported) || !strings.Contains(err.Error(), "set Session.Store") {
		t.Error(err)
	}
	if _, err := a.Auth.RevokeSessions(t.Context(), "1"); !errors.Is(err, store.ErrUnsupported) || !strings.Contains(err.Error(), "set Session.Store or Session.DenyList") {
		t.Error(err)
	}
	b := apptest.New(t, apptest.Storages["gin-contrib's cookie store"])
	if _, err := b.Auth.ListSessions(t.Context(), "1"); !errors.Is(err, store.ErrUnsupported) || !strings.Contains(err.Error(), "no store.Index") {
		t.Error(err)
	}
	if _, err := b.Auth.RevokeSessions(t.Context(), "1"); !errors.Is(err, store.ErrUnsupported) || !strings.Contains(err.Error(), "no store.Index") {
		t.Error(err)
	}
}

func TestRevoke_CallbackErrorEndsCopies(t *testing.T) {
	for _, name := range []string{"deny-list", "memory"} {
		t.Run(name, func(t *testing.T) {
			var banned bool
			a := apptest.New(t, apptest.Storages[name], func(c *apptest.Config) {
				c.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[apptest.Token, apptest.Session]) (*apptest.Session, error) {
					if banned {
						return nil, errors.New("banned")
					}
					return p.Session, nil
				}
			})
			a.SignIn()
			thief := a.Copy()
			banned = true
			a.Session()
			banned = false
			if thief.Session() != nil {
				t.Error("a copy of the cookie is valid")
			}
		})
	}
}
