package store_test

import (
	"context"
	"testing"

	"github.com/nuxtauth/nuxtauth/store"
)

func TestWithNewConnection(t *testing.T) {
	ctx := t.Context()
	if store.NeedsNewConnection(ctx) {
		t.Error("any context asks for a new connection")
	}
	child, cancel := context.WithCancel(store.WithNewConnection(ctx))
	defer cancel()
	if !store.NeedsNewConnection(child) {
		t.Error("a derived context does not ask for a new connection")
	}
}
