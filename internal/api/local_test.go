package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

func TestLocal_SignInToSignOut(t *testing.T) {
	a := newLocal(t, apptest.Enriched)
	tokens := a.signIn()
	res := a.session(tokens.Token)
	local := a.SessionIn(res)
	if local == nil || local.User.Role != "admin" || local.User.Name != "" && local.User.Name != "Ada Lovelace" {
		t.Fatalf("session: %s", res.Text)
	}
	a.SignIn() // the same user, with cookies
	if cookies := a.Get("/api/auth/session"); withoutExpires(cookies.Text) != withoutExpires(res.Text) {
		t.Errorf("the session is %s, and with cookies %s", res.Text, cookies.Text)
	}
	a = &localApp{a.Another(), a.store}
	if got := a.me(tokens.Token); got != res.Text {
		t.Errorf("/me answers %s, want %s", got, res.Text)
	}
	again := a.tokensIn(a.refresh(tokens.RefreshToken))
	if again.RefreshToken != tokens.RefreshToken || again.Token == tokens.Token {
		t.Errorf("refresh answers %+v for %+v", again, tokens)
	}
	a.signedIn("after a refresh", again, true)
	a.signedIn("the access token before", tokens, true)

	a.want("sign-out", a.do("POST", "logout", "Bearer "+again.Token, `{"refreshToken":"`+tokens.RefreshToken+`"}`), 200, "")
	a.signedIn("after the sign-out", again, false)
	a.signedIn("after the sign-out", tokens, false)
	if res := a.session(tokens.Token); res.Header.Get("WWW-Authenticate") != `Bearer error="invalid_token"` {
		t.Errorf("WWW-Authenticate: %q", res.Header.Get("WWW-Authenticate"))
	}
}

// withoutExpires cuts a session before the time at which it expires.
func withoutExpires(session string) string {
	before, _, _ := strings.Cut(session, `,"expires"`)
	return before
}

// A sign-out sends what nuxt-auth has: also no token, or one that has expired.
func TestLocal_SignOut(t *testing.T) {
	a := newLocal(t)
	for name, tt := range map[string]struct {
		request func(t localTokens) (authorization, body string)
		wait    time.Duration
		ends    bool
	}{
		"refresh token":         {func(t localTokens) (string, string) { return "null", `{"refreshToken":"` + t.RefreshToken + `"}` }, 0, true},
		"access token alone":    {func(t localTokens) (string, string) { return "Bearer " + t.Token, "" }, 0, true},
		"access token and JSON": {func(t localTokens) (string, string) { return "Bearer " + t.Token, "{}" }, 0, true},
		"expired access token":  {func(t localTokens) (string, string) { return "Bearer " + t.Token, "" }, time.Hour, true},
		"bare access token":     {func(t localTokens) (string, string) { return t.Token, "" }, 0, true},
		"wrong refresh token beside an access token": {func(t localTokens) (string, string) {
			return "Bearer " + t.Token, `{"refreshToken":"` + t.RefreshToken + `x"}`
		}, 0, false},
		"nothing":       {func(localTokens) (string, string) { return "", "" }, 0, false},
		"null":          {func(localTokens) (string, string) { return "null", `{"refreshToken":null}` }, 0, false},
		"another token": {func(localTokens) (string, string) { return "Bearer a.b.c", `{"refreshToken":"a.0.c"}` }, 0, false},
	} {
		tokens := a.signIn()
		a.Clock.Advance(tt.wait)
		authorization, body := tt.request(tokens)
		a.want(name, a.do("POST", "logout", authorization, body), 200, "")
		status, code := http.StatusOK, ""
		if tt.ends {
			status, code = http.StatusUnauthorized, "InvalidToken"
		}
		a.want(name, a.refresh(tokens.RefreshToken), status, code)
		a.want(name+", once more", a.do("POST", "logout", authorization, body), 200, "")
	}
}

