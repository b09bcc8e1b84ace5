package guard_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/guard"
	"github.com/nuxtauth/nuxtauth/store"
)

// A fakeStore returns fixed results, and panics with panics unless that is empty.
type fakeStore struct {
	*store.Memory // nil: it has the other methods
	total         int
	handle        string
	record        *store.Record
	list          []*store.Record
	times         []int64
	lease         store.Lease
	err           error
	panics        string
	timeout       time.Duration // what the context of the last call had left
}

func (s *fakeStore) called(ctx context.Context) {
	end, _ := ctx.Deadline()
	s.timeout = time.Until(end)
	if s.panics != "" {
		panic(s.panics)
	}
}

func (s *fakeStore) CreateSession(ctx context.Context, _ *store.Record) (string, error) {
	s.called(ctx)
	return s.handle, s.err
}

func (s *fakeStore) ReplaceSession(ctx context.Context, _ string, _ *store.Record) (string, error) {
	s.called(ctx)
	return s.handle, s.err
}

func (s *fakeStore) FindSession(ctx context.Context, _ string) (*store.Record, error) {
	s.called(ctx)
	return s.record, s.err
}

func (s *fakeStore) ListSessions(ctx context.Context, _, _ string, _ int) ([]*store.Record, error) {
	s.called(ctx)
	return s.list, s.err
}

func (s *fakeStore) Marked(ctx context.Context, _ ...string) ([]int64, error) {
	s.called(ctx)
	return s.times, s.err
}

func (s *fakeStore) Count(ctx context.Context, _ string, _ int, _ time.Duration) (int, error) {
	s.called(ctx)
	return s.total, s.err
}

func (s *fakeStore) Lock(context.Context, string, time.Duration) (store.Lease, error) {
	return s.lease, s.err
}

func (s *fakeStore) Extend(ctx context.Context, _ time.Duration) error {
	s.called(ctx)
	return s.err
}

func (s *fakeStore) Release() { panic(s.panics) }

func (s *fakeStore) Seal(ctx context.Context, _ []byte) (string, error) {
	s.called(ctx)
	return s.handle, s.err
}

func (s *fakeStore) Open(ctx context.Context, _ string) ([]byte, error) {
	s.called(ctx)
	return []byte(s.handle), s.err
}

