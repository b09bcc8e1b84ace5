package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// RunLinks checks [store.Links]: that
//
//   - every field of a link comes back, also one that is added later, with strings of any
//     language and up to the limits of Check;
//   - a link is found by its whole key, byte for byte, until it expires;
//   - of many calls of TakeLink at once one gets the link;
//   - at most [store.MaxLinks] of one purpose and address are open, also when many are saved
//     at once, and the new one is among them;
//   - DeleteLinks removes the links of one address, and no others;
//   - contexts that have ended change nothing, and faults are no answers.
//
// Of the options it uses [Advance], [Fault], [Stall] and [Second].
func RunLinks(t *testing.T, open func(t *testing.T) store.Links, opts ...Option) {
	s := newSuite(open, opts)

	s.run(t, "find what was saved", s.linkFields)
	s.run(t, "strings of any language", s.linkTexts)
	s.run(t, "strings up to their limits", s.linkLimits)
	s.run(t, "times in milliseconds and UTC", s.linkTimes)
	s.run(t, "what Check reports is refused", s.linksIncomplete)
	s.run(t, "links are not retained", s.linksNotRetained)
	s.run(t, "odd keys are keys of their own", s.oddLinks)
	s.run(t, "other keys find nothing", s.unknownLinks)
	s.run(t, "save in place of the same key", s.saveAgain)

	s.run(t, "take", s.take)
	s.run(t, "one of many calls takes a link", s.takeAtOnce)
	s.run(t, "expiry", s.linkExpires)
	s.run(t, "the oldest are removed", s.oldestLinks)
	s.run(t, "a limit of each purpose and address", s.limitOfEach)
	s.run(t, "a limit for many calls", s.saveAtOnce)
	s.run(t, "delete those of an address", s.deleteLinks)
	s.run(t, "delete while links are taken", s.deleteWhileTaking)

	s.run(t, "an ended context changes nothing", s.linkContexts)
	s.run(t, "calls end with their context", s.linksStalled)
	s.run(t, "a fault is no answer", s.linkFaults)
	s.run(t, "processes share links", s.linksShared)
}

// newLink returns a link with every field set.
func newLink(t *testing.T) *store.Link {
	t.Helper()
	l := new(store.Link)
	fill(t, l, "")
	l.CreatedAt = time.Now()
	return l
}

func copyOfLink(l *store.Link) *store.Link {
	c := *l
	return &c
}

// like returns a new link of the same purpose and address.
func (o options) like(t *testing.T, l *store.Link) *store.Link {
	t.Helper()
	next := newLink(t)
	next.Purpose, next.Email = l.Purpose, l.Email
	return next
}

func save(t *testing.T, st store.Links, links ...*store.Link) {
	t.Helper()
	for _, l := range links {
		answered(t, "SaveLink", st.SaveLink(t.Context(), l), nil)
	}
}

// isLink fails the test unless links are found, and noLink unless they are not.
func isLink(t *testing.T, st store.Links, links ...*store.Link) {
	t.Helper()
	for _, want := range links {
		l, err := st.FindLink(t.Context(), want.LinkKey)
		answered(t, "FindLink", err, nil)
		equal(t, "FindLink", l, want)
	}
}

func noLink(t *testing.T, st store.Links, keys ...store.LinkKey) {
	t.Helper()
	for _, key := range keys {
		if l, err := st.FindLink(t.Context(), key); l != nil || !errors.Is(err, store.ErrNotFound) {
			t.Errorf("FindLink(%s) = %v, %v, want nil, %q", abbreviate(key), l, err, store.ErrNotFound)
		}
		if l, err := st.TakeLink(t.Context(), key); l != nil || !errors.Is(err, store.ErrNotFound) {
			t.Errorf("TakeLink(%s) = %v, %v, want nil, %q", abbreviate(key), l, err, store.ErrNotFound)
		}
	}
}

// takes fails the test unless it can take links.
func takes(t *testing.T, st store.Links, links ...*store.Link) {
	t.Helper()
	for _, want := range links {
		l, err := st.TakeLink(t.Context(), want.LinkKey)
		answered(t, "TakeLink", err, nil)
		equal(t, "TakeLink", l, want)
	}
}

func (o options) saveAgain(t *testing.T, st store.Links) {
	l := newLink(t)
	beside := o.like(t, l)
	save(t, st, beside, l)
	again := newLink(t)
	again.LinkKey = l.LinkKey
	for range store.MaxLinks + 1 {
		save(t, st, again)
	}
	isLink(t, st, again, beside) // it counts as one
	takes(t, st, again)
	noLink(t, st, l.LinkKey)
	isLink(t, st, beside)
}

func (o options) take(t *testing.T, st store.Links) {
	l, other := newLink(t), newLink(t)
	beside := o.like(t, l)
	save(t, st, l, beside, other)
	takes(t, st, l)
	noLink(t, st, l.LinkKey)
	isLink(t, st, beside, other)
	save(t, st, l) // another with the same key
	takes(t, st, l)
}

func (o options) takeAtOnce(t *testing.T, st store.Links) {
	for range rounds {
		l := newLink(t)
		save(t, st, l)
		var found [20]*store.Link
		winner := won(t, atOnce(len(found), func(i int) (err error) {
			found[i], err = st.TakeLink(t.Context(), l.LinkKey)
			return err
		}), store.ErrNotFound)
		equal(t, "TakeLink", found[winner], l)
		noLink(t, st, l.LinkKey)
	}
}

