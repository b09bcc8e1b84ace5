package cli_test

import (
	"bytes"
	"context"
	"flag"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/cmd/nuxtauth/internal/cli"
)

var update = flag.Bool("update", false, "write the files of testdata anew")

func TestMain(m *testing.M) {
	gin.SetMode(gin.TestMode)
	m.Run()
}

const (
	secret = "the-secret-of-the-server-0123456789"
	older  = "an-older-secret-of-the-same-server-"
)

// A result is what a command has printed.
type result struct {
	status         int
	stdout, stderr string
}

// A process is the environment of a command.
type process struct {
	stdin     string
	env       map[string]string
	terminal  bool // of all three
	now       time.Time
	transport http.RoundTripper
}

// run runs the command. It fails the test if a secret is in the output.
func (p process) run(t *testing.T, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	e := &cli.Env{
		Stdin: strings.NewReader(p.stdin), Stdout: &stdout, Stderr: &stderr, StdinTerminal: p.terminal, StdoutTerminal: p.terminal,
		Getenv: func(name string) string { return p.env[name] }, Transport: p.transport, Version: "v0.1.0 (library v0.1.0)",
		Now: func() time.Time {
			if p.now.IsZero() {
				return time.Now()
			}
			return p.now
		},
	}
	r := result{status: cli.Run(t.Context(), e, args)}
	r.stdout, r.stderr = stdout.String(), stderr.String()
	for _, s := range []string{secret, older} {
		if strings.Contains(r.stdout+r.stderr, s) {
			t.Errorf("%q prints the secret: %+v", args, r)
		}
	}
	return r
}

// check compares the status, and looks for texts in the output. The text "" is for no
// output.
func (r result) check(t *testing.T, status int, stdout, stderr string) {
	t.Helper()
	if r.status != status || !strings.Contains(r.stdout, stdout) || !strings.Contains(r.stderr, stderr) || stdout == "" && r.stdout != "" || stderr == "" && r.stderr != "" {
		t.Errorf("got the status %d\n%s\n%s\nwant the status %d, %q and %q", r.status, r.stdout, r.stderr, status, stdout, stderr)
	}
}

// golden compares a text with a file of testdata.
func golden(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != strings.ReplaceAll(string(want), "\r\n", "\n") {
		t.Errorf("got\n%s\nwant that of %s; -update writes it anew", got, path)
	}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"-h"}, {"--help"}, {"-help"}} {
		r := process{}.run(t, args...)
		r.check(t, 0, "Usage:", "")
		golden(t, "help.txt", r.stdout)
	}
	process{}.run(t).check(t, 2, "", "Usage:")
	for _, name := range []string{"secret", "decode", "encode", "doctor", "version"} {
		r := process{}.run(t, name, "-h")
		r.check(t, 0, "Usage: nuxtauth "+name, "")
		golden(t, name+".txt", r.stdout)
		if again := (process{}).run(t, "help", name); again != r {
			t.Errorf("help %s: %+v", name, again)
		}
		for line := range strings.Lines(r.stdout) {
			if n := len(strings.TrimRight(line, "\n")); n > 120 {
				t.Errorf("%s: a line has %d characters: %s", name, n, line)
			}
		}
	}
}

