package cli_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// A server with the secret accepts the cookie.
func TestEncode_IsAcceptedByTheMiddleware(t *testing.T) {
	large := `{"sub":"1","name":"Ada","role":"admin","blob":"` + strings.Repeat("x", 9000) + `"}`
	for name, tt := range map[string]struct {
		change func(*Config)
		stdin  string
		env    map[string]string
		args   []string
		cookie string
	}{
		"next-auth":     {nil, `{"sub":"1","name":"Ada","role":"admin"}`, nil, nil, "next-auth.session-token="},
		"Auth.js":       {func(c *Config) { c.Protocol = nuxtauth.AuthJS }, `{"sub":"1","name":"Ada","role":"admin"}`, nil, []string{"-protocol", "authjs"}, "authjs.session-token="},
		"https":         {func(c *Config) { c.URL = "https://example.com" }, `{"sub":"1","name":"Ada","role":"admin"}`, map[string]string{"AUTH_URL": "https://example.com"}, nil, "__Secure-next-auth.session-token="},
		"https, a flag": {func(c *Config) { c.URL = "https://example.com" }, `{"sub":"1","name":"Ada","role":"admin"}`, map[string]string{"AUTH_URL": "http://localhost"}, []string{"-url", "https://example.com"}, "__Secure-next-auth.session-token="},
		"a prefix":      {func(c *Config) { c.Cookies.Prefix, c.Protocol = "shop", nuxtauth.AuthJS }, `{"sub":"1","name":"Ada","role":"admin"}`, nil, []string{"-prefix", "shop", "-protocol=authjs"}, "shop.session-token="},
		"a name":        {func(c *Config) { c.Cookies.Prefix, c.Protocol = "shop", nuxtauth.AuthJS }, `{"sub":"1","name":"Ada","role":"admin"}`, nil, []string{"-cookie", "shop.session-token", "-protocol=authjs"}, "shop.session-token="},
		"chunks":        {nil, large, nil, nil, "next-auth.session-token.0="},
		"chunks of v5":  {func(c *Config) { c.Protocol = nuxtauth.AuthJS }, large, nil, []string{"-protocol", "authjs"}, "authjs.session-token.0="},
		"a deny-list":   {func(c *Config) { c.Session.DenyList = store.NewMemory(store.MemoryOptions{}) }, `{"sub":"1","name":"Ada","role":"admin"}`, nil, nil, "next-auth.session-token="},
	} {
		t.Run(name, func(t *testing.T) {
			env := map[string]string{"AUTH_SECRET": secret}
			maps.Copy(env, tt.env)
			r := process{stdin: tt.stdin, env: env}.run(t, append([]string{"encode"}, tt.args...)...)
			r.check(t, 0, tt.cookie, "")
			header := strings.TrimSuffix(r.stdout, "\n")
			if strings.ContainsAny(header, "\r\n") {
				t.Fatalf("the header has several lines: %q", header)
			}
			for pair := range strings.SplitSeq(header, "; ") {
				if len(pair) > 4096 {
					t.Errorf("a cookie has %d bytes", len(pair))
				}
			}
			res := get(newAuth(t, tt.change), "/api/auth/session", header)
			if body := res.Body.String(); res.Code != http.StatusOK || !strings.Contains(body, `"name":"Ada"`) || !strings.Contains(body, `"role":"admin"`) {
				t.Errorf("status %d, %s", res.Code, body)
			}
		})
	}
}

func TestEncode_Flags(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	r := process{env: withSecret, now: now}.run(t, "encode", "-sub", "7", "-name", "Ada", "-email", "ada@example.com", "-provider", "idp", "-max-age", "30m")
	r.check(t, 0, "next-auth.session-token=", "")
	if res := get(newAuth(t, nil), "/recent", strings.TrimSpace(r.stdout)); res.Code != http.StatusNoContent {
		t.Errorf("RequireRecent: status %d", res.Code)
	}
	shown := process{stdin: r.stdout, env: withSecret, now: now}.run(t, "decode")
	var claims struct {
		Sub, Name, Email, JTI string
		IAT, EXP              int64
		Nuxtauth              token.Origin
	}
	if err := json.Unmarshal([]byte(shown.stdout), &claims); err != nil {
		t.Fatal(err)
	}
	if claims.Sub != "7" || claims.Name != "Ada" || claims.Email != "ada@example.com" || claims.JTI == "" || claims.IAT != now.Unix() || claims.EXP != now.Unix()+1800 ||
		claims.Nuxtauth.Provider != "idp" || claims.Nuxtauth.ProviderSubject != "7" || int64(claims.Nuxtauth.AuthTime) != now.Unix() {
		t.Errorf("the claims are %+v", claims)
	}
	without := process{env: withSecret}.run(t, "encode", "-sub", "7")
	if res := get(newAuth(t, nil), "/recent", strings.TrimSpace(without.stdout)); res.Code == http.StatusNoContent {
		t.Error("RequireRecent accepts a session without a provider")
	}
}

