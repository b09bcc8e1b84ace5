package nuxtauth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
)

// enriched are the callbacks of nuxt-auth's guide "Session data".
func enriched(cfg *Config) {
	cfg.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) {
		if p.Account != nil {
			p.Token.SessionToken = p.Account.AccessToken
		}
		return p.Token, nil
	}
	cfg.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
		if p.Token.SessionToken != "user-api-token" {
			return nil, fmt.Errorf("no such session: %q", p.Token.SessionToken)
		}
		p.Session.User.Avatar, p.Session.User.Role = "/ada.svg", "admin"
		return p.Session, nil
	}
}

func TestSessionDataOfTheGuide(t *testing.T) {
	a := newApp(t, enriched)
	if s := a.session(); s != nil {
		t.Fatalf("signed out, the session is %+v", s)
	}
	if got := a.get("/me").body; got != "null" {
		t.Fatalf("signed out, a handler sees %s", got)
	}
	a.signIn()
	for _, body := range []string{a.get("/api/auth/session").body, a.get("/me").body} {
		var s Session
		a.decode(body, &s)
		if s.User != (User{"Ada Lovelace", "/ada.svg", "admin"}) {
			t.Errorf("got %s", body)
		}
		if left := s.Expires.Time().Sub(a.clock.Now()); left > 30*24*time.Hour || left < 30*24*time.Hour-time.Second {
			t.Errorf("it expires in %v", left)
		}
		if strings.Contains(body, "user-api-token") {
			t.Errorf("the token's data reached the browser: %s", body)
		}
	}
	a.post("/api/auth/signout", url.Values{"csrfToken": {a.csrf()}})
	if s := a.session(); s != nil {
		t.Fatalf("after sign-out the session is %+v", s)
	}
}

func TestCallbacksGetWhatTheirMomentHas(t *testing.T) {
	var calls []string
	a := newApp(t, func(cfg *Config) {
		cfg.Callbacks.SignIn = func(_ context.Context, p nuxtauth.SignInParams) error {
			calls = append(calls, fmt.Sprintf("signIn user=%s account=%s credentials=%v", p.User.ID, p.Account.Provider, p.Credentials.Encode()))
			return nil
		}
		cfg.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) {
			calls = append(calls, fmt.Sprintf("jwt %q user=%t account=%t new=%t update=%s sub=%s", p.Trigger, p.User != nil, p.Account != nil, p.IsNewUser, p.Update, p.Token.Subject))
			var change struct {
				Nickname string `json:"nickname"`
			}
			if err := p.Update.Decode(&change); err != nil {
				return nil, err
			}
			if change.Nickname != "" {
				p.Token.Nickname = change.Nickname
			}
			return p.Token, nil
		}
		cfg.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
			calls = append(calls, fmt.Sprintf("session %q update=%s nickname=%s name=%s", p.Trigger, p.Update, p.Token.Nickname, p.Session.User.Name))
			return p.Session, nil
		}
		cfg.Events.SignIn = func(_ context.Context, e nuxtauth.SignInEvent) { calls = append(calls, "event signIn "+e.User.ID) }
		cfg.Events.SignOut = func(_ context.Context, e nuxtauth.SignOutEvent[Token]) {
			calls = append(calls, "event signOut "+e.Token.Subject)
		}
		cfg.Events.Session = func(_ context.Context, e nuxtauth.SessionEvent[Token, Session]) {
			calls = append(calls, "event session "+e.Session.User.Name)
		}
	})
	steps := []struct {
		do   func()
		want []string
	}{
		{func() { a.signIn() }, []string{
			`signIn user=1 account=credentials credentials=password=lovelace&username=ada`,
			`jwt "signIn" user=true account=true new=false update= sub=1`,
			`event signIn 1`,
		}},
		{func() { a.session() }, []string{
			`jwt "" user=false account=false new=false update= sub=1`,
			`session "" update= nickname= name=Ada Lovelace`,
			`event session Ada Lovelace`,
		}},
		{func() { a.update(`{"nickname":"Countess"}`) }, []string{
			`jwt "update" user=false account=false new=false update={"nickname":"Countess"} sub=1`,
			`session "update" update={"nickname":"Countess"} nickname=Countess name=Ada Lovelace`,
			`event session Ada Lovelace`,
		}},
		{func() { a.get("/me") }, []string{
			`jwt "" user=false account=false new=false update= sub=1`,
			`session "" update= nickname=Countess name=Ada Lovelace`,
		}},
		{func() { a.post("/api/auth/signout", url.Values{"csrfToken": {a.csrf()}}) }, []string{`event signOut 1`}},
		{func() { a.session() }, nil},
	}
	for i, s := range steps {
		calls = nil
		s.do()
		if !slices.Equal(calls, s.want) {
			t.Errorf("step %d:\n got %s\nwant %s", i, strings.Join(calls, "\n     "), strings.Join(s.want, "\n     "))
		}
	}
}

var errDown = errors.New("the user service says no")

// failing makes a callback fail on demand.
type failing struct{ err func() error }

