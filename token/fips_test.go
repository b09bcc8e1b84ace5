package token_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/token"
)

// In FIPS 140-only mode, which begins with the process, short secrets and A256GCM are
// errors, and no reason to panic.
func TestNew_FIPS140Only(t *testing.T) {
	const mode = "fips140=only"
	if !strings.Contains(os.Getenv("GODEBUG"), mode) {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestNew_FIPS140Only$")
		cmd.Env = append(os.Environ(), "GODEBUG="+mode)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	_, nextAuth := token.NewNextAuth("", newSecret)
	_, shortNextAuth := token.NewNextAuth("", "short")
	_, shortAuthJS := token.NewAuthJS("name", "short")
	for want, err := range map[string]error{
		"token: crypto/cipher: ":               nextAuth,
		"token: derive the key: crypto/hkdf: ": shortNextAuth,
		"token: derive the key: crypto/hkdf":   shortAuthJS,
	} {
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	codec := formats[1].codec(t, newSecret)
	wantOpen(t, codec, mustSeal(t, codec, session), session)
}
