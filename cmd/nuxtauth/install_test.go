package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/modproxy"
)

// The command is installed by its tag.
func TestInstall_Command(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the compiler")
	}
	if _, err := os.Stat("../../.git"); err != nil {
		t.Skip("not tested outside a repository of git, which knows the files of a tag")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^\s*github\.com/nuxtauth/nuxtauth (\S+)$`).FindSubmatch(mod)
	if version == nil {
		t.Fatal("go.mod does not require the root")
	}
	tag := string(version[1])
	bin, err := modproxy.Install(t.Context(), t.TempDir(), root, tag, ".", "cmd/nuxtauth")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(filepath.Join(bin, "nuxtauth"), "version").CombinedOutput()
	if want := "nuxtauth " + tag + " (library " + tag + ") go"; err != nil || !strings.HasPrefix(string(out), want) {
		t.Errorf("got %q, %v, want %q", out, err, want)
	}
}

// The command has neither Gin nor a driver in it.
func TestModules(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	allowed := map[string]bool{
		"github.com/nuxtauth/nuxtauth": true, "github.com/nuxtauth/nuxtauth/cmd/nuxtauth": true,
		"github.com/go-json-experiment/json": true, "github.com/golang-jwt/jwt/v5": true, "github.com/go-jose/go-jose/v4": true,
	}
	for m := range strings.FieldsSeq(string(out)) {
		if !allowed[m] {
			t.Errorf("%s is compiled into the command", m)
		}
	}
}
