package actingas

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

const secret = "a-secret-of-at-least-32-characters"

// app is the application, and a browser of a signed-in user.
type app struct {
	*testing.T
	*sessions
	url     string
	browser *http.Client
	ahead   time.Duration // of the clock
}

func newApp(t *testing.T, change ...func(*nuxtauth.Config[Token, Session])) *app {
	t.Helper()
	audit.lines, audit.err = nil, nil
	a := &app{T: t}
	r := gin.New()
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	a.url = server.URL
	cfg := nuxtauth.Config[Token, Session]{
		URL: a.url, Secret: secret, Callbacks: callbacks, Events: events,
		Providers: []provider.Provider{provider.GitHub(func(p *provider.Provider) { p.ClientID, p.ClientSecret = "id", "secret" })},
		Now:       func() time.Time { return time.Now().Add(a.ahead) },
	}
	for _, f := range change {
		f(&cfg)
	}
	s, err := newSessions(cfg, "another-secret-of-at-least-32-characters")
	if err != nil {
		t.Fatal(err)
	}
	a.sessions = s
	addRoutes(r, s)
	r.POST("/recent", func(c *gin.Context) { s.of(c).RequireRecent(time.Hour)(c) }, done)
	a.signIn("7")
	return a
}

// signIn signs in a user at a provider, in a new browser.
func (a *app) signIn(id string) {
	a.Helper()
	t := &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: id, Name: users[id].Name, Origin: nuxtauth.Origin{Provider: "github", ProviderSubject: "9", AuthTime: token.DateOf(time.Now())}}}
	a.browser = &http.Client{
		Jar:           authtest.Jar(a.T, a.own, t, a.url),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// do sends a request of the browser, and returns the status and the body.
func (a *app) do(method, path, body string) (int, string) {
	a.Helper()
	req, err := http.NewRequestWithContext(a.Context(), method, a.url+path, strings.NewReader(body))
	if err != nil {
		a.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := a.browser.Do(req)
	if err != nil {
		a.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		a.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// want fails the test unless a request has this status.
func (a *app) want(status int, method, path, body string) {
	a.Helper()
	if got, text := a.do(method, path, body); got != status {
		a.Errorf("%s %s: %d %s, want %d", method, path, got, text, status)
	}
}

// session is what the front end gets: the name of the user, and of the actor.
func (a *app) session() (user, actor string) {
	a.Helper()
	_, text := a.do("GET", "/api/auth/session", "")
	var s Session
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		a.Fatal(err)
	}
	return s.User.Name, s.Actor
}

func (a *app) wantSession(user, actor string) {
	a.Helper()
	if u, by := a.session(); u != user || by != actor {
		a.Errorf("the session is of %q by %q, want %q by %q", u, by, user, actor)
	}
}

func (a *app) act() {
	a.Helper()
	a.want(http.StatusSeeOther, "POST", "/support/act-as/1", "reason=case+42")
}

// inStores runs a test with sessions in cookies and in a store.
func inStores(t *testing.T, test func(t *testing.T, a *app)) {
	t.Run("cookies", func(t *testing.T) { test(t, newApp(t)) })
	t.Run("store", func(t *testing.T) {
		test(t, newApp(t, func(c *nuxtauth.Config[Token, Session]) {
			c.Session.Store = store.NewMemory(store.MemoryOptions{Now: c.Now})
		}))
	})
}

func TestActingAs_ThereAndBack(t *testing.T) {
	inStores(t, func(t *testing.T, a *app) {
		a.wantSession("Grace", "")
		a.act()
		a.wantSession("Ada", "Grace")
		a.want(http.StatusOK, "GET", "/orders", "")
		a.want(http.StatusOK, "POST", "/orders", "")
		a.want(http.StatusSeeOther, "POST", "/support/stop", "")
		a.wantSession("Grace", "")
		a.want(http.StatusSeeOther, "POST", "/support/stop", "") // the button of another tab
		a.wantSession("Grace", "")
		if want := []string{"begin 7 1 case 42", "POST /orders 7 1", "end 7 1"}; !slices.Equal(audit.lines[:2], want[:2]) || !slices.Contains(audit.lines, want[2]) {
			t.Errorf("the records are %q", audit.lines)
		}
	})
}

// A guard refuses what only the customer may do, and the library what needs a recent sign-in.
func TestActingAs_Refused(t *testing.T) {
	inStores(t, func(t *testing.T, a *app) {
		a.want(http.StatusOK, "POST", "/password", "")
		a.want(http.StatusOK, "POST", "/recent", "")
		a.act()
		a.want(http.StatusForbidden, "POST", "/password", "")
		a.want(http.StatusUnauthorized, "POST", "/recent", "")
		a.want(http.StatusForbidden, "POST", "/support/act-as/1", "") // from one customer to the next
		if _, text := a.do("GET", "/api/auth/providers", ""); text != "{}" {
			t.Errorf("accounts can be linked: %s", text)
		}
	})
}

func TestActingAs_Hour(t *testing.T) {
	inStores(t, func(t *testing.T, a *app) {
		a.act()
		for range 3 { // it is in use
			a.ahead += 19 * time.Minute
			a.wantSession("Ada", "Grace")
		}
		a.ahead += 3 * time.Minute
		a.want(http.StatusUnauthorized, "GET", "/orders", "") // which clears the cookie, if the browser still has it
		a.wantSession("Grace", "")
	})
}

func TestActingAs_SupportAlone(t *testing.T) {
	a := newApp(t)
	for _, id := range []string{"8", "2"} { // an engineer, a user who is not there
		a.want(http.StatusForbidden, "POST", "/support/act-as/"+id, "")
	}
	a.want(http.StatusServiceUnavailable, "POST", "/support/act-as/down", "")
	a.signIn("1")
	a.want(http.StatusForbidden, "POST", "/support/act-as/1", "")
	a.browser.Jar, _ = cookiejar.New(nil)
	a.want(http.StatusUnauthorized, "POST", "/support/act-as/1", "")
	if len(audit.lines) > 0 {
		t.Errorf("the records are %q", audit.lines)
	}
}

func TestActingAs_NoSessionWithoutRecord(t *testing.T) {
	a := newApp(t)
	audit.err = errors.New("the disk is full")
	a.want(http.StatusServiceUnavailable, "POST", "/support/act-as/1", "")
	a.wantSession("Grace", "")
	audit.err = nil
	a.act()
	audit.err = errors.New("the disk is full")
	a.want(http.StatusServiceUnavailable, "POST", "/orders", "")
	a.want(http.StatusOK, "GET", "/orders", "")
}

// An engineer who leaves the support leaves the session too.
func TestActingAs_ActorLeaves(t *testing.T) {
	inStores(t, func(t *testing.T, a *app) {
		a.act()
		users["7"].Role = "customer"
		t.Cleanup(func() { users["7"].Role = "support" })
		a.want(http.StatusUnauthorized, "GET", "/orders", "")
		a.wantSession("Grace", "")
	})
}

// The sign-out of the API ends the session of the support alone.
func TestActingAs_SignOut(t *testing.T) {
	inStores(t, func(t *testing.T, a *app) {
		a.act()
		_, text := a.do("GET", "/api/auth/csrf", "")
		var csrf struct{ CSRFToken string }
		if err := json.Unmarshal([]byte(text), &csrf); err != nil {
			t.Fatal(err)
		}
		a.do("POST", "/api/auth/signout", url.Values{"csrfToken": {csrf.CSRFToken}}.Encode())
		a.wantSession("Grace", "")
		if !slices.Contains(audit.lines, "end 7 1") {
			t.Errorf("the records are %q", audit.lines)
		}
	})
}

// A session of the support is none of the own Auth, whose sessions last longer.
func TestActingAs_SessionsStayApart(t *testing.T) {
	inStores(t, func(t *testing.T, a *app) {
		issued, err := a.acting.Issue(t.Context(), &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}, Act: &Actor{Subject: "7"}})
		if err != nil {
			t.Fatal(err)
		}
		req := httptest.NewRequest("GET", a.url+"/orders", nil)
		req.AddCookie(&http.Cookie{Name: strings.Replace(issued.Cookies[0].Name, "acting", "next-auth", 1), Value: issued.Token})
		w := httptest.NewRecorder()
		r := gin.New()
		addRoutes(r, a.sessions)
		if r.ServeHTTP(w, req); w.Code != http.StatusUnauthorized {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
	for _, other := range []string{"", secret} {
		if _, err := newSessions(nuxtauth.Config[Token, Session]{URL: "http://localhost", Secret: secret}, other); err == nil {
			t.Errorf("the secret %q is accepted", other)
		}
	}
}