func (f *failing) check() error {
	if f.err == nil {
		return nil
	}
	return f.err()
}

func TestAnErrorInACallbackEndsTheSession(t *testing.T) {
	faults := map[string]func() error{
		"error":   func() error { return errDown },
		"panic":   func() error { panic("a bug") },
		"nothing": nil,
	}
	for _, which := range []string{"jwt", "session"} {
		for name, fault := range faults {
			for _, path := range []string{"/api/auth/session", "/me"} {
				t.Run(which+" "+name+" "+path, func(t *testing.T) {
					broken := false
					a := newApp(t, func(cfg *Config) {
						cfg.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) {
							if !broken || which != "jwt" {
								p.Token.SessionToken = strings.Repeat("x", 5000) // two chunks
								return p.Token, nil
							}
							if fault != nil {
								return p.Token, fault()
							}
							return nil, nil
						}
						cfg.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
							if !broken || which != "session" {
								return p.Session, nil
							}
							if fault != nil {
								return p.Session, fault()
							}
							return nil, nil
						}
					})
					a.signIn()
					broken = true
					res := a.get(path)
					if res.StatusCode != 200 || res.body != "{}" && res.body != "null" {
						t.Errorf("got %d %s", res.StatusCode, res.body)
					}
					want := []string{"next-auth.session-token.0-", "next-auth.session-token.1-"}
					if got := setCookies(res); !slices.Equal(got[max(0, len(got)-2):], want) {
						t.Errorf("cookies %v, want %v", got, want)
					}
					if n := strings.Count(a.log.String(), "level=WARN") + strings.Count(a.log.String(), "level=ERROR"); n != 1 {
						t.Errorf("logged %d times: %s", n, a.log)
					}
					broken = false
					if s := a.session(); s != nil {
						t.Errorf("the session came back: %+v", s)
					}
				})
			}
		}
	}
}

func TestAPassingFaultSignsNobodyOut(t *testing.T) {
	var f failing
	a := newApp(t, func(cfg *Config) {
		cfg.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
			return p.Session, nuxtauth.KeepSession(f.check())
		}
	})
	a.router.GET("/private", a.auth.Require(), func(c *gin.Context) { c.String(200, "in") })
	a.signIn()
	f.err = func() error { return errDown }
	if s := a.session(); s != nil {
		t.Errorf("signed in with a failing callback: %+v", s)
	}
	for path, want := range map[string]int{"/me": 200, "/private": 503} {
		res := a.get(path)
		if res.StatusCode != want || len(res.Header["Set-Cookie"]) > 0 {
			t.Errorf("%s answers %d and sets %q, want %d and no cookie", path, res.StatusCode, res.Header["Set-Cookie"], want)
		}
	}
	f.err = nil
	if res := a.get("/private"); res.StatusCode != 200 {
		t.Errorf("after the fault the answer is %d", res.StatusCode)
	}
}

func TestAHurriedBrowserIsNotSignedOut(t *testing.T) {
	ctx, leave := context.WithCancel(context.Background())
	a := newApp(t, func(cfg *Config) {
		cfg.Callbacks.Session = func(ctx context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
			leave()
			return p.Session, context.Cause(ctx)
		}
	})
	cookies, err := a.auth.Issue(ctx, &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}})
	if err != nil {
		t.Fatal(err)
	}
	req, rec := request("GET", "/api/auth/session", cookies)
	a.router.ServeHTTP(rec, req.WithContext(ctx))
	if rec.Body.String() != "{}" || strings.Contains(strings.Join(rec.Header()["Set-Cookie"], ""), "session-token") {
		t.Errorf("got %s and %q", rec.Body, rec.Header()["Set-Cookie"])
	}
}

func TestTheCookieIsSealedAnewOnlyWhenItMustBe(t *testing.T) {
	const session = "next-auth.session-token="
	nickname := ""
	a := newApp(t, func(cfg *Config) {
		cfg.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) {
			if nickname != "" {
				p.Token.Nickname = nickname
			}
			return p.Token, nil
		}
	})
	a.signIn()
	if got := setCookies(a.get("/me")); len(got) != 0 {
		t.Errorf("an ordinary request sets %v", got)
	}
	if got := setCookies(a.get("/api/auth/session")); !slices.Contains(got, session) {
		t.Errorf("GET session sets %v", got)
	}
	nickname = "Countess"
	if got := setCookies(a.get("/me")); !slices.Equal(got, []string{session}) {
		t.Errorf("a changed token sets %v", got)
	}
	if got := setCookies(a.get("/me")); len(got) != 0 {
		t.Errorf("the next request sets %v", got)
	}
	a.clock.advance(24*time.Hour - time.Second)
	if got := setCookies(a.get("/me")); len(got) != 0 {
		t.Errorf("just before UpdateAge a request sets %v", got)
	}
	a.clock.advance(time.Second)
	if got := setCookies(a.get("/me")); !slices.Equal(got, []string{session}) {
		t.Errorf("at UpdateAge a request sets %v", got)
	}
	a.clock.advance(30*24*time.Hour + time.Minute)
	if s := a.session(); s != nil {
		t.Errorf("unused for MaxAge, the session is %+v", s)
	}
}

