package integration_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/nuxtauth/nuxtauth/store"
)

// A mariadb is a MariaDB server that the tests have started.
type mariadb struct {
	once sync.Once
	err  error

	program, dir, port string
	log                *os.File
	cmd                *exec.Cmd
}

// sharedMariaDB starts with the first test that needs it, see sharedPostgres.
var sharedMariaDB mariadb

// mariaServer returns the server, which accepts connections.
func mariaServer(t testing.TB) *mariadb {
	t.Helper()
	m := &sharedMariaDB
	m.once.Do(func() { m.err = m.create() })
	if errors.Is(m.err, errNotInstalled) {
		noServer(t, "MariaDB")
	}
	if m.err != nil {
		t.Fatal(m.err)
	}
	return m
}

// create initializes a server and starts it.
func (m *mariadb) create() error {
	install := sbin("mariadb-install-db")
	if m.program = sbin("mariadbd"); m.program == "" || install == "" {
		return errNotInstalled
	}
	_ = mysql.SetLogger(quiet{}) // it never fails; connections are broken on purpose
	var err error
	if m.dir, err = os.MkdirTemp("", "nuxtauth-mariadb"); err != nil {
		return err
	}
	if m.log, err = os.Create(filepath.Join(m.dir, "log")); err != nil {
		return err
	}
	if m.port, err = freePort(); err != nil {
		return err
	}
	cmd := exec.Command(install, "--no-defaults", "--datadir="+filepath.Join(m.dir, "data"), "--skip-test-db", "--skip-name-resolve",
		"--auth-root-authentication-method=normal", "--innodb-log-file-size=8M")
	if err := asUser(cmd, "mysql", m.dir); err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mariadb-install-db: %w\n%s", err, out)
	}
	return m.start()
}

// sbin returns the path of a server's program, "" if there is none.
func sbin(program string) string {
	if path, err := exec.LookPath(program); err == nil {
		return path
	}
	path := "/usr/sbin/" + program
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// start starts the server and waits until it accepts connections.
func (m *mariadb) start() error {
	m.cmd = exec.Command(m.program, "--no-defaults", "--datadir="+filepath.Join(m.dir, "data"), "--port="+m.port,
		"--bind-address=127.0.0.1", "--socket="+filepath.Join(m.dir, "socket"), "--pid-file="+filepath.Join(m.dir, "pid"),
		"--skip-name-resolve", "--innodb-log-file-size=8M", "--innodb-buffer-pool-size=32M", "--max-connections=150",
		"--innodb-flush-log-at-trx-commit=2", "--character-set-server=latin1") // the tables name their character set
	m.cmd.Stdout, m.cmd.Stderr = m.log, m.log
	if err := asUser(m.cmd, "mysql", m.dir); err != nil {
		return err
	}
	if err := m.cmd.Start(); err != nil {
		return err
	}
	return m.ready()
}

// ready waits until the server accepts connections.
func (m *mariadb) ready() error {
	if err := answers("mysql", m.source("", "", "")); err != nil {
		log, _ := os.ReadFile(m.log.Name())
		return fmt.Errorf("MariaDB does not start: %w\n%s", err, log)
	}
	return nil
}

// stop stops the server: SIGTERM in order, SIGKILL as a crash.
func (m *mariadb) stop(signal os.Signal) error {
	if err := m.cmd.Process.Signal(signal); err != nil {
		return err
	}
	err := m.cmd.Wait()
	if _, ok := errors.AsType[*exec.ExitError](err); ok && signal == syscall.SIGKILL {
		return nil
	}
	return err
}

// close stops the server and removes its data.
func (m *mariadb) close() error {
	if m.dir == "" {
		return nil
	}
	var err error
	if m.cmd != nil && m.cmd.Process != nil {
		err = m.stop(syscall.SIGTERM)
	}
	return errors.Join(err, m.log.Close(), os.RemoveAll(m.dir))
}

// source returns the name of the data source of a database, with settings such as
// "?parseTime=true"; addr is that of the server if it is empty.
func (m *mariadb) source(database, addr, settings string) string {
	if addr == "" {
		addr = "127.0.0.1:" + m.port
	}
	return "root@tcp(" + addr + ")/" + database + settings
}

// newDatabase creates an empty database and returns its name.
func (m *mariadb) newDatabase(t testing.TB) string {
	t.Helper()
	db := connect(t, "mysql", m.source("", "", ""))
	name := "t_" + store.NewID()
	if _, err := db.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return name
}
