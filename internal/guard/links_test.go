package guard_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/guard"
	"github.com/nuxtauth/nuxtauth/store"
)

// fakeLinks returns fixed results, and panics with panics unless that is empty.
type fakeLinks struct {
	link   *store.Link
	err    error
	panics string
	left   time.Duration // what the context of the last call had left
}

func (s *fakeLinks) called(ctx context.Context) error {
	end, _ := ctx.Deadline()
	s.left = time.Until(end)
	if s.panics != "" {
		panic(s.panics)
	}
	return s.err
}

func (s *fakeLinks) SaveLink(ctx context.Context, _ *store.Link) error { return s.called(ctx) }

func (s *fakeLinks) FindLink(ctx context.Context, _ store.LinkKey) (*store.Link, error) {
	return s.link, s.called(ctx)
}

func (s *fakeLinks) TakeLink(ctx context.Context, _ store.LinkKey) (*store.Link, error) {
	return s.link, s.called(ctx)
}

func (s *fakeLinks) DeleteLinks(ctx context.Context, _ string) error { return s.called(ctx) }

func TestLinks_AreGuarded(t *testing.T) {
	if guard.Links(nil, nil) != nil {
		t.Error("nil does not stay nil")
	}
	key := store.LinkKey{Purpose: "signin", Email: "ada@example.com"}
	found, other := &store.Link{LinkKey: key}, &store.Link{LinkKey: store.LinkKey{Purpose: "reset", Email: "ada@example.com"}}
	calls := map[string]func(store.Links) (*store.Link, error){
		"FindLink":    func(l store.Links) (*store.Link, error) { return l.FindLink(t.Context(), key) },
		"TakeLink":    func(l store.Links) (*store.Link, error) { return l.TakeLink(t.Context(), key) },
		"SaveLink":    func(l store.Links) (*store.Link, error) { return found, l.SaveLink(t.Context(), found) },
		"DeleteLinks": func(l store.Links) (*store.Link, error) { return found, l.DeleteLinks(t.Context(), key.Email) },
	}
	for name, call := range calls {
		for _, test := range []struct {
			s    fakeLinks
			want string // in the error; "" for none
		}{
			{fakeLinks{link: found}, ""},
			{fakeLinks{err: io.EOF}, "EOF"},
			{fakeLinks{err: store.ErrNotFound}, store.ErrNotFound.Error()},
			{fakeLinks{panics: "no rows"}, "panic: no rows"},
			{fakeLinks{}, "neither a link"},
			{fakeLinks{link: other}, "another link"},
		} {
			if (test.want == "another link" || test.want == "neither a link") && name != "FindLink" && name != "TakeLink" {
				continue
			}
			log, lines := newLog()
			l, err := call(guard.Links(log, &test.s))
			switch {
			case test.want == "" && (err != nil || l != found):
				t.Errorf("%s: %v, %v", name, l, err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("%s: %v, want %s", name, err, test.want)
			case test.s.err != nil && !errors.Is(err, test.s.err):
				t.Errorf("%s: %v does not wrap %v", name, err, test.s.err)
			case (test.s.panics != "") != strings.Contains(lines.String(), `panicked" function="the store"`):
				t.Errorf("%s: the log is %s", name, lines)
			case test.s.left <= 0 || test.s.left > 2*time.Second:
				t.Errorf("%s: the call has %v", name, test.s.left)
			}
		}
	}
}
