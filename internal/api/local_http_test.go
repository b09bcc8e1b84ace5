package api_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

func TestLocal_Statuses(t *testing.T) {
	a := newLocal(t, func(c *apptest.Config) {
		c.Local = nuxtauth.LocalConfig{Provider: "credentials", SignUp: func(context.Context, nuxtauth.SignUpParams) error { return nil }}
		c.Providers = []provider.Provider{provider.Credentials(func(ctx context.Context, form url.Values) (*provider.User, error) {
			switch form.Get("username") {
			case "cause: unproved":
				return nil, &nuxtauth.Error{Code: "EmailNotVerified", Err: errors.New("secret-detail")}
			case "cause: wrong code":
				return nil, &nuxtauth.Error{Code: nuxtauth.CodeCredentialsSignIn, Err: errors.New("secret-detail")}
			case "cause: without code":
				return nil, &nuxtauth.Error{Err: errors.New("secret-detail")}
			case "cause: fault":
				return nil, errors.New("secret-detail")
			case "cause: panic":
				panic("secret-detail")
			case "no ID":
				return &provider.User{}, nil
			}
			return apptest.Authorize(ctx, form)
		})}
	})
	const form, text = "application/json", "text/plain"
	for _, tt := range []struct {
		method, path, contentType, body string
		status                          int
		code                            string
	}{
		{"POST", "login", form, `{"username":"ada","password":"lovelace"}`, 200, ""},
		{"POST", "login", form + "; charset=utf-8", `{"username":"ada","password":"lovelace"}`, 200, ""},
		{"POST", "login?callbackUrl=/x&json=1", form, `{"username":"ada","password":"lovelace","redirect":false,"remember":{"a":1}}`, 200, ""},
		{"POST", "login?username=ada&password=lovelace", form, `{"username":"ada"}`, 401, "CredentialsSignin"},
		{"POST", "login", form, `{"username":"ada","password":"wrong"}`, 401, "CredentialsSignin"},
		{"POST", "login", form, `{"username":"cause: unproved"}`, 403, "EmailNotVerified"},
		{"POST", "login", form, `{"username":"cause: wrong code"}`, 401, "CredentialsSignin"},
		{"POST", "login", form, `{"username":"cause: without code"}`, 403, "AccessDenied"},
		{"POST", "login", form, `{"username":"cause: fault"}`, 503, "Unavailable"},
		{"POST", "login", form, `{"username":"cause: panic"}`, 503, "Unavailable"},
		{"POST", "login", form, `{"username":"no ID"}`, 503, "Unavailable"},
		{"POST", "login", form, `{}`, 400, "BadRequest"},
		{"POST", "login", "", ``, 400, "BadRequest"},
		{"POST", "login", form, ``, 400, "BadRequest"},
		{"POST", "login", form, `[]`, 400, "BadRequest"},
		{"POST", "login", form, `null`, 400, "BadRequest"},
		{"POST", "login", form, `{"username":"ada"`, 400, "BadRequest"},
		{"POST", "login", form, `{"username":"ada"} {}`, 400, "BadRequest"},
		{"POST", "login", form, `{"username":"ada","username":"alan"}`, 400, "BadRequest"},
		{"POST", "login", form, "{\"username\":\"\xff\"}", 400, "BadRequest"},
		{"POST", "login", form, `{"username":"` + strings.Repeat("a", 65<<10) + `"}`, 413, "BadRequest"},
		{"POST", "login", apptest.FormType, `username=ada&password=lovelace`, 415, "BadRequest"},
		{"POST", "login", form + "; charset", `{"username":"ada","password":"lovelace"}`, 415, "BadRequest"},
		{"POST", "login", text, `{"username":"ada","password":"lovelace"}`, 415, "BadRequest"},
		{"POST", "login", "application/json+x", `{"username":"ada","password":"lovelace"}`, 415, "BadRequest"},
		{"POST", "login", "multipart/form-data", `{"username":"ada","password":"lovelace"}`, 415, "BadRequest"},
		{"POST", "login", "", `{"username":"ada","password":"lovelace"}`, 415, "BadRequest"},
		{"POST", "register", form, `{"email":"x"}`, 202, ""},
		{"POST", "register", form, `{}`, 400, "BadRequest"},
		{"POST", "refresh", form, `{}`, 400, "BadRequest"},
		{"POST", "refresh", "", ``, 400, "BadRequest"},
		{"POST", "refresh", form, `{"refreshToken":null}`, 400, "BadRequest"},
		{"POST", "refresh", form, `{"refreshToken":"x"}`, 401, "InvalidToken"},
		{"POST", "logout", "", ``, 200, ""},
		{"POST", "logout", form, ``, 200, ""},
		{"GET", "session", "", ``, 401, "InvalidToken"},
		{"GET", "login", "", ``, 405, "BadRequest"},
		{"GET", "logout", "", ``, 405, "BadRequest"},
		{"POST", "session", form, `{}`, 405, "BadRequest"},
		{"PUT", "refresh", form, `{}`, 405, "BadRequest"},
		{"DELETE", "session", "", ``, 405, "BadRequest"},
	} {
		what := tt.method + " " + tt.path + " " + tt.contentType + " " + tt.body[:min(len(tt.body), 60)]
		log := len(a.Log.String())
		res := a.Do(a.Request(tt.method, "/api/auth/local/"+tt.path, tt.contentType, tt.body))
		a.want(what, res, tt.status, tt.code)
		if logged := strings.Contains(a.Log.String()[log:], "secret-detail"); logged != strings.Contains(tt.body, `"username":"cause: `) {
			t.Errorf("%s: the log has %s", what, a.Log.String()[log:])
		}
		if res.Header.Get("Content-Type") != "application/json" || strings.Contains(res.Text, "secret-detail") || len(res.SetCookies()) > 0 {
			t.Errorf("%s: type %q, cookies %v: %s", what, res.Header.Get("Content-Type"), res.SetCookies(), res.Text)
		}
		if allow := res.Header.Get("Allow"); (tt.status == 405) != (allow != "") {
			t.Errorf("%s: Allow %q", what, allow)
		}
	}
	for _, path := range []string{"", "/", "/nothing", "/session/logo.png"} {
		if res := a.Get("/api/auth/local" + path); res.StatusCode != 400 {
			t.Errorf("GET local%s: %d %s", path, res.StatusCode, res.Text)
		}
	}
}