func TestEncode_Claims(t *testing.T) {
	for name, tt := range map[string]struct {
		stdin  string
		status int
		stderr string
	}{
		"times of its own": {`{"sub":"1","iat":1,"exp":2,"jti":"x","nuxtauth":{}}`, 0, ""},
		"nothing":          {" \n", 1, "there are no claims: add -sub ID"},
		"an array":         {"[]", 1, "they are no JSON object"},
		"half":             {`{"sub":"1"`, 1, "the claims: "},
		"two objects":      {`{"sub":"1"}{}`, 1, "something after the JSON object"},
		"twice":            {`{"sub":"1","sub":"2"}`, 1, `"sub" is there twice`},
		"no subject":       {`{"name":"Ada"}`, 0, `have no "sub"`},
		"a number":         {`{"sub":1}`, 0, `have no "sub"`},
	} {
		t.Run(name, func(t *testing.T) {
			stdout := ""
			if tt.status == 0 {
				stdout = "next-auth.session-token="
			}
			r := process{stdin: tt.stdin, env: withSecret}.run(t, "encode")
			r.check(t, tt.status, stdout, tt.stderr)
			if name == "times of its own" {
				shown := process{stdin: r.stdout, env: withSecret}.run(t, "decode", "-expired")
				if got := strings.Join(strings.Fields(shown.stdout), ""); got != tt.stdin {
					t.Errorf("the claims are %s", got)
				}
			}
		})
	}
	process{}.run(t, "encode", "-sub", "1").check(t, 1, "", "there is no secret")
	process{}.run(t, "encode", "-sub", "1", "-secret", "short").check(t, 0, "next-auth.session-token=", "-secret has fewer than 32 characters")
	process{env: withSecret}.run(t, "encode", "-sub", "1", "-cookie", "a b").check(t, 2, "", `"a b" is no name of a cookie`)
	process{env: withSecret, stdin: `{"sub":"` + strings.Repeat("x", 70<<10) + `"}`}.run(t, "encode").check(t, 1, "", "token: longer than")
}

// A size that fits into one cookie is in one.
func TestEncode_Chunks(t *testing.T) {
	for size := 2780; size < 2860; size++ {
		r := process{stdin: `{"sub":"` + strings.Repeat("x", size) + `","iat":1,"exp":1,"jti":"","nuxtauth":0}`, env: withSecret}.run(t, "encode")
		_, value, _ := strings.Cut(strings.TrimSuffix(r.stdout, "\n"), "=")
		first, _, several := strings.Cut(value, "; ")
		if several != (len(first) == 3933 && len(value) > 3933) || !several && len(value) > 3933 {
			t.Errorf("%d bytes: the first cookie has %d of %d", size, len(first), len(value))
		}
	}
}

func TestEncode_Protocols(t *testing.T) {
	for protocol, cookie := range map[string]string{
		"next-auth": "next-auth.", "nextauth": "next-auth.", "next-auth-v4": "next-auth.", "authjs": "authjs.", "auth.js": "authjs.", "next-auth-v5": "authjs.",
	} {
		process{env: withSecret}.run(t, "encode", "-sub", "1", "-protocol", protocol).check(t, 0, cookie+"session-token=", "")
	}
	r := process{stdin: `{"sub":"1"}`, env: withSecret, terminal: true}.run(t, "encode")
	r.check(t, 0, "next-auth.session-token=", "Type the claims as a JSON object, and Ctrl-D in a new line:\n")
	process{env: withSecret, terminal: true}.run(t, "encode", "-sub", "1").check(t, 0, "next-auth.session-token=", "")
	for length, want := range map[int]string{31: "-secret has fewer than 32 characters: servers with nuxtauth refuse it.\n", 32: ""} {
		process{}.run(t, "encode", "-sub", "1", "-secret", strings.Repeat("x", length)).check(t, 0, "next-auth.session-token=", want)
	}
	process{env: withSecret}.run(t, "encode", "-sub", "1", "-max-age", "1s").check(t, 0, "next-auth.session-token=", "")
	process{}.run(t, "encode", "-sub", "1", "-env", filepath.Join(t.TempDir(), "missing")).check(t, 1, "", "there is no file")
}

// The variables of a file count for the name of the cookie too.
func TestEncode_File(t *testing.T) {
	file := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(file, []byte("NEXTAUTH_URL=https://example.com\nAUTH_SECRET="+secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	process{env: map[string]string{"AUTH_URL": "http://localhost"}}.run(t, "encode", "-sub", "1", "-env", file).check(t, 0, "__Secure-next-auth.session-token=", "")
	t.Chdir(filepath.Dir(file))
	process{}.run(t, "encode", "-sub", "1").check(t, 1, "", "set AUTH_SECRET, or add -env .env\n")
	t.Chdir(t.TempDir())
	process{}.run(t, "encode", "-sub", "1").check(t, 1, "", "set AUTH_SECRET to that of the server, or name a file that has it by -env\n")
}
