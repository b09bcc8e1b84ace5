package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest/hostile"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
)

// The same callback several times concurrently, with the same cookies, starts one session
// at most.
func TestOAuth_ConcurrentCallbacksCountOnce(t *testing.T) {
	idp := apptest.StartIDP(t)
	s := apptest.NewStore()
	a := apptest.New(t, apptest.WithProviders(idp), s.Use)
	back := idp.SignIn(t, a.Start("idp"), "alice")
	var wg sync.WaitGroup
	answers := make([]apptest.Response, 12)
	for i := range answers {
		b := a.Copy()
		req := back.Clone(t.Context())
		wg.Go(func() { answers[i] = b.Follow(req) })
	}
	wg.Wait()
	in := 0
	for _, res := range answers {
		switch to := res.Header.Get("Location"); to {
		case a.URL + "/home":
			in++
		case a.URL + "/api/auth/error?error=OAuthCallback":
			apptest.NotSignedIn(t, "a second callback", res)
		default:
			t.Errorf("a callback redirects to %d %s", res.StatusCode, to)
		}
	}
	if list, err := a.Auth.ListSessions(t.Context(), "user-alice"); err != nil || len(list) > 1 || in > 1 || in != len(list) {
		t.Errorf("%d sign-ins, %d sessions, %v", in, len(list), err)
	}
	later := a.Copy()
	if apptest.NotSignedIn(t, "a callback later", later.Follow(back.Clone(t.Context()))); later.Session() != nil {
		t.Error("a replay signs in")
	}
}

