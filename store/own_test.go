package store_test

import (
	"testing"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/storetest"
)

// The store of ExampleSessions, which users copy, conforms.
func TestExampleSessions_Contract(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Sessions { return newMapStore() })
}
