package store

import "context"

type newConnection struct{}

// WithNewConnection returns a context with which FindSession asks the database on a new
// connection. One that exists may be to a former primary, which a failover has cut off: it
// answers, and does not have the writes since. The library reads a session so before it
// ends it because the provider refuses its refresh token: another process may have
// replaced that.
//
// It is a request that a store may ignore, as those do that keep no connections. A
// decorator that has a cache should not answer from it. If there can't be a new
// connection, FindSession returns an error other than [ErrNotFound].
func WithNewConnection(ctx context.Context) context.Context {
	return context.WithValue(ctx, newConnection{}, true)
}

// NeedsNewConnection reports whether ctx is derived from one that [WithNewConnection]
// returned.
func NeedsNewConnection(ctx context.Context) bool { return ctx.Value(newConnection{}) != nil }
