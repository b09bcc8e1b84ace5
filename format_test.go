package nuxtauth_test

import (
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

var formats = flag.String("formats", "", "write cookies in the format of this release into this folder of testdata/formats, such as v0.1")

// A formatToken is the token type of the cookies in testdata/formats.
type formatToken struct {
	nuxtauth.DefaultJWT
	nuxtauth.ProviderTokens
	Role  string `json:"role,omitzero"`
	Notes string `json:"notes,omitzero"`
}

// A sealedFormat is a session that a release has written to its cookies.
type sealedFormat struct {
	Protocol nuxtauth.Protocol
	Signed   bool // with token.Signed
	Now      time.Time
	Cookies  []*http.Cookie
	Token    formatToken
}

var formatNow = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func (f sealedFormat) codec(t *testing.T) token.Codec {
	if !f.Signed {
		return nil
	}
	codec, err := token.NewSigned(token.SignedConfig{Secrets: []string{apptest.Secret}})
	if err != nil {
		t.Fatal(err)
	}
	return codec
}

func (f sealedFormat) auth(t *testing.T, marks store.Marks) *nuxtauth.Auth[formatToken, apptest.Session] {
	auth, err := nuxtauth.New(nuxtauth.Config[formatToken, apptest.Session]{
		Secret: apptest.Secret, URL: "http://localhost:3000", Protocol: f.Protocol, Now: func() time.Time { return f.Now },
		Session: nuxtauth.SessionConfig{Codec: f.codec(t), DenyList: marks},
	})
	if err != nil {
		t.Fatal(err)
	}
	return auth
}

// Sessions in the cookies of every release are opened by the middleware and a Reader.
// With -formats=v0.1 the test writes those of this release first: once, before its tag.
func TestFormat_CookiesOfReleases(t *testing.T) {
	if *formats != "" {
		writeFormats(t, filepath.Join("testdata/formats", *formats))
	}
	files, err := filepath.Glob("testdata/formats/*/*.json")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var f sealedFormat
		if err := json.Unmarshal(b, &f); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		f.Token.Extra = nil // null in the file
		var marks store.Marks
		if f.Token.Origin.SessionID != "" {
			marks = store.NewMemory(store.MemoryOptions{Now: func() time.Time { return f.Now }})
		}
		auth := f.auth(t, marks)
		r := gin.New()
		r.Use(auth.Middleware())
		var got *formatToken
		r.GET("/", func(c *gin.Context) { got = auth.Token(c) })
		req, rec := apptest.NewRequest("GET", "http://localhost:3000/", f.Cookies)
		r.ServeHTTP(rec, req)
		if got == nil || !reflect.DeepEqual(*got, f.Token) {
			t.Errorf("%s: the middleware has %+v, want %+v", file, got, f.Token)
		}
		read, err := apptest.ReadToken[formatToken](req, nuxtauth.ReaderConfig{
			Secret: apptest.Secret, URL: "http://localhost:3000", Protocol: f.Protocol, Codec: f.codec(t), Now: func() time.Time { return f.Now },
		})
		if err != nil || !reflect.DeepEqual(*read, f.Token) {
			t.Errorf("%s: the Reader returns %+v, %v", file, read, err)
		}
	}
}

func writeFormats(t *testing.T, dir string) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatalf("the formats of a release are written once: %v", err)
	}
	small := formatToken{DefaultJWT: nuxtauth.DefaultJWT{
		Name: "Ada Lovelace", Email: "ada@example.com", Picture: "https://example.com/ada.svg", Subject: "1",
		Origin: nuxtauth.Origin{Provider: "keycloak", ProviderSubject: "f:7:ada"},
	}, Role: "admin"}
	large := small
	large.Notes = strings.Repeat("Analytical Engine, notes A to G. ", 250) // in three cookies
	large.ProviderTokens = nuxtauth.ProviderTokens{AccessToken: "access", RefreshToken: "refresh", AccessTokenExpires: token.DateOf(formatNow.Add(time.Hour)), IDToken: "id"}
	for name, f := range map[string]sealedFormat{
		"next-auth": {}, "authjs": {Protocol: nuxtauth.AuthJS}, "signed": {Signed: true},
	} {
		f.Now = formatNow
		for size, tok := range map[string]formatToken{"": small, "-chunks": large} {
			for list, marks := range map[string]store.Marks{"": nil, "-denylist": store.NewMemory(store.MemoryOptions{})} {
				auth := f.auth(t, marks)
				issued, err := auth.Issue(t.Context(), &tok)
				if err != nil {
					t.Fatal(err)
				}
				f.Cookies = nil
				for _, c := range issued.Cookies {
					f.Cookies = append(f.Cookies, &http.Cookie{Name: c.Name, Value: c.Value})
				}
				r := gin.New()
				r.Use(auth.Middleware())
				r.GET("/", func(c *gin.Context) { f.Token = *auth.Token(c) })
				req, rec := apptest.NewRequest("GET", "http://localhost:3000/", f.Cookies)
				r.ServeHTTP(rec, req)
				b, err := json.MarshalIndent(f, "", "\t")
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, name+size+list+".json"), append(b, '\n'), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
