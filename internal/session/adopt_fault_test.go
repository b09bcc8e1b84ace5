package session_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// stored returns the IDs of the sessions in a store of a subject.
func stored(t *testing.T, s *apptest.Store, subject string) (ids []string) {
	t.Helper()
	list, err := s.Memory.ListSessions(t.Context(), "next-auth", subject, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		ids = append(ids, r.ID)
	}
	return ids
}

// Two requests have read the sealed cookie before one of them moves the session. The
// callbacks of the other run again, on what the first has left.
func TestAdopt_SecondRequestHasMovedSession(t *testing.T) {
	var loaded sync.WaitGroup
	loaded.Add(2)
	first := make(chan struct{}, 2)
	first <- struct{}{}
	first <- struct{}{}
	s := apptest.NewStore()
	a, sealed := newAdoptingApp(t, s, func(c *apptest.Config) {
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			p.Token.Nickname += "x"
			select {
			case <-first:
				loaded.Done()
				loaded.Wait()
			default:
			}
			return p.Token, nil
		}
	})
	a.Router.GET("/id", func(c *gin.Context) { c.String(http.StatusOK, a.Auth.SessionID(c)+" "+a.Auth.Token(c).Nickname) })
	phone := sealed()
	answers := make(chan apptest.Response, 2)
	for range 2 {
		b := phone.Copy()
		go func() { answers <- b.Get("/id") }()
	}
	got := []string{receive(t, answers, "the first answer").Text, receive(t, answers, "the second answer").Text}
	slices.Sort(got)
	ids := stored(t, s, "1")
	if len(ids) != 1 || !slices.Equal(got, []string{ids[0] + " x", ids[0] + " xx"}) {
		t.Errorf("the requests have the sessions %q, the store has %q", got, ids)
	}
}

// Tokens of a Node server may have no "jti".
func TestAdopt_TokensWithoutIDMoveApart(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.Use, func(c *apptest.Config) { c.Session.AdoptCookies = true })
	codec, err := token.NewNextAuth("", apptest.Secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{"1", "2"} {
		now := token.DateOf(a.Clock.Now())
		claims := `{"sub":"` + subject + `","iat":` + jsonOf(t, now) + `,"exp":` + jsonOf(t, now+3600) + `}`
		value, err := codec.Seal(t.Context(), []byte(claims))
		if err != nil {
			t.Fatal(err)
		}
		b := a.Another()
		b.SetCookie(apptest.SessionCookie, value)
		if b.Session() == nil || len(stored(t, s, subject)) != 1 {
			t.Errorf("the session of %s is not moved", subject)
		}
	}
}

// An indexStore has no abilities beside those of sessions and of an index.
type indexStore struct {
	plainStore
	store.Index
}

// Without marks a session moves all the same.
func TestAdopt_StoreWithoutMarks(t *testing.T) {
	s := apptest.NewStore()
	_, sealed := newAdoptingApp(t, s, func(c *apptest.Config) {
		c.Session.Store = indexStore{plainStore{s}, s.Memory}
	})
	if phone := sealed(); phone.Session() == nil || len(stored(t, s, "1")) != 1 {
		t.Error("the session is not moved")
	}
}

// A session that can't be moved now goes on in its cookie.
func TestAdopt_FaultLeavesCookie(t *testing.T) {
	for name, method := range map[string]string{"mark": "Mark", "create": "CreateSession"} {
		t.Run(name, func(t *testing.T) {
			s := apptest.NewStore()
			a, sealed := newAdoptingApp(t, s)
			phone := sealed()
			s.RunBefore(method, func() {
				s.Fail(apptest.ErrDown)
				for _, next := range []string{"CreateSession", "Marked"} {
					if next != method {
						s.RunBefore(next, func() { s.Fail(nil) })
					}
				}
			})
			res := phone.Get("/me")
			s.Fail(nil)
			if phone.SessionIn(res) == nil || len(res.SetCookies()) != 0 || len(stored(t, s, "1")) != 0 {
				t.Errorf("the request has %s, cookies %v; the store has %v", res.Text, res.SetCookies(), stored(t, s, "1"))
			}
			if !strings.Contains(a.Log.String(), apptest.ErrDown.Error()) {
				t.Error("the fault is not logged")
			}
		})
	}
}

// The user is signed out everywhere while the session moves.
func TestAdopt_RevokedMeanwhileIsNotMoved(t *testing.T) {
	s := apptest.NewStore()
	a, sealed := newAdoptingApp(t, s)
	phone := sealed()
	s.RunBefore("CreateSession", func() {
		if err := revokeSessions(context.Background(), a.Auth, "1"); err != nil {
			t.Error(err)
		}
	})
	res := phone.Get("/me")
	if phone.SessionIn(res) != nil || slices.Contains(res.SetCookies(), apptest.SessionCookie+"=") || len(stored(t, s, "1")) != 0 {
		t.Errorf("the request has %s, cookies %v; the store has %v", res.Text, res.SetCookies(), stored(t, s, "1"))
	}
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
