package integration_test

import (
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// endWithTests makes a server end with the tests, however they end.
func endWithTests(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
}

// asUser makes a command run as a user of the system if the tests run as root, with whose
// rights PostgreSQL and MariaDB refuse to start, and end with the tests.
func asUser(cmd *exec.Cmd, name, dir string) error {
	cmd.Dir = dir
	endWithTests(cmd)
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return err
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(dir, int(uid), int(gid))
}
