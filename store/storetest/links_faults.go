package storetest

import (
	"context"
	"testing"

	"github.com/nuxtauth/nuxtauth/store"
)

// linkCalls calls each method.
func linkCalls(t *testing.T, st store.Links, l *store.Link) map[string]func(context.Context) error {
	t.Helper()
	next := newLink(t)
	none := func(found *store.Link, err error) error {
		if found != nil && err != nil {
			t.Errorf("%v beside %v", found, err)
		}
		return err
	}
	return map[string]func(context.Context) error{
		"SaveLink":    func(ctx context.Context) error { return st.SaveLink(ctx, next) },
		"FindLink":    func(ctx context.Context) error { return none(st.FindLink(ctx, l.LinkKey)) },
		"TakeLink":    func(ctx context.Context) error { return none(st.TakeLink(ctx, l.LinkKey)) },
		"DeleteLinks": func(ctx context.Context) error { return st.DeleteLinks(ctx, l.Email) },
	}
}

func (o options) linkContexts(t *testing.T, st store.Links) {
	l := newLink(t)
	save(t, st, l)
	for name, ctx := range endedContexts(t) {
		unsaved := newLink(t)
		refused(t, ctx, name+": SaveLink", st.SaveLink(ctx, unsaved))
		noLink(t, st, unsaved.LinkKey)
		for _, key := range []*store.Link{l, newLink(t)} {
			for what, call := range linkCalls(t, st, key) {
				refused(t, ctx, name+": "+what, call(ctx))
			}
		}
	}
	isLink(t, st, l)
}

func (o options) linksStalled(t *testing.T, st store.Links) {
	l, spare := newLink(t), newLink(t) // what a late write may change
	save(t, st, l, spare)
	o.whileStalled(t, func() {
		for what, call := range linkCalls(t, st, spare) {
			endsWithContext(t, what, call)
		}
	})
	isLink(t, st, l)
}

func (o options) linkFaults(t *testing.T, st store.Links) {
	l := newLink(t)
	save(t, st, l)
	o.whileBroken(t, func() {
		for _, key := range []*store.Link{l, newLink(t)} {
			for what, call := range linkCalls(t, st, key) {
				isFault(t, what, call(t.Context()))
			}
		}
	})
	isLink(t, st, l)
}

func (o options) linksShared(t *testing.T, st store.Links) {
	stores := both(t, o, st)
	for i, mine := range stores {
		theirs := stores[1-i]
		l, other := newLink(t), newLink(t)
		save(t, mine, l, other)
		isLink(t, theirs, l, other)
		takes(t, theirs, l)
		noLink(t, mine, l.LinkKey)
		answered(t, "DeleteLinks", mine.DeleteLinks(t.Context(), other.Email), nil)
		noLink(t, theirs, other.LinkKey)
	}
	saves(t, o, stores[:]...)
	for range rounds {
		l := newLink(t)
		save(t, st, l)
		won(t, atOnce(10, func(i int) error {
			_, err := stores[i%2].TakeLink(t.Context(), l.LinkKey)
			return err
		}), store.ErrNotFound)
	}
}
