package otelauth_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/docblock"
)

func TestObservabilityGuide(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the compiler")
	}
	args, err := docblock.Command(t.TempDir(), map[string]string{"../docs/observability.md": "testdata/docs/observability"})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Errorf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
