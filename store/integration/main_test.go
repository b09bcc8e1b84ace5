// Package integration_test runs the stores of sessions against real databases.
// It is a module of its own, so that the library requires no driver.
//
// SQLite is always tested. The tests start PostgreSQL, PgBouncer, MariaDB and Redis (Debian:
// apt-get install postgresql pgbouncer mariadb-server redis-server), each in a temporary folder, on a free port of
// the loopback interface or a socket: one Redis, a Redis Cluster of three primaries and
// three replicas, and a primary and a replica with three Sentinels, all with the program
// redis-server. The programs of PostgreSQL and PgBouncer are looked up in PATH, then in
// Debian's folders, such as /usr/lib/postgresql/15/bin; as root they run as the user
// postgres, and MariaDB as mysql. The tests of a server that is not installed are skipped; with
// NUXTAUTH_REQUIRE_SERVERS=1 they fail.
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

// missing are the servers that tests needed and that are not installed.
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
	for _, closeServer := range []func() error{sharedPostgres.close, sharedMariaDB.close} {
		if err := closeServer(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	missing.Range(func(what, _ any) bool {
		fmt.Fprintf(os.Stderr, "NOT TESTED: %v is not installed. Set NUXTAUTH_REQUIRE_SERVERS=1 to make that a failure.\n", what)
		return true
	})
	os.Exit(code)
}

// quiet discards the log of a client whose servers are stopped on purpose.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}
func (quiet) Print(...any)                           {}

// noServer skips a test that needs a server, or fails it if servers are required.
func noServer(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("NUXTAUTH_REQUIRE_SERVERS") == "1" {
		t.Fatalf("%s is not installed, and NUXTAUTH_REQUIRE_SERVERS=1", what)
	}
	missing.Store(what, true)
	t.Skipf("NOT TESTED: %s is not installed", what)
}

// noLeaks fails a test that leaves goroutines after its cleanup. Drivers may take a moment
// to close their connections.
func noLeaks(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		err := goleak.Find(before)
		for end := time.Now().Add(longTimeout); err != nil && time.Now().Before(end); {
			err = goleak.Find(before) // waits by itself
		}
		if err != nil {
			t.Error(err)
		}
	})
}
