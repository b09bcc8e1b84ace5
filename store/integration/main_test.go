// Package integration_test runs the stores of sessions against real databases.
// It is a module of its own, so that no driver gets into the library's go.mod.
//
// SQLite is always tested. PostgreSQL and Redis are started here from the
// programs of this machine (Debian: apt-get install postgresql redis-server),
// each in a temporary folder, on a free port of the loopback interface or a
// socket. PostgreSQL's are looked for in PATH, then where Debian puts them,
// /usr/lib/postgresql/15/bin for example; as root they run as the user postgres.
// Where a server is missing its tests are skipped; with
// NUXTAUTH_REQUIRE_SERVERS=1 they fail instead.
package integration_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

// missing are the servers that tests wanted and did not get.
var missing sync.Map

func TestMain(m *testing.M) {
	if source, ok := os.LookupEnv(replicaEnv); ok {
		os.Exit(replica(source))
	}
	if job, ok := os.LookupEnv(appEnv); ok {
		os.Exit(refresher(job))
	}
	redis.SetLogger(quiet{})
	code := m.Run()
	if err := sharedPostgres.close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	missing.Range(func(what, _ any) bool {
		fmt.Fprintf(os.Stderr, "NOT TESTED: %v is not installed here. Set NUXTAUTH_REQUIRE_SERVERS=1 to make that a failure.\n", what)
		return true
	})
	os.Exit(code)
}

// quiet is for a client that reports every connection it can't have, where
// servers are taken away on purpose.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

// noServer skips a test that needs a server, or fails it where servers must be there.
func noServer(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("NUXTAUTH_REQUIRE_SERVERS") == "1" {
		t.Fatalf("%s is not installed here, and NUXTAUTH_REQUIRE_SERVERS=1", what)
	}
	missing.Store(what, true)
	t.Skipf("NOT TESTED: %s is not installed here", what)
}

// noLeaks fails a test that leaves goroutines behind, after all that it cleans
// up. Drivers may take a moment to say goodbye to a server.
func noLeaks(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		err := goleak.Find(before)
		for end := time.Now().Add(patience); err != nil && time.Now().Before(end); {
			err = goleak.Find(before) // waits by itself
		}
		if err != nil {
			t.Error(err)
		}
	})
}
