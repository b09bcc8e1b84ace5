package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nuxtauth/nuxtauth/cmd/nuxtauth/internal/doctor"
)

var doctorCommand = command{
	name:    "doctor",
	summary: "examine a running server, and say what to fix",
	usage:   "[flags] URL",
	help: `It examines a running server by requests that any client can send: the public address,
headers of proxies, the attributes of cookies, caches, the clock, the CSRF token, and for
each provider the redirect, the callback URL and the keys of its issuer. It signs no user
in and changes no session; the log of the server gets some warnings, of forms that must
be refused.

URL is the address in the address bar of the browser. A path in it is the base path of
the API, and otherwise that is /api/auth. Each line of the output is ok, warn or fail,
with what to do. The status is 1 if there is a fail.`,
	example: `  nuxtauth doctor https://app.example.com
  nuxtauth doctor -issuer https://id.example.com/realms/main http://localhost:3000
  nuxtauth doctor -json https://app.example.com | jq -r '.[] | select(.status == "fail") | .text'
`,
	run: runDoctor,
}

func runDoctor(ctx context.Context, e *Env, c *call) error {
	var issuers list
	c.flags.Var(&issuers, "issuer", "check the metadata and the keys of this `issuer` too; can be repeated")
	timeout := c.flags.Duration("timeout", 10*time.Second, "wait this `duration` for each answer; 10s unless set")
	asJSON := c.flags.Bool("json", false, "print the findings as a JSON array")
	if err := c.parse(1); err != nil {
		return err
	}
	if len(c.args) == 0 {
		return usagef("the address is missing: write one such as https://app.example.com")
	}
	if *timeout <= 0 {
		return usagef("-timeout is %v: write a duration such as 10s", *timeout)
	}
	all := []doctor.Finding{}
	count := map[doctor.Status]int{}
	err := doctor.Run(ctx, doctor.Options{
		URL: c.args[0], Issuers: issuers, Transport: e.Transport, Timeout: *timeout, Now: e.Now, UserAgent: "nuxtauth-doctor",
	}, func(f doctor.Finding) {
		count[f.Status]++
		if *asJSON {
			all = append(all, f)
			return
		}
		fmt.Fprintf(e.Stdout, "%-5s %s: %s\n", f.Status, f.Check, oneLine(f.Text))
		if f.Fix != "" {
			fmt.Fprintf(e.Stdout, "      %s\n", oneLine(f.Fix))
		}
	})
	if err != nil {
		return usageError{err}
	}
	if *asJSON {
		out, err := json.MarshalIndent(all, "", "  ")
		if err != nil {
			return err
		}
		fmt.Fprintf(e.Stdout, "%s\n", out)
	} else {
		fmt.Fprintf(e.Stdout, "\n%d ok, %d warn, %d fail\n", count[doctor.OK], count[doctor.Warn], count[doctor.Fail])
	}
	if count[doctor.Fail] > 0 {
		return errReported
	}
	return nil
}
