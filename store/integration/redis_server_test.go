package integration_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	redigo "github.com/gomodule/redigo/redis"
)

// A redisServer is a Redis that a test has started. Its data survive a restart.
type redisServer struct {
	dir, socket string
	cmd         *exec.Cmd
}

// startRedis starts a server and ends it with the test.
func startRedis(t *testing.T) *redisServer {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		noServer(t, "Redis")
	}
	dir, err := os.MkdirTemp("", "redis") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	r := &redisServer{dir: dir, socket: filepath.Join(dir, "s")}
	r.start(t)
	t.Cleanup(func() { r.kill(t) })
	return r
}

// start starts the server, for the first time or again, and waits until it answers.
func (r *redisServer) start(t *testing.T) {
	t.Helper()
	var out bytes.Buffer
	r.cmd = exec.Command("redis-server", "--port", "0", "--unixsocket", r.socket, "--dir", r.dir,
		"--save", "", "--appendonly", "yes", "--appendfsync", "always")
	r.cmd.Stdout, r.cmd.Stderr = &out, &out
	endWithTests(r.cmd)
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(longTimeout); ; <-tick.C {
		_, err := r.do("PING")
		if err == nil {
			return
		}
		if time.Now().After(end) {
			r.kill(t)
			t.Fatalf("Redis does not start: %v\n%s", err, &out)
		}
	}
}

// kill ends the server as a crash would.
func (r *redisServer) kill(t *testing.T) {
	t.Helper()
	if err := r.cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = r.cmd.Wait() // killed
}

// do sends one command on a connection of its own.
func (r *redisServer) do(command string, args ...any) (any, error) {
	conn, err := redigo.Dial("unix", r.socket)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.Do(command, args...)
}

// dump returns all keys and values.
func (r *redisServer) dump(t *testing.T) []byte {
	t.Helper()
	keys, err := redigo.ByteSlices(r.do("KEYS", "*"))
	if err != nil {
		t.Error(err)
	}
	all := bytes.Join(keys, []byte("\n"))
	for _, key := range keys {
		value, err := redigo.Bytes(r.do("GET", key))
		if err != nil {
			t.Error(err)
		}
		all = append(all, value...)
	}
	return all
}
