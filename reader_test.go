package nuxtauth_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

func TestReader_ReadsStore(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, apptest.Enriched, s.Use)
	a.SignIn()
	req, _ := apptest.NewRequest("GET", "/", a.Cookies())
	o := nuxtauth.ReaderConfig{URL: a.URL, Store: s}
	if tok, err := apptest.ReadToken[apptest.Token](req, o); err != nil || tok.SessionToken != "user-api-token" {
		t.Errorf("%+v, %v", tok, err)
	}
	s.Fail(apptest.ErrDown)
	if _, err := apptest.ReadToken[apptest.Token](req, o); !errors.Is(err, apptest.ErrDown) || errors.Is(err, nuxtauth.ErrSignedOut) {
		t.Errorf("a store that is down: %v", err)
	}
	s.Fail(nil)
	a.SignOut()
	if _, err := apptest.ReadToken[apptest.Token](req, o); err == nil {
		t.Error("an ended session has a token")
	}
}

// The middleware and a Reader accept a token until the same second.
func TestReader_EndsAsSessionDoes(t *testing.T) {
	const day = 24 * time.Hour
	for name, tt := range map[string]struct {
		times nuxtauth.SessionConfig // of both, shortened after the sign-in
		ends  time.Duration
	}{
		"defaults":             {nuxtauth.SessionConfig{}, 30 * day},
		"shorter MaxAge":       {nuxtauth.SessionConfig{MaxAge: 2 * time.Hour}, 2 * time.Hour},
		"shorter MaxLifetime":  {nuxtauth.SessionConfig{MaxLifetime: time.Hour}, time.Hour},
		"the token's own time": {nuxtauth.SessionConfig{MaxAge: 90 * day}, 60*day + 15*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			before := apptest.New(t, func(c *apptest.Config) { c.Session.MaxAge = 60 * day })
			before.SignIn()
			value := before.Cookie(apptest.SessionCookie)
			for _, when := range []time.Duration{0, tt.ends - time.Second, tt.ends} {
				now := func() time.Time { return before.Clock.Now().Add(when) }
				a := apptest.New(t, func(c *apptest.Config) { c.Session, c.Now = tt.times, now })
				a.SetCookie(apptest.SessionCookie, value)
				req, _ := apptest.NewRequest("GET", "/", a.Cookies())
				_, err := apptest.ReadToken[apptest.Token](req, nuxtauth.ReaderConfig{
					Secret: apptest.Secret, URL: a.URL, Now: now, MaxAge: tt.times.MaxAge, MaxLifetime: tt.times.MaxLifetime,
				})
				valid, active := err == nil, a.Get("/me").Text != "null"
				if want := when < tt.ends; valid != want || active != want || !want && !errors.Is(err, token.ErrExpired) {
					t.Errorf("after %v: token %v, session %v, want %v; %v", when, valid, active, want, err)
				}
			}
		})
	}
	req, _ := apptest.NewRequest("GET", "/", []*http.Cookie{{Name: apptest.SessionCookie, Value: "a.b.c.d.e"}})
	for want, o := range map[string]nuxtauth.ReaderConfig{
		"ReaderConfig.MaxAge is 3.6µs":     {Secret: apptest.Secret, MaxAge: 3600},
		"ReaderConfig.MaxLifetime is -1ns": {Secret: apptest.Secret, MaxLifetime: -1},
	} {
		if _, err := apptest.ReadToken[apptest.Token](req, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %q", err, want)
		}
	}
}

func TestReader_ChecksDenyList(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.UseAsDenyList)
	a.SignIn()
	req, _ := apptest.NewRequest("GET", "/", a.Cookies())
	o := nuxtauth.ReaderConfig{Secret: apptest.Secret, URL: a.URL, DenyList: s}
	if _, err := apptest.ReadToken[apptest.Token](req, o); err != nil {
		t.Error(err)
	}
	s.Fail(apptest.ErrDown)
	if _, err := apptest.ReadToken[apptest.Token](req, o); !errors.Is(err, apptest.ErrDown) || errors.Is(err, token.ErrInvalid) {
		t.Errorf("a deny-list that is down: %v", err)
	}
	s.Fail(nil)
	a.SignOut()
	if _, err := apptest.ReadToken[apptest.Token](req, o); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("a copied cookie after the sign-out: %v", err)
	}
}

func TestReader_RefusesSessionOfOtherAuth(t *testing.T) {
	s := apptest.NewStore()
	shop := apptest.New(t, s.Use)
	shop.SignIn()
	req, _ := apptest.NewRequest("GET", "/", []*http.Cookie{{Name: "office.session-token", Value: shop.Cookie(apptest.SessionCookie)}})
	o := nuxtauth.ReaderConfig{URL: shop.URL, Store: s, Cookies: nuxtauth.Cookies{Prefix: "office"}}
	if tok, err := apptest.ReadToken[apptest.Token](req, o); err == nil {
		t.Errorf("a session of the shop is valid in the office: %+v", tok)
	}
}

func TestReader_ShortSecretIsError(t *testing.T) {
	t.Setenv("AUTH_SECRET", "")
	t.Setenv("NEXTAUTH_SECRET", "")
	req, _ := apptest.NewRequest("GET", "/", []*http.Cookie{{Name: apptest.SessionCookie, Value: "a.b.c.d.e"}})
	for want, o := range map[string]nuxtauth.ReaderConfig{
		"set ReaderConfig.Secret or AUTH_SECRET":                      {},
		"ReaderConfig.Secret (or AUTH_SECRET) has 5 characters":       {Secret: "short"},
		"ReaderConfig.OldSecrets[0] has 5 characters: write at least": {Secret: apptest.Secret, OldSecrets: []string{"short"}},
	} {
		if _, err := apptest.ReadToken[apptest.Token](req, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %q", err, want)
		}
	}
}

