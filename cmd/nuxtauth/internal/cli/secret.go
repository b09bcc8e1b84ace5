package cli

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"github.com/nuxtauth/nuxtauth/cmd/nuxtauth/internal/envfile"
)

// The variables with a secret. The first that is set counts.
const (
	authSecret     = "AUTH_SECRET"
	nextAuthSecret = "NEXTAUTH_SECRET"
)

var secretCommand = command{
	name:    "secret",
	summary: "make a secret, and write it to .env",
	usage:   "[-env file [-force]]",
	help: `It makes a new secret of 33 random bytes, in base64. Without -env the secret is the
only line of the output. With -env it goes into a file of environment variables as
AUTH_SECRET, and is not printed: one line changes, and all others stay as they are.
A new file can be read by you alone.`,
	example: `  nuxtauth secret -env .env
  export AUTH_SECRET=$(nuxtauth secret)
  kubectl create secret generic auth --from-literal=AUTH_SECRET="$(nuxtauth secret)"
`,
	run: runSecret,
}

func runSecret(_ context.Context, e *Env, c *call) error {
	path := c.flags.String("env", "", "write the secret to this `file`, such as .env")
	force := c.flags.Bool("force", false, "replace a secret that the file has: all sessions end that it has sealed, unless the\nserver has it in Config.OldSecrets")
	if err := c.parse(0); err != nil {
		return err
	}
	secret := newSecret()
	switch {
	case *path != "":
		return writeSecret(e, *path, secret, *force)
	case *force:
		return usagef("-force is for a secret in a file: name it by -env")
	}
	if _, err := fmt.Fprintln(e.Stdout, secret); err != nil {
		return err
	}
	if e.StdoutTerminal {
		fmt.Fprintln(e.Stderr, "Set AUTH_SECRET to it. nuxtauth secret -env .env writes it to a file, and does not show it.")
	}
	return nil
}

// newSecret returns what "openssl rand -base64 33" prints.
func newSecret() string {
	b := make([]byte, 33)
	_, _ = rand.Read(b) // it never fails
	return base64.StdEncoding.EncodeToString(b)
}

// writeSecret writes a secret to a file, in place of an empty one, or with force of any.
func writeSecret(e *Env, path, secret string, force bool) error {
	file, exists, err := envfile.Read(path)
	if err != nil {
		return err
	}
	name := authSecret
	value, assignments := file.Get(name)
	if old, n := file.Get(nextAuthSecret); value == "" && old != "" { // then it counts
		name, value, assignments = nextAuthSecret, old, n
	}
	if value != "" && !force {
		return fmt.Errorf("%s has a secret already, %s. -force replaces it: all users are signed out then, unless the server has the old one in Config.OldSecrets; copy it first", path, name)
	}
	data, err := file.With(name, secret)
	if err != nil {
		return err
	}
	if !exists {
		err = envfile.Create(path, data)
	} else {
		err = envfile.Replace(path, data)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(e.Stderr, "%s has a new %s.\n", path, name)
	if value != "" {
		fmt.Fprintln(e.Stderr, "The sessions of the old secret end, unless the server has it in Config.OldSecrets.")
	}
	if assignments > 1 {
		fmt.Fprintf(e.Stderr, "%s is there %d times: the last one counts, and was changed. Remove the others.\n", name, assignments)
	}
	if info, err := os.Stat(path); err == nil && isShared(info) {
		fmt.Fprintf(e.Stderr, "Other users of this machine can read the file: chmod 600 %s\n", path)
	}
	return nil
}

// isShared reports whether other users may read a file. Windows has no such bits.
func isShared(info fs.FileInfo) bool {
	return runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0
}