// The messages are for users who read English.
func TestLocal_Messages(t *testing.T) {
	a := newLocal(t)
	for want, res := range map[string]apptest.Response{
		"Sign in again.": a.refresh("x"),
		"Those details don't match an account. Check them and try again.": a.do("POST", "login", "", `{"username":"ada"}`),
		"The body has no refreshToken.":                                   a.do("POST", "refresh", "", `{}`),
		"The request is not one of this API.":                             a.do("GET", "login", "", ""),
	} {
		if !strings.HasPrefix(res.Text, `{"message":"`+want+`"`) {
			t.Errorf("%s, want %q", res.Text, want)
		}
	}
}

// A request may have no body at all in a test.
func TestLocal_NoBody(t *testing.T) {
	a := newLocal(t)
	req, rec := apptest.NewRequest("POST", "/api/auth/local/logout", nil)
	req.Body, req.ContentLength = nil, -1
	if a.Router.ServeHTTP(rec, req); rec.Code != http.StatusOK {
		t.Errorf("status %d: %s", rec.Code, rec.Body)
	}
}

// A proxy may send a body of unknown length where there is none.
func TestLocal_BodyInChunks(t *testing.T) {
	a := newLocal(t)
	for body, status := range map[string]int{"": 200, "{}": 415} {
		req := a.Request("POST", "/api/auth/local/logout", "", "")
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), -1
		if res := a.Do(req); res.StatusCode != status {
			t.Errorf("%q: %d %s", body, res.StatusCode, res.Text)
		}
	}
}

