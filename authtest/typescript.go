package authtest

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/typescript"
)

// updateVariable is the environment variable with which [TypeScript] writes its file: set
// it to 1.
const updateVariable = "NUXTAUTH_UPDATE"

// TypeScript fails the test if the file at path, relative to the folder of the test, is not
// what [typescript.Write] writes for the types of the application. Line ends do not
// matter. A test that calls it keeps the front end's types true:
//
//	func TestTypes(t *testing.T) {
//		authtest.TypeScript[app.Token, app.Session](t, "web/types/next-auth.d.ts", typescript.Options{})
//	}
//
// It writes the file instead, and the folders that it needs, if the environment variable
// NUXTAUTH_UPDATE is 1, as in
//
//	NUXTAUTH_UPDATE=1 go test -run TestTypes ./...
//
// or if the test binary has a boolean flag "update" that is set. Package authtest declares
// no such flag, because one of the application's own would then panic: a package
// without one writes
//
//	var _ = flag.Bool("update", false, "write golden files")
func TypeScript[T nuxtauth.TokenType, S nuxtauth.SessionType](t testing.TB, path string, o typescript.Options) {
	t.Helper()
	var b bytes.Buffer
	if err := typescript.Write[T, S](&b, o); err != nil {
		t.Fatalf("authtest: %v", err)
	}
	want := b.Bytes()
	got, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("authtest: %v", err)
	}
	got = bytes.ReplaceAll(got, []byte("\r\n"), []byte("\n"))
	switch {
	case err == nil && bytes.Equal(got, want):
	case updates():
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = os.WriteFile(path, want, 0o644)
		}
		if err != nil {
			t.Fatalf("authtest: %v", err)
		}
	case err != nil:
		t.Errorf("authtest: there is no file %s: %s=1 go test -run '^%s$' writes it", path, updateVariable, t.Name())
	default:
		t.Errorf("authtest: the Go types have changed since %s was written: %s=1 go test -run '^%s$' writes it.\n%s",
			path, updateVariable, t.Name(), firstDifference(got, want))
	}
}

// updates reports whether golden files are to be written.
func updates() bool {
	if os.Getenv(updateVariable) == "1" {
		return true
	}
	f := flag.Lookup("update")
	if f == nil {
		return false
	}
	g, ok := f.Value.(flag.Getter)
	return ok && g.Get() == true
}

// firstDifference describes the first line that differs.
func firstDifference(got, want []byte) string {
	g, w := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
	i := 0
	for i < len(g)-1 && i < len(w)-1 && bytes.Equal(g[i], w[i]) {
		i++
	}
	return fmt.Sprintf("line %d is   %s\nit has to be %s", i+1, g[i], w[i])
}
