package session

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/clientip"
	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/internal/guard"
	"github.com/nuxtauth/nuxtauth/store"
)

// Config is what a [Manager] is made of. All functions of the application in it,
// its store among them, are guarded: they return panics as errors, and their
// time is bounded.
type Config struct {
	Types     Types
	SignedOut func(ctx context.Context, s *Session) error // the event; nil for none

	Abilities Abilities // of the store and the deny-list
	Realm     string    // of the sessions in them

	MaxAge      time.Duration
	MaxLifetime time.Duration
	UpdateAge   time.Duration
	CacheFor    time.Duration // zero: no cache

	Flows   map[string]*flow.Flow // by provider, for refreshes
	Clients *clientip.Resolver
	Log     *slog.Logger
	Now     func() time.Time
}

// A Manager loads, writes and ends the sessions of an application. It is safe
// for concurrent use. Make one with [New].
type Manager struct {
	reader    Reader
	index     store.Index
	updateAge time.Duration
	signedOut func(ctx context.Context, s *Session) error
	refresher refresher
	cache     *cache    // nil-safe: without CacheFor it holds nothing
	adopter   *adopter  // nil without Adopt
	buffers   sync.Pool // of *bytes.Buffer
	clients   *clientip.Resolver
	log       *slog.Logger
	now       func() time.Time
}

// New returns a manager.
func New(cfg Config) *Manager {
	m := &Manager{
		reader: Reader{
			Types: cfg.Types, Realm: cfg.Realm,
			Store: cfg.Abilities.Store, DenyList: cfg.Abilities.DenyList, Adopt: cfg.Abilities.Adopt,
			Now: cfg.Now, MaxAge: cfg.MaxAge, MaxLifetime: cfg.MaxLifetime,
		},
		index:     cfg.Abilities.Index,
		updateAge: cfg.UpdateAge,
		signedOut: cfg.SignedOut,
		clients:   cfg.Clients,
		log:       cfg.Log,
		now:       cfg.Now,
	}
	m.refresher = newRefresher(cfg)
	if cfg.Abilities.Adopt {
		m.adopter = newAdopter(cfg)
		m.reader.Moved = m.adopter.handle
	}
	if cfg.CacheFor > 0 {
		m.cache = newCache(cfg.CacheFor, cfg.Now)
	}
	return m
}

// types is short for the application's types.
func (m *Manager) types() Types { return m.reader.Types }

// buffer lends a buffer for JSON. Put it back into m.buffers.
func (m *Manager) buffer() *bytes.Buffer {
	b, ok := m.buffers.Get().(*bytes.Buffer)
	if !ok {
		b = new(bytes.Buffer)
	}
	b.Reset()
	return b
}

// AppendView appends the JSON of the view of s to b: what the front end gets.
func (m *Manager) AppendView(b []byte, s *Session) ([]byte, error) { return m.types().EncodeView(b, s) }

// client returns what the store shall know of the client of a request.
func (m *Manager) client(r Request) clientip.Client {
	if m.reader.Store == nil {
		return clientip.Client{}
	}
	return m.clients.Of(r.Source, r.Header)
}

// expiry is when a session that is written now will end, unless it is used.
func (m *Manager) expiry(c *Claims) time.Time {
	expires := m.now().Add(m.reader.MaxAge)
	if end := m.reader.end(c); end.Before(expires) {
		return end
	}
	return expires
}

// currentExpiry is when a session will end that is not written now.
func (m *Manager) currentExpiry(c *Claims) time.Time {
	expires := c.ExpiresAt.Time()
	for _, end := range []time.Time{c.IssuedAt.Time().Add(m.reader.MaxAge), m.reader.end(c)} { // may have been longer when it was written
		if end.Before(expires) {
			expires = end
		}
	}
	return expires
}

// aged reports whether a session is due to be renewed.
func (m *Manager) aged(c *Claims) bool { return m.sealedFor(c) >= m.updateAge }

// sealedFor is how long ago the token was written.
func (m *Manager) sealedFor(c *Claims) time.Duration { return m.now().Sub(c.IssuedAt.Time()) }

// Returned logs err if it is a panic, with its stack, before it is returned to the
// application, and returns it.
func (m *Manager) Returned(ctx context.Context, what string, err error) error {
	if _, ok := errors.AsType[*guard.PanicError](err); ok {
		m.report(ctx, what, err)
	}
	return err
}

// report logs an error of a function of the application.
func (m *Manager) report(ctx context.Context, what string, err error) {
	guard.Report(ctx, m.log, what, err)
}
