package storetest_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// The stores here are a remote with one method that does what a store must not do.

// shortPage ends or lists the first sessions of many.
type shortPage struct {
	remote
	page    int
	handles *[]string // of the sessions that were created
}

func (s shortPage) ListSessions(ctx context.Context, realm, subject string, limit int) ([]*store.Record, error) {
	return s.remote.ListSessions(ctx, realm, subject, min(limit, s.page))
}

type shortDeletion struct{ shortPage }

func (s shortDeletion) ListSessions(ctx context.Context, realm, subject string, limit int) ([]*store.Record, error) {
	return s.remote.ListSessions(ctx, realm, subject, limit)
}

func (s shortDeletion) DeleteSessions(ctx context.Context, realm, subject, exceptID string) (n int, err error) {
	if exceptID != "" {
		return s.remote.DeleteSessions(ctx, realm, subject, exceptID)
	}
	list, err := s.remote.ListSessions(ctx, realm, subject, s.page)
	for _, r := range list {
		if _, err := s.DeleteSessionByID(ctx, realm, subject, r.ID); err != nil {
			return n, err
		}
	}
	return -1, err // not known
}

type shortProviderDeletion struct{ shortDeletion }

func (s shortProviderDeletion) DeleteSessions(ctx context.Context, realm, subject, exceptID string) (int, error) {
	return s.remote.DeleteSessions(ctx, realm, subject, exceptID)
}

func (s shortProviderDeletion) CreateSession(ctx context.Context, r *store.Record) (string, error) {
	handle, err := s.remote.CreateSession(ctx, r)
	if r.Provider == "okta" {
		s.mu.Lock()
		*s.handles = append(*s.handles, handle)
		s.mu.Unlock()
	}
	return handle, err
}

func (s shortProviderDeletion) DeleteProviderSubject(ctx context.Context, realm, provider, subject string) (int, error) {
	if provider != "okta" {
		return s.remote.DeleteProviderSubject(ctx, realm, provider, subject)
	}
	for _, handle := range (*s.handles)[:min(s.page, len(*s.handles))] {
		if err := s.DeleteSession(ctx, handle); err != nil {
			return 0, err
		}
	}
	return -1, nil
}

// hiding turns faults into answers.
type hiding struct {
	remote
	method string
}

func (h hiding) hides(method string, err error) bool {
	return errors.Is(err, errBroken) && method == h.method
}

func (h hiding) FindSession(ctx context.Context, handle string) (*store.Record, error) {
	r, err := h.remote.FindSession(ctx, handle)
	if h.hides("FindSession", err) {
		return nil, store.ErrNotFound
	}
	return r, err
}

func (h hiding) ReplaceSession(ctx context.Context, handle string, r *store.Record) (string, error) {
	newHandle, err := h.remote.ReplaceSession(ctx, handle, r)
	if h.hides("ReplaceSession", err) {
		return "", store.ErrConflict
	}
	return newHandle, err
}

func (h hiding) DeleteSession(ctx context.Context, handle string) error {
	err := h.remote.DeleteSession(ctx, handle)
	if h.hides("DeleteSession", err) {
		return nil
	}
	return err
}

func (h hiding) ListSessions(ctx context.Context, realm, subject string, limit int) ([]*store.Record, error) {
	list, err := h.remote.ListSessions(ctx, realm, subject, limit)
	if h.hides("ListSessions", err) {
		return nil, nil
	}
	return list, err
}

func (h hiding) DeleteSessions(ctx context.Context, realm, subject, exceptID string) (int, error) {
	n, err := h.remote.DeleteSessions(ctx, realm, subject, exceptID)
	if h.hides("DeleteSessions", err) {
		return 0, nil
	}
	return n, err
}

func (h hiding) Mark(ctx context.Context, name string, ttl time.Duration) (int64, bool, error) {
	at, first, err := h.remote.Mark(ctx, name, ttl)
	if h.hides("Mark", err) {
		return time.Now().UnixMicro(), true, nil
	}
	return at, first, err
}

