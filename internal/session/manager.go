package session

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/clientip"
	"github.com/nuxtauth/nuxtauth/internal/memo"
	"github.com/nuxtauth/nuxtauth/internal/observe"
	"github.com/nuxtauth/nuxtauth/store"
)

// Config is what a [Manager] is made of. All functions of the application in it,
// its store among them, are guarded: they log panics and return them as errors, and
// their time is bounded.
type Config struct {
	Types     Types
	SignedOut func(ctx context.Context, s *Session, from clientip.Client) // the event; nil for none

	Events Events

	Abilities Abilities // of the store and the deny-list
	Realm     string    // of the sessions in them
	Users     bool      // the subjects of sessions are the IDs of users of the application

	Local    *Local // nil: every session has a cookie
	Lifetime Lifetime
	CacheFor time.Duration // zero: no cache

	Providers Providers // for refreshes
	Clients   *clientip.Resolver
	Observe   observe.Func // nil for none
	Log       *slog.Logger
	Now       func() time.Time
}

// A Manager loads, writes and ends the sessions of an application. It is safe
// for concurrent use. Make one with [New].
type Manager struct {
	reader    Reader
	store     store.Sessions // nil: sessions are in their cookies
	index     store.Index    // of the store; nil if it is none
	denyList  denyList
	realm     string
	local     *Local // nil without Config.Local
	lifetime  Lifetime
	signedOut func(ctx context.Context, s *Session, from clientip.Client)
	refresher *refresher
	cache     *cache                    // nil-safe: without CacheFor it has nothing
	adopter   *adopter                  // nil without Adopt
	replaced  *memo.Memo[struct{}]      // by handle: sessions that got another one a moment ago
	warnedAt  atomic.Pointer[time.Time] // of a cookie of another application; nil: never
	buffers   sync.Pool                 // of *bytes.Buffer
	clients   *clientip.Resolver
	events    Events
	observe   observe.Func
	log       *slog.Logger
	now       func() time.Time
}

// New returns a manager.
func New(cfg Config) *Manager {
	a := cfg.Abilities
	m := &Manager{
		reader: Reader{
			Types: cfg.Types, Store: a.Store, DenyList: a.DenyList, Adopt: a.Adopt,
			Realm: cfg.Realm, Lifetime: cfg.Lifetime, Subjects: ProviderSubjects, Local: cfg.Local, Now: cfg.Now,
		},
		store: a.Store, index: a.Index, realm: cfg.Realm, local: cfg.Local, lifetime: cfg.Lifetime,
		replaced:  memo.New(memo.Options[struct{}]{Name: "noting a handle", Log: cfg.Log, Now: cfg.Now}),
		signedOut: cfg.SignedOut, clients: cfg.Clients, events: cfg.Events, observe: cfg.Observe, log: cfg.Log, now: cfg.Now,
	}
	if cfg.Users {
		m.reader.Subjects = UserSubjects
	}
	if a.Adopt {
		m.adopter = newAdopter(cfg)
		m.reader.moved = m.adopter.handle
	}
	m.denyList = m.reader.denyList()
	m.denyList.ttl, m.denyList.counter, m.denyList.log = denyListTTL(cfg.Lifetime), a.Counter, cfg.Log
	if a.Counter == nil {
		m.denyList.counter = store.NewMemory(store.MemoryOptions{Now: cfg.Now})
	}
	m.refresher = newRefresher(cfg, &m.reader, m.save)
	if cfg.CacheFor > 0 {
		m.cache = newCache(cfg.CacheFor, m.size, cfg.Log, cfg.Now)
	}
	return m
}

// Shutdown waits for the writes to the store that go on after their requests: refreshes of
// the provider's tokens, and moves of sessions out of cookies. The error is that of ctx if
// it ends first.
func (m *Manager) Shutdown(ctx context.Context) error {
	err := m.refresher.sessions.Wait(ctx)
	if err == nil && m.adopter != nil {
		err = m.adopter.moved.Wait(ctx)
	}
	return err
}

// Caches reports whether a session may have been loaded for an earlier request.
func (m *Manager) Caches() bool { return m.cache != nil }

// types is short for the application's types.
func (m *Manager) types() Types { return m.reader.Types }

// getBuffer returns an empty buffer for JSON, to be given to putBuffer afterwards.
func (m *Manager) getBuffer() *bytes.Buffer {
	b, ok := m.buffers.Get().(*bytes.Buffer)
	if !ok {
		b = new(bytes.Buffer)
	}
	b.Reset()
	return b
}

func (m *Manager) putBuffer(b *bytes.Buffer) { m.buffers.Put(b) }

// AppendView appends the JSON of the view of s to b: what the front end gets.
func (m *Manager) AppendView(b []byte, s *Session) ([]byte, error) { return m.types().EncodeView(b, s) }

// client returns what the store shall know of the client of a request.
func (m *Manager) client(r Request) clientip.Client {
	if m.store == nil {
		return clientip.Client{}
	}
	return m.clients.Of(r.Source, r.Header)
}

// age is how long ago a session was written.
func (m *Manager) age(c *Claims) time.Duration { return m.now().Sub(c.IssuedAt.Time()) }