func TestBearerTokenServesAPIsAndMobile(t *testing.T) {
	a := newApp(t, enriched)
	a.signIn()
	sealed := a.cookie("next-auth.session-token")
	a.client = newBrowser()
	for _, tt := range []struct {
		header string
		in     bool
	}{
		{"Bearer " + sealed, true},
		{"bearer " + sealed, true},
		{"Bearer " + url.QueryEscape(sealed), true},
		{"Bearer " + sealed + "x", false},
		{"Bearer %ZZ", false},
		{"Bearer", false},
		{"Basic " + sealed, false},
		{"null", false},
	} {
		for _, path := range []string{"/me", "/api/auth/session"} {
			req := a.request("GET", path, "", "")
			req.Header.Set("Authorization", tt.header)
			res := a.do(req)
			if in := strings.Contains(res.body, "Ada"); res.StatusCode != 200 || in != tt.in {
				t.Errorf("%s with %.20q answers %d %s", path, tt.header, res.StatusCode, res.body)
			}
			if strings.Contains(strings.Join(res.Header["Set-Cookie"], ""), "session-token") {
				t.Errorf("%s with %.20q sets a session cookie", path, tt.header)
			}
		}
	}
}

func TestATokenTooLargeIsAClearErrorAndNothingIsLost(t *testing.T) {
	size := 0
	a := newApp(t, func(cfg *Config) {
		cfg.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) {
			p.Token.SessionToken = strings.Repeat("x", size)
			return p.Token, nil
		}
	})
	a.signIn()
	before := a.cookie("next-auth.session-token")
	size = 40_000
	if s := a.session(); s == nil || s.User.Name != "Ada Lovelace" {
		t.Errorf("the session is %+v", s)
	}
	if a.cookie("next-auth.session-token") != before {
		t.Error("the cookie changed")
	}
	if !strings.Contains(a.log.String(), "too large for cookies: keep less in it") {
		t.Errorf("the log does not say what to do: %s", a.log)
	}

	b := newApp(t, func(cfg *Config) {
		cfg.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) {
			p.Token.SessionToken = strings.Repeat("x", size)
			return p.Token, nil
		}
	})
	res := b.post("/api/auth/callback/credentials", url.Values{"username": {"ada"}, "password": {"lovelace"}, "csrfToken": {b.csrf()}})
	if got := res.Header.Get("Location"); got != b.url+"/api/auth/error?error=Callback" {
		t.Errorf("a sign-in leads to %q", got)
	}
	if strings.Contains(strings.Join(res.Header["Set-Cookie"], ""), "session-token") {
		t.Error("a half-written session cookie")
	}
	if _, err := b.auth.Issue(t.Context(), &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}, SessionToken: strings.Repeat("x", size)}); !errors.Is(err, nuxtauth.ErrTokenTooLarge) {
		t.Errorf("Issue says %v", err)
	}
}

func TestSecretRotationSignsNobodyOut(t *testing.T) {
	const newSecret = "another-secret-of-at-least-32-characters"
	for _, p := range []nuxtauth.Protocol{nuxtauth.NextAuth, nuxtauth.AuthJS} {
		t.Run(p.String(), func(t *testing.T) {
			protocol := func(cfg *Config) { cfg.Protocol = p }
			old := newApp(t, protocol)
			old.signIn()
			name := p.String() + ".session-token"
			rotated := newApp(t, protocol, func(cfg *Config) { cfg.Secret, cfg.OldSecrets = newSecret, []string{secret} })
			rotated.setCookie(name, old.cookie(name))
			if s := rotated.session(); s == nil {
				t.Fatal("signed out by the new secret")
			}
			alone := newApp(t, protocol, func(cfg *Config) { cfg.Secret = newSecret })
			alone.setCookie(name, rotated.cookie(name))
			if s := alone.session(); s == nil {
				t.Error("the cookie was not sealed anew with the new secret")
			}
			alone.setCookie(name, old.cookie(name))
			if res := alone.get("/api/auth/session"); alone.sessionIn(res) != nil || !slices.Contains(setCookies(res), name+"-") {
				t.Errorf("a token of an unknown secret: %s, cookies %v", res.body, setCookies(res))
			}
		})
	}
}

func TestATokenOfAnotherPurposeIsNoSession(t *testing.T) {
	a := newApp(t)
	for name, tok := range map[string]string{
		"garbage": "garbage",
		"empty":   "",
		"five":    "a.b.c.d.e",
	} {
		a.setCookie("next-auth.session-token", tok)
		if s := a.session(); s != nil {
			t.Errorf("%s: %+v", name, s)
		}
		if res := a.get("/me"); res.StatusCode != http.StatusOK || res.body != "null" {
			t.Errorf("%s: /me answers %d %s", name, res.StatusCode, res.body)
		}
	}
}
