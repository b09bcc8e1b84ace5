package nuxtauth_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/provider"
)

// The same callback many times at once, from the same browser and from a copy
// of all its cookies, is one session at the most.
func TestACallbackManyTimesAtOnceIsOneSignIn(t *testing.T) {
	idp := authtest.StartProvider(t)
	s := newStore()
	a := newApp(t, withProviders(idp), s.stored)
	back := idp.SignIn(t, a.start("idp"), "alice")
	var wg sync.WaitGroup
	answers := make([]response, 12)
	for i := range answers {
		b := a.copied()
		req := back.Clone(t.Context())
		wg.Go(func() { answers[i] = b.at(req) })
	}
	wg.Wait()
	in := 0
	for _, res := range answers {
		switch to := res.Header.Get("Location"); to {
		case a.url + "/home":
			in++
		case a.url + "/api/auth/error?error=OAuthCallback":
			notSignedIn(t, "a second callback", res)
		default:
			t.Errorf("a callback leads to %d %s", res.StatusCode, to)
		}
	}
	if list, err := a.auth.Sessions(t.Context(), "user-alice"); err != nil || len(list) > 1 || in > 1 || in != len(list) {
		t.Errorf("%d sign-ins, %d sessions, %v", in, len(list), err)
	}
	later := a.copied()
	if notSignedIn(t, "a callback later", later.at(back.Clone(t.Context()))); later.session() != nil {
		t.Error("signed in by a replay")
	}
}

