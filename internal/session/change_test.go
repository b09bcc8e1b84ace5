package session_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

type inner struct {
	Level int
	Name  string
}

// knownToken has fields of the types that the library decodes and compares
// without json.
type knownToken struct {
	nuxtauth.DefaultJWT
	nuxtauth.ProviderTokens
	Count  int      `json:"count"`
	OK     bool     `json:"ok"`
	List   []string `json:"list"`
	Inner  names    `json:"inner"`
	Hidden int      `json:"-"`
}

type names struct {
	Names []string `json:"names"`
}

// plainToken has fields of types that need json, and is compared by its JSON.
type plainToken struct {
	nuxtauth.DefaultJWT
	nuxtauth.ProviderTokens
	Count  int       `json:"count"`
	Big    float64   `json:"big"`
	OK     bool      `json:"ok"`
	At     time.Time `json:"at"`
	Pair   [2]int    `json:"pair"`
	Inner  inner     `json:"inner"`
	Hidden int       `json:"-"`
	own    int
}

// richToken has fields whose copies share memory with the original.
type richToken struct {
	nuxtauth.DefaultJWT
	List    []string       `json:"list"`
	Map     map[string]int `json:"map"`
	Pointer *inner         `json:"pointer"`
	Any     any            `json:"any"`
}

// notInJSON has a field that is not in the JSON, and can't be compared by ==.
type notInJSON struct {
	Seen []string `json:"-"`
}

// ownJSON writes an unexported field into its JSON.
type ownJSON struct {
	Shown  string
	hidden string
}

func (o ownJSON) MarshalJSON() ([]byte, error) { return []byte(`"` + o.Shown + o.hidden + `"`), nil }

func (o *ownJSON) UnmarshalJSON(b []byte) error { o.Shown = strings.Trim(string(b), `"`); return nil }

// oddToken has fields for which the exported fields are not enough to compare it.
type oddToken struct {
	nuxtauth.DefaultJWT
	notInJSON
	Odd ownJSON `json:"odd"`
}

