//go:build !linux

package integration_test

import "os/exec"

// endWithTests does nothing: the tests stop their servers.
func endWithTests(*exec.Cmd) {}

// asPostgres sets the folder of a command, which runs with the rights of the tests:
// PostgreSQL refuses to start with those of root.
func asPostgres(cmd *exec.Cmd, dir string) error {
	cmd.Dir = dir
	return nil
}
