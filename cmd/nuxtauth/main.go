// The command nuxtauth makes secrets, shows what is in the cookies of sessions, makes
// cookies for tests, and examines running servers:
//
//	go install github.com/nuxtauth/nuxtauth/cmd/nuxtauth@latest
//	nuxtauth help
package main

import (
	"context"
	"os"

	"github.com/nuxtauth/nuxtauth/cmd/nuxtauth/internal/cli"
)

func main() { os.Exit(cli.Run(context.Background(), cli.System(), os.Args[1:])) }
