package storetest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

func (o options) linkFields(t *testing.T, st store.Links) {
	l := newLink(t)
	given := copyOfLink(l)
	save(t, st, l)
	untouched(t, "the link of SaveLink", l, given)
	isLink(t, st, l, l)
	takes(t, st, l)

	bare := &store.Link{LinkKey: newLink(t).LinkKey, ExpiresAt: later()}
	bare.Hash = [len(bare.Hash)]byte{}
	save(t, st, bare)
	isLink(t, st, bare)
	takes(t, st, bare)
}

func (o options) linkTexts(t *testing.T, st store.Links) {
	for _, text := range oddTexts() {
		l := new(store.Link)
		fill(t, l, text)
		l.Purpose = text + unique("a")
		save(t, st, l)
		isLink(t, st, l)
		takes(t, st, l)
	}
}

func (o options) linkLimits(t *testing.T, st store.Links) {
	for _, filler := range fillers {
		longest(t, func() *store.Link { return newLink(t) }, (*store.Link).Check, func(name string, n int) {
			l := withLength(newLink(t), name, filler, n)
			save(t, st, l)
			isLink(t, st, l)
			above := withLength(newLink(t), name, filler, n+1)
			invalid(t, "SaveLink above the limit of "+name, st.SaveLink(t.Context(), above))
			noLink(t, st, above.LinkKey)
		})
	}
}

func (o options) linkTimes(t *testing.T, st store.Links) {
	for _, zone := range []*time.Location{time.UTC, time.FixedZone("", 5*60*60), time.FixedZone("", -11*60*60)} {
		l := newLink(t)
		l.CreatedAt = time.Date(2001, 2, 3, 4, 5, 6, 7_999_999, zone)
		l.ExpiresAt = time.Date(2199, 12, 31, 23, 59, 59, 1_999_999, zone)
		save(t, st, l)
		isLink(t, st, l)
		takes(t, st, l)
	}
}

func (o options) linksIncomplete(t *testing.T, st store.Links) {
	refuses := func(what string, l *store.Link) {
		t.Helper()
		invalid(t, "SaveLink of a link with "+what, st.SaveLink(t.Context(), l))
		noLink(t, st, l.LinkKey)
	}
	noPurpose, noEmail, noExpiry := newLink(t), newLink(t), newLink(t)
	noPurpose.Purpose, noEmail.Email, noExpiry.ExpiresAt = "", "", time.Time{}
	refuses("no purpose", noPurpose)
	refuses("no address", noEmail)
	refuses("no expiry", noExpiry)
	for _, end := range []string{"\x00", "\xff", "\xe6\x97"} {
		fields(reflect.ValueOf(newLink(t)).Elem(), func(name string, f reflect.Value) {
			if f.Kind() != reflect.String {
				return
			}
			l := newLink(t)
			value := reflect.ValueOf(l).Elem().FieldByName(name)
			value.SetString(value.String() + end)
			refuses(fmt.Sprintf("%s that ends in %q", name, end), l)
		})
	}
}

func (o options) linksNotRetained(t *testing.T, st store.Links) {
	l := newLink(t)
	want := copyOfLink(l)
	save(t, st, l)
	l.Subject, l.Hash[0], l.ExpiresAt = "changed", l.Hash[0]+1, time.Time{}
	isLink(t, st, want)
	found, err := st.FindLink(t.Context(), want.LinkKey)
	answered(t, "FindLink", err, nil)
	found.Subject, found.Email, found.ExpiresAt = "changed", "changed", time.Time{}
	isLink(t, st, want)
	takes(t, st, want)
}

func (o options) oddLinks(t *testing.T, st store.Links) {
	base := newLink(t)
	base.Purpose = unique("a")
	var links []*store.Link
	add := func(key store.LinkKey) {
		if slices.ContainsFunc(links, func(l *store.Link) bool { return l.LinkKey == key }) {
			return
		}
		noLink(t, st, key)
		l := newLink(t)
		l.LinkKey = key
		save(t, st, l)
		links = append(links, l)
	}
	for _, odd := range oddTexts() {
		purpose, email := base.LinkKey, base.LinkKey
		purpose.Purpose += odd
		email.Email += odd
		add(purpose)
		add(email)
	}
	for _, key := range []store.LinkKey{
		{Purpose: base.Purpose + "a", Email: "b" + base.Email, Hash: base.Hash}, {Purpose: base.Purpose + "ab", Email: base.Email, Hash: base.Hash},
		{Purpose: base.Purpose, Email: "ab" + base.Email, Hash: base.Hash},
	} {
		add(key)
	}
	for i, end := range []byte{0, ' ', 'a', 'A', 0xe9, 0xff} { // with bytes that a text of a database cuts
		other := newLink(t)
		other.Hash[len(other.Hash)-1] = end
		if i%2 > 0 {
			other.Hash = [len(other.Hash)]byte(slices.Repeat([]byte{end}, len(other.Hash)))
		}
		other.Purpose = base.Purpose
		add(other.LinkKey)
	}
	isLink(t, st, links...)
	for i, l := range links {
		if i%2 > 0 {
			takes(t, st, l)
		}
	}
	for i, l := range links {
		if i%2 > 0 {
			noLink(t, st, l.LinkKey)
		} else {
			isLink(t, st, l)
		}
	}
}

// otherKeys are keys that differ from that of a link in one part.
func otherKeys(t *testing.T, l *store.Link) []store.LinkKey {
	t.Helper()
	other := newLink(t)
	first, last := l.LinkKey, l.LinkKey
	first.Hash[0]++
	last.Hash[len(last.Hash)-1]++
	return []store.LinkKey{
		{Purpose: other.Purpose, Email: l.Email, Hash: l.Hash}, {Purpose: l.Purpose, Email: other.Email, Hash: l.Hash},
		{Purpose: l.Purpose, Email: l.Email, Hash: other.Hash}, first, last, {Email: l.Email, Hash: l.Hash}, {Purpose: l.Purpose, Hash: l.Hash},
		{Purpose: l.Purpose, Email: strings.ToUpper(l.Email), Hash: l.Hash}, {Purpose: l.Purpose, Email: l.Email}, {},
	}
}

func (o options) unknownLinks(t *testing.T, st store.Links) {
	l := newLink(t)
	save(t, st, l)
	noLink(t, st, otherKeys(t, l)...)
	for _, bad := range garbage() {
		noLink(t, st, store.LinkKey{Purpose: bad, Email: l.Email, Hash: l.Hash}, store.LinkKey{Purpose: l.Purpose, Email: bad, Hash: l.Hash})
		if err := st.DeleteLinks(t.Context(), bad); err != nil {
			t.Errorf("DeleteLinks(%s) = %v, want nil", abbreviate(bad), err)
		}
	}
	isLink(t, st, l)
}