// A wrong configuration is reported as a whole, once, and not at each request.
func TestNewReader_ReportsAllMistakes(t *testing.T) {
	t.Setenv("AUTH_SECRET", "")
	t.Setenv("NEXTAUTH_SECRET", "")
	_, err := nuxtauth.NewReader[apptest.Token](nuxtauth.ReaderConfig{Protocol: 7, MaxAge: 3600, Secret: "short"})
	fields := []string{}
	for e := range nuxtauth.ConfigErrors(err) {
		fields = append(fields, e.Field)
	}
	if !slices.Equal(fields, []string{"Protocol", "MaxAge", "Secret"}) {
		t.Errorf("mistakes in %q: %v", fields, err)
	}
	type lossy struct {
		nuxtauth.DefaultJWT
		Mail string `json:"email"`
	}
	if _, err := nuxtauth.NewReader[lossy](nuxtauth.ReaderConfig{Secret: apptest.Secret}); err == nil {
		t.Error("a type that hides a claim is accepted")
	}
}

// The middleware of a Reader answers all requests without a valid token.
func TestReader_Middleware(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, apptest.Enriched, s.UseAsDenyList)
	a.SignIn()
	reader, err := nuxtauth.NewReader[apptest.Token](nuxtauth.ReaderConfig{Secret: apptest.Secret, URL: a.URL, DenyList: s, Now: a.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	h := reader.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, nuxtauth.TokenFrom[apptest.Token](r.Context()).SessionToken)
	}))
	serve := func(prepare func(*http.Request)) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "/", nil)
		prepare(r)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	withCookie := func(r *http.Request) {
		r.AddCookie(&http.Cookie{Name: apptest.SessionCookie, Value: a.Cookie(apptest.SessionCookie)})
	}
	withBearer := func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+a.Cookie(apptest.SessionCookie)) }
	for name, prepare := range map[string]func(*http.Request){"cookie": withCookie, "bearer": withBearer} {
		if w := serve(prepare); w.Code != http.StatusOK || w.Body.String() != "user-api-token" {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}

	s.Fail(apptest.ErrDown)
	if w := serve(withCookie); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || w.Header().Get("WWW-Authenticate") != "" {
		t.Errorf("a deny-list that is down: %d %v", w.Code, w.Header())
	}
	s.Fail(nil)
	for name, tt := range map[string]struct {
		prepare   func(*http.Request)
		challenge string
	}{
		"no token":    {func(*http.Request) {}, "Bearer"},
		"other token": {func(r *http.Request) { r.Header.Set("Authorization", "Bearer x.y.z") }, `Bearer error="invalid_token"`},
		"other kind":  {func(r *http.Request) { r.SetBasicAuth("ada", "lovelace") }, "Bearer"},
	} {
		w := serve(tt.prepare)
		if w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") != tt.challenge || w.Header().Get("Cache-Control") != "no-store" ||
			w.Body.String() != `{"message":"Sign in first."}` {
			t.Errorf("%s: %d %v %s", name, w.Code, w.Header(), w.Body)
		}
	}
	copied := a.Cookie(apptest.SessionCookie)
	a.SignOut()
	if w := serve(func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+copied) }); w.Code != http.StatusUnauthorized {
		t.Errorf("after the sign-out: %d %s", w.Code, w.Body)
	}
}

// Parse reads what did not come in an HTTP request: a token, or the handle of a session.
func TestReader_Parse(t *testing.T) {
	s := apptest.NewStore()
	for name, tt := range map[string]struct {
		use     func(*apptest.Config)
		read    nuxtauth.ReaderConfig
		expired error
	}{
		"cookie": {func(*apptest.Config) {}, nuxtauth.ReaderConfig{Secret: apptest.Secret}, token.ErrExpired},
		"store":  {s.Use, nuxtauth.ReaderConfig{Store: s}, store.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			a := apptest.New(t, apptest.Enriched, tt.use)
			a.SignIn()
			tt.read.URL, tt.read.Now = a.URL, a.Clock.Now
			reader, err := nuxtauth.NewReader[apptest.Token](tt.read)
			if err != nil {
				t.Fatal(err)
			}
			if tok, err := reader.Parse(t.Context(), a.Cookie(apptest.SessionCookie)); err != nil || tok.SessionToken != "user-api-token" {
				t.Errorf("%+v, %v", tok, err)
			}
			if tok, err := reader.Parse(t.Context(), ""); err != nuxtauth.ErrSignedOut || tok != nil {
				t.Errorf("no token: %+v, %v", tok, err)
			}
			if tok, err := reader.Parse(t.Context(), "x.y.z"); !errors.Is(err, nuxtauth.ErrSignedOut) || !errors.Is(err, token.ErrInvalid) || tok != nil {
				t.Errorf("no valid token: %+v, %v", tok, err)
			}
			a.Clock.Advance(31 * 24 * time.Hour)
			if _, err := reader.Parse(t.Context(), a.Cookie(apptest.SessionCookie)); !errors.Is(err, tt.expired) || !errors.Is(err, nuxtauth.ErrSignedOut) {
				t.Errorf("an expired session: %v", err)
			}
		})
	}
}

// A context has one token of each type.
func TestTokenFrom(t *testing.T) {
	type other struct{ nuxtauth.DefaultJWT }
	ctx := nuxtauth.WithToken(t.Context(), &apptest.Token{SessionToken: "a"})
	if tok := nuxtauth.TokenFrom[apptest.Token](ctx); tok == nil || tok.SessionToken != "a" {
		t.Errorf("got %+v", tok)
	}
	if tok := nuxtauth.TokenFrom[other](ctx); tok != nil {
		t.Errorf("got %+v of another type", tok)
	}
}