func (o options) linkExpires(t *testing.T, st store.Links) {
	l, open := newLink(t), newLink(t)
	l.ExpiresAt = o.soon()
	save(t, st, l, open)
	if _, err := st.FindLink(t.Context(), l.LinkKey); err != nil && (o.advance != nil || time.Now().Before(l.ExpiresAt)) {
		t.Fatalf("FindLink before the expiry: %v", err)
	}
	o.past(t, l.ExpiresAt)
	noLink(t, st, l.LinkKey)
	isLink(t, st, open)

	past := newLink(t)
	past.ExpiresAt = time.Now().Add(-time.Hour)
	save(t, st, past)
	noLink(t, st, past.LinkKey)
	l.ExpiresAt = later()
	save(t, st, l) // in place of one that has expired
	takes(t, st, l)
}

func (o options) oldestLinks(t *testing.T, st store.Links) {
	first := newLink(t)
	var links []*store.Link
	for i := range store.MaxLinks + 4 {
		o.tick(t)
		l := o.like(t, first)
		l.CreatedAt = time.Now().Add(time.Duration(i-10) * time.Minute)
		l.ExpiresAt = later().Add(-time.Duration(i) * time.Minute)
		save(t, st, l)
		links = append(links, l)
		isLink(t, st, links[max(0, i+1-store.MaxLinks):]...)
		for _, l := range links[:max(0, i+1-store.MaxLinks)] {
			noLink(t, st, l.LinkKey)
		}
	}
	open := links[len(links)-store.MaxLinks:]
	takes(t, st, open[1])
	next := o.like(t, first)
	o.tick(t)
	save(t, st, next) // in its place
	isLink(t, st, open[0], open[2], next)

	same := newLink(t) // by clocks that stand still, or differ
	for i := range 2 * store.MaxLinks {
		l := o.like(t, same)
		l.CreatedAt = same.CreatedAt.Add(-time.Duration(i/store.MaxLinks) * time.Minute)
		save(t, st, l)
		isLink(t, st, l)
	}
}

func (o options) limitOfEach(t *testing.T, st store.Links) {
	first, other := newLink(t), newLink(t)
	full := func(l *store.Link) (links []*store.Link) {
		for range store.MaxLinks {
			links = append(links, o.like(t, l))
		}
		save(t, st, links...)
		return links
	}
	links := full(first)
	ofPurpose, ofAddress := copyOfLink(first), copyOfLink(first)
	ofPurpose.Email, ofAddress.Purpose = other.Email, other.Purpose
	links = slices.Concat(links, full(ofPurpose), full(ofAddress), full(other))
	isLink(t, st, links...)
}

// countOpen returns how many links are found.
func countOpen(t *testing.T, st store.Links, links []*store.Link) (n int) {
	t.Helper()
	for _, l := range links {
		_, err := st.FindLink(t.Context(), l.LinkKey)
		if err == nil {
			n++
		} else if !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
	}
	return n
}

// saves has many calls that save links to one address.
func saves(t *testing.T, o options, st ...store.Links) {
	t.Helper()
	for range rounds {
		first := newLink(t)
		links := make([]*store.Link, 12)
		for i := range links {
			links[i] = o.like(t, first)
		}
		for _, err := range atOnce(len(links), func(i int) error { return st[i%len(st)].SaveLink(t.Context(), links[i]) }) {
			answered(t, "SaveLink", err, nil)
		}
		if n := countOpen(t, st[0], links); n != store.MaxLinks {
			t.Fatalf("%d of %d links that were saved at once are open, want %d", n, len(links), store.MaxLinks)
		}
	}
}

func (o options) saveAtOnce(t *testing.T, st store.Links) { saves(t, o, st) }

func (o options) deleteLinks(t *testing.T, st store.Links) {
	l, other := newLink(t), newLink(t)
	ofPurpose := o.like(t, l)
	ofPurpose.Purpose = unique("other")
	others := []*store.Link{other}
	for _, odd := range lower(oddTexts()) {
		if odd != "" {
			near := newLink(t)
			near.Email = l.Email + odd
			others = append(others, near)
		}
	}
	save(t, st, others...)
	save(t, st, l, o.like(t, l), ofPurpose)
	for range 2 { // none is no error
		answered(t, "DeleteLinks", st.DeleteLinks(t.Context(), l.Email), nil)
		noLink(t, st, l.LinkKey, ofPurpose.LinkKey)
		isLink(t, st, others...)
	}
	save(t, st, l)
	takes(t, st, l)
}

func (o options) deleteWhileTaking(t *testing.T, st store.Links) {
	for range rounds {
		l, beside := newLink(t), newLink(t)
		beside.Email = l.Email
		save(t, st, l, beside)
		var taken [4]*store.Link
		for i, err := range atOnce(len(taken), func(i int) (err error) {
			if i == 0 {
				return st.DeleteLinks(t.Context(), l.Email)
			}
			taken[i], err = st.TakeLink(t.Context(), l.LinkKey)
			return err
		}) {
			if err != nil && (i == 0 || !errors.Is(err, store.ErrNotFound)) {
				t.Fatal(err)
			}
		}
		n := 0
		for _, l := range taken {
			if l != nil {
				n++
			}
		}
		if n > 1 {
			t.Fatalf("%d calls took a link", n)
		}
		noLink(t, st, l.LinkKey, beside.LinkKey)
	}
}