func (h hiding) Marked(ctx context.Context, names ...string) ([]int64, error) {
	times, err := h.remote.Marked(ctx, names...)
	if h.hides("Marked", err) {
		return make([]int64, len(names)), nil
	}
	return times, err
}

func (h hiding) Count(ctx context.Context, name string, n int, window time.Duration) (int, error) {
	count, err := h.remote.Count(ctx, name, n, window)
	if h.hides("Count", err) {
		return 0, nil
	}
	return count, err
}

func (h hiding) Lock(ctx context.Context, name string, ttl time.Duration) (store.Lease, error) {
	l, err := h.remote.Lock(ctx, name, ttl)
	if h.hides("Lock", err) {
		return h.memory.Lock(ctx, name, ttl)
	}
	if err != nil {
		return nil, err
	}
	return hidingLease{l, h}, nil
}

type hidingLease struct {
	store.Lease
	h hiding
}

func (l hidingLease) Extend(ctx context.Context, ttl time.Duration) error {
	err := l.Lease.Extend(ctx, ttl)
	if l.h.hides("Extend", err) {
		return store.ErrLeaseLost
	}
	return err
}

// deaf goes on waiting when the context of a call ends.
type deaf struct{ remote }

func (d deaf) FindSession(ctx context.Context, handle string) (*store.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return d.remote.FindSession(context.WithoutCancel(ctx), handle)
}

func (d deaf) ListSessions(ctx context.Context, realm, subject string, limit int) ([]*store.Record, error) {
	return d.remote.ListSessions(context.WithoutCancel(ctx), realm, subject, limit)
}

func (d deaf) Marked(ctx context.Context, names ...string) ([]int64, error) {
	return d.remote.Marked(context.WithoutCancel(ctx), names...)
}

func (d deaf) Count(ctx context.Context, name string, n int, window time.Duration) (int, error) {
	return d.remote.Count(context.WithoutCancel(ctx), name, n, window)
}

func (d deaf) Lock(ctx context.Context, name string, ttl time.Duration) (store.Lease, error) {
	return d.remote.Lock(context.WithoutCancel(ctx), name, ttl)
}

// hasty takes the end of a context for the end of a session.
type hasty struct{ remote }

func (h hasty) FindSession(ctx context.Context, handle string) (*store.Record, error) {
	slow := time.NewTimer(time.Millisecond)
	defer slow.Stop()
	select {
	case <-slow.C:
	case <-ctx.Done():
		return nil, store.ErrNotFound
	}
	r, err := h.remote.FindSession(ctx, handle)
	if ctx.Err() != nil {
		return nil, store.ErrNotFound
	}
	return r, err
}

// small cuts claims that are larger than a column, or refuses them.
type small struct {
	remote
	column  int
	refuses bool
}

func (s small) CreateSession(ctx context.Context, r *store.Record) (string, error) {
	if len(r.Claims) <= s.column {
		return s.remote.CreateSession(ctx, r)
	}
	if s.refuses {
		return "", errors.New("too large")
	}
	cut := *r
	cut.Claims = r.Claims[:s.column]
	handle, err := s.remote.CreateSession(ctx, &cut)
	r.ID, r.Version = cut.ID, cut.Version
	return handle, err
}

// A brokenStore is one that a check of a suite must notice.
type brokenStore struct {
	suite, check string
	open, second func(*server) abilities
}

func right(s *server) abilities   { return remote{s} }
func apart(*server) abilities     { return remote{newServer()} }
func deafly(s *server) abilities  { return deaf{remote{s}} }
func hastily(s *server) abilities { return hasty{remote{s}} }

func hides(method string) func(*server) abilities {
	return func(s *server) abilities { return hiding{remote{s}, method} }
}

func pages(n int) func(*server) abilities {
	return func(s *server) abilities { return shortPage{remote: remote{s}, page: n} }
}

const (
	page    = "more sessions than a page"
	fault   = "a fault is no answer"
	stalled = "calls end with their context"
	size    = "claims of any bytes and size"
)