func TestLocal_Authorization(t *testing.T) {
	a := newLocal(t)
	tokens := a.signIn()
	for header, status := range map[string]int{
		"Bearer " + tokens.Token:                 200,
		"bearer  " + tokens.Token:                200,
		tokens.Token:                             200,
		"null":                                   401,
		"":                                       401,
		"Bearer":                                 401,
		"Bearer ":                                401,
		"Bearer null":                            401,
		"Bearer undefined":                       401,
		"Basic " + tokens.Token:                  401,
		"Bearer " + tokens.RefreshToken:          401,
		"Bearer " + handleIn(tokens):             401,
		"Bearer " + tokens.Token[1:]:             401,
		"Bearer " + tokens.Token + "x":           401,
		"Bearer " + strings.Repeat("a.", 40_000): 401,
	} {
		code := ""
		if status == 401 {
			code = "InvalidToken"
		}
		a.want(header[:min(len(header), 40)], a.do("GET", "session", header, ""), status, code)
	}
}

// handleIn returns the handle of the session in the store, which is a part of the refresh
// token.
func handleIn(t localTokens) string {
	handle, _, _ := strings.Cut(t.RefreshToken, ".")
	return handle
}

// A token of one kind does not count as one of another: the refresh token is for POST
// refresh alone, the access token for a header, and the handle in them for nothing.
func TestLocal_TokensOfOneKind(t *testing.T) {
	for _, adopt := range []bool{false, true} {
		a := newLocal(t, func(c *apptest.Config) { c.Session.AdoptCookies = adopt })
		tokens := a.signIn()
		for what, token := range map[string]string{
			"access token": tokens.Token, "handle": handleIn(tokens), "another refresh token": handleIn(tokens) + ".1" + tokens.RefreshToken[45:], "text": "x", "dots": "..",
		} {
			a.want(what+" for a refresh", a.refresh(token), 401, "InvalidToken")
		}
		for what, token := range map[string]string{"access token": tokens.Token, "refresh token": tokens.RefreshToken, "handle": handleIn(tokens)} {
			b := a.Another()
			b.SetCookie(apptest.SessionCookie, token)
			if got := b.Get("/me").Text; got != "null" {
				t.Errorf("the %s in a cookie: %s", what, got)
			}
			if b.Session() != nil {
				t.Errorf("the %s in a cookie is a session", what)
			}
		}
		for what, token := range map[string]string{"refresh token": tokens.RefreshToken, "handle": handleIn(tokens)} {
			if got := a.me(token); got != "null" {
				t.Errorf("the %s as Bearer: %s", what, got)
			}
		}
		a.signedIn("afterwards", tokens, true)

		a.SignIn()
		cookie := a.Cookie(apptest.SessionCookie)
		a.want("session of a cookie, without a token", a.do("GET", "session", "", ""), 401, "InvalidToken")
		a.want("session of a cookie, as Bearer", a.session(cookie), 401, "InvalidToken")
		a.want("session of a cookie, for a refresh", a.refresh(cookie), 401, "InvalidToken")
		a.want("session of a cookie, for a refresh", a.do("POST", "refresh", "", "{}"), 400, "BadRequest")
		a.store.Calls()
		a.want("sign-out without a token", a.do("POST", "logout", "", ""), 200, "")
		if calls := a.store.Calls(); len(calls) > 0 {
			t.Errorf("a sign-out without a token asks the store: %v", calls)
		}
		a.want("sign-out with a token that is none", a.do("POST", "logout", "Bearer "+cookie, ""), 200, "")
		a.want("beside a cookie", a.session(tokens.Token), 200, "")
		if a.Session() == nil {
			t.Error("the session of the cookie has ended")
		}
	}
}