func TestStore_ResultsAreChecked(t *testing.T) {
	ctx := t.Context()
	log, lines := newLog()
	create := func(s *fakeStore) error {
		handle, err := guard.Sessions(log, s).CreateSession(ctx, nil)
		if err == nil && handle != s.handle {
			t.Errorf("CreateSession returns %q", handle)
		}
		return err
	}
	replace := func(s *fakeStore) error {
		handle, err := guard.Sessions(log, s).ReplaceSession(ctx, "a", nil)
		if err == nil && handle != s.handle {
			t.Errorf("ReplaceSession returns %q", handle)
		}
		return err
	}
	find := func(s *fakeStore) error { _, err := guard.Sessions(log, s).FindSession(ctx, "a"); return err }
	list := func(s *fakeStore) error { _, err := guard.Index(log, s).ListSessions(ctx, "r", "u", 1); return err }
	marked := func(s *fakeStore) error { _, err := guard.Marks(log, s).Marked(ctx, "a", "b"); return err }
	lock := func(s *fakeStore) error { _, err := guard.Locker(log, s).Lock(ctx, "a", time.Second); return err }
	seal := func(s *fakeStore) error {
		sealed, err := guard.Codec(log, s).Seal(ctx, nil)
		if err == nil && sealed != s.handle {
			t.Errorf("Seal returns %q", sealed)
		}
		return err
	}
	count := func(n int) func(*fakeStore) error {
		return func(s *fakeStore) error { _, err := guard.Counter(log, s).Count(ctx, "a", n, time.Minute); return err }
	}
	open := func(s *fakeStore) error { _, err := guard.Codec(log, s).Open(ctx, "a"); return err }
	for name, tt := range map[string]struct {
		call func(*fakeStore) error
		s    fakeStore
		want string // in the error; "" for none
	}{
		"CreateSession":                 {create, fakeStore{handle: "aZ09-_~"}, ""},
		"CreateSession, error":          {create, fakeStore{err: io.EOF}, "EOF"},
		"CreateSession, empty":          {create, fakeStore{}, "empty handle"},
		"CreateSession, dot":            {create, fakeStore{handle: "a.b"}, "letters, digits"},
		"CreateSession, colon":          {create, fakeStore{handle: "id:a"}, "letters, digits"},
		"CreateSession, semicolon":      {create, fakeStore{handle: "a;b"}, "letters, digits"},
		"CreateSession, not ASCII":      {create, fakeStore{handle: "ä"}, "letters, digits"},
		"CreateSession, percent":        {create, fakeStore{handle: "a%20"}, "letters, digits"},
		"ReplaceSession":                {replace, fakeStore{handle: "a"}, ""},
		"ReplaceSession, empty":         {replace, fakeStore{}, "empty handle"},
		"ReplaceSession, dot":           {replace, fakeStore{handle: "a.b"}, "letters, digits"},
		"FindSession":                   {find, fakeStore{record: new(store.Record)}, ""},
		"FindSession, nothing":          {find, fakeStore{}, "neither a session"},
		"ListSessions, none":            {list, fakeStore{}, ""},
		"ListSessions, nil":             {list, fakeStore{list: []*store.Record{nil}}, "neither a session"},
		"Marked":                        {marked, fakeStore{times: []int64{0, 1}}, ""},
		"Marked, too few":               {marked, fakeStore{times: []int64{1}}, "number of times"},
		"Marked, nothing":               {marked, fakeStore{}, "number of times"},
		"Lock, nothing":                 {lock, fakeStore{}, "neither a lease"},
		"Seal":                          {seal, fakeStore{handle: "aZ09-_.!~*'()"}, ""},
		"Seal, error":                   {seal, fakeStore{err: io.EOF}, "EOF"},
		"Seal, empty":                   {seal, fakeStore{}, "empty token"},
		"Seal, base64":                  {seal, fakeStore{handle: "a+b/c="}, "letters, digits"},
		"Seal, attribute of the cookie": {seal, fakeStore{handle: "a; Domain=example.com"}, "letters, digits"},
		"Count":                         {count(1), fakeStore{total: 1}, ""},
		"Count, read":                   {count(0), fakeStore{}, ""},
		"Count, undo":                   {count(-1), fakeStore{}, ""},
		"Count, negative":               {count(1), fakeStore{total: -5}, "can't have"},
		"Count, nothing counted":        {count(1), fakeStore{}, "can't have"},
		"Open":                          {open, fakeStore{handle: "{}"}, ""},
		"Open, nothing":                 {open, fakeStore{}, "neither claims"},
	} {
		t.Run(name, func(t *testing.T) {
			err := tt.call(&tt.s)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got error %v, want %q", err, tt.want)
			}
			if tt.s.err != nil && !errors.Is(err, tt.s.err) {
				t.Errorf("%v does not wrap %v", err, tt.s.err)
			}
			if tt.s.handle != "" && err != nil && strings.Contains(err.Error(), tt.s.handle) {
				t.Errorf("the error shows the secret: %v", err)
			}
			if tt.s.timeout > 2*time.Second {
				t.Errorf("the call has %v", tt.s.timeout)
			}
		})
	}
	if lines.Len() > 0 {
		t.Errorf("the log has %s", lines)
	}
}

func TestStore_PanicIsLogged(t *testing.T) {
	ctx := t.Context()
	for name, call := range map[string]func(log *slog.Logger, s *fakeStore) error{
		"CreateSession": func(log *slog.Logger, s *fakeStore) error {
			_, err := guard.Sessions(log, s).CreateSession(ctx, nil)
			return err
		},
		"Marked": func(log *slog.Logger, s *fakeStore) error {
			_, err := guard.Marks(log, s).Marked(ctx, "a")
			return err
		},
		"Seal": func(log *slog.Logger, s *fakeStore) error {
			_, err := guard.Codec(log, s).Seal(ctx, nil)
			return err
		},
		"Extend": func(log *slog.Logger, s *fakeStore) error {
			lease, err := guard.Locker(log, s).Lock(ctx, "a", time.Second)
			if err != nil {
				return err
			}
			return lease.Extend(ctx, time.Second)
		},
		"Release": func(log *slog.Logger, s *fakeStore) error {
			lease, err := guard.Locker(log, s).Lock(ctx, "a", time.Second)
			if err == nil {
				lease.Release()
				err = errors.New("panic: oh") // Release returns none
			}
			return err
		},
	} {
		log, lines := newLog()
		s := &fakeStore{panics: "oh"}
		s.lease = s
		if err := call(log, s); err == nil || !strings.HasSuffix(err.Error(), "panic: oh") {
			t.Errorf("%s returns the error %v", name, err)
		}
		if !strings.Contains(lines.String(), "panic=oh stack=") {
			t.Errorf("%s: the log has %s", name, lines)
		}
	}
}