// Without Config.Local, and without a SignUp, the paths are those of the application.
func TestLocal_OffByDefault(t *testing.T) {
	a := apptest.New(t)
	a.Router.POST("/api/auth/local/login", func(c *gin.Context) { c.String(http.StatusOK, "of the application") })
	if res := a.PostJSON("/api/auth/local/login", "{}"); res.Text != "of the application" {
		t.Errorf("status %d: %s", res.StatusCode, res.Text)
	}
	if res := a.PostJSON("/api/auth/local/refresh", "{}"); res.StatusCode != 400 {
		t.Errorf("status %d: %s", res.StatusCode, res.Text)
	}
	b := newLocal(t)
	b.Router.POST("/api/auth/local/register", func(c *gin.Context) { c.String(http.StatusOK, "of the application") })
	if res := b.PostJSON("/api/auth/local/register", "{}"); res.Text != "of the application" {
		t.Errorf("status %d: %s", res.StatusCode, res.Text)
	}
}

// Both protocols of the API have the same endpoints.
func TestLocal_AuthJS(t *testing.T) {
	a := newLocal(t, func(c *apptest.Config) { c.Protocol = nuxtauth.AuthJS })
	a.signedIn("with AuthJS", a.signIn(), true)
	if res := a.Get("/api/auth/local/session/more"); res.StatusCode != 400 {
		t.Errorf("status %d: %s", res.StatusCode, res.Text)
	}
}

// The preflights that a browser sends for nuxt-auth, and what follows them.
func TestLocal_CORS(t *testing.T) {
	a := newLocal(t, func(c *apptest.Config) { c.TrustedOrigins = []string{trustedOrigin, "capacitor://localhost"} })
	tokens := a.signIn()
	for path, headers := range map[string]string{"login": "content-type", "register": "content-type", "session": "authorization", "refresh": "authorization,content-type", "logout": "authorization"} {
		method := "POST"
		if path == "session" {
			method = "GET"
		}
		for from, want := range map[string]bool{trustedOrigin: true, "capacitor://localhost": true, "https://evil.example": false, "null": false} {
			req := a.Request("OPTIONS", "/api/auth/local/"+path, "", "")
			req.Header.Set("Origin", from)
			req.Header.Set("Access-Control-Request-Method", method)
			req.Header.Set("Access-Control-Request-Headers", headers)
			res := a.Do(req)
			allowed := strings.ToLower(res.Header.Get("Access-Control-Allow-Headers"))
			ok := res.StatusCode == http.StatusNoContent && res.Header.Get("Access-Control-Allow-Origin") == from &&
				res.Header.Get("Access-Control-Allow-Credentials") == "true" && strings.Contains(res.Header.Get("Access-Control-Allow-Methods"), method) &&
				strings.Contains(allowed, "authorization") && strings.Contains(allowed, "content-type")
			if ok != want || !want && res.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("preflight of %s from %s: %d %v", path, from, res.StatusCode, res.Header)
			}
		}
	}
	for from, status := range map[string]int{"": 200, trustedOrigin: 200, a.URL: 200, "https://evil.example": 403, "null": 403, trustedOrigin + ".evil.example": 403} {
		for path, body := range map[string]string{"login": `{"username":"ada","password":"lovelace"}`, "refresh": `{"refreshToken":"` + tokens.RefreshToken + `"}`} {
			req := a.Request("POST", "/api/auth/local/"+path, "application/json", body)
			if from != "" {
				req.Header.Set("Origin", from)
			}
			code := ""
			if status == 403 {
				code = "AccessDenied"
			}
			res := a.Do(req)
			a.want(path+" from "+from, res, status, code)
			if got := res.Header.Get("Access-Control-Allow-Origin"); (got == from && got != "") != (from == trustedOrigin) {
				t.Errorf("%s from %s: Access-Control-Allow-Origin %q", path, from, got)
			}
		}
	}
	if log := a.Log.String(); strings.Count(log, "a script at another origin was refused") != 1 || !strings.Contains(log, "origin=https://evil.example") && !strings.Contains(log, "origin=null") {
		t.Errorf("the log: %s", log)
	}
	req := a.Request("GET", "/api/auth/local/session", "", "")
	req.Header.Set("Origin", "https://evil.example")
	req.Header.Set("Authorization", "Bearer "+tokens.Token)
	a.want("session from another origin", a.Do(req), 403, "AccessDenied")
	req = a.Request("GET", "/api/auth/local/session", "", "")
	req.Header.Set("Origin", trustedOrigin)
	res := a.Do(req)
	if a.want("session", res, 401, "InvalidToken"); !strings.Contains(res.Header.Get("Access-Control-Expose-Headers"), "Retry-After") || res.Header.Get("Access-Control-Allow-Origin") != trustedOrigin {
		t.Errorf("an error can't be read: %v", res.Header)
	}
}

