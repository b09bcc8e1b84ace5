package api_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

// replica starts another process of an application, with the same store.
func (a *localApp) replica(change ...func(*apptest.Config)) *localApp {
	a.Helper()
	same := func(c *apptest.Config) { c.Session.Store, c.Now = a.store, a.Clock.Now }
	return &localApp{newLocal(a.T, append([]func(*apptest.Config){same}, change...)...).App, a.store}
}

func (a *localApp) another() *localApp { return &localApp{a.Another(), a.store} }

// A refresh token that was replaced works for the time of the grace, and gives the same new
// one each time. Afterwards it ends the session.
func TestLocal_Rotation(t *testing.T) {
	for _, grace := range []time.Duration{0, 5 * time.Minute} {
		a := newLocal(t, rotating, func(c *apptest.Config) { c.Local.ReuseGrace = grace })
		if grace == 0 {
			grace = time.Minute
		}
		first := a.signIn()
		second := a.tokensIn(a.refresh(first.RefreshToken))
		if second.RefreshToken == first.RefreshToken {
			t.Fatal("the refresh token was not replaced")
		}
		a.Clock.Advance(grace)
		for _, token := range []string{first.RefreshToken, second.RefreshToken, first.RefreshToken} {
			if got := a.tokensIn(a.refresh(token)); got.RefreshToken != second.RefreshToken {
				t.Errorf("within the grace, the new token is %s, want %s", got.RefreshToken, second.RefreshToken)
			}
		}
		a.Clock.Advance(time.Second)
		third := a.tokensIn(a.refresh(second.RefreshToken))
		if third.RefreshToken == second.RefreshToken {
			t.Error("the second refresh token was not replaced")
		}
		if got := a.tokensIn(a.refresh(second.RefreshToken)); got.RefreshToken != third.RefreshToken {
			t.Errorf("the second token gives %s, want %s", got.RefreshToken, third.RefreshToken)
		}
		if strings.Contains(a.Log.String(), "stolen") {
			t.Error("the log has a warning")
		}
		a.want("the first token", a.refresh(first.RefreshToken), 401, "InvalidToken")
		if log := a.Log.String(); strings.Count(log, "stolen") != 1 || strings.Contains(log, handleIn(first)) {
			t.Errorf("the log: %s", log)
		}
		a.signedIn("after the reuse", third, false)
	}
}

// A token that was replaced longer ago than the grace ends the session also if it is the one
// before the latest.
func TestLocal_RotationLateReuse(t *testing.T) {
	a := newLocal(t, rotating)
	first := a.signIn()
	second := a.tokensIn(a.refresh(first.RefreshToken))
	a.Clock.Advance(61 * time.Second)
	a.want("reuse", a.refresh(first.RefreshToken), 401, "InvalidToken")
	a.signedIn("after the reuse", second, false)
}

// Two tabs that refresh all the time, each with what it read last, stay signed in.
func TestLocal_RotationTwoTabs(t *testing.T) {
	a := newLocal(t, rotating)
	shared := a.signIn().RefreshToken // the cookie of both tabs
	for range 20 {
		slow := shared // one tab has read it, and its request arrives late
		for range 3 {
			shared = a.tokensIn(a.refresh(shared)).RefreshToken
			a.Clock.Advance(15 * time.Second)
		}
		late := a.tokensIn(a.refresh(slow))
		a.signedIn("the late tab", late, true)
	}
}

// Requests at the same time, in two processes, get the same new token.
func TestLocal_RefreshAtOnce(t *testing.T) {
	for name, rotate := range map[string]bool{"rotating": true, "not rotating": false} {
		t.Run(name, func(t *testing.T) {
			change := func(c *apptest.Config) { c.Local.RotateRefreshTokens = rotate }
			a := newLocal(t, change)
			b := a.replica(change)
			first := a.signIn()
			a.Clock.Advance(25 * time.Hour) // the session is due to be renewed
			var mu sync.Mutex
			var all sync.WaitGroup
			got := make(map[string]int)
			for i := range 50 {
				site := a.another()
				if i%2 == 1 {
					site = b.another()
				}
				all.Go(func() {
					res := site.refresh(first.RefreshToken)
					var tokens localTokens
					if res.StatusCode == 200 {
						site.Decode(res.Text, &tokens)
					}
					mu.Lock()
					got[tokens.RefreshToken]++
					mu.Unlock()
				})
			}
			all.Wait()
			if len(got) != 1 || got[""] != 0 || (got[first.RefreshToken] == 0) != rotate {
				t.Fatalf("new refresh tokens: %v, after %s", got, first.RefreshToken)
			}
			for token := range got {
				a.tokensIn(a.refresh(token))
			}
		})
	}
}

// The answer to a refresh is lost, or the store fails when the token is replaced: the old one
// still works.
func TestLocal_RotationFaults(t *testing.T) {
	a := newLocal(t, rotating)
	first := a.signIn()
	a.store.RunBefore("ReplaceSession", func() { a.store.Fail(apptest.ErrDown) })
	a.want("the store fails", a.refresh(first.RefreshToken), 503, "Unavailable")
	a.store.Fail(nil)
	second := a.tokensIn(a.refresh(first.RefreshToken)) // its answer is lost
	if second.RefreshToken == first.RefreshToken {
		t.Error("the token was not replaced")
	}
	if again := a.tokensIn(a.refresh(first.RefreshToken)); again.RefreshToken != second.RefreshToken {
		t.Errorf("the new token is %s, want %s", again.RefreshToken, second.RefreshToken)
	}
}

