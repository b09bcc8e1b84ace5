package integration_test

import (
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// endWithUs lets a server end when we do, whatever ends us.
func endWithUs(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
}

// asPostgres lets a command run as the user postgres if we are root, as whom
// the server refuses to run, and end with us.
func asPostgres(cmd *exec.Cmd, dir string) error {
	cmd.Dir = dir
	endWithUs(cmd)
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
