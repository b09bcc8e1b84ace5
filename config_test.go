package nuxtauth_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

type pointerToken struct{ *nuxtauth.DefaultJWT }

type shadowingToken struct {
	nuxtauth.DefaultJWT
	Expiry int    `json:"exp"`
	Sub    string `json:"sub"`
}

type taggedToken struct {
	nuxtauth.DefaultJWT `json:"claims"`
}

type deepPointerToken struct{ *apptest.Token }

type unmarshalableToken struct {
	nuxtauth.DefaultJWT
	Done chan bool `json:"done"`
}

type pointerSession struct{ *apptest.Session }

type shadowingSession struct {
	nuxtauth.DefaultSession[apptest.User]
	Expiry string `json:"expires"`
}

// ownJSON has JSON of its own, which takes the place of that of a type that
// embeds it.
type ownJSON struct{}

func (ownJSON) MarshalJSON() ([]byte, error) { return []byte(`{}`), nil }

func (*ownJSON) UnmarshalJSON([]byte) error { return nil }

type replacedToken struct {
	nuxtauth.DefaultJWT
	ownJSON
}

type replacedSession struct {
	nuxtauth.DefaultSession[apptest.User]
	ownJSON
}

// newProblem is the text of the error of New, which must return one.
func newProblem[T nuxtauth.TokenType, S nuxtauth.SessionType](t *testing.T, cfg nuxtauth.Config[T, S]) string {
	t.Helper()
	a, err := nuxtauth.New(cfg)
	if err == nil {
		t.Fatal("New returns no error")
	}
	if a != nil {
		t.Error("New returns an Auth beside the error")
	}
	return err.Error()
}

// newError is the error of New with a token type, and no other problem.
func newError[T nuxtauth.TokenType]() error {
	_, err := nuxtauth.New(nuxtauth.Config[T, apptest.Session]{
		Secret: apptest.Secret, URL: "http://localhost", Providers: []provider.Provider{provider.Credentials(apptest.Authorize)},
	})
	return err
}

func TestConfig_TypesThatCannotWork(t *testing.T) {
	for name, tt := range map[string]struct{ got, want string }{
		"token by pointer":        {newProblem(t, nuxtauth.Config[pointerToken, apptest.Session]{Secret: apptest.Secret, URL: "https://x.example"}), "embed it by value"},
		"token by inner pointer":  {newProblem(t, nuxtauth.Config[deepPointerToken, apptest.Session]{Secret: apptest.Secret, URL: "https://x.example"}), "embed it by value"},
		"reserved claim":          {newProblem(t, nuxtauth.Config[shadowingToken, apptest.Session]{Secret: apptest.Secret, URL: "https://x.example"}), `shadowingToken.Expiry has the JSON name "exp"`},
		"second reserved claim":   {newProblem(t, nuxtauth.Config[shadowingToken, apptest.Session]{Secret: apptest.Secret, URL: "https://x.example"}), `shadowingToken.Sub has the JSON name "sub"`},
		"tagged":                  {newProblem(t, nuxtauth.Config[taggedToken, apptest.Session]{Secret: apptest.Secret, URL: "https://x.example"}), "leave the tag out"},
		"no JSON":                 {newProblem(t, nuxtauth.Config[unmarshalableToken, apptest.Session]{Secret: apptest.Secret, URL: "https://x.example"}), "does not go through JSON"},
		"replaced by a method":    {newProblem(t, nuxtauth.Config[replacedToken, apptest.Session]{Secret: apptest.Secret, URL: "https://x.example"}), "replacedToken does not go through JSON: a method"},
		"session replaced":        {newProblem(t, nuxtauth.Config[apptest.Token, replacedSession]{Secret: apptest.Secret, URL: "https://x.example"}), "replacedSession does not go through JSON: a method"},
		"session by pointer":      {newProblem(t, nuxtauth.Config[apptest.Token, pointerSession]{Secret: apptest.Secret, URL: "https://x.example"}), "embed it by value"},
		"reserved session member": {newProblem(t, nuxtauth.Config[apptest.Token, shadowingSession]{Secret: apptest.Secret, URL: "https://x.example"}), `has the JSON name "expires"`},
	} {
		if !strings.Contains(tt.got, tt.want) {
			t.Errorf("%s: New returns %q, want %q in it", name, tt.got, tt.want)
		}
	}
}

