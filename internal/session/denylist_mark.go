package session

import (
	"context"
	"fmt"
)

// All users share a deny-list, which may be bounded: a user or a provider must not fill it.
const (
	// maxEnded is how many sessions of a user are marked one by one in the time for which a
	// mark lives. After these the user is marked, by one mark that is renewed.
	maxEnded = 100

	// maxOfProvider is how many marks the logout tokens of a provider leave in that time.
	maxOfProvider = 500_000
)

// mark notes that the sessions with this name have ended.
func (d denyList) mark(ctx context.Context, name string) error {
	_, _, err := d.marks.Mark(ctx, name, d.ttl)
	return Transient(err)
}

// endSession notes that the session with this name has ended, or after maxEnded of them that
// all sessions of its user have. user is the key of the user. If next, a session that has
// just begun, is of that user, its latest revocation becomes this one. It may be nil.
func (d denyList) endSession(ctx context.Context, user, name string, next *Session) error {
	counter := keyName(d.realm, "ended", user)
	if d.count(ctx, counter, 1) <= maxEnded {
		return d.markCounted(ctx, counter, name)
	}
	marked, err := d.marks.Marked(ctx, name)
	if err != nil {
		return Transient(err)
	}
	if marked[0] != 0 { // it ended before: that is no reason to end the others of the user
		return d.markCounted(ctx, counter, name)
	}
	at, _, err := d.marks.Mark(ctx, keyName(d.realm, "subject", user), d.ttl)
	if err == nil && next != nil && key(next.Claims.Subject) == user {
		next.latest = max(next.latest, at)
	}
	return Transient(err)
}

// endOfProvider notes that the sessions with these names have ended, which a provider ends.
// The error says that the provider has ended too many.
func (d denyList) endOfProvider(ctx context.Context, provider string, names ...string) error {
	counter := MarkName(d.realm, "idp-ended", provider)
	for _, name := range names {
		if d.count(ctx, counter, 1) > maxOfProvider {
			d.count(ctx, counter, -1)
			return Transient(fmt.Errorf("provider %q has ended %d sessions or users within %v, and no more are remembered", provider, maxOfProvider, d.ttl))
		}
		if err := d.markCounted(ctx, counter, name); err != nil {
			return err
		}
	}
	return nil
}

// markCounted marks a name that was counted, and takes it back from the counter if that adds
// no mark.
func (d denyList) markCounted(ctx context.Context, counter, name string) error {
	_, first, err := d.marks.Mark(ctx, name, d.ttl)
	if err != nil || !first {
		d.count(ctx, counter, -1)
	}
	return Transient(err)
}

// count adds n to a counter and returns its value, 0 if it is not known: what ends must end
// nevertheless.
func (d denyList) count(ctx context.Context, counter string, n int) int {
	total, err := d.counter.Count(ctx, counter, n, d.ttl)
	if err != nil {
		d.log.ErrorContext(ctx, "nuxtauth: the marks of a deny-list are not counted", "error", err)
		return 0
	}
	return total
}
