package cli

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
)

var versionCommand = command{
	name:    "version",
	summary: "print the version",
	help:    `It prints the version of the command, that of the library in it, and that of Go.`,
	example: "  nuxtauth version\n",
	run: func(_ context.Context, e *Env, c *call) error {
		if err := c.parse(0); err != nil {
			return err
		}
		_, err := fmt.Fprintf(e.Stdout, "nuxtauth %s %s %s/%s\n", e.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return err
	},
}

// version returns the versions of the command and of the library, as the go command has
// noted them in the program.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	text := info.Main.Version
	for _, m := range info.Deps {
		if m.Path == "github.com/nuxtauth/nuxtauth" {
			text += " (library " + m.Version + ")"
		}
	}
	return text
}
