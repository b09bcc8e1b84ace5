//go:build !linux

package integration_test

import "os/exec"

// endWithUs does nothing: the tests end their servers.
func endWithUs(*exec.Cmd) {}

// asPostgres lets a command run as we are: PostgreSQL refuses root.
func asPostgres(cmd *exec.Cmd, dir string) error {
	cmd.Dir = dir
	return nil
}
