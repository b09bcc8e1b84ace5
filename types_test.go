package nuxtauth_test

import (
	"context"
	jsonv1 "encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/api"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/token"
)

// The first line of each program in testdata/compile has a part of the compiler's
// message.
func TestTypes_WrongOnesDoNotCompile(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the compiler")
	}
	programs, err := filepath.Glob("testdata/compile/*.go")
	if err != nil || len(programs) < 6 {
		t.Fatalf("found %d programs: %v", len(programs), err)
	}
	for _, program := range programs {
		t.Run(filepath.Base(program), func(t *testing.T) {
			t.Parallel()
			source, err := os.ReadFile(program)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(string(source), "\n")
			want := strings.TrimPrefix(first, "// want: ")
			out, err := exec.Command("go", "vet", program).CombinedOutput()
			if want == "nothing" {
				if err != nil {
					t.Fatalf("it does not compile: %s", out)
				}
				return
			}
			if err == nil || !strings.Contains(string(out), want) {
				t.Fatalf("the compiler prints %q, want %q", out, want)
			}
		})
	}
}

type bareUser struct {
	Name string `json:"name"`
}

// A promoted String, (Un)Marshal or exported pointer method would hide the fields
// of the user's own type, or panic on a nil *Session.
func TestTypes_DefaultsPromoteNoMethod(t *testing.T) {
	for _, typ := range []reflect.Type{
		reflect.TypeFor[*nuxtauth.DefaultJWT](), reflect.TypeFor[*nuxtauth.DefaultUser](), reflect.TypeFor[*nuxtauth.DefaultSession[bareUser]](),
	} {
		if n := typ.NumMethod(); n != 0 {
			t.Errorf("%v has the exported method %s", typ, typ.Method(0).Name)
		}
	}
}

func TestISOTime_MatchesJavaScript(t *testing.T) {
	at := time.Date(2026, 12, 23, 9, 0, 0, 987654321, time.FixedZone("", 3600))
	for _, tt := range []struct {
		in   time.Time
		want string
	}{
		{at, `"2026-12-23T08:00:00.987Z"`},
		{at.Truncate(time.Second), `"2026-12-23T08:00:00.000Z"`},
		{at.Truncate(time.Second).Add(109 * time.Millisecond), `"2026-12-23T08:00:00.109Z"`},
		{time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC), `"9999-12-31T23:59:59.999Z"`},
		{time.Time{}, `"0001-01-01T00:00:00.000Z"`},
	} {
		v1, err1 := jsonv1.Marshal(nuxtauth.ISOTime(tt.in))
		v2, err2 := json.Marshal(nuxtauth.ISOTime(tt.in))
		if string(v1) != tt.want || string(v2) != tt.want || err1 != nil || err2 != nil {
			t.Errorf("got %s (%v) and %s (%v), want %s", v1, err1, v2, err2, tt.want)
		}
		var back nuxtauth.ISOTime
		if err := json.Unmarshal(v2, &back); err != nil || back.String() != strings.Trim(tt.want, `"`) {
			t.Errorf("%s is decoded as %v: %v", v2, back, err)
		}
	}
	var bad nuxtauth.ISOTime
	if err := json.Unmarshal([]byte(`"tomorrow"`), &bad); err == nil {
		t.Error("\"tomorrow\" is decoded as a time")
	}
}

// A library that knows no token type reads any token.
func nameOf[T nuxtauth.TokenType](t *T) string {
	if claims := nuxtauth.Claims(t); claims != nil {
		return claims.Subject + " " + claims.Name
	}
	return ""
}

func TestClaims_OfAnyTokenType(t *testing.T) {
	token := &apptest.Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1", Name: "Ada"}}
	if got := nameOf(token); got != "1 Ada" {
		t.Errorf("got %q", got)
	}
	if got := nameOf[apptest.Token](nil); got != "" {
		t.Errorf("of nil: %q", got)
	}
	nuxtauth.Claims(token).Name = "Grace"
	if token.Name != "Grace" {
		t.Error("Claims returns a copy")
	}
}

// What every Auth can do without its types, for packages that have none.
type anyAuth interface {
	Subject(c *gin.Context) string
	SignOut(c *gin.Context) error
	ListSessions(ctx context.Context, subject string) ([]nuxtauth.SessionInfo, error)
	Middleware() gin.HandlerFunc
	Refuse(c *gin.Context, err error)
}

