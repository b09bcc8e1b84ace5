package session

import (
	"time"

	"github.com/nuxtauth/nuxtauth/internal/validity"
	"github.com/nuxtauth/nuxtauth/token"
)

// A Lifetime is when sessions end, and when they are renewed. They are compared
// with the claims of the token, so that they apply to sessions that were written
// under longer ones too.
type Lifetime struct {
	MaxAge      time.Duration // from when the session was last written
	MaxLifetime time.Duration // from the sign-in
	UpdateAge   time.Duration // from when the session was last written; it is renewed then

	// Local is the MaxAge of sessions without a cookie. Zero means MaxAge.
	Local time.Duration
}

// maxAge is the MaxAge of a session.
func (l *Lifetime) maxAge(c *Claims) time.Duration {
	if c.Origin.Local && l.Local != 0 {
		return l.Local
	}
	return l.MaxAge
}

// updateAge is the UpdateAge of a session.
func (l *Lifetime) updateAge(c *Claims) time.Duration {
	if c.Origin.Local {
		return min(l.UpdateAge, l.maxAge(c)/2)
	}
	return l.UpdateAge
}

// farFuture is later than the end of any session: the first second of 9999.
const farFuture token.NumericDate = 253_370_764_800

// latest is when a session ends however much it is used. The tokens of a Node
// server do not tell when the user signed in: the lifetime of their sessions begins
// when they are first written here.
func (l *Lifetime) latest(c *Claims) time.Time {
	if c.Origin.AuthTime == 0 {
		return farFuture.Time()
	}
	return c.Origin.AuthTime.Time().Add(l.MaxLifetime)
}

// expiry is when a session that is written at this time ends, unless it is used.
func (l *Lifetime) expiry(c *Claims, now time.Time) time.Time {
	return earliest(now.Add(l.maxAge(c)), l.latest(c))
}

// currentExpiry is when a session ends that is not written now.
func (l *Lifetime) currentExpiry(c *Claims) time.Time {
	return earliest(c.ExpiresAt.Time(), c.IssuedAt.Time().Add(l.maxAge(c)), l.latest(c))
}

func earliest(first time.Time, more ...time.Time) time.Time {
	for _, t := range more {
		if t.Before(first) {
			first = t
		}
	}
	return first
}

// check returns an error if a session has ended at this time. It wraps
// token.ErrExpired, token.ErrNotYetValid or token.ErrInvalid.
func (l *Lifetime) check(c *Claims, now time.Time) error {
	times := validity.Times{IssuedAt: int64(c.IssuedAt), ExpiresAt: int64(c.ExpiresAt), NotBefore: int64(c.NotBefore)}
	if err := times.Check(now); err != nil {
		return err
	}
	if !now.Before(c.IssuedAt.Time().Add(l.maxAge(c))) || !now.Before(l.latest(c)) {
		return token.ErrExpired
	}
	return nil
}
