package main_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/provider"
)

type (
	Token   struct{ nuxtauth.DefaultJWT }
	Session = nuxtauth.DefaultSession[nuxtauth.DefaultUser]
)

// documented is the address of the server in the document.
const documented = "http://localhost:3000"

// The shell blocks of the document run one after another in an empty folder, and print
// what the text block after them has. "…" is any text.
func TestDocument(t *testing.T) {
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	text, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Skip("the document is in the repository alone")
	}
	dir, bin := t.TempDir(), t.TempDir()
	if out, err := exec.Command("go", "build", "-o", filepath.Join(bin, "nuxtauth"), ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	server := serve(t, filepath.Join(dir, ".env"))

	blocks := regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```").FindAllStringSubmatch(string(text), -1)
	ran := 0
	for i, b := range blocks {
		if b[1] != "sh" {
			continue
		}
		var script []string
		for line := range strings.Lines(b[2]) {
			if !strings.HasPrefix(line, "go install ") { // TestInstall_Command
				script = append(script, line)
			}
		}
		cmd := exec.Command("bash", "-euo", "pipefail", "-c", strings.ReplaceAll(strings.Join(script, ""), documented, server))
		cmd.Dir = dir
		for _, v := range os.Environ() {
			if name, _, _ := strings.Cut(v, "="); !strings.HasPrefix(name, "AUTH_") && !strings.HasPrefix(name, "NEXTAUTH_") && !strings.HasSuffix(strings.ToLower(name), "_proxy") {
				cmd.Env = append(cmd.Env, v)
			}
		}
		cmd.Env = append(cmd.Env, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s%v\n%s", b[2], err, out)
		}
		ran++
		if i+1 == len(blocks) || blocks[i+1][1] != "text" || !adjacent(string(text), b[0], blocks[i+1][0]) {
			continue
		}
		want := strings.TrimRight(blocks[i+1][2], "\n")
		pattern := "(?s)^" + strings.ReplaceAll(regexp.QuoteMeta(want), "…", ".*") + "$"
		if got := strings.TrimRight(strings.ReplaceAll(string(out), server, documented), "\n"); !regexp.MustCompile(pattern).MatchString(got) {
			t.Errorf("%sprints\n%s\nand not\n%s", b[2], got, want)
		}
	}
	if ran != 6 {
		t.Errorf("%d blocks ran", ran)
	}
}

// adjacent reports whether nothing is between two blocks of a text.
func adjacent(text, first, second string) bool { return strings.Contains(text, first+"\n\n"+second) }

// serve starts an application whose secret is in a file that is there at the first request.
func serve(t *testing.T, env string) (url string) {
	gin.SetMode(gin.TestMode)
	idp := authtest.StartIDP(t)
	var app http.Handler
	var once sync.Once
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		once.Do(func() {
			file, err := os.ReadFile(env)
			if err != nil {
				t.Error(err)
			}
			auth, err := nuxtauth.New(nuxtauth.Config[Token, Session]{
				Secret: strings.TrimSpace(strings.TrimPrefix(string(file), "AUTH_SECRET=")), URL: url,
				Providers: []provider.Provider{idp.AsProvider("idp")}, Logger: slog.New(slog.DiscardHandler),
			})
			if err != nil {
				t.Error(err)
				app = http.NotFoundHandler()
				return
			}
			router := gin.New()
			router.Use(auth.Middleware())
			app = router
		})
		app.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	url = srv.URL
	return url
}

// The table of the document has the checks.
func TestDocument_ListsChecks(t *testing.T) {
	text, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Skip("the document is in the repository alone")
	}
	_, table, _ := strings.Cut(string(text), "| check |")
	files, err := filepath.Glob("internal/doctor/*.go")
	if err != nil || len(files) < 5 {
		t.Fatalf("%q, %v", files, err)
	}
	checks := 0
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?:check\w* *= |d\.ok\()"([^"]+)"`).FindAllStringSubmatch(string(source), -1) {
			checks++
			if !strings.Contains(table, m[1]) {
				t.Errorf("%s: the check %q is not in the table", file, m[1])
			}
		}
	}
	if checks < 10 {
		t.Errorf("%d checks", checks)
	}
}
