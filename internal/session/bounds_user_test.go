package session_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/token"
)

// Past the limit a sign-out fails if the user can't be marked.
func TestDenyList_FaultOfMarkOfUser(t *testing.T) {
	a, s := newDenyListApp(t, "deny-list")
	for range maxEnded {
		withCookies(t, a, "1").Post("/leave", nil)
	}
	browser := withCookies(t, a, "1")
	s.markErr = apptest.ErrDown
	if res := browser.SignOut(); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("the sign-out answers %d %s", res.StatusCode, res.Text)
	}
	s.markErr = nil
	if browser.Session() == nil {
		t.Error("the session has ended")
	}
}

// A session that is revoked again takes nothing from the count of the others.
func TestDenyList_RevokedAgainCountsOnce(t *testing.T) {
	a, _ := newDenyListApp(t, "deny-list")
	other := withCookies(t, a, "1")
	revoke := func(id int) {
		t.Helper()
		if err := revokeSession(t.Context(), a.Auth, "1", strconv.Itoa(id)); err != nil {
			t.Fatal(err)
		}
	}
	for id := range maxEnded {
		revoke(id)
		if id < maxEnded-1 {
			revoke(id / 2)
		}
	}
	if other.Session() == nil {
		t.Fatal("the user is marked before the limit")
	}
	revoke(maxEnded)
	if other.Session() != nil {
		t.Error("the user is not marked past the limit")
	}
}

// An issued session with the time of its sign-in begins after the revocations of its user.
func TestIssue_SignInTimeAfterRevocation(t *testing.T) {
	a := apptest.New(t, apptest.Storages["deny-list"])
	mustRevoke(t, a, "1")
	var issued apptest.Token
	issued.Subject, issued.Origin.AuthTime = "1", token.DateOf(a.Clock.Now().Add(-time.Hour))
	cookies, err := apptest.Cookies(a.Auth.Issue(t.Context(), &issued))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cookies {
		a.SetCookie(c.Name, c.Value)
	}
	if a.Session() == nil {
		t.Error("the session is not valid")
	}
	mustRevoke(t, a, "1")
	if a.Session() != nil {
		t.Error("the session is valid after the next revocation")
	}
}
