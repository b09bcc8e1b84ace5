// Package repotest_test checks the repository itself: the imports of its
// packages, the modules that it needs, and its documents.
package repotest_test

import "testing"

// inRoot runs the rest of a test in the root of the repository. Unlike a change of the
// folder in TestMain, the go command sees it: it does not take an old result for the
// current one when a file has changed.
func inRoot(t *testing.T) {
	t.Helper()
	t.Chdir("../..")
}