func TestUsageErrors(t *testing.T) {
	for args, want := range map[string]string{
		"secrt":                               `there is no command "secrt" (is it secret?)`,
		"Decode":                              "(is it decode?)",
		"scret":                               "(is it secret?)",
		"sceret":                              "(is it secret?)",
		"xsecrets":                            "(is it secret?)",
		"xsecretsx":                           `no command "xsecretsx": `,
		"sec":                                 `no command "sec": `,
		"secr":                                "(is it secret?)",
		"doktar":                              "(is it doctor?)",
		"doktarr":                             `no command "doktarr": `,
		"rotcod":                              `no command "rotcod": `,
		"ersion":                              "(is it version?)",
		"ecode":                               "(is it decode?)",
		"decode -secret=":                     "-secret is empty",
		"encode a":                            "an argument too many",
		"encode -email a@b":                   "need -sub",
		"doctor -timeout 10 http://localhost": "invalid value",
		"frobnicate":                          `there is no command "frobnicate": nuxtauth help`,
		"help frobnicate":                     "there is no command",
		"secret -x":                           "flag provided but not defined: -x\nnuxtauth secret -h shows",
		"secret a":                            `there is an argument too many: "a"`,
		"secret -force":                       "-force is for a secret in a file",
		"decode -protocol v4":                 "write next-auth or authjs",
		"decode a":                            "an argument too many",
		"encode -max-age 5":                   "invalid value",
		"encode -max-age 5ms -sub 1":          "-max-age is 5ms",
		"encode -name Ada":                    "need -sub",
		"encode -secret= -sub 1":              "-secret is empty",
		"doctor":                              "the address is missing",
		"doctor a b":                          "an argument too many",
		"doctor example.com":                  `"example.com" is no address`,
		"doctor -timeout 0s http://localhost": "-timeout is 0s",
		"version a":                           "an argument too many",
	} {
		r := process{stdin: "eyJ"}.run(t, strings.Fields(args)...)
		if r.status != 2 || r.stdout != "" || !strings.Contains(r.stderr, want) {
			t.Errorf("%s: %+v, want %q", args, r, want)
		}
	}
}

func TestVersion(t *testing.T) {
	for _, args := range []string{"version", "-version", "--version", "-v"} {
		process{}.run(t, args).check(t, 0, "nuxtauth v0.1.0 (library v0.1.0) go1.", "")
	}
}

func TestSystem(t *testing.T) {
	e := cli.System()
	if e.Version == "" || e.Now().IsZero() || e.Getenv("PATH") != os.Getenv("PATH") {
		t.Errorf("the environment is %+v", e)
	}
}

var newSecret = regexp.MustCompile(`^[A-Za-z0-9+/]{44}$`)

// The secret alone is the output, so that it can be assigned to a variable.
func TestSecret_IsAlone(t *testing.T) {
	first := process{}.run(t, "secret")
	if first.status != 0 || first.stderr != "" || !newSecret.MatchString(strings.TrimSuffix(first.stdout, "\n")) {
		t.Errorf("got %+v", first)
	}
	second := process{terminal: true}.run(t, "secret")
	if second.stdout == first.stdout || !newSecret.MatchString(strings.TrimSpace(second.stdout)) || !strings.Contains(second.stderr, "-env .env") {
		t.Errorf("in a terminal: %+v", second)
	}
}

func TestSecret_IsAcceptedByNew(t *testing.T) {
	r := process{}.run(t, "secret")
	if _, err := nuxtauth.New(nuxtauth.Config[Token, Session]{Secret: strings.TrimSpace(r.stdout), URL: "http://localhost:3000"}); err != nil {
		t.Error(err)
	}
}