// While other requests keep changing the session, a refresh does not claim a new token that
// is not in the store.
func TestLocal_RotationConflicts(t *testing.T) {
	a := newLocal(t, rotating)
	first := a.signIn()
	var change func()
	change = func() {
		ctx := context.Background()
		r, err := a.store.Memory.FindSession(ctx, handleIn(first))
		if err == nil {
			_, err = a.store.Memory.ReplaceSession(ctx, handleIn(first), r)
		}
		if err != nil {
			t.Error(err)
		}
		a.store.RunBefore("ReplaceSession", change)
	}
	change()
	a.want("conflicts", a.refresh(first.RefreshToken), 503, "Unavailable")
	a.store.RunBefore("ReplaceSession", func() {})
	a.signedIn("afterwards", first, true)
}

// The store has lost the latest write, as after a failover: the token that it does not know
// was made here, and goes on.
func TestLocal_RotationAfterLostWrite(t *testing.T) {
	a := newLocal(t, rotating)
	first := a.signIn()
	ctx := context.Background()
	before, err := a.store.Memory.FindSession(ctx, handleIn(first))
	if err != nil {
		t.Fatal(err)
	}
	second := a.tokensIn(a.refresh(first.RefreshToken))
	after, err := a.store.Memory.FindSession(ctx, handleIn(first))
	if err != nil {
		t.Fatal(err)
	}
	before.Version = after.Version
	if _, err := a.store.Memory.ReplaceSession(ctx, handleIn(first), before); err != nil {
		t.Fatal(err)
	}
	third := a.tokensIn(a.refresh(second.RefreshToken))
	if third.RefreshToken == second.RefreshToken || third.RefreshToken == first.RefreshToken {
		t.Errorf("the tokens are %s, %s, %s", first.RefreshToken, second.RefreshToken, third.RefreshToken)
	}
	a.signedIn("afterwards", third, true)
}

// Rotation is switched on and off while sessions go on.
func TestLocal_RotationIsSwitched(t *testing.T) {
	off := newLocal(t)
	on := off.replica(rotating)
	first := off.signIn()
	second := on.tokensIn(on.refresh(first.RefreshToken))
	if second.RefreshToken == first.RefreshToken {
		t.Fatal("not replaced")
	}
	off.Clock.Advance(time.Hour)
	if got := off.tokensIn(off.refresh(second.RefreshToken)); got.RefreshToken != second.RefreshToken {
		t.Error("replaced although rotation is off")
	}
}

// A handler changes the token of a session while another request does.
func TestLocal_Update(t *testing.T) {
	a := newLocal(t)
	tokens := a.signIn()
	ctx := context.Background()
	a.Router.POST("/rename", func(c *gin.Context) {
		a.store.RunBefore("ReplaceSession", func() {
			r, err := a.store.Memory.FindSession(ctx, handleIn(tokens))
			if err == nil {
				_, err = a.store.Memory.ReplaceSession(ctx, handleIn(tokens), r)
			}
			if err != nil {
				t.Error(err)
			}
		})
		if err := a.Auth.Update(c, func(token *apptest.Token) error { token.Name = "Lovelace"; return nil }); err != nil {
			t.Error(err)
		}
	})
	req := a.Request("POST", "/rename", "", "")
	req.Header.Set("Authorization", "Bearer "+tokens.Token)
	if res := a.Do(req); res.StatusCode != 200 || len(res.SetCookies()) > 0 {
		t.Errorf("status %d, cookies %v", res.StatusCode, res.SetCookies())
	}
	r, err := a.store.Memory.FindSession(ctx, handleIn(tokens))
	if err != nil || !strings.Contains(string(r.Claims), `"name":"Lovelace"`) {
		t.Errorf("the token is %s, %v", r.Claims, err)
	}
	a.signedIn("afterwards", tokens, true)
}

// Callbacks can't change what a session without a cookie is known by.
func TestLocal_CallbacksKeepOrigin(t *testing.T) {
	a := newLocal(t, rotating, func(c *apptest.Config) {
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			p.Token.Origin.Local, p.Token.Origin.Rotations, p.Token.Origin.RotatedAt = false, 0, 0
			return p.Token, nil
		}
	})
	first := a.signIn()
	second := a.tokensIn(a.refresh(first.RefreshToken))
	a.signedIn("second", second, true)
	a.Clock.Advance(2 * time.Minute)
	a.want("reuse", a.refresh(first.RefreshToken), 401, "InvalidToken")
}

// A copied token does not make a session without a cookie.
func TestLocal_IssueIsAnotherSession(t *testing.T) {
	a := newLocal(t, rotating)
	issued, err := a.Auth.Issue(context.Background(), &apptest.Token{DefaultJWT: nuxtauth.DefaultJWT{
		Subject: "1", Origin: nuxtauth.Origin{Local: true, Rotations: 5, RotatedAt: 7, Provider: "credentials"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := a.store.Memory.FindSession(context.Background(), issued.Token)
	if err != nil || strings.Contains(string(r.Claims), "local") || strings.Contains(string(r.Claims), "rotat") {
		t.Errorf("the claims are %s, %v", r.Claims, err)
	}
	if got := a.me(issued.Token); got == "null" {
		t.Error("the session does not work")
	}
}