var _ anyAuth = (*nuxtauth.Auth[apptest.Token, apptest.Session])(nil)

// Fields of any type can be added to these without breaking a program that compares them.
func TestTypes_CannotBeCompared(t *testing.T) {
	for _, typ := range []reflect.Type{
		reflect.TypeFor[apptest.Config](), reflect.TypeFor[nuxtauth.SessionConfig](), reflect.TypeFor[nuxtauth.Cookies](), reflect.TypeFor[nuxtauth.Pages](),
		reflect.TypeFor[nuxtauth.Theme](), reflect.TypeFor[nuxtauth.SignInLimit](), reflect.TypeFor[nuxtauth.ReaderConfig](),
		reflect.TypeFor[nuxtauth.Callbacks[apptest.Token, apptest.Session]](), reflect.TypeFor[nuxtauth.Events[apptest.Token, apptest.Session]](),
		reflect.TypeFor[nuxtauth.SignInParams](), reflect.TypeFor[nuxtauth.RedirectParams](), reflect.TypeFor[nuxtauth.JWTParams[apptest.Token]](),
		reflect.TypeFor[nuxtauth.SessionParams[apptest.Token, apptest.Session]](), reflect.TypeFor[nuxtauth.SignInEvent[apptest.Token]](),
		reflect.TypeFor[nuxtauth.SignOutEvent[apptest.Token]](), reflect.TypeFor[nuxtauth.SessionEvent[apptest.Token, apptest.Session]](),
		reflect.TypeFor[nuxtauth.SessionInfo](), reflect.TypeFor[nuxtauth.Issued](), reflect.TypeFor[nuxtauth.Origin](), reflect.TypeFor[nuxtauth.ConfigError](),
		reflect.TypeFor[nuxtauth.RedirectError](), reflect.TypeFor[nuxtauth.Error](), reflect.TypeFor[nuxtauth.User](), reflect.TypeFor[nuxtauth.Account](),
		reflect.TypeFor[provider.Provider](), reflect.TypeFor[provider.Field](), reflect.TypeFor[provider.Style](), reflect.TypeFor[provider.ProfileRequest](),
		reflect.TypeFor[token.SignedConfig](),
	} {
		if typ.Comparable() {
			t.Errorf("%v can be compared", typ)
		}
	}
}

// The embedded defaults are frozen: a field that is added takes a name from the types of
// applications. New claims go into Origin.
func TestTypes_DefaultsAreFrozen(t *testing.T) {
	for typ, want := range map[reflect.Type]string{
		reflect.TypeFor[nuxtauth.DefaultJWT]():                      "Name Email Picture Subject IssuedAt ExpiresAt NotBefore ID Origin Extra",
		reflect.TypeFor[nuxtauth.DefaultUser]():                     "Name Email Image",
		reflect.TypeFor[nuxtauth.DefaultSession[struct{}]]():        "User Expires",
		reflect.TypeFor[nuxtauth.ProviderTokens]():                  "AccessToken RefreshToken AccessTokenExpires IDToken",
		reflect.TypeFor[nuxtauth.DefaultSession[apptest.Session]](): "User Expires",
	} {
		var names []string
		for f := range typ.Fields() {
			names = append(names, f.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%v has %s, want %s", typ, got, want)
		}
	}
}

// The codes of the library are those that the API answers with.
func TestCodes_AreThoseOfTheAPI(t *testing.T) {
	for code, want := range map[string]string{
		nuxtauth.CodeAccessDenied: api.CodeAccessDenied, nuxtauth.CodeTooManyAttempts: api.CodeTooManyAttempts, nuxtauth.CodeSignOut: api.CodeSignOut, nuxtauth.CodeUnavailable: api.CodeUnavailable,
		nuxtauth.CodeCredentialsSignIn: api.CodeCredentialsSignIn, nuxtauth.CodeOAuthSignIn: api.CodeOAuthSignIn, nuxtauth.CodeOAuthCallback: api.CodeOAuthCallback,
		nuxtauth.CodeCallback: api.CodeCallback, nuxtauth.CodeOAuthSignInError: api.CodeOAuthSignInError,
		nuxtauth.CodeOAuthCallbackError: api.CodeOAuthCallbackError, nuxtauth.CodeConfiguration: api.CodeConfiguration, nuxtauth.CodeMissingCSRF: api.CodeMissingCSRF,
	} {
		if code != want {
			t.Errorf("%s is %s in the API", code, want)
		}
	}
}
