package guard

import (
	"context"
	"sync"
	"time"
)

// A Context is a [context.Context] with a deadline whose timer costs nothing
// until Done is called. Most callbacks of most requests never call it.
//
// The zero value is unused memory, to be embedded in a larger struct; it is a
// context from Start on. A Context is started once and not copied. All methods
// but Start are safe for concurrent use, also by goroutines that outlive Stop.
type Context struct {
	parent   context.Context
	deadline time.Time

	mu    sync.Mutex
	end   end    // how c has ended, while there is no timer
	timer *timer // made by the first call of Done; its state is that of c from then on
}

// A timer is a context of the standard library with its cancel function.
type timer struct {
	context.Context
	cancel context.CancelFunc
}

// end is how a Context has ended. A parent's error stays the same for ever, so
// that it need not be kept.
type end uint8

const (
	notEnded end = iota
	parentEnded
	timedOut
	stopped
)

// closed is the Done channel of a Context that ended before Done was called.
var closed = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Start makes c a child of parent that ends after timeout at the latest. The
// caller calls Stop when the function that got c has returned.
func (c *Context) Start(parent context.Context, timeout time.Duration) {
	c.parent, c.deadline = parent, time.Now().Add(timeout)
	if d, ok := parent.Deadline(); ok && d.Before(c.deadline) {
		c.deadline = d
	}
}

// Stop ends c and releases its timer. Err is context.Canceled from then on,
// unless c ended before; a timeout that neither Done nor Err has noticed does not
// count. A second call, or one without Start, does nothing.
func (c *Context) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.parent == nil:
	case c.timer != nil:
		c.timer.cancel()
	case c.end != notEnded:
	case c.parent.Err() != nil:
		c.end = parentEnded
	default:
		c.end = stopped
	}
}

// Deadline returns the earlier one of the parent's deadline and the end of the
// timeout. It is always set.
func (c *Context) Deadline() (time.Time, bool) { return c.deadline, true }

// Done returns a channel that is closed when c ends. The first call starts the
// timer.
func (c *Context) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer == nil {
		if c.end != notEnded {
			return closed
		}
		ctx, cancel := context.WithDeadline(c.parent, c.deadline)
		c.timer = &timer{ctx, cancel}
	}
	return c.timer.Done()
}

// Err returns nil until c ends, and then always the same error: that of the
// parent, context.DeadlineExceeded after the timeout, or context.Canceled
// after Stop.
func (c *Context) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil {
		return c.timer.Err()
	}
	switch c.state() {
	case parentEnded:
		return c.parent.Err()
	case timedOut:
		return context.DeadlineExceeded
	case stopped:
		return context.Canceled
	default:
		return nil
	}
}

// state returns how c has ended while there is no timer, and remembers it. The
// caller has the lock.
func (c *Context) state() end {
	switch {
	case c.end != notEnded:
	case c.parent.Err() != nil:
		c.end = parentEnded
	case !time.Now().Before(c.deadline):
		c.end = timedOut
	}
	return c.end
}

// Value returns the parent's value of key. Once there is a timer it asks the
// context with the timer, where package context finds the parent of derived
// contexts and needs no goroutine to watch c.
func (c *Context) Value(key any) any {
	c.mu.Lock()
	t := c.timer
	c.mu.Unlock()
	if t == nil {
		return c.parent.Value(key)
	}
	return t.Value(key)
}