func TestConfig_ReservedClaimsInTokenType(t *testing.T) {
	type withNuxtauth struct {
		nuxtauth.DefaultJWT
		Mine string `json:"nuxtauth"` // MaxLifetime would have no effect
	}
	type withAccessToken struct {
		nuxtauth.DefaultJWT
		nuxtauth.ProviderTokens
		Access string `json:"access_token"`
	}
	type withRefreshToken struct {
		nuxtauth.DefaultJWT
		nuxtauth.ProviderTokens
		Refresh string `json:"refresh_token"`
	}
	type byPointer struct {
		nuxtauth.DefaultJWT
		*nuxtauth.ProviderTokens // always nil
	}
	for name, err := range map[string]error{
		"nuxtauth":      newError[withNuxtauth](),
		"access_token":  newError[withAccessToken](),
		"refresh_token": newError[withRefreshToken](),
		"pointer":       newError[byPointer](),
	} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestConfig_ReportsAllProblems(t *testing.T) {
	for _, name := range []string{"AUTH_SECRET", "NEXTAUTH_SECRET", "AUTH_URL", "NEXTAUTH_URL", "AUTH_GITHUB_ID", "AUTH_GITHUB_SECRET"} {
		t.Setenv(name, "")
	}
	got := newProblem(t, apptest.Config{
		OldSecrets: []string{"short"},
		URL:        "ftp://app.example.com",
		Protocol:   7,
		Session:    nuxtauth.SessionConfig{MaxAge: -1},
		Pages:      nuxtauth.Pages{SignIn: "login"},
		Theme:      nuxtauth.Theme{BrandColor: "red;}"},
		Providers: []provider.Provider{
			provider.GitHub(),
			provider.Credentials(apptest.Authorize),
			provider.Credentials(apptest.Authorize),
		},
	})
	for _, want := range []string{"AUTH_SECRET", "ftp://app.example.com", "Protocol(7)", "MaxAge", `Pages.SignIn is "login"`, "red;}", "AUTH_GITHUB_ID", `two providers have the id "credentials"`} {
		if !strings.Contains(got, want) {
			t.Errorf("New does not mention %q: %s", want, got)
		}
	}
	for _, tt := range []struct {
		cfg  apptest.Config
		want string
	}{
		{apptest.Config{Secret: "too-short", URL: "https://x.example"}, "Config.Secret (or AUTH_SECRET) has 9 characters"},
		{apptest.Config{Secret: apptest.Secret, OldSecrets: []string{"short"}, URL: "https://x.example"}, "Config.OldSecrets[0] has 5 characters"},
		{apptest.Config{Secret: apptest.Secret}, "AUTH_URL"},
		{apptest.Config{Secret: apptest.Secret, URL: "https://x.example", Cookies: nuxtauth.Cookies{Prefix: "a b"}}, "a b"},
		{apptest.Config{Secret: apptest.Secret, URL: "https://x.example", Cookies: nuxtauth.Cookies{Domain: "x;y"}}, "x;y"},
	} {
		if got := newProblem(t, tt.cfg); !strings.Contains(got, tt.want) {
			t.Errorf("New returns %q, want %q in it", got, tt.want)
		}
	}
}

func TestConfig_SessionProblems(t *testing.T) {
	memory := store.NewMemory(store.MemoryOptions{})
	for want, cfg := range map[string]nuxtauth.SessionConfig{
		"Session.DenyList":     {Store: memory, DenyList: memory},
		"Session.AdoptCookies": {AdoptCookies: true},
		"Session.MaxLifetime":  {MaxLifetime: -1},
	} {
		_, err := nuxtauth.New(apptest.Config{Secret: apptest.Secret, URL: "http://localhost", Session: cfg, Providers: []provider.Provider{provider.Credentials(apptest.Authorize)}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestConfig_TrustHostNeedsOrigins(t *testing.T) {
	t.Setenv("AUTH_URL", "")
	t.Setenv("NEXTAUTH_URL", "")
	if _, err := nuxtauth.New(apptest.Config{Secret: apptest.Secret, TrustHost: true}); err == nil || !strings.Contains(err.Error(), "TrustedOrigins") {
		t.Errorf("New accepts TrustHost without TrustedOrigins: %v", err)
	}
}

func TestConfig_SecretAndURLFromEnvironment(t *testing.T) {
	t.Setenv("AUTH_SECRET", "")
	t.Setenv("NEXTAUTH_SECRET", apptest.Secret)
	t.Setenv("AUTH_URL", "")
	t.Setenv("NEXTAUTH_URL", "https://app.example.com/auth")
	auth, err := nuxtauth.New(apptest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	cookies, err := apptest.Cookies(auth.Issue(t.Context(), &apptest.Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}}))
	if err != nil || len(cookies) != 1 || cookies[0].Name != "__Secure-next-auth.session-token" {
		t.Fatalf("got %v, %v", cookies, err)
	}
	r := gin.New()
	r.Use(auth.Middleware())
	req, rec := apptest.NewRequest("GET", "/auth/session", cookies)
	r.ServeHTTP(rec, req)
	if !strings.Contains(rec.Body.String(), "expires") {
		t.Errorf("got %d %s", rec.Code, rec.Body)
	}
}

// configError is the error of New for these types and this configuration of sessions.
func configError[T nuxtauth.TokenType, S nuxtauth.SessionType](session nuxtauth.SessionConfig) error {
	_, err := nuxtauth.New(nuxtauth.Config[T, S]{Secret: apptest.Secret, URL: "http://localhost", Session: session})
	return err
}

type Company struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

// An Employee has no name, but an object with one.
type Employee struct {
	Company `json:"company"`
	ID      string `json:"id"`
}

// A NamedEmployee has a name, and an object with another.
type NamedEmployee struct {
	Company `json:"company"`
	Name    string `json:"name"`
}

// sessionJSON is the answer of GET session for a user type and the user Ada.
func sessionJSON[U any](t *testing.T) string {
	t.Helper()
	auth, err := nuxtauth.New(nuxtauth.Config[apptest.Token, nuxtauth.DefaultSession[U]]{Secret: apptest.Secret, URL: "http://localhost:3000"})
	if err != nil {
		t.Fatal(err)
	}
	cookies, err := apptest.Cookies(auth.Issue(t.Context(), &apptest.Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1", Name: "Ada", Email: "ada@example.com"}}))
	if err != nil {
		t.Fatal(err)
	}
	r := gin.New()
	auth.Register(r)
	req, rec := apptest.NewRequest("GET", "/api/auth/session", cookies)
	r.ServeHTTP(rec, req)
	return rec.Body.String()
}

func TestSession_FillsMembersOfUserAlone(t *testing.T) {
	if got := sessionJSON[Employee](t); !strings.Contains(got, `"user":{"company":{"name":"","email":""},"id":""}`) {
		t.Errorf("the user's name is that of the company: %s", got)
	}
	if got := sessionJSON[NamedEmployee](t); !strings.Contains(got, `"user":{"company":{"name":"","email":""},"name":"Ada"}`) {
		t.Errorf("a user with a name and a company: %s", got)
	}
	if got := sessionJSON[struct{ nuxtauth.DefaultUser }](t); !strings.Contains(got, `"user":{"name":"Ada","email":"ada@example.com"}`) {
		t.Errorf("a user with an embedded DefaultUser: %s", got)
	}
}

// These fields take the place of those that the library works with in Go, though
// not in JSON.

type subjectToken struct {
	nuxtauth.DefaultJWT
	Subject string `json:"topic"`
}

type userSession struct {
	nuxtauth.DefaultSession[apptest.User]
	User string `json:"person"`
}

type expiresSession struct {
	nuxtauth.DefaultSession[apptest.User]
	Expires string `json:"until"`
}

// Their JSON names and Go names are the application's own.

type ownToken struct {
	nuxtauth.DefaultJWT
	Topic string `json:"topic"`
}

type ownSession struct {
	nuxtauth.DefaultSession[apptest.User]
	Person string `json:"person"`
}

func TestNew_RefusesShadowedFields(t *testing.T) {
	none := nuxtauth.SessionConfig{}
	for field, err := range map[string]error{
		"subjectToken.Subject":   configError[subjectToken, apptest.Session](none),
		"userSession.User":       configError[apptest.Token, userSession](none),
		"expiresSession.Expires": configError[apptest.Token, expiresSession](none),
	} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: New returns %v", field, err)
		}
	}
	if err := configError[ownToken, ownSession](none); err != nil {
		t.Errorf("fields with other names: %v", err)
	}
}

func TestNew_RefusesEndlessMaxAge(t *testing.T) {
	for _, d := range []time.Duration{math.MaxInt64, math.MaxInt64 - time.Minute} {
		err := configError[apptest.Token, apptest.Session](nuxtauth.SessionConfig{MaxAge: d})
		if err == nil || !strings.Contains(err.Error(), "MaxAge") {
			t.Errorf("MaxAge %v: New returns %v", d, err)
		}
	}
	if err := configError[apptest.Token, apptest.Session](nuxtauth.SessionConfig{MaxAge: 366 * 24 * time.Hour}); err != nil {
		t.Errorf("a MaxAge of a year: %v", err)
	}
}

// problems are the mistakes that New finds in a configuration, which is otherwise right.
func problems(t *testing.T, change func(*apptest.Config)) (found []*nuxtauth.ConfigError) {
	t.Helper()
	cfg := apptest.Config{Secret: apptest.Secret, URL: "https://app.example.com", Providers: []provider.Provider{provider.Credentials(apptest.Authorize)}}
	change(&cfg)
	_, err := nuxtauth.New(cfg)
	for problem := range nuxtauth.ConfigErrors(err) {
		found = append(found, problem)
	}
	return found
}

// Each mistake is reported once, for its field, with what is probably meant.
func TestNew_OneErrorForEachMistake(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*apptest.Config)
		field  string
		texts  []string
	}{
		"MaxAge in seconds":      {func(c *apptest.Config) { c.Session.MaxAge = 30 * 24 * 60 * 60 }, "Session.MaxAge", []string{"2.592ms", "2592000*time.Second"}},
		"MaxAge of 59 s":         {func(c *apptest.Config) { c.Session.MaxAge = 59 * time.Second }, "Session.MaxAge", []string{"59s", "12*time.Hour", "1m0s"}},
		"MaxLifetime in seconds": {func(c *apptest.Config) { c.Session.MaxLifetime = 86_400 }, "Session.MaxLifetime", []string{"86400*time.Second"}},
		"UpdateAge in seconds":   {func(c *apptest.Config) { c.Session.UpdateAge = 600 }, "Session.UpdateAge", []string{"600*time.Second"}},
		"CacheFor in seconds":    {func(c *apptest.Config) { c.Session.CacheFor = 5 }, "Session.CacheFor", []string{"5*time.Second"}},
		"negative MaxAge":        {func(c *apptest.Config) { c.Session.MaxAge = -1 }, "Session.MaxAge", []string{"12*time.Hour"}},
		"repeated secret":        {func(c *apptest.Config) { c.Secret = strings.Repeat("x", 40) }, "Secret", []string{"1 different characters", "openssl"}},
		"pattern of a secret":    {func(c *apptest.Config) { c.Secret = strings.Repeat("0123", 10) }, "Secret", []string{"4 different characters"}},
		"repeated old secret":    {func(c *apptest.Config) { c.OldSecrets = []string{strings.Repeat("x", 40)} }, "OldSecrets", []string{"OldSecrets[0]"}},
		"foreign domain":         {func(c *apptest.Config) { c.Cookies.Domain = "example.org" }, "Cookies.Domain", []string{`"example.org"`, `"app.example.com"`}},
		"domain of a subdomain":  {func(c *apptest.Config) { c.Cookies.Domain = "www.app.example.com" }, "Cookies.Domain", []string{"app.example.com"}},
		"end of a name":          {func(c *apptest.Config) { c.Cookies.Domain = "ample.com" }, "Cookies.Domain", []string{"ample.com"}},
		"domain of an address":   {func(c *apptest.Config) { c.URL, c.Cookies.Domain = "https://10.0.0.7", "0.0.7" }, "Cookies.Domain", []string{"10.0.0.7"}},
		"URL without a scheme":   {func(c *apptest.Config) { c.URL = "app.example.com" }, "URL", []string{"https://app.example.com"}},
		"wrong provider ID": {func(c *apptest.Config) {
			c.Providers = []provider.Provider{provider.OIDC(provider.Provider{ID: "My IDP"})}
		}, "Providers", []string{`"My IDP"`, "lower-case"}},
	} {
		t.Run(name, func(t *testing.T) {
			found := problems(t, tt.change)
			if len(found) != 1 {
				t.Fatalf("%d mistakes: %v", len(found), found)
			}
			if found[0].Field != tt.field {
				t.Errorf("the field is %q, want %q", found[0].Field, tt.field)
			}
			for _, text := range tt.texts {
				if !strings.Contains(found[0].Error(), text) {
					t.Errorf("no %q in %v", text, found[0])
				}
			}
		})
	}
}

func TestNew_AcceptsSmallestTimesAndDomains(t *testing.T) {
	for name, change := range map[string]func(*apptest.Config){
		"times": func(c *apptest.Config) {
			c.Session = nuxtauth.SessionConfig{MaxAge: time.Minute, MaxLifetime: time.Minute, UpdateAge: time.Second, CacheFor: time.Millisecond}
		},
		"host itself": func(c *apptest.Config) { c.Cookies.Domain = "app.example.com" },
		"parent":      func(c *apptest.Config) { c.Cookies.Domain = "example.com" },
		"with a dot":  func(c *apptest.Config) { c.Cookies.Domain = ".example.com" },
		"port in URL": func(c *apptest.Config) { c.URL, c.Cookies.Domain = "http://app.example.com:3000", "example.com" },
		"address":     func(c *apptest.Config) { c.URL, c.Cookies.Domain = "http://10.0.0.7", "10.0.0.7" },
		"without URL": func(c *apptest.Config) {
			c.URL, c.TrustHost, c.TrustedOrigins, c.Cookies.Domain = "", true, []string{"https://a.example"}, "b.example"
		},
		"five letters": func(c *apptest.Config) { c.Secret = strings.Repeat("abcde", 8) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AUTH_URL", "")
			t.Setenv("NEXTAUTH_URL", "")
			if found := problems(t, change); len(found) > 0 {
				t.Errorf("New returns %v", found)
			}
		})
	}
}

// A lifetime without end is no overflow.
func TestNew_EndlessMaxLifetimeEndsNoSession(t *testing.T) {
	if configError[apptest.Token, apptest.Session](nuxtauth.SessionConfig{MaxLifetime: math.MaxInt64}) != nil {
		return // refused, which is as good
	}
	for name, storage := range apptest.Storages {
		a := apptest.New(t, storage, func(c *apptest.Config) { c.Session.MaxLifetime = math.MaxInt64 })
		a.SignIn()
		if a.Clock.Advance(20 * 24 * time.Hour); a.Session() == nil {
			t.Errorf("%s: the session ended", name)
		}
	}
}

func TestConfigErrors_NameTheirField(t *testing.T) {
	_, err := nuxtauth.New(apptest.Config{
		Secret: apptest.Secret, OldSecrets: []string{"short"}, URL: "nowhere", Protocol: 7, Session: nuxtauth.SessionConfig{MaxAge: -1, AdoptCookies: true},
		Providers: []provider.Provider{{ID: "a b"}}, Pages: nuxtauth.Pages{SignIn: "login"}, Theme: nuxtauth.Theme{ColorScheme: "blue"},
		SignInLimit: nuxtauth.SignInLimit{PerNetwork: -1}, BasePath: "auth", TrustedOrigins: []string{"*"},
		Cookies: nuxtauth.Cookies{Domain: "a b"},
	})
	fields := make(map[string]int)
	for e := range nuxtauth.ConfigErrors(fmt.Errorf("start: %w", err)) {
		fields[e.Field]++
		if !strings.HasPrefix(e.Error(), "nuxtauth: ") && e.Field != "Providers" || !errors.Is(e, e.Err) || !strings.Contains(err.Error(), e.Error()) {
			t.Errorf("%s: %v", e.Field, e)
		}
	}
	for _, field := range []string{
		"OldSecrets", "URL", "BasePath", "TrustedOrigins", "Protocol", "Session.MaxAge", "Session.AdoptCookies", "Providers", "Pages.SignIn", "Theme.ColorScheme",
		"SignInLimit", "Cookies",
	} {
		if fields[field] == 0 {
			t.Errorf("no error names %s: %v", field, err)
		}
	}
	if fields["Cookies"] != 1 {
		t.Errorf("%d mistakes in Cookies: %v", fields["Cookies"], err)
	}
	for range nuxtauth.ConfigErrors(err) {
		break
	}
	for e := range nuxtauth.ConfigErrors(apptest.ErrDown) {
		t.Errorf("another error has %v", e)
	}
	_, err = nuxtauth.New(nuxtauth.Config[struct {
		nuxtauth.DefaultJWT
		Sub string `json:"sub"`
	}, apptest.Session]{Secret: apptest.Secret, URL: "http://localhost:3000"})
	for e := range nuxtauth.ConfigErrors(err) {
		if e.Field != "" {
			t.Errorf("a mistake in a type has the field %q", e.Field)
		}
	}
}
