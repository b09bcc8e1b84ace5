package session_test

import (
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

func TestStore_RenewalRecordsClient(t *testing.T) {
	a := apptest.New(t, apptest.NewStore().Use)
	a.SignIn()
	a.Clock.Advance(25 * time.Hour)
	req, rec := apptest.NewRequest("GET", "/me", a.Cookies())
	req.RemoteAddr = "203.0.113.9:1000"
	req.Header.Set("User-Agent", "another browser")
	a.Router.ServeHTTP(rec, req)
	list, err := listSessions(t.Context(), a.Auth, "1")
	if err != nil || len(list) != 1 || list[0].IP != "203.0.113.9" || list[0].UserAgent != "another browser" {
		t.Errorf("the sessions are %+v, %v", list, err)
	}
}

// The session gets another subject while the store fails: it stays as it was,
// and the next request tries again.
func TestStore_NewSubjectAfterFault(t *testing.T) {
	for call, next := range map[string]string{"CreateSession": "DeleteSessionByID", "DeleteSessionByID": "DeleteSession"} {
		s, merged := apptest.NewStore(), false
		a := apptest.New(t, s.Use, mergeUser(&merged))
		a.SignIn()
		merged = true
		s.RunBefore(call, func() { s.Fail(apptest.ErrDown); s.RunBefore(next, func() { s.Fail(nil) }) }) // fails once
		a.Get("/me")
		s.Fail(nil)
		before, err := listSessions(t.Context(), a.Auth, "1")
		after, err2 := listSessions(t.Context(), a.Auth, "merged")
		if err != nil || err2 != nil || len(before) != 1 || len(after) != 0 {
			t.Errorf("%s fails: %d sessions of the old subject, %d of the new; %v, %v", call, len(before), len(after), err, err2)
		}
		if a.Session() == nil {
			t.Errorf("%s fails: the session ended", call)
		}
		if list, err := listSessions(t.Context(), a.Auth, "merged"); err != nil || len(list) != 1 {
			t.Errorf("%s fails: later there are %d sessions of the new subject, %v", call, len(list), err)
		}
	}
}