// testChanges checks that each of changes is saved, and that none of none writes
// the cookie.
func testChanges[T nuxtauth.TokenType](t *testing.T, start T, changes map[string]func(*T), none map[string]func(*T)) {
	var change func(*T)
	auth, err := nuxtauth.New(nuxtauth.Config[T, apptest.Session]{
		Secret: apptest.Secret, URL: "http://localhost",
		Callbacks: nuxtauth.Callbacks[T, apptest.Session]{
			JWT: func(_ context.Context, p nuxtauth.JWTParams[T]) (*T, error) { change(p.Token); return p.Token, nil },
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := gin.New()
	r.Use(auth.Middleware())
	written := func(f func(*T)) bool {
		cookies, err := apptest.Cookies(auth.Issue(t.Context(), &start))
		if err != nil {
			t.Fatal(err)
		}
		change = f
		req := httptest.NewRequest("GET", "http://localhost/", nil)
		for _, c := range cookies {
			req.AddCookie(c)
		}
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req)
		return slices.ContainsFunc(w.Result().Cookies(), func(c *http.Cookie) bool { return c.Name == apptest.SessionCookie && c.MaxAge >= 0 })
	}
	for name, f := range changes {
		if !written(f) {
			t.Errorf("%s: the change is lost", name)
		}
	}
	none["nothing"] = func(*T) {}
	for name, f := range none {
		if written(f) {
			t.Errorf("%s: the cookie is written without a change", name)
		}
	}
}

func TestToken_EachChangeIsSaved(t *testing.T) {
	testChanges(t, knownToken{
		DefaultJWT: nuxtauth.DefaultJWT{Subject: "1", Name: "Ada", Extra: jsontext.Value(`{"node":"says"}`)},
		List:       []string{"a"}, Inner: names{[]string{"a"}},
	}, map[string]func(*knownToken){
		"name":           func(t *knownToken) { t.Name = "Grace" },
		"e-mail":         func(t *knownToken) { t.Email = "grace@example.com" },
		"picture":        func(t *knownToken) { t.Picture = "/grace.svg" },
		"subject":        func(t *knownToken) { t.Subject = "2" },
		"extra":          func(t *knownToken) { t.Extra = jsontext.Value(`{"node":"asks"}`) },
		"extra in place": func(t *knownToken) { t.Extra[len(t.Extra)-3] = 'd' },
		"no extra":       func(t *knownToken) { t.Extra = nil },
		"access token":   func(t *knownToken) { t.AccessToken = "a" },
		"expiry":         func(t *knownToken) { t.AccessTokenExpires = 5 },
		"int":            func(t *knownToken) { t.Count++ },
		"bool":           func(t *knownToken) { t.OK = true },
		"list":           func(t *knownToken) { t.List = append(t.List, "b") },
		"no list":        func(t *knownToken) { t.List = nil },
		"list in place":  func(t *knownToken) { t.List[0] = "b" },
		"far in place":   func(t *knownToken) { t.Inner.Names[0] = "b" },
	}, map[string]func(*knownToken){
		"hidden":                func(t *knownToken) { t.Hidden = 1 },
		"claims of the library": func(t *knownToken) { t.ID, t.IssuedAt, t.Origin.AuthTime = "x", 1, 1 },
	})
	testChanges(t, knownToken{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}}, map[string]func(*knownToken){}, map[string]func(*knownToken){
		"nil for an empty list": func(t *knownToken) { t.List = nil },
		"an empty list":         func(t *knownToken) { t.List = []string{} },
	})
	testChanges(t, plainToken{
		DefaultJWT: nuxtauth.DefaultJWT{Subject: "1", Name: "Ada", Extra: jsontext.Value(`{"node":"says"}`)},
		At:         time.Unix(1_700_000_000, 0).UTC(), Pair: [2]int{1, 2}, Inner: inner{1, "x"},
	}, map[string]func(*plainToken){
		"name":           func(t *plainToken) { t.Name = "Grace" },
		"subject":        func(t *plainToken) { t.Subject = "2" },
		"extra":          func(t *plainToken) { t.Extra = jsontext.Value(`{"node":"asks"}`) },
		"extra in place": func(t *plainToken) { t.Extra[len(t.Extra)-3] = 'd' },
		"no extra":       func(t *plainToken) { t.Extra = nil },
		"access token":   func(t *plainToken) { t.AccessToken = "a" },
		"expiry":         func(t *plainToken) { t.AccessTokenExpires = 5 },
		"int":            func(t *plainToken) { t.Count++ },
		"float":          func(t *plainToken) { t.Big = 0.5 },
		"bool":           func(t *plainToken) { t.OK = true },
		"time":           func(t *plainToken) { t.At = t.At.Add(time.Nanosecond) },
		"array":          func(t *plainToken) { t.Pair[1] = 9 },
		"struct":         func(t *plainToken) { t.Inner.Name = "y" },
	}, map[string]func(*plainToken){
		"a field that is not in the JSON": func(t *plainToken) { t.Hidden, t.own = 1, 1 },
		"claims of the library":           func(t *plainToken) { t.ID, t.IssuedAt, t.Origin.AuthTime = "x", 1, 1 },
	})
	testChanges(t, richToken{
		DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"},
		List:       []string{"a"}, Map: map[string]int{"a": 1}, Pointer: &inner{1, "x"}, Any: map[string]any{"a": "b"},
	}, map[string]func(*richToken){
		"name":             func(t *richToken) { t.Name = "Grace" },
		"list in place":    func(t *richToken) { t.List[0] = "b" },
		"map in place":     func(t *richToken) { t.Map["a"] = 2 },
		"pointer in place": func(t *richToken) { t.Pointer.Level = 2 },
		"any in place":     func(t *richToken) { t.Any.(map[string]any)["a"] = "c" },
	}, map[string]func(*richToken){})
	testChanges(t, oddToken{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}}, map[string]func(*oddToken){
		"name":               func(t *oddToken) { t.Name = "Grace" },
		"a field's own JSON": func(t *oddToken) { t.Odd.hidden = "x" },
	}, map[string]func(*oddToken){
		"what JSON does not show": func(t *oddToken) { t.Seen = append(t.Seen, "x") },
	})
}
