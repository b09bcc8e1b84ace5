package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/cmd/nuxtauth/internal/cli"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

var withSecret = map[string]string{"AUTH_SECRET": secret}

// issue returns the cookies of a session of the application.
func issue(t *testing.T, auth *nuxtauth.Auth[Token, Session], blob string) []*http.Cookie {
	t.Helper()
	issued, err := auth.Issue(t.Context(), &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1", Name: "Ada"}, Role: "admin", Blob: blob})
	if err != nil {
		t.Fatal(err)
	}
	return issued.Cookies
}

// What the middleware sets is decoded, however it was copied.
func TestDecode_CookiesOfTheMiddleware(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"next-auth":        nil,
		"next-auth, https": func(c *Config) { c.URL = "https://example.com" },
		"Auth.js":          func(c *Config) { c.Protocol = nuxtauth.AuthJS },
		"Auth.js, https":   func(c *Config) { c.Protocol, c.URL = nuxtauth.AuthJS, "https://example.com" },
		"a prefix":         func(c *Config) { c.Protocol, c.Cookies.Prefix = nuxtauth.AuthJS, "shop" },
	} {
		for size, blob := range map[string]string{"one cookie": "", "chunks": strings.Repeat("x", 9000)} {
			cookies := issue(t, newAuth(t, change), blob)
			if (len(cookies) > 2) != (blob != "") {
				t.Fatalf("%d cookies", len(cookies))
			}
			var pairs, lines, reversed, rows []string
			value := ""
			for _, c := range cookies {
				pairs = append(pairs, c.Name+"="+c.Value)
				lines = append(lines, "Set-Cookie: "+c.String())
				reversed = append([]string{c.Name + "=" + c.Value}, reversed...)
				rows = append(rows, c.Name+"\t"+c.Value+"\tlocalhost\t/")
				value += c.Value
			}
			for form, input := range map[string]string{
				"header": "Cookie: theme=dark; " + strings.Join(pairs, "; ") + "\r\n", "Set-Cookie": strings.Join(lines, "\r\n"),
				"in another order": strings.Join(reversed, "; "), "rows": strings.Join(rows, "\n"), "value": value,
				"bearer": "Authorization: Bearer " + value,
			} {
				if name == "a prefix" && (form == "value" || form == "bearer") {
					continue // there is no name of the cookie to make the key from
				}
				r := process{stdin: input, env: withSecret}.run(t, "decode")
				r.check(t, 0, `"sub": "1"`, "opened with AUTH_SECRET\n")
				var claims struct{ Name, Role, Blob string }
				if err := json.Unmarshal([]byte(r.stdout), &claims); err != nil || claims.Name != "Ada" || claims.Role != "admin" || claims.Blob != blob {
					t.Errorf("%s, %s, %s: got %.300s, %v", name, size, form, r.stdout, err)
				}
			}
		}
	}
}