// Sign-ins, reads, updates and sign-outs of many browsers at once, each with
// sessions of its own (for the race detector).
func TestSignInsAndSignOutsAtOnceMixNobodyUp(t *testing.T) {
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			a := newApp(t, place, func(c *Config) {
				c.Session.UpdateAge = time.Nanosecond // each read writes
				c.Providers = []provider.Provider{provider.Credentials(func(_ context.Context, f url.Values) (*provider.User, error) {
					return &provider.User{ID: f.Get("username"), Name: f.Get("username")}, nil
				})}
			})
			var wg sync.WaitGroup
			for _, user := range []string{"ada", "grace", "alan", "kurt", "emmy", "edsger"} {
				b := a.another()
				wg.Go(func() {
					for range 4 {
						b.post("/api/auth/callback/credentials", url.Values{"username": {user}, "csrfToken": {b.csrf()}, "json": {"true"}})
						tabs := new(sync.WaitGroup)
						for range 3 {
							tab := b.copied()
							tabs.Go(func() {
								if s := tab.session(); s == nil || s.User.Name != user {
									t.Errorf("%s has the session %+v", user, s)
								}
								tab.get("/me")
							})
						}
						tabs.Wait()
						late := b.copied()
						tabs.Go(func() { // may come before the sign-out or after it
							if s := late.session(); s != nil && s.User.Name != user {
								t.Errorf("%s has the session %+v", user, s)
							}
						})
						if res := b.signOut(); res.StatusCode != http.StatusOK {
							t.Errorf("a sign-out answers %d %s", res.StatusCode, res.body)
						}
						tabs.Wait()
						if b.session() != nil {
							t.Errorf("%s is not signed out", user)
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// Junk that nobody started a sign-in for costs no request to the provider and
// leaves nothing on the server.
func TestAFloodOfJunkLeavesNothingBehind(t *testing.T) {
	idp := authtest.StartProvider(t)
	s := newStore()
	a := newApp(t, withProviders(idp), s.stored)
	for i := range 300 {
		state := strings.Repeat("A", 12+i%500)
		for _, r := range []*http.Request{
			httptest.NewRequest("GET", "/api/auth/callback/idp?code=x&state="+state, nil),
			httptest.NewRequest("GET", "/api/auth/callback/idp?error=access_denied&state="+state, nil),
			httptest.NewRequest("POST", "/api/auth/callback/idp", strings.NewReader("code=x&state="+state)),
			httptest.NewRequest("GET", "/api/auth/csrf", nil),
			httptest.NewRequest("POST", "/api/auth/signin/idp", strings.NewReader("csrfToken=x")),
			httptest.NewRequest("POST", "/api/auth/backchannel-logout/idp", strings.NewReader("logout_token=x.y.z")),
		} {
			r.Header.Set("Content-Type", form)
			r.Header.Set("Cookie", "next-auth.state."+state[:12]+"=eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA")
			rec := httptest.NewRecorder()
			a.router.ServeHTTP(rec, r)
			notSignedIn(t, r.Method+" "+r.URL.Path, response{rec.Result(), rec.Body.String()})
		}
	}
	if calls := s.called(); calls != nil {
		t.Errorf("the store was asked: %d times", len(calls))
	}
	if n := len(idp.Requests()); n != 0 {
		t.Errorf("the provider got %d requests", n)
	}
	a.unharmed()
}

// A tap keeps every byte that the application answers with.
type tap struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (p *tap) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(body))
	p.mu.Lock()
	defer p.mu.Unlock()
	res.Header.Write(&p.b)
	p.b.Write(body)
	return res, err
}

// Sign-ins that succeed and that fail in many ways, with everything logged:
// afterwards neither the log nor the answers have a secret, and no answer tells
// of the inside.
func TestNoSecretReachesTheLogOrAnAnswer(t *testing.T) {
	const password, inside = "correct horse battery staple", "dial tcp 10.0.0.7:5432"
	for _, protocol := range []nuxtauth.Protocol{nuxtauth.NextAuth, nuxtauth.AuthJS} {
		t.Run(protocol.String(), func(t *testing.T) {
			idp := authtest.StartProvider(t)
			secrets := map[string]string{"the secret": secret, "the client secret": idp.ClientSecret(), "the client secret, encoded": url.QueryEscape(idp.ClientSecret()), "the password": password, "the password, encoded": url.QueryEscape(password)}
			a := newApp(t, withProviders(idp), func(c *Config) {
				c.Protocol = protocol
				c.HTTPClient = &http.Client{Timeout: 300 * time.Millisecond}
				c.Providers[0] = provider.Credentials(func(_ context.Context, f url.Values) (*provider.User, error) {
					switch f.Get("username") {
					case "error":
						return nil, errors.New(inside)
					case "panic":
						panic(inside)
					}
					return nil, nil
				})
				c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) {
					if p.Account != nil {
						secrets["an access token"], secrets["an ID token"] = p.Account.AccessToken, p.Account.IDToken
					}
					p.Token.SessionToken = "kept-in-the-token-alone"
					return p.Token, nil
				}
			})
			secrets["what the token holds"] = "kept-in-the-token-alone"
			out := new(tap)
			a.client.Transport = out
			for _, faults := range [][]authtest.Fault{
				nil, {authtest.TokenInvalidGrant}, {authtest.TokenServerError}, {authtest.TokenHTML}, {authtest.TokenCutOff}, {authtest.TokenRedirect}, {authtest.TokenSlow}, {authtest.TokenErrorStatusOK}, {authtest.TokenTypeMAC},
				{authtest.UserinfoUnauthorized}, {authtest.UserinfoRedirect}, {authtest.UserinfoWrongSubject}, {authtest.JWKSServerError}, {authtest.IDTokenBadSignature}, {authtest.IDTokenWrongNonce}, {authtest.IDTokenWrongAccessTokenHash},
				{authtest.AuthorizationErrorMarkup}, {authtest.AuthorizationErrorWithCode}, {authtest.AuthorizationWrongState}, {authtest.AuthorizationWrongCode},
			} {
				idp.SetFaults()
				to := a.start("idp")
				for _, c := range a.cookies() {
					if strings.Contains(c.Name, ".state.") {
						secrets["ticket "+c.Name] = c.Value
					}
				}
				idp.SetFaults(faults...)
				back := idp.SignIn(t, to, "alice")
				secrets["code of "+to] = back.URL.Query().Get("code")
				res := a.at(back)
				if res.StatusCode != http.StatusFound {
					t.Errorf("%v: %d", faults, res.StatusCode)
				}
				a.get(strings.TrimPrefix(res.Header.Get("Location"), a.url))
				a.at(back.Clone(t.Context()))
			}
			for _, r := range idp.Requests("/token") {
				secrets["a verifier "+r.Form.Get("code")] = r.Form.Get("code_verifier")
				secrets["client authentication"] = r.Header.Get("Authorization")
			}
			for _, user := range []string{"nobody", "error", "panic"} {
				a.post("/api/auth/callback/credentials", url.Values{"username": {user}, "password": {password}, "csrfToken": {a.csrf()}})
				a.postJSON("/api/auth/callback/credentials", `{"username":"`+user+`","password":"`+password+`","csrfToken":"`+a.csrf()+`"}`)
			}
			secrets["a session"] = a.cookie(protocol.String() + ".session-token")
			req := a.request("GET", "/api/auth/session", "", "")
			req.Header.Set("Authorization", "Bearer "+secrets["a session"]+"x")
			a.do(req)
			a.session()
			a.signOut()

			log, answers := a.log.String(), out.b.String()
			if len(secrets) < 50 || !strings.Contains(log, inside) {
				t.Errorf("%d secrets; the log: %s", len(secrets), log)
			}
			for what, value := range secrets {
				if value == "" {
					continue // a sign-in that ended before
				}
				if strings.Contains(log, value) {
					t.Errorf("the log has %s", what)
				}
				sent := strings.HasPrefix(what, "ticket ") || what == "a session" // cookies are answers
				if !sent && strings.Contains(answers, value) {
					t.Errorf("an answer has %s", what)
				}
			}
			for _, tell := range []string{inside, "goroutine ", ".go:", "panic", "nuxtauth: ", "runtime error", "<script>alert", "/usr/"} {
				if strings.Contains(answers, tell) {
					t.Errorf("an answer has %q", tell)
				}
			}
		})
	}
}

// Wrong name and wrong password look the same, down to the headers.
func TestAWrongNameLooksLikeAWrongPassword(t *testing.T) {
	for _, protocol := range []nuxtauth.Protocol{nuxtauth.NextAuth, nuxtauth.AuthJS} {
		a := newApp(t, func(c *Config) { c.Protocol = protocol })
		for _, as := range []string{"", "true"} {
			var seen []string
			for _, form := range []url.Values{{"username": {"ada"}, "password": {"wrong"}}, {"username": {"nobody"}, "password": {"lovelace"}}, {"username": {"ada\x00"}, "password": {strings.Repeat("x", 9000)}}, {}} {
				form.Set("json", as)
				form.Set("csrfToken", a.csrf())
				res := a.post("/api/auth/callback/credentials", form)
				res.Header.Del("Date")
				var b strings.Builder
				res.Header.Write(&b)
				seen = append(seen, res.Status+b.String()+res.body)
			}
			for _, answer := range seen[1:] {
				if answer != seen[0] {
					t.Errorf("%v: one answer is\n%s\nanother\n%s", protocol, seen[0], answer)
				}
			}
		}
	}
}
