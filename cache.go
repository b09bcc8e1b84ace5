package nuxtauth

import (
	"context"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth/internal/memo"
)

// A cache remembers what requests with the same cookie loaded: see
// SessionConfig.CacheFor.
type cache[T JWT, S Session] struct {
	answers *memo.Memo[shared[T, S]]
	life    time.Duration
}

// A shared answer may be given to other requests if it has a life. They do not
// write to it; one without belongs to the request that loaded it.
type shared[T JWT, S Session] struct {
	loaded *loaded[T, S]
	life   time.Duration
}

func newCache[T JWT, S Session](life time.Duration, now func() time.Time) *cache[T, S] {
	return &cache[T, S]{life: life, answers: memo.New(memo.Options[shared[T, S]]{
		Now: now,
		Size: func(s shared[T, S]) int { // the token, the session and the claims
			if s.life == 0 {
				return 0
			}
			return 1024 + 4*len(s.loaded.held.claims)
		},
	})}
}

// loadOnce is load for requests that take a remembered answer too. The callbacks
// run once for all that come at the same time.
func (a *Auth[T, S]) loadOnce(c *gin.Context, k *kit, carried loaded[T, S]) *loaded[T, S] {
	if hit, ok := a.cache.answers.Recall(carried.value); ok {
		return hit.loaded.givenTo(&carried)
	}
	return a.loadShared(c.Request.Context(), k, carried)
}

// loadShared is the rest of loadOnce, apart so that a hit pays nothing for it.
func (a *Auth[T, S]) loadShared(ctx context.Context, k *kit, carried loaded[T, S]) *loaded[T, S] {
	ours := false
	got, err := a.cache.answers.Do(ctx, carried.value, func(ctx context.Context) (shared[T, S], time.Duration, error) {
		ours = true
		l := carried.withRoom()
		a.load(ctx, k, l, loading{})
		s := shared[T, S]{l, a.cacheable(l)}
		return s, s.life, nil
	})
	switch {
	case err != nil: // the request is over, or a codec panics
		a.log.DebugContext(ctx, "nuxtauth: a session was not loaded", "error", err)
		return &loaded[T, S]{present: carried.present, bearer: carried.bearer, kept: true}
	case got.life > 0:
		return got.loaded.givenTo(&carried)
	case ours:
		return got.loaded
	}
	// What the other request got is its own business: a new cookie, or a fault.
	l := carried.withRoom()
	a.load(ctx, k, l, loading{})
	return l
}

// givenTo returns what was loaded for another request as that of own.
func (l *loaded[T, S]) givenTo(own *loaded[T, S]) *loaded[T, S] {
	given := *l
	given.present, given.bearer = own.present, own.bearer
	return &given
}

// cacheable is how long others may be given what was loaded, zero for not at
// all: nothing is to be written, and nothing falls due.
func (a *Auth[T, S]) cacheable(l *loaded[T, S]) time.Duration {
	if l.session == nil || l.renew || l.stale || !l.held.expires.IsZero() {
		return 0
	}
	now, d := a.now(), defaultsOf(l.token)
	life := min(a.cache.life, d.ExpiresAt.Time().Sub(now), d.IssuedAt.Time().Add(a.updateAge).Sub(now))
	if tokens := providerTokensOf(l.token); tokens != nil && tokens.RefreshToken != "" {
		life = min(life, tokens.left(now)-refreshEarly)
	}
	return max(life, 0)
}

// forget drops what is remembered of a cookie's value: it has ended, or changed.
func (a *Auth[T, S]) forget(value string) {
	if a.cache != nil && value != "" {
		a.cache.answers.Drop(value)
	}
}

// forgetAll is for what ends sessions that nobody can name by their cookies.
func (a *Auth[T, S]) forgetAll() {
	if a.cache != nil {
		a.cache.answers.Clear()
	}
}
