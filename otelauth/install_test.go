package otelauth_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/modproxy"
)

// An application gets this module, and with it the root, by their tags.
func TestInstall(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the compiler")
	}
	if _, err := os.Stat("../.git"); err != nil {
		t.Skip("not tested outside a repository of git, which knows the files of a tag")
	}
	const program = `package main

import (
	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/otelauth"
)

type Token struct{ nuxtauth.DefaultJWT }

func main() {
	cfg := nuxtauth.Config[Token, nuxtauth.DefaultSession[nuxtauth.DefaultUser]]{}
	cfg.Observe = otelauth.Observe()
	_ = cfg
}
`
	root, err := filepath.Abs("..")
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
	if err := modproxy.Build(t.Context(), t.TempDir(), root, string(version[1]), program, ".", "otelauth"); err != nil {
		t.Error(err)
	}
}