// A sealed session of a cookie, from before there was a store, is none of these tokens.
func TestLocal_AdoptedCookie(t *testing.T) {
	before := apptest.New(t)
	before.SignIn()
	a := newLocal(t, func(c *apptest.Config) { c.Session.AdoptCookies = true })
	a.want("as Bearer", a.session(before.Cookie(apptest.SessionCookie)), 401, "InvalidToken")
	a.SetCookie(apptest.SessionCookie, before.Cookie(apptest.SessionCookie))
	if a.Session() == nil || strings.Contains(a.Cookie(apptest.SessionCookie), ".") {
		t.Error("the session was not moved into the store")
	}
}

func TestLocal_AccessTokenExpires(t *testing.T) {
	for _, cache := range []time.Duration{0, time.Hour} {
		a := newLocal(t, func(c *apptest.Config) { c.Session.CacheFor, c.Local.AccessLifetime = cache, 5*time.Minute })
		tokens := a.signIn()
		for range 2 { // the second one is from the cache
			if got := a.me(tokens.Token); got == "null" {
				t.Fatal("signed out")
			}
		}
		a.Clock.Advance(5*time.Minute - 2*time.Second)
		a.signedIn("before its end", tokens, true)
		a.Clock.Advance(3 * time.Second)
		if got := a.me(tokens.Token); got != "null" {
			t.Errorf("with a cache of %v, an expired token is that of %s", cache, got)
		}
		a.want("expired", a.session(tokens.Token), 401, "InvalidToken")
		a.signedIn("after a refresh", a.tokensIn(a.refresh(tokens.RefreshToken)), true)
	}
}

// A session ends when it was not used for its idle timeout, or is as old as its lifetime.
func TestLocal_SessionExpires(t *testing.T) {
	a := newLocal(t, func(c *apptest.Config) {
		c.Local.RefreshLifetime, c.Session.MaxLifetime = 48*time.Hour, 100*time.Hour
	})
	tokens := a.signIn()
	for range 3 {
		a.Clock.Advance(30 * time.Hour)
		tokens = a.tokensIn(a.refresh(tokens.RefreshToken))
	}
	a.Clock.Advance(9*time.Hour + 59*time.Minute) // 1 minute is left
	tokens = a.tokensIn(a.refresh(tokens.RefreshToken))
	a.signedIn("before its end", tokens, true)
	a.Clock.Advance(2 * time.Minute)
	a.signedIn("at the end of its lifetime", tokens, false)

	tokens = a.signIn()
	a.Clock.Advance(48*time.Hour + time.Second)
	a.signedIn("idle", tokens, false)
}

func TestLocal_SecretIsReplaced(t *testing.T) {
	s := apptest.NewStore()
	old := newLocal(t, s.Use)
	tokens := old.signIn()
	replaced := func(c *apptest.Config) {
		c.Session.Store, c.Now = s, old.Clock.Now
		c.Secret, c.OldSecrets = "another-secret-of-at-least-32-characters", []string{apptest.Secret}
	}
	a := newLocal(t, replaced)
	a.signedIn("with the old secret", tokens, true)
	again := a.tokensIn(a.refresh(tokens.RefreshToken))
	if again.RefreshToken == tokens.RefreshToken {
		t.Error("the refresh token is still of the old secret")
	}
	a.signedIn("with the new secret", again, true)
	old.signedIn("new tokens where the new secret is not known", again, false)
	without := newLocal(t, replaced, func(c *apptest.Config) { c.OldSecrets = nil })
	without.signedIn("new tokens", again, true)
	without.signedIn("old tokens without the old secret", tokens, false)
}

// Another application that shares the store and the secret does not accept the tokens.
func TestLocal_OtherRealm(t *testing.T) {
	a := newLocal(t)
	tokens := a.signIn()
	other := newLocal(t, func(c *apptest.Config) {
		c.Session.Store, c.Now, c.Cookies.Prefix = a.store, a.Clock.Now, "other"
	})
	other.signedIn("in another application", tokens, false)
	other.want("sign-out there", other.do("POST", "logout", "", `{"refreshToken":"`+tokens.RefreshToken+`"}`), 200, "")
	a.signedIn("afterwards", tokens, true)
}