func TestSecret_InFile(t *testing.T) {
	for name, tt := range map[string]struct {
		old    string
		args   []string
		want   string // S is the new secret; "" means the old content
		status int
		stderr string
	}{
		"no secret":              {"A=1\r\nB=2", nil, "A=1\r\nB=2\r\nAUTH_SECRET=S", 0, "has a new AUTH_SECRET."},
		"an empty one":           {"AUTH_SECRET= # openssl\nB=2\n", nil, "AUTH_SECRET=S # openssl\nB=2\n", 0, "has a new AUTH_SECRET."},
		"an old one":             {"A=1\nAUTH_SECRET=" + older + "\n", nil, "", 1, "has a secret already, AUTH_SECRET"},
		"an old one, replaced":   {"A=1\nAUTH_SECRET='" + older + "'\n", []string{"-force"}, "A=1\nAUTH_SECRET='S'\n", 0, "Config.OldSecrets"},
		"of next-auth":           {"NEXTAUTH_SECRET=" + older + "\n", nil, "", 1, "has a secret already, NEXTAUTH_SECRET"},
		"of next-auth, empty":    {"NEXTAUTH_SECRET=\nA=1\n", nil, "NEXTAUTH_SECRET=\nA=1\nAUTH_SECRET=S\n", 0, "has a new AUTH_SECRET."},
		"of next-auth, replaced": {"AUTH_SECRET=\nNEXTAUTH_SECRET=" + older + "\n", []string{"-force"}, "AUTH_SECRET=\nNEXTAUTH_SECRET=S\n", 0, "has a new NEXTAUTH_SECRET."},
		"of both":                {"NEXTAUTH_SECRET=x\nAUTH_SECRET=" + older + "\n", []string{"-force"}, "NEXTAUTH_SECRET=x\nAUTH_SECRET=S\n", 0, "has a new AUTH_SECRET."},
		"twice":                  {"AUTH_SECRET=a\nAUTH_SECRET=" + older + "\n", []string{"-force"}, "AUTH_SECRET=a\nAUTH_SECRET=S\n", 0, "AUTH_SECRET is there 2 times"},
		"not text":               {"A\x00=1", nil, "", 1, "it is no text"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), ".env")
			if err := os.WriteFile(path, []byte(tt.old), 0o600); err != nil {
				t.Fatal(err)
			}
			process{}.run(t, append([]string{"secret", "-env", path}, tt.args...)...).check(t, tt.status, "", tt.stderr)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if name == "no secret" || name == "of next-auth, empty" {
				again := filepath.Join(t.TempDir(), ".env")
				if err := os.WriteFile(again, []byte(tt.old), 0o600); err != nil {
					t.Fatal(err)
				}
				if r := (process{}).run(t, "secret", "-env", again); r != (result{0, "", again + " has a new AUTH_SECRET.\n"}) {
					t.Errorf("got %+v", r)
				}
			}
			got := regexp.MustCompile(`[A-Za-z0-9+/]{44}`).ReplaceAllString(string(b), "S")
			if want := tt.want; got != want && !(want == "" && got == tt.old) {
				t.Errorf("the file has %q, want %q", got, want)
			}
		})
	}
}

func TestSecret_NewFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".env")
	r := process{}.run(t, "secret", "-env", path)
	r.check(t, 0, "", "has a new AUTH_SECRET.")
	b, err := os.ReadFile(path)
	if err != nil || !newSecret.MatchString(strings.TrimSuffix(strings.TrimPrefix(string(b), "AUTH_SECRET="), "\n")) {
		t.Errorf("the file has %q, %v", b, err)
	}
	if strings.Contains(r.stderr, "chmod") {
		t.Errorf("the file can be read by others: %s", r.stderr)
	}
	process{}.run(t, "secret", "-env", filepath.Join(path, "x")).check(t, 1, "", "nuxtauth secret: ")
}

func TestSecret_SharedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o644 {
		t.Skip("no modes of Unix")
	}
	process{}.run(t, "secret", "-env", path).check(t, 0, "", "chmod 600 "+path)
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o644 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
}

// The types of the application of the tests.
type (
	Token struct {
		nuxtauth.DefaultJWT
		Role string `json:"role,omitzero"`
		Blob string `json:"blob,omitzero"`
	}
	User struct {
		nuxtauth.DefaultUser
		Role string `json:"role,omitzero"`
	}
	Session = nuxtauth.DefaultSession[User]
	Config  = nuxtauth.Config[Token, Session]
)

// newAuth returns an application at http://localhost:3000 whose session has the role.
func newAuth(t *testing.T, change func(*Config)) *nuxtauth.Auth[Token, Session] {
	t.Helper()
	cfg := Config{Secret: secret, URL: "http://localhost:3000", Logger: slog.New(slog.DiscardHandler)}
	cfg.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
		p.Session.User.Role = p.Token.Role
		return p.Session, nil
	}
	if change != nil {
		change(&cfg)
	}
	auth, err := nuxtauth.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return auth
}

// get requests a path of the application with a Cookie header.
func get(auth *nuxtauth.Auth[Token, Session], path, cookies string) *httptest.ResponseRecorder {
	r := gin.New()
	r.Use(auth.Middleware())
	r.GET("/recent", auth.RequireRecent(time.Minute), func(c *gin.Context) { c.Status(http.StatusNoContent) })
	req := httptest.NewRequest(http.MethodGet, path, nil)
	req.Header.Set("Cookie", cookies)
	rec := httptest.NewRecorder()
	r.ServeHTTP(rec, req)
	return rec
}
