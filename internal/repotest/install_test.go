package repotest_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/modproxy"
)

// An application gets the module by its tag. The nested modules have tests of their own,
// since the module cache may lack what they need.
func TestInstall_Root(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the compiler")
	}
	if _, err := os.Stat("../../.git"); err != nil {
		t.Skip("not tested outside a repository of git, which knows the files of a tag")
	}
	const program = `package main

import (
	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/provider"
)

type (
	User    struct{ Name string }
	Token   struct{ nuxtauth.DefaultJWT }
	Session = nuxtauth.DefaultSession[User]
)

func main() {
	auth, err := nuxtauth.New(nuxtauth.Config[Token, Session]{
		Secret: "a secret", URL: "http://localhost:3000", Providers: []provider.Provider{provider.GitHub()},
	})
	if err != nil {
		panic(err)
	}
	r := gin.New()
	r.Use(auth.Middleware())
}
`
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if err := modproxy.Build(t.Context(), t.TempDir(), root, "v0.1.0", program, "."); err != nil {
		t.Error(err)
	}
}

// A replace directive has no effect for those who require the module, and a placeholder
// such as v0.0.0 is no tag.
func TestInstall_NestedModulesRequireTags(t *testing.T) {
	inRoot(t)
	for _, file := range []string{"cmd/nuxtauth/go.mod", "mail/smtp/go.mod", "otelauth/go.mod", "store/redisstore/go.mod"} { // all that are tagged
		mod, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if regexp.MustCompile(`(?m)^\s*replace\b`).Match(mod) {
			t.Errorf("%s has a replace directive", file)
		}
		version := regexp.MustCompile(`(?m)^\s*` + regexp.QuoteMeta(module) + ` (\S+)$`).FindSubmatch(mod)
		if version == nil || !regexp.MustCompile(`^v(0\.[1-9]\d*|[1-9]\d*\.\d+)\.\d+$`).Match(version[1]) {
			t.Errorf("%s requires %q of the root, want a tag", file, version)
		}
	}
}
