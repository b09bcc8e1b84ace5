// Command bench measures the cost of nuxtauth and of other libraries for the same purpose.
//
//	go run ./bench           # processor time, bytes and allocations of a request
//	go run ./bench memory    # bytes of a session in memory
//	go run ./bench many      # many users at the same time, and the memory afterwards
//	go run ./bench http      # requests per second and latency over HTTP, with wrk
//
// The README explains the results.
package main

import (
	"fmt"
	"os"
	"slices"

	"github.com/gin-gonic/gin"
)

func main() {
	gin.SetMode(gin.ReleaseMode)
	commands := map[string]func(args []string) error{
		"requests": requests,
		"memory":   memory,
		"many":     many,
		"http":     overHTTP,
		"serve":    serve, // started by http
	}
	name, args := "requests", os.Args[1:]
	if len(args) > 0 && commands[args[0]] != nil {
		name, args = args[0], args[1:]
	}
	if err := commands[name](args); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func scenarios() []scenario {
	bare := scenario{name: "gin", title: "bare Gin", make: bareGin}
	return slices.Concat([]scenario{bare}, nuxtauthScenarios, tokenPeers, sessionPeers)
}
