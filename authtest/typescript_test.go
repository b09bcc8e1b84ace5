package authtest_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/typescript"
)

// A package that declares the flag itself, as many do for golden files.
var update = flag.Bool("update", false, "write golden files")

type typesUser struct {
	Name string `json:"name"`
	Role string `json:"role"`
}

// A recorder is a test that fails without failing this one.
type recorder struct {
	testing.TB
	failures []string
}

func (r *recorder) Helper()      {}
func (r *recorder) Name() string { return "TestTypes" }
func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(r)
}

// typesOf runs the check for a file and returns how the test fails, "" if it passes.
func typesOf[U any](t *testing.T, path string) string {
	t.Helper()
	r := &recorder{TB: t}
	func() {
		defer func() {
			if p := recover(); p != nil && p != any(r) {
				panic(p)
			}
		}()
		authtest.TypeScript[nuxtauth.DefaultJWT, nuxtauth.DefaultSession[U]](r, path, typescript.Options{Target: typescript.Plain})
	}()
	return strings.Join(r.failures, "\n")
}

func TestTypeScript_KeepsTheFileTrue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web", "types", "session.d.ts")
	if got := typesOf[typesUser](t, path); !strings.Contains(got, "there is no file "+path) || !strings.Contains(got, "NUXTAUTH_UPDATE=1 go test -run '^TestTypes$'") {
		t.Errorf("without a file: %s", got)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the file is written without being asked for")
	}

	t.Setenv("NUXTAUTH_UPDATE", "1")
	if got := typesOf[typesUser](t, path); got != "" {
		t.Errorf("with the variable: %s", got)
	}
	t.Setenv("NUXTAUTH_UPDATE", "")
	if got := typesOf[typesUser](t, path); got != "" {
		t.Errorf("what was written is not accepted: %s", got)
	}

	got := typesOf[struct {
		Name string `json:"name"`
		Role int    `json:"role"`
	}](t, path)
	if !strings.Contains(got, "the Go types have changed") || !strings.Contains(got, "line 7 is       role: string\nit has to be     role: number") {
		t.Errorf("another type: %s", got)
	}
	if got := typesOf[struct{}](t, path); !strings.Contains(got, "line 5 is") {
		t.Errorf("a shorter type: %s", got)
	}
}

func TestTypeScript_UpdateFlag(t *testing.T) {
	path := filepath.Join(t.TempDir(), "session.d.ts")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	*update = true
	defer func() { *update = false }()
	if got := typesOf[typesUser](t, path); got != "" {
		t.Errorf("with the flag: %s", got)
	}
	*update = false
	if got := typesOf[typesUser](t, path); got != "" {
		t.Errorf("what was written is not accepted: %s", got)
	}
}

// Git may check files out with other line ends.
func TestTypeScript_LineEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "session.d.ts")
	t.Setenv("NUXTAUTH_UPDATE", "1")
	typesOf[typesUser](t, path)
	t.Setenv("NUXTAUTH_UPDATE", "")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(b), "\n", "\r\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := typesOf[typesUser](t, path); got != "" {
		t.Error(got)
	}
}

func TestTypeScript_Errors(t *testing.T) {
	if got := typesOf[chan int](t, filepath.Join(t.TempDir(), "session.d.ts")); !strings.Contains(got, "authtest: typescript: ") || !strings.Contains(got, "refuses a chan int") {
		t.Errorf("a type that JSON refuses: %s", got)
	}
	dir := t.TempDir()
	if got := typesOf[typesUser](t, dir); !strings.HasPrefix(got, "authtest: ") {
		t.Errorf("a folder: %s", got)
	}
	t.Setenv("NUXTAUTH_UPDATE", "1")
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := typesOf[typesUser](t, filepath.Join(file, "session.d.ts")); !strings.HasPrefix(got, "authtest: ") {
		t.Errorf("a file where a folder has to be: %s", got)
	}
}
