//go:build !linux

package integration_test

import "os/exec"

// endWithTests does nothing: the tests stop their servers.
func endWithTests(*exec.Cmd) {}

// asUser sets the folder of a command, which runs with the rights of the tests: PostgreSQL
// and MariaDB refuse to start with those of root.
func asUser(cmd *exec.Cmd, _, dir string) error {
	cmd.Dir = dir
	return nil
}