// seal seals claims as next-auth does.
func seal(t *testing.T, claims string) string {
	t.Helper()
	codec, err := token.NewNextAuth("", secret)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := codec.Seal(t.Context(), []byte(claims))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestDecode_Times(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC) // 1769860800
	const iat = `{"sub":"1","iat":1769853600`
	const written = "written    2026-01-31 10:00:00 UTC, 2 hours ago\n"
	for name, tt := range map[string]struct {
		claims string
		args   []string
		status int
		stderr string
	}{
		"valid":            {iat + `,"exp":1770724800,"nuxtauth":{"auth_time":1769688000}}`, nil, 0, "signed in  2026-01-29 12:00:00 UTC, 2 days ago\n" + written + "expires    2026-02-10 12:00:00 UTC, in 10 days\n"},
		"soon":             {iat + `,"exp":1769860801}`, nil, 0, written + "expires    2026-01-31 12:00:01 UTC, in 1 second\n"},
		"now, with leeway": {iat + `,"exp":1769860800}`, nil, 0, written + "expired    2026-01-31 12:00:00 UTC, now\n"},
		"in 36 hours":      {iat + `,"exp":1769990400}`, nil, 0, written + "expires    2026-02-02 00:00:00 UTC, in 36 hours\n"},
		"in 47 hours":      {iat + `,"exp":1770030000}`, nil, 0, written + "expires    2026-02-02 11:00:00 UTC, in 47 hours\n"},
		"in 48 hours":      {iat + `,"exp":1770033600}`, nil, 0, written + "expires    2026-02-02 12:00:00 UTC, in 2 days\n"},
		"expired":          {iat + `,"exp":1769855000}`, nil, 1, written + "expired    2026-01-31 10:23:20 UTC, 96 minutes ago\nIt has expired, and servers refuse it: -expired prints its claims.\n"},
		"expired, shown":   {iat + `,"exp":1769855000}`, []string{"-expired"}, 0, written + "expired    2026-01-31 10:23:20 UTC, 96 minutes ago\nIt has expired, and servers refuse it.\n"},
		"not yet":          {iat + `,"exp":1770724800,"nbf":1769861000}`, nil, 1, written + "expires    2026-02-10 12:00:00 UTC, in 10 days\nIt is not valid before 2026-01-31 12:03:20 UTC (nbf), and servers refuse it until then: -expired prints its claims.\n"},
		"not yet, shown":   {iat + `,"exp":1770724800,"nbf":1769861000}`, []string{"-expired"}, 0, written + "expires    2026-02-10 12:00:00 UTC, in 10 days\nIt is not valid before 2026-01-31 12:03:20 UTC (nbf), and servers refuse it until then.\n"},
		"no exp":           {iat + `}`, nil, 1, written + "Servers refuse it: token: invalid: no \"exp\": -expired prints its claims.\n"},
		"no iat":           {`{"sub":"1","exp":1770724800}`, nil, 1, "expires    2026-02-10 12:00:00 UTC, in 10 days\nServers refuse it: token: invalid: no \"iat\": -expired prints its claims.\n"},
		"no subject":       {`{"iat":1769853600,"exp":1770724800}`, nil, 0, written + "expires    2026-02-10 12:00:00 UTC, in 10 days\nIt has no \"sub\", the ID of the user: a server with nuxtauth takes it for no session.\n"},
		"a number as ID":   {`{"sub":1,"iat":1769853600,"exp":1770724800}`, nil, 0, written + "expires    2026-02-10 12:00:00 UTC, in 10 days\nIt has no \"sub\", the ID of the user: a server with nuxtauth takes it for no session.\n"},
	} {
		t.Run(name, func(t *testing.T) {
			stdout := `"iat": 1769853600`
			switch {
			case tt.status != 0:
				stdout = ""
			}
			r := process{stdin: seal(t, tt.claims), env: withSecret, now: now}.run(t, append([]string{"decode"}, tt.args...)...)
			r.check(t, tt.status, stdout, tt.stderr)
			if want := "the token: sealed by next-auth v4, opened with AUTH_SECRET\n" + tt.stderr; r.stderr != want {
				t.Errorf("got\n%s\nwant\n%s", r.stderr, want)
			}
		})
	}
	for name, claims := range map[string]string{
		"exp is no number": iat + `,"exp":"never"}`, "twice": iat + `,"exp":1770724800,"sub":"2"}`, "a large exp": iat + `,"exp":9e300}`,
	} {
		t.Run(name, func(t *testing.T) {
			process{stdin: seal(t, claims), env: withSecret, now: now}.run(t, "decode").check(t, 1, "", "Servers refuse it: token: invalid: ")
		})
	}
}

