package integration_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/store/sqlstore"
)

// replicaEnv has the driver and the source of a database. If it is set, this program is a
// replica that uses it, see replica.
const replicaEnv = "NUXTAUTH_TEST_REPLICA"

// Replicas are processes: their locks must work between processes, which for SQLite are
// those of the system.
func TestSQL_ProcessesShareADatabase(t *testing.T) {
	inEach(t, func(t *testing.T, src source) {
		program, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		stdin, start, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer stdin.Close()
		defer start.Close()
		type process struct {
			*exec.Cmd
			errors bytes.Buffer
		}
		var replicas []*process
		for range 3 {
			p := &process{Cmd: exec.CommandContext(t.Context(), program)}
			p.Env = append(os.Environ(), replicaEnv+"="+src.driver+" "+src.name)
			p.Stdin, p.Stderr = stdin, &p.errors
			stdout, err := p.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := stdout.Read(make([]byte, 1)); err != nil {
				t.Errorf("a replica does not begin: %v", err)
			}
			replicas = append(replicas, p)
		}
		start.Close() // each continues at the end of its input
		for _, p := range replicas {
			if err := p.Wait(); err != nil {
				t.Errorf("a replica ended with %v\n%s", err, &p.errors)
			}
		}
		if got := versions(t, src); !slices.Equal(got, newest) {
			t.Errorf("the migrations run were %v, want %v", got, newest)
		}
	})
}

// replica is the main function of each process. It returns the exit code.
func replica(source string) int {
	driver, name, _ := strings.Cut(source, " ")
	db, err := sql.Open(driver, name)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer db.Close()
	fmt.Print(".") // ready
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*longTimeout)
	defer cancel()
	s, err := sqlstore.New(ctx, db, sqlstore.Options{Timeout: longTimeout})
	for n := 0; err == nil && n < 10; n++ {
		err = life(ctx, s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