// The limits are those of the form: attempts at one door count at the other.
func TestLocal_SignInLimit(t *testing.T) {
	a := newLocal(t, func(c *apptest.Config) { c.SignInLimit = nuxtauth.SignInLimit{PerNetwork: 1000, PerAccount: 4} })
	const wrong, right = `{"username":"ada","password":"wrong"}`, `{"username":"ada","password":"lovelace"}`
	tokens := a.signIn()
	for range 2 {
		a.Post("/api/auth/callback/credentials", a.CredentialsForm("ada", "wrong"))
		a.want("wrong", a.do("POST", "login", "", wrong), 401, "CredentialsSignin")
	}
	res := a.do("POST", "login", "", right)
	if a.want("limited", res, 429, "TooManyAttempts"); res.Header.Get("Retry-After") != "900" || !strings.Contains(a.Log.String(), "too many attempts to sign in") {
		t.Errorf("Retry-After %q, and the log: %s", res.Header.Get("Retry-After"), a.Log)
	}
	if res := a.Post("/api/auth/callback/credentials", a.CredentialsForm("ada", "lovelace")); res.StatusCode != 429 {
		t.Errorf("the form: %d %s", res.StatusCode, res.Text)
	}
	for range 40 { // neither is limited by network
		a.signedIn("limited", tokens, true)
	}
	a.Clock.Advance(16 * 60e9)
	for range 10 {
		a.signIn() // a success resets the count
	}
}

func TestLocal_SignUp(t *testing.T) {
	var got nuxtauth.SignUpParams
	var answer error
	a := newLocal(t, func(c *apptest.Config) {
		c.SignInLimit.PerNetwork = 9
		c.Local = nuxtauth.LocalConfig{Provider: "credentials", SignUp: func(_ context.Context, p nuxtauth.SignUpParams) error {
			if got = p; answer != nil && answer.Error() == "panic" {
				panic("secret-detail")
			}
			return answer
		}}
	})
	const body = `{"email":"ada@example.com","password":"lovelace","age":36,"terms":true,"tags":["a"]}`
	a.want("sign-up", a.do("POST", "register", "", body), 202, "")
	if got.Form.Encode() != "age=36&email=ada%40example.com&password=lovelace&terms=true" || got.IP == "" || got.UserAgent == "" {
		t.Errorf("SignUp gets %+v", got)
	}
	for what, tt := range map[string]struct {
		err    error
		status int
		code   string
	}{
		"taken":             {nuxtauth.ErrTaken, 409, "Taken"},
		"taken in a store":  {store.ErrEmailTaken, 409, "Taken"},
		"taken, own code":   {&nuxtauth.Error{Code: "NameTaken", Err: nuxtauth.ErrTaken}, 409, "NameTaken"},
		"fields":            {nuxtauth.FieldError{"password": "It is too short."}, 422, "InvalidFields"},
		"not allowed":       {&nuxtauth.Error{Code: "InviteOnly", Err: errors.New("secret-detail")}, 403, "InviteOnly"},
		"fault":             {errors.New("secret-detail"), 503, "Unavailable"},
		"panic":             {errors.New("panic"), 503, "Unavailable"},
		"temporary failure": {nuxtauth.Unavailable(errors.New("secret-detail")), 503, "Unavailable"},
	} {
		answer = tt.err
		log := len(a.Log.String())
		res := a.do("POST", "register", "", body)
		a.want(what, res, tt.status, tt.code)
		if cause := tt.err.Error(); !strings.Contains(a.Log.String()[log:], strings.TrimPrefix(cause, "nuxtauth: ")) {
			t.Errorf("%s: the log has %s", what, a.Log.String()[log:])
		}
		if strings.Contains(res.Text, "secret-detail") || (what == "fields") != strings.Contains(res.Text, `"fields":{"password":"It is too short."}`) {
			t.Errorf("%s: %s", what, res.Text)
		}
	}
	answer = nil
	a.want("the tenth in a minute", a.do("POST", "register", "", body), 429, "TooManyAttempts")
	a.signIn() // has a limit of its own
}