func TestDecode_Secrets(t *testing.T) {
	file := filepath.Join(t.TempDir(), "test.env")
	if err := os.WriteFile(file, []byte("NEXTAUTH_SECRET='"+secret+"'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty.env")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	sealed := seal(t, `{"sub":"1","iat":1769853600,"exp":99999999999}`)
	for name, tt := range map[string]struct {
		env    map[string]string
		args   []string
		status int
		stderr string
	}{
		"AUTH_SECRET":        {withSecret, nil, 0, "opened with AUTH_SECRET\n"},
		"NEXTAUTH_SECRET":    {map[string]string{"NEXTAUTH_SECRET": secret, "AUTH_SECRET": older}, nil, 0, "opened with NEXTAUTH_SECRET\n"},
		"AUTH_SECRET_3":      {map[string]string{"AUTH_SECRET_3": secret, "AUTH_SECRET": older}, nil, 0, "opened with AUTH_SECRET_3\n"},
		"a flag":             {map[string]string{"AUTH_SECRET": older}, []string{"-secret", secret}, 0, "opened with -secret\n"},
		"two flags":          {nil, []string{"-secret", older, "-secret=" + secret}, 0, "opened with -secret (number 2)\n"},
		"a file":             {map[string]string{"AUTH_SECRET": older}, []string{"-env", file}, 0, "opened with NEXTAUTH_SECRET of " + file},
		"an empty file":      {withSecret, []string{"-env", empty}, 1, "has no AUTH_SECRET"},
		"no file":            {withSecret, []string{"-env", empty + "x"}, 1, "there is no file"},
		"none":               {nil, nil, 1, "there is no secret: set AUTH_SECRET"},
		"wrong":              {map[string]string{"AUTH_SECRET": older}, nil, 1, "wrong secret: the token is of next-auth v4, and AUTH_SECRET does not open it"},
		"the other protocol": {withSecret, []string{"-protocol", "authjs"}, 1, "sealed by next-auth v4, and the server has the protocol of Auth.js v5"},
		"the protocol":       {withSecret, []string{"-protocol", "next-auth"}, 0, "sealed by next-auth v4"},
		"an invalid cookie":  {withSecret, []string{"-cookie", "a b"}, 1, `"a b" is no name of a cookie`},
	} {
		t.Run(name, func(t *testing.T) {
			stdout := `"sub": "1"`
			if tt.status != 0 {
				stdout = ""
			}
			process{stdin: sealed, env: tt.env}.run(t, append([]string{"decode"}, tt.args...)...).check(t, tt.status, stdout, tt.stderr)
		})
	}
}

// What is wrong with the input alone is said without a secret too.
func TestDecode_Input(t *testing.T) {
	stored := newAuth(t, func(c *Config) { c.Session.Store = store.NewMemory(store.MemoryOptions{}) })
	cookies := issue(t, stored, "")
	signed, err := token.NewSigned(token.SignedConfig{Secrets: []string{older}})
	if err != nil {
		t.Fatal(err)
	}
	jwt, err := signed.Seal(t.Context(), []byte(`{"sub":"`+"\u202e"+`1"}`))
	if err != nil {
		t.Fatal(err)
	}
	valid := "next-auth.session-token=" + seal(t, `{"sub":"1","iat":1769853600,"exp":99999999999}`)
	for name, tt := range map[string]struct {
		stdin, stdout, stderr string
		status                int
		env                   map[string]string
		terminal              bool
	}{
		"empty":                 {stdin: "", stderr: "nuxtauth decode: there is no input", status: 1},
		"a handle":              {stdin: "Cookie: " + cookies[0].Name + "=" + cookies[0].Value, stderr: "next-auth.session-token: it is the handle of a session in a store", status: 1},
		"a chunk is missing":    {stdin: "next-auth.session-token.1=a", stderr: "next-auth.session-token: the chunk next-auth.session-token.0 is missing", status: 1},
		"a signed token":        {stdin: jwt, stderr: "the token: it is a signed token (\"HS256\")", status: 1},
		"its claims":            {stdin: jwt, stderr: "which any client may have written:\n{\n  \"sub\": \"\\u202e1\"\n}", status: 1},
		"too much":              {stdin: strings.Repeat("a", 5<<20), stderr: "the input has more than 4 MB", status: 1},
		"one of two":            {stdin: valid + "; authjs.session-token=abc", env: withSecret, stdout: `"sub": "1"`, stderr: "authjs.session-token: it is no token"},
		"escapes of a terminal": {stdin: "next-auth.session-token=\x1b[31m", stderr: `next-auth.session-token: it is no token`, status: 1},
		"a terminal":            {stdin: valid, env: withSecret, terminal: true, stdout: `"sub": "1"`, stderr: "Paste the cookies or the token, and type Ctrl-D in a new line:\n"},
		"a line that was cut":   {stdin: (valid + strings.Repeat("a", 5000))[:4095], env: withSecret, terminal: true, stderr: "a line has 4095 bytes, where terminals cut: use a file or a pipe", status: 1},
	} {
		t.Run(name, func(t *testing.T) {
			process{stdin: tt.stdin, env: tt.env, terminal: tt.terminal}.run(t, "decode").check(t, tt.status, tt.stdout, tt.stderr)
		})
	}
}

// The claims are printed as they are, but for what changes a terminal.
func TestDecode_Claims(t *testing.T) {
	claims := "{\"sub\":\"1\",\"iat\":1769853600,\"exp\":99999999999,\"n\":9007199254740993,\"f\":1.0,\"z\":[],\"e\":\"\u009b31m\u202e\\u0000é<\"}"
	r := process{stdin: seal(t, claims), env: withSecret}.run(t, "decode")
	r.check(t, 0, "{\n  \"sub\": \"1\",\n  \"iat\": 1769853600,\n  \"exp\": 99999999999,\n  \"n\": 9007199254740993,\n  \"f\": 1.0,\n  \"z\": [],\n  \"e\": \"\\u009b31m\\u202e\\u0000é<\"\n", "opened with")
}

// The cookies of several applications, and a signed token.
func TestDecode_Several(t *testing.T) {
	signed, err := token.NewSigned(token.SignedConfig{Secrets: []string{secret}})
	if err != nil {
		t.Fatal(err)
	}
	jwt, err := signed.Seal(t.Context(), []byte(`{"sub":"2","iat":1769853600,"exp":1770724800}`))
	if err != nil {
		t.Fatal(err)
	}
	authjs, err := token.NewAuthJS("__Secure-authjs.session-token", secret)
	if err != nil {
		t.Fatal(err)
	}
	alone, err := authjs.Seal(t.Context(), []byte(`{"sub":"3","iat":1769853600,"exp":1770724800}`))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	const times = "written    2026-01-31 10:00:00 UTC, 2 hours ago\nexpires    2026-02-10 12:00:00 UTC, in 10 days\n"
	for name, tt := range map[string]struct{ stdin, stdout, stderr string }{
		"two": {
			"Cookie: next-auth.session-token=" + seal(t, `{"sub":"1","iat":1769853600,"exp":1770724800}`) + "; api.session-token=" + jwt,
			"{\n  \"sub\": \"1\",\n  \"iat\": 1769853600,\n  \"exp\": 1770724800\n}\n{\n  \"sub\": \"2\",\n  \"iat\": 1769853600,\n  \"exp\": 1770724800\n}\n",
			"next-auth.session-token: sealed by next-auth v4, opened with AUTH_SECRET\n" + times + "\napi.session-token: a signed JWT, whose claims any client can read, opened with AUTH_SECRET\n" + times,
		},
		"without a name": {
			alone, "{\n  \"sub\": \"3\",\n  \"iat\": 1769853600,\n  \"exp\": 1770724800\n}\n",
			"the token: sealed by Auth.js v5 for the cookie __Secure-authjs.session-token, opened with AUTH_SECRET\n" + times,
		},
		"with a name": {
			"__Secure-authjs.session-token=" + alone, "{\n  \"sub\": \"3\",\n  \"iat\": 1769853600,\n  \"exp\": 1770724800\n}\n",
			"__Secure-authjs.session-token: sealed by Auth.js v5, opened with AUTH_SECRET\n" + times,
		},
	} {
		if r := (process{stdin: tt.stdin, env: withSecret, now: now}).run(t, "decode"); r != (result{0, tt.stdout, tt.stderr}) {
			t.Errorf("%s: got\n%s%s\nwant\n%s%s", name, r.stderr, r.stdout, tt.stderr, tt.stdout)
		}
	}
}

func TestInput_Fails(t *testing.T) {
	for _, name := range []string{"decode", "encode"} {
		var stderr bytes.Buffer
		e := &cli.Env{Stdin: iotest.ErrReader(errors.New("it breaks")), Stdout: io.Discard, Stderr: &stderr, Now: time.Now, Getenv: func(string) string { return secret }}
		if status := cli.Run(t.Context(), e, []string{name}); status != 1 || stderr.String() != "nuxtauth "+name+": the input: it breaks\n" {
			t.Errorf("%s: status %d, %s", name, status, stderr.String())
		}
	}
}
