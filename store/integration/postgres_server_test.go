package integration_test

import (
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/nuxtauth/nuxtauth/store"
)

// A postgres is a PostgreSQL server that the tests have started.
type postgres struct {
	once sync.Once
	err  error

	bin, dir, port string
	log            *os.File
	cmd            *exec.Cmd
}

// sharedPostgres starts with the first test that needs it. The tests run one after the
// other, so that each may restart it, except for those that run their parts in parallel.
var sharedPostgres postgres

var errNotInstalled = errors.New("not installed")

// server returns the server, which accepts connections.
func server(t testing.TB) *postgres {
	t.Helper()
	p := &sharedPostgres
	p.once.Do(func() { p.err = p.create() })
	if errors.Is(p.err, errNotInstalled) {
		noServer(t, "PostgreSQL")
	}
	if p.err != nil {
		t.Fatal(p.err)
	}
	return p
}

// create initializes a server and starts it.
func (p *postgres) create() error {
	if p.bin = postgresBin(); p.bin == "" {
		return errNotInstalled
	}
	var err error
	if p.dir, err = os.MkdirTemp("", "nuxtauth-postgres"); err != nil {
		return err
	}
	if p.log, err = os.Create(filepath.Join(p.dir, "log")); err != nil {
		return err
	}
	if p.port, err = freePort(); err != nil {
		return err
	}
	initdb := exec.Command(filepath.Join(p.bin, "initdb"), "-D", filepath.Join(p.dir, "data"),
		"-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
	if err := asUser(initdb, "postgres", p.dir); err != nil {
		return err
	}
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return p.start()
}

// postgresBin returns the folder of PostgreSQL's programs, "" if there is none.
func postgresBin() string {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path)
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // on Debian they are not in PATH
	if err != nil || len(found) == 0 {
		return ""
	}
	return filepath.Dir(found[len(found)-1])
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// start starts the server and waits until it accepts connections.
func (p *postgres) start() error {
	p.cmd = exec.Command(filepath.Join(p.bin, "postgres"), "-D", filepath.Join(p.dir, "data"), "-p", p.port,
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off",
		"-c", "max_connections=150", "-c", "shared_buffers=32MB")
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := asUser(p.cmd, "postgres", p.dir); err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	return p.ready()
}

// ready waits until the server accepts connections.
func (p *postgres) ready() error {
	if err := answers("pgx", p.url("postgres", "")); err != nil {
		log, _ := os.ReadFile(p.log.Name())
		return fmt.Errorf("PostgreSQL does not start: %w\n%s", err, log)
	}
	return nil
}

// stop stops the server: SIGINT closes its connections, SIGQUIT is a crash.
func (p *postgres) stop(signal os.Signal) error {
	if err := p.cmd.Process.Signal(signal); err != nil {
		return err
	}
	err := p.cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.Exited() {
		return nil // its code after SIGQUIT
	}
	return err
}

// close stops the server and removes its data.
func (p *postgres) close() error {
	if p.dir == "" {
		return nil
	}
	var err error
	if p.cmd != nil && p.cmd.Process != nil {
		err = p.stop(syscall.SIGINT)
	}
	return errors.Join(err, p.log.Close(), os.RemoveAll(p.dir))
}

// url returns the address of a database; addr is that of the server if it is empty.
func (p *postgres) url(database, addr string) string {
	if addr == "" {
		addr = "127.0.0.1:" + p.port
	}
	return "postgres://postgres@" + addr + "/" + database + "?sslmode=disable"
}

// newDatabase creates an empty database and returns its name.
func (p *postgres) newDatabase(t testing.TB) string {
	t.Helper()
	db := connect(t, "pgx", p.url("postgres", ""))
	name := "t_" + store.NewID()
	if _, err := db.ExecContext(t.Context(), `CREATE DATABASE "`+name+`"`); err != nil {
		t.Fatal(err)
	}
	return name
}

// connect opens a database and closes it with the test.
func connect(t testing.TB, driver, source string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(10)
	db.SetMaxIdleConns(10)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}
