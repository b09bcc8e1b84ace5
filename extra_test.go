package nuxtauth_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/token"
)

// plainToken is read by package claims alone, linkedToken by the JSON library.
type plainToken struct {
	nuxtauth.DefaultJWT
	Role string `json:"role,omitzero"`
}

type linkedToken struct {
	*Link
	nuxtauth.DefaultJWT
	Role string `json:"role,omitzero"`
}

type Link struct {
	URL string `json:"url,omitzero"`
}

// A node is an application whose session cookie a Node server reads and writes too.
type node[T nuxtauth.TokenType] struct {
	*testing.T
	auth    *nuxtauth.Auth[T, nuxtauth.DefaultSession[nuxtauth.DefaultUser]]
	router  *gin.Engine
	codec   token.Codec
	now     int64
	log     strings.Builder
	inToken func(*T) // the JWT callback
}

func newNode[T nuxtauth.TokenType](t *testing.T) *node[T] {
	n := &node[T]{T: t, router: gin.New()}
	clock := apptest.NewClock()
	n.now = clock.Now().Unix()
	var err error
	n.codec, err = token.NewNextAuth("", secret)
	if err != nil {
		t.Fatal(err)
	}
	n.auth, err = nuxtauth.New(nuxtauth.Config[T, nuxtauth.DefaultSession[nuxtauth.DefaultUser]]{
		Secret: secret, URL: "http://localhost:3000", Now: clock.Now, Logger: slog.New(slog.NewTextHandler(&n.log, nil)),
		Callbacks: nuxtauth.Callbacks[T, nuxtauth.DefaultSession[nuxtauth.DefaultUser]]{
			JWT: func(_ context.Context, p nuxtauth.JWTParams[T]) (*T, error) {
				n.inToken(p.Token)
				return p.Token, nil
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	n.router.Use(n.auth.Middleware())
	return n
}

// load sends a request with a session of these claims, and returns the claims that the
// response sets, "" for none.
func (n *node[T]) load(claims string, inToken func(*T)) string {
	n.Helper()
	n.inToken = inToken
	sealed, err := n.codec.Seal(n.Context(), []byte(claims))
	if err != nil {
		n.Fatal(err)
	}
	req, rec := apptest.NewRequest("GET", "/", []*http.Cookie{{Name: apptest.SessionCookie, Value: sealed}})
	n.router.ServeHTTP(rec, req)
	return n.open(apptest.Recorded(rec).Cookies())
}

func (n *node[T]) open(cookies []*http.Cookie) string {
	n.Helper()
	i := slices.IndexFunc(cookies, func(c *http.Cookie) bool { return c.Name == apptest.SessionCookie })
	if i < 0 || cookies[i].Value == "" {
		return ""
	}
	claims, err := n.codec.Open(n.Context(), cookies[i].Value)
	if err != nil {
		n.Fatal(err)
	}
	return string(claims)
}

const undeclared = `"big":9007199254740993,"nested":{"a":[1,null]},"Extra":{"x":"é"}`

// The claims of a Node server that no field declares reach the callback, and are
// written back at the top level as they came.
func testExtra[T nuxtauth.TokenType](t *testing.T, extra func(*T) *jsontext.Value, setRole func(*T, string)) {
	n := newNode[T](t)
	times := fmt.Sprintf(`"iat":%d,"exp":%d`, n.now, n.now+3600)
	var seen string
	got := n.load(`{"big":9007199254740993,"name":"Ada","sub":"1",`+times+`,"jti":"x","nested":{"a":[1,null]},"role":"guest","Extra":{"x":"é"}}`, func(tok *T) {
		seen = string(*extra(tok))
		setRole(tok, "admin")
	})
	if seen != "{"+undeclared+"}" {
		t.Errorf("the callback sees %s", seen)
	}
	if !strings.HasSuffix(got, `"role":"admin",`+undeclared+"}") || !strings.Contains(got, `"name":"Ada","sub":"1"`) {
		t.Errorf("written as %s", got)
	}

	got = n.load(got, func(tok *T) { *extra(tok) = jsontext.Value(` { "y" : [ ] } `) })
	if !strings.HasSuffix(got, `"role":"admin","y":[]}`) {
		t.Errorf("changed by a callback, written as %s", got)
	}

	tok := new(T)
	if err := json.Unmarshal([]byte(`{"sub":"1"}`), tok); err != nil {
		t.Fatal(err)
	}
	*extra(tok) = jsontext.Value("{" + undeclared + "}")
	cookies, err := apptest.Cookies(n.auth.Issue(t.Context(), tok))
	if err != nil {
		t.Fatal(err)
	}
	if got := n.open(cookies); !strings.HasSuffix(got, ","+undeclared+"}") {
		t.Errorf("issued as %s", got)
	}
	req, _ := apptest.NewRequest("GET", "/", cookies)
	read, err := apptest.ReadToken[T](req, nuxtauth.ReaderConfig{Secret: secret, URL: "http://localhost:3000", Now: func() time.Time { return time.Unix(n.now, 0) }})
	if err != nil || string(*extra(read)) != "{"+undeclared+"}" {
		t.Errorf("the Reader returns %+v, %v", read, err)
	}

	for _, wrong := range []string{`null`, `[1]`, `{"a":1`, `{"a":1,"a":2}`, `{"a":1}}`, `{"role":"root"}`, `{"sub":"2"}`, `{"\u0073ub":"2"}`, `{"exp":1}`} {
		*extra(tok) = jsontext.Value(wrong)
		if cookies, err := apptest.Cookies(n.auth.Issue(t.Context(), tok)); err == nil {
			t.Errorf("%s is issued as %s", wrong, n.open(cookies))
		}
		got := n.load(`{"sub":"1",`+times+`}`, func(tok *T) { *extra(tok) = jsontext.Value(wrong) })
		if got != "" {
			t.Errorf("%s is written as %s", wrong, got)
		}
	}
	for _, doc := range []string{`{"sub":"1",` + times + `,"x":1,"x":2}`, `{"sub":"1",` + times + `,"x":1,"\u0078":2}`} {
		n.load(doc, func(*T) { t.Errorf("%s is a session", doc) })
	}
}

func TestExtra_ClaimsSurvive(t *testing.T) {
	t.Run("plain", func(t *testing.T) {
		testExtra(t, func(t *plainToken) *jsontext.Value { return &t.Extra }, func(t *plainToken, role string) { t.Role = role })
	})
	t.Run("linked", func(t *testing.T) {
		testExtra(t, func(t *linkedToken) *jsontext.Value { return &t.Extra }, func(t *linkedToken, role string) { t.Role = role })
	})
}

// losesExtra writes its fields alone.
type losesExtra struct{ plainToken }

func (l losesExtra) MarshalJSON() ([]byte, error)  { return json.Marshal(l.plainToken) }
func (l *losesExtra) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &l.plainToken) }

// savesExtra reads and writes Extra too.
type savesExtra struct{ plainToken }

func (s savesExtra) MarshalJSON() ([]byte, error) {
	b, err := json.Marshal(s.plainToken)
	if err == nil && len(s.Extra) > 2 {
		b = slices.Concat(b[:len(b)-1], []byte(","), s.Extra[1:])
	}
	return b, err
}

func (s *savesExtra) UnmarshalJSON(b []byte) error {
	var all map[string]jsontext.Value
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	for _, name := range []string{"name", "email", "picture", "sub", "iat", "exp", "nbf", "jti", "nuxtauth", "role"} {
		delete(all, name)
	}
	err := json.Unmarshal(b, &s.plainToken)
	if err == nil && len(all) > 0 {
		s.Extra, err = json.Marshal(all, json.Deterministic(true))
	}
	return err
}

func TestExtra_MethodsOfToken(t *testing.T) {
	_, err := nuxtauth.New(nuxtauth.Config[losesExtra, Session]{Secret: secret, URL: "http://localhost:3000"})
	if err == nil || !strings.Contains(err.Error(), "losesExtra does not go through JSON: a method") {
		t.Errorf("methods that lose claims: %v", err)
	}
	n := newNode[savesExtra](t)
	got := n.load(fmt.Sprintf(`{"x":1,"sub":"1","iat":%d,"exp":%d}`, n.now, n.now+3600), func(s *savesExtra) { s.Role = "admin" })
	if !strings.HasSuffix(got, `"role":"admin","x":1}`) {
		t.Errorf("written as %s", got)
	}
}
