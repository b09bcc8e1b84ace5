//go:build unix

package envfile_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/nuxtauth/nuxtauth/cmd/nuxtauth/internal/envfile"
)

// A file of another user stays theirs if root replaces it.
func TestReplace_KeepsOwner(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	for _, want := range []struct{ uid, gid int }{{0, 0}, {4711, 0}, {0, 4712}, {4711, 4712}} {
		path := filepath.Join(t.TempDir(), ".env")
		write(t, path, "A=1\n", 0o640)
		if err := os.Chown(path, want.uid, want.gid); err != nil {
			t.Skip(err)
		}
		if err := envfile.Replace(path, []byte("A=2\n")); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		is := info.Sys().(*syscall.Stat_t)
		if int(is.Uid) != want.uid || int(is.Gid) != want.gid || info.Mode() != 0o640 {
			t.Errorf("the file is of %d:%d with the mode %v, want %v", is.Uid, is.Gid, info.Mode(), want)
		}
	}
}
