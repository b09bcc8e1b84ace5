package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

var brokenLinks = map[string]brokenStore{
	"loses RedirectTo": links("find what was saved", func(r remote, w *wrong) {
		w.saveLink = func(ctx context.Context, l *store.Link) error {
			c := *l
			c.RedirectTo = ""
			return r.SaveLink(ctx, &c)
		}
	}),
	"finds and then deletes": links("one of many calls takes a link", func(r remote, w *wrong) {
		w.takeLink = func(ctx context.Context, key store.LinkKey) (*store.Link, error) {
			l, err := r.FindLink(ctx, key)
			if err != nil {
				return nil, err
			}
			time.Sleep(time.Millisecond)
			_, _ = r.TakeLink(ctx, key)
			return l, nil
		}
	}),
	"takes nothing away": links("take", func(r remote, w *wrong) { w.takeLink = r.FindLink }),
	"finds only once":    links("find what was saved", func(r remote, w *wrong) { w.findLink = r.TakeLink }),
	"has no limit": links("the oldest are removed", func(r remote, w *wrong) {
		w.saveLink, w.findLink, w.takeLink = unlimited(r)
	}),
	"a limit for all purposes": links("a limit of each purpose and address", func(r remote, w *wrong) {
		saved := make(map[string][]store.LinkKey)
		w.saveLink = func(ctx context.Context, l *store.Link) error {
			keys := append(saved[l.Email], l.LinkKey)
			for ; len(keys) > store.MaxLinks; keys = keys[1:] {
				_, _ = r.TakeLink(ctx, keys[0])
			}
			saved[l.Email] = keys
			return r.SaveLink(ctx, l)
		}
	}),
	"removes the new one": links("the oldest are removed", func(r remote, w *wrong) {
		open := make(map[string]int)
		w.saveLink = func(ctx context.Context, l *store.Link) error {
			if open[l.Purpose+l.Email]++; open[l.Purpose+l.Email] > store.MaxLinks {
				return nil
			}
			return r.SaveLink(ctx, l)
		}
	}),
	"compares the first bytes of hashes": links("other keys find nothing", func(r remote, w *wrong) {
		cut := func(key store.LinkKey) store.LinkKey {
			key.Hash[31] = 0
			return key
		}
		w.saveLink = func(ctx context.Context, l *store.Link) error {
			c := *l
			c.LinkKey = cut(l.LinkKey)
			return r.SaveLink(ctx, &c)
		}
		w.findLink = func(ctx context.Context, key store.LinkKey) (*store.Link, error) { return r.FindLink(ctx, cut(key)) }
	}),
	"finds links in lower case": links("odd keys are keys of their own", func(r remote, w *wrong) {
		w.findLink = func(ctx context.Context, key store.LinkKey) (*store.Link, error) {
			if l, err := r.FindLink(ctx, key); err == nil {
				return l, nil
			}
			key.Purpose = strings.TrimRight(key.Purpose, " ")
			return r.FindLink(ctx, key)
		}
	}),
	"forgets expiries": links("expiry", func(r remote, w *wrong) {
		w.saveLink = func(ctx context.Context, l *store.Link) error {
			c := *l
			c.ExpiresAt = time.Now().Add(48 * time.Hour)
			return r.SaveLink(ctx, &c)
		}
	}),
	"deletes links of one purpose": links("delete those of an address", func(r remote, w *wrong) {
		saved := make(map[string]store.LinkKey)
		w.saveLink = func(ctx context.Context, l *store.Link) error {
			saved[l.Email] = l.LinkKey
			return r.SaveLink(ctx, l)
		}
		w.deleteLinks = func(ctx context.Context, email string) error {
			_, _ = r.TakeLink(ctx, saved[email])
			return nil
		}
	}),
	"takes a fault for no link": links(fault, func(r remote, w *wrong) {
		w.takeLink = func(ctx context.Context, key store.LinkKey) (*store.Link, error) {
			l, err := r.TakeLink(ctx, key)
			if errors.Is(err, errBroken) {
				err = store.ErrNotFound
			}
			return l, err
		}
	}),
	"DeleteLinks waits": links(stalled, func(r remote, w *wrong) {
		w.deleteLinks = func(ctx context.Context, email string) error { return r.DeleteLinks(context.WithoutCancel(ctx), email) }
	}),
	"links of one process": {"Links", "processes share links", right, apart},
}

// unlimited stores each link under a purpose of its own.
func unlimited(r remote) (
	save func(context.Context, *store.Link) error,
	find, take func(context.Context, store.LinkKey) (*store.Link, error),
) {
	own := func(key store.LinkKey) store.LinkKey {
		key.Purpose = fmt.Sprintf("%.20x", key.Hash[:20])
		return key
	}
	restored := func(l *store.Link, err error, key store.LinkKey) (*store.Link, error) {
		if err != nil {
			return nil, err
		}
		l.LinkKey = key
		return l, nil
	}
	save = func(ctx context.Context, l *store.Link) error {
		c := *l
		c.LinkKey = own(l.LinkKey)
		return r.SaveLink(ctx, &c)
	}
	find = func(ctx context.Context, key store.LinkKey) (*store.Link, error) {
		l, err := r.FindLink(ctx, own(key))
		return restored(l, err, key)
	}
	take = func(ctx context.Context, key store.LinkKey) (*store.Link, error) {
		l, err := r.TakeLink(ctx, own(key))
		return restored(l, err, key)
	}
	return save, find, take
}
