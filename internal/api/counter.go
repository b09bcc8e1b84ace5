package api

import (
	"context"
	"log/slog"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// A counter counts events of one kind by name: for all processes in the shared
// store, or for this process alone without one and while it does not answer. Each has
// memory of its own, so that the events of one kind evict no counts of another.
type counter struct {
	shared store.Counter // nil without one
	local  *store.Memory
	realm  string
	events string // for the log, such as "attempts to sign in"
	log    *slog.Logger
}

func newCounter(cfg Config, events string) *counter {
	local := store.NewMemory(store.MemoryOptions{Now: cfg.Now})
	return &counter{shared: cfg.Counter, local: local, realm: cfg.Realm, events: events, log: cfg.Log}
}

// add adds n to the count of a name and returns its value. It does not end with the
// request, so that a client that leaves early is counted too.
func (c *counter) add(ctx context.Context, name string, n int, window time.Duration) int {
	ctx, name = context.WithoutCancel(ctx), c.realm+":"+name
	if c.shared != nil {
		total, err := c.shared.Count(ctx, name, n, window)
		if err == nil {
			return total
		}
		c.log.ErrorContext(ctx, "nuxtauth: a counter of the store does not answer, this process counts alone", "counted", c.events, "error", err)
	}
	total, _ := c.local.Count(ctx, name, n, window) // it fails only after the end of ctx
	return total
}
