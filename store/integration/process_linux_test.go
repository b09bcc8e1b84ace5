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

// asPostgres makes a command run as the user postgres if the tests run as root, with whose
// rights the server refuses to start, and end with the tests.
func asPostgres(cmd *exec.Cmd, dir string) error {
	cmd.Dir = dir
	endWithTests(cmd)
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
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