// Sign-ins, reads, updates and sign-outs of many browsers run concurrently, each
// with its own sessions (for the race detector).
func TestSession_ConcurrentUsersStayApart(t *testing.T) {
	for name, storage := range apptest.Storages {
		t.Run(name, func(t *testing.T) {
			a := apptest.New(t, apptest.WriteAtEachRead, storage, func(c *apptest.Config) {
				c.Providers = []provider.Provider{provider.Credentials(func(_ context.Context, f url.Values) (*provider.User, error) {
					return &provider.User{ID: f.Get("username"), Name: f.Get("username")}, nil
				})}
			})
			var wg sync.WaitGroup
			for _, user := range []string{"ada", "grace", "alan", "kurt", "emmy", "edsger"} {
				b := a.Another()
				wg.Go(func() {
					for range 4 {
						b.Post("/api/auth/callback/credentials", url.Values{"username": {user}, "csrfToken": {b.CSRF()}, "json": {"true"}})
						tabs := new(sync.WaitGroup)
						for range 3 {
							tab := b.Copy()
							tabs.Go(func() {
								if s := tab.Session(); s == nil || s.User.Name != user {
									t.Errorf("%s has the session %+v", user, s)
								}
								tab.Get("/me")
							})
						}
						tabs.Wait()
						late := b.Copy()
						tabs.Go(func() { // may come before the sign-out or after it
							if s := late.Session(); s != nil && s.User.Name != user {
								t.Errorf("%s has the session %+v", user, s)
							}
						})
						if res := b.SignOut(); res.StatusCode != http.StatusOK {
							t.Errorf("sign-out: status %d: %s", res.StatusCode, res.Text)
						}
						tabs.Wait()
						if b.Session() != nil {
							t.Errorf("%s is not signed out", user)
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// Requests that belong to no sign-in cause no request to the provider and no record on
// the server.
func TestSignIn_JunkLeavesNoRecord(t *testing.T) {
	idp := apptest.StartIDP(t)
	s := apptest.NewStore()
	a := apptest.New(t, apptest.WithProviders(idp), s.Use)
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
			r.Header.Set("Content-Type", apptest.FormType)
			r.Header.Set("Cookie", "next-auth.state."+state[:12]+"=eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA")
			rec := httptest.NewRecorder()
			a.Router.ServeHTTP(rec, r)
			apptest.NotSignedIn(t, r.Method+" "+r.URL.Path, apptest.Recorded(rec))
		}
	}
	if calls := s.Calls(); calls != nil {
		t.Errorf("the store was called %d times", len(calls))
	}
	if n := len(idp.Requests()); n != 0 {
		t.Errorf("the provider got %d requests", n)
	}
	unaffected(a)
}

// recorder is a transport that records all bytes of the responses.
type recorder struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (p *recorder) RoundTrip(r *http.Request) (*http.Response, error) {
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

// After sign-ins that succeed and fail in many ways, with all levels logged, neither the
// log, what Observe and the event of refusals got, nor a response contains a secret, and no response contains internals.
func TestSecret_StaysOutOfLogAndAnswers(t *testing.T) {
	const password, internal = "correct horse battery staple", "dial tcp 10.0.0.7:5432"
	for _, protocol := range []nuxtauth.Protocol{nuxtauth.NextAuth, nuxtauth.AuthJS} {
		t.Run(protocol.String(), func(t *testing.T) {
			idp := apptest.StartIDP(t)
			secrets := map[string]string{"the secret": apptest.Secret, "the client secret": idp.ClientSecret(), "the client secret, encoded": url.QueryEscape(idp.ClientSecret()), "the password": password, "the password, encoded": url.QueryEscape(password)}
			var observed apptest.LogBuffer
			a := apptest.New(t, apptest.WithProviders(idp), func(c *apptest.Config) {
				c.Protocol = protocol
				c.Observe = func(ctx context.Context, op nuxtauth.Operation) (context.Context, func(error)) {
					return ctx, func(err error) { fmt.Fprintf(&observed, "%+v %+v\n", op, err) }
				}
				c.Events.RefuseSignIn = func(_ context.Context, e nuxtauth.RefuseSignInEvent) {
					fmt.Fprintf(&observed, "%+v %+v\n", e, e.Err)
				}
				c.HTTPClient = &http.Client{Timeout: 300 * time.Millisecond}
				c.Providers[0] = provider.Credentials(func(_ context.Context, f url.Values) (*provider.User, error) {
					switch f.Get("username") {
					case "error":
						return nil, errors.New(internal)
					case "panic":
						panic(internal)
					}
					return nil, nil
				})
				c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
					if p.Account != nil {
						secrets["an access token"], secrets["an ID token"] = p.Account.AccessToken, p.Account.IDToken
					}
					p.Token.SessionToken = "only-in-the-token"
					return p.Token, nil
				}
			})
			secrets["a claim of the token"] = "only-in-the-token"
			out := new(recorder)
			a.Client.Transport = out
			for _, faults := range [][]hostile.Fault{
				nil, {hostile.TokenInvalidGrant}, {hostile.TokenServerError}, {hostile.TokenHTML}, {hostile.TokenCutOff}, {hostile.TokenRedirect}, {hostile.TokenSlow}, {hostile.TokenErrorStatusOK}, {hostile.TokenTypeMAC},
				{hostile.UserinfoUnauthorized}, {hostile.UserinfoRedirect}, {hostile.UserinfoWrongSubject}, {hostile.JWKSServerError}, {hostile.IDTokenBadSignature}, {hostile.IDTokenWrongNonce}, {hostile.IDTokenWrongAccessTokenHash},
				{hostile.AuthorizationErrorMarkup}, {hostile.AuthorizationErrorWithCode}, {hostile.AuthorizationWrongState}, {hostile.AuthorizationWrongCode},
			} {
				idp.SetFaults()
				to := a.Start("idp")
				for _, c := range a.Cookies() {
					if strings.Contains(c.Name, ".state.") {
						secrets["check cookie "+c.Name] = c.Value
					}
				}
				idp.SetFaults(faults...)
				back := idp.SignIn(t, to, "alice")
				secrets["code of "+to] = back.URL.Query().Get("code")
				res := a.Follow(back)
				if res.StatusCode != http.StatusFound {
					t.Errorf("%v: %d", faults, res.StatusCode)
				}
				a.Get(strings.TrimPrefix(res.Header.Get("Location"), a.URL))
				a.Follow(back.Clone(t.Context()))
			}
			for _, r := range idp.Requests("/token") {
				secrets["a verifier "+r.Form.Get("code")] = r.Form.Get("code_verifier")
				secrets["client authentication"] = r.Header.Get("Authorization")
			}
			for i, r := range idp.Requests("/userinfo") { // also of sign-ins that failed there
				secrets[fmt.Sprint("access token ", i)] = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
			}
			for _, user := range []string{"unknown", "error", "panic"} {
				a.Post("/api/auth/callback/credentials", url.Values{"username": {user}, "password": {password}, "csrfToken": {a.CSRF()}})
				a.PostJSON("/api/auth/callback/credentials", `{"username":"`+user+`","password":"`+password+`","csrfToken":"`+a.CSRF()+`"}`)
			}
			secrets["a session"] = a.Cookie(protocol.String() + ".session-token")
			req := a.Request("GET", "/api/auth/session", "", "")
			req.Header.Set("Authorization", "Bearer "+secrets["a session"]+"x")
			a.Do(req)
			a.Session()
			a.SignOut()

			log, answers := a.Log.String()+observed.String(), out.b.String()
			if len(secrets) < 50 || !strings.Contains(log, internal) {
				t.Errorf("%d secrets; the log: %s", len(secrets), log)
			}
			for what, value := range secrets {
				if value == "" {
					continue // of a sign-in that ended before
				}
				if strings.Contains(log, value) {
					t.Errorf("the log has %s", what)
				}
				sent := strings.HasPrefix(what, "check cookie ") || what == "a session" // sent as cookies
				if !sent && strings.Contains(answers, value) {
					t.Errorf("a response has %s", what)
				}
			}
			for _, text := range []string{internal, "goroutine ", ".go:", "panic", "nuxtauth: ", "runtime error", "<script>alert", "/usr/"} {
				if strings.Contains(answers, text) {
					t.Errorf("a response has %q", text)
				}
			}
		})
	}
}

// The responses to a wrong name and to a wrong password are equal, including headers. The
// cookie with the sealed name differs by what the client has sent, and not by whether there
// is such a user.
func TestCredentials_WrongNameLikeWrongPassword(t *testing.T) {
	for _, protocol := range []nuxtauth.Protocol{nuxtauth.NextAuth, nuxtauth.AuthJS} {
		a := apptest.New(t, func(c *apptest.Config) { c.Protocol = protocol })
		for _, as := range []string{"", "true"} {
			var seen []string
			for _, form := range []url.Values{{"username": {"ada"}, "password": {"wrong"}}, {"username": {"unknown"}, "password": {"lovelace"}}, {"username": {"ada\x00"}, "password": {strings.Repeat("x", 9000)}}, {}} {
				form.Set("json", as)
				form.Set("csrfToken", a.CSRF())
				res := a.Post("/api/auth/callback/credentials", form)
				res.Header.Del("Date")
				isForm := func(line string) bool { return strings.HasPrefix(line, protocol.String()+".form=") }
				if got, want := slices.ContainsFunc(res.Header["Set-Cookie"], isForm), as == "" && form.Has("username"); got != want {
					t.Errorf("%v: the name of %v is in a cookie: %v", protocol, form, got)
				}
				if res.Header["Set-Cookie"] = slices.DeleteFunc(res.Header["Set-Cookie"], isForm); len(res.Header["Set-Cookie"]) == 0 {
					res.Header.Del("Vary") // of the cookie
				}
				var b strings.Builder
				res.Header.Write(&b)
				seen = append(seen, res.Status+b.String()+res.Text)
			}
			for _, answer := range seen[1:] {
				if answer != seen[0] {
					t.Errorf("%v: one response is\n%s\nanother\n%s", protocol, seen[0], answer)
				}
			}
		}
	}
}