// No body signs in, makes a fault, or gets an answer in another form.
func FuzzLocal_Body(f *testing.F) {
	for _, body := range []string{
		`{"username":"ada","password":"wrong"}`, `{"refreshToken":"a.0.b"}`, `{"refreshToken":"` + strings.Repeat("A", 43) + `.0.` + strings.Repeat("A", 43) + `"}`,
		`{"refreshToken":".."}`, `{"refreshToken":1e400}`, `[`, `{"a":{"b":[[[[]]]]}}`, "\x00", `{"\u0000":"\ud800"}`, `null`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		router := apptest.NewRouter(apptest.NewAuth(t, func(c *apptest.Config) {
			c.Now = apptest.NewClock().Now
			apptest.NewStore().Use(c)
			c.Local = nuxtauth.LocalConfig{Provider: "credentials"}
		}))
		for _, path := range []string{"login", "refresh", "logout"} {
			req := httptest.NewRequest("POST", "http://localhost:3000/api/auth/local/"+path, strings.NewReader(body))
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Authorization", "Bearer "+strings.Map(func(r rune) rune {
				if r < ' ' || r > '~' {
					return -1
				}
				return r
			}, body))
			rec := httptest.NewRecorder()
			router.ServeHTTP(rec, req)
			res := apptest.Recorded(rec)
			apptest.NotSignedIn(t, path, res)
			right := path == "login" && strings.Contains(body, "lovelace")
			if res.StatusCode == 200 && path != "logout" && !right || res.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s %q: %d %s", path, body, res.StatusCode, res.Text)
			}
		}
	})
}

// A token that was changed is none.
func FuzzLocal_Tokens(f *testing.F) {
	f.Add(uint(43), uint(45), ".1")
	f.Add(uint(0), uint(0), "0")
	f.Add(uint(88), uint(1), "A")
	f.Add(uint(44), uint(1), "+0")
	f.Add(uint(44), uint(1), "00")
	f.Fuzz(func(t *testing.T, at, n uint, text string) {
		if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < '!' || r == '"' || r == '\\' || r > '~' }) {
			t.Skip()
		}
		router := apptest.NewRouter(apptest.NewAuth(t, func(c *apptest.Config) {
			apptest.NewStore().Use(c)
			c.Local = nuxtauth.LocalConfig{Provider: "credentials"}
		}))
		send := func(method, path, authorization, body string) apptest.Response {
			req := httptest.NewRequest(method, "http://localhost:3000/api/auth/local/"+path, strings.NewReader(body))
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Authorization", authorization)
			rec := httptest.NewRecorder()
			router.ServeHTTP(rec, req)
			return apptest.Recorded(rec)
		}
		var tokens localTokens
		if err := json.Unmarshal([]byte(send("POST", "login", "", `{"username":"ada","password":"lovelace"}`).Text), &tokens); err != nil {
			t.Fatal(err)
		}
		change := func(token string) string {
			from := min(at, uint(len(token)))
			return token[:from] + text + token[min(from+n, uint(len(token))):]
		}
		if changed := change(tokens.Token); strings.TrimSpace(changed) != tokens.Token {
			if res := send("GET", "session", "Bearer "+changed, ""); res.StatusCode != 401 {
				t.Errorf("access token %q for %q: %d %s", changed, tokens.Token, res.StatusCode, res.Text)
			}
		}
		if changed := change(tokens.RefreshToken); changed != tokens.RefreshToken {
			if res := send("POST", "refresh", "", `{"refreshToken":"`+changed+`"}`); res.StatusCode != 401 && (changed != "" || res.StatusCode != 400) {
				t.Errorf("refresh token %q for %q: %d %s", changed, tokens.RefreshToken, res.StatusCode, res.Text)
			}
		}
	})
}
