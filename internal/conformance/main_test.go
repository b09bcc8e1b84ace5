// Package conformance_test tests the library through its public API: against recorded
// responses of next-auth and Auth.js, published advisories of other libraries, hostile
// requests, and faults of identity providers.
package conformance_test

import (
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

func TestMain(m *testing.M) { apptest.Main(m) }
