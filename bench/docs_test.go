package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/docblock"
)

// The guide to a move from other libraries needs those libraries.
func TestMovingGuide(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the compiler")
	}
	args, err := docblock.Command(t.TempDir(), map[string]string{"../docs/moving.md": "testdata/docs/moving"})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Errorf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