var brokenStores = map[string]brokenStore{
	"lists 100":           {"Index", page, pages(100), right},
	"lists 1000":          {"Index", page, pages(1000), right},
	"ends 1000 of a user": {"Index", page, func(s *server) abilities { return shortDeletion{shortPage{remote{s}, 1000, nil}} }, right},
	"ends 1000 of a user at a provider": {"Index", page, func(s *server) abilities {
		return shortProviderDeletion{shortDeletion{shortPage{remote{s}, 1000, new([]string)}}}
	}, right},

	"FindSession hides a fault":    {"Sessions", fault, hides("FindSession"), right},
	"ReplaceSession hides a fault": {"Sessions", fault, hides("ReplaceSession"), right},
	"DeleteSession hides a fault":  {"Sessions", fault, hides("DeleteSession"), right},
	"ListSessions hides a fault":   {"Index", fault, hides("ListSessions"), right},
	"DeleteSessions hides a fault": {"Index", fault, hides("DeleteSessions"), right},
	"Mark hides a fault":           {"Marks", fault, hides("Mark"), right},
	"Marked hides a fault":         {"Marks", fault, hides("Marked"), right},
	"Count hides a fault":          {"Counter", fault, hides("Count"), right},
	"Lock hides a fault":           {"Locker", fault, hides("Lock"), right},
	"Extend hides a fault":         {"Locker", fault, hides("Extend"), right},

	"FindSession waits":  {"Sessions", stalled, deafly, right},
	"ListSessions waits": {"Index", stalled, deafly, right},
	"Marked waits":       {"Marks", stalled, deafly, right},
	"Count waits":        {"Counter", stalled, deafly, right},
	"Lock waits":         {"Locker", stalled, deafly, right},

	"FindSession does not find when its time is over": {"Sessions", "a context that ends during a call", hastily, right},
	"FindSession does not find when it is cancelled":  {"Sessions", stalled, hastily, right},

	"sessions of one process": {"Sessions", "processes share sessions", right, apart},
	"an index of one process": {"Index", "processes share the index", right, apart},
	"marks of one process":    {"Marks", "processes share marks", right, apart},
	"counts of one process":   {"Counter", "processes share counters", right, apart},
	"leases of one process":   {"Locker", "processes share leases", right, apart},

	"cuts claims of 400 KB":  {"Sessions", size, func(s *server) abilities { return small{remote{s}, 256 << 10, false} }, right},
	"refuses claims of 1 MB": {"Sessions", size, func(s *server) abilities { return small{remote{s}, 512 << 10, true} }, right},
}

// allBroken returns all broken stores, by name.
func allBroken() map[string]brokenStore {
	all := maps.Clone(brokenStores)
	maps.Copy(all, brokenAccounts)
	maps.Copy(all, brokenLinks)
	return all
}

func TestSuites_PassAStoreThatConforms(t *testing.T) { conformance(t, right, right) }

// brokenEnv makes the test binary run the suites on a broken store, as other packages run
// them in theirs.
const brokenEnv = "NUXTAUTH_TEST_BROKEN_STORE"

func TestSuites_OnABrokenStore(t *testing.T) {
	broken, ok := allBroken()[os.Getenv(brokenEnv)]
	if !ok {
		t.Skip("only a part of TestSuites_NoticeBrokenStores")
	}
	conformance(t, broken.open, broken.second)
}

// Each broken store fails the check that is about it.
func TestSuites_NoticeBrokenStores(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for name, broken := range allBroken() {
		all.Go(func() { // all at once: some wait
			path := "TestSuites_OnABrokenStore/" + strings.ReplaceAll(broken.suite+"/"+broken.check, " ", "_")
			run := exec.CommandContext(t.Context(), program, "-test.v", "-test.run=^"+strings.ReplaceAll(path, "/", "$/^")+"$")
			run.Env = append(os.Environ(), brokenEnv+"="+name)
			out, err := run.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: "+path) {
				t.Errorf("%s: %q does not notice it: %v\n%s", name, broken.check, err, out)
			}
		})
	}
	all.Wait()
}
