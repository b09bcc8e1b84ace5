package services_test

import (
	"os/exec"
	"strings"
	"testing"

	// What the guide imports, which go mod tidy does not see.
	_ "github.com/go-jose/go-jose/v4"
	_ "github.com/golang-jwt/jwt/v5"
	_ "google.golang.org/grpc"
	_ "google.golang.org/grpc/health/grpc_health_v1"

	_ "github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/docblock"
)

// The guide to other services needs gRPC.
func TestServicesGuide(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the compiler")
	}
	args, err := docblock.Command(t.TempDir(), map[string]string{"../../docs/services.md": "testdata/docs/services"})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Errorf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
