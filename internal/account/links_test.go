package account_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/account"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/mail"
	"github.com/nuxtauth/nuxtauth/store"
)

var errDown = errors.New("down")

// linkTo is a link to the address of Ada.
func linkTo(purpose mail.Purpose, token *string) account.Link {
	return account.Link{
		Purpose: purpose, Email: ada, RedirectTo: "/after", Lifetime: time.Hour,
		URL: func(t string) string { *token = t; return "https://app.example/?token=" + t },
	}
}

// send sends a link, and returns its token.
func (a *app) send(purpose mail.Purpose, subject string) (token string) {
	a.Helper()
	l := linkTo(purpose, &token)
	l.Subject = subject
	if err := a.SendLink(a.Context(), l); err != nil {
		a.Fatal(err)
	}
	return token
}

func TestSendLink(t *testing.T) {
	var sent []mail.Message
	a := newApp(t, func(c *account.Config) {
		c.LinkSecrets = []string{"new", "old"}
		c.Mail.Send = func(_ context.Context, m mail.Message) error { sent = append(sent, m); return nil }
	})
	for _, tt := range []struct{ lifetime, want time.Duration }{{0, 10 * time.Minute}, {time.Hour, time.Hour}} {
		token := ""
		l := linkTo(mail.PurposeReset, &token)
		l.Subject, l.Lifetime = "1", tt.lifetime
		if err := a.SendLink(t.Context(), l); err != nil {
			t.Fatal(err)
		}
		want := mail.Message{To: ada, Subject: "reset", Text: "https://app.example/?token=" + token, HTML: tt.want.String() + " Acme"}
		if got := sent[len(sent)-1]; !reflect.DeepEqual(got, want) {
			t.Errorf("the message is %+v, want %+v", got, want)
		}
		row, err := a.store.Memory.FindLink(t.Context(), store.LinkKey{Purpose: "reset", Email: ada, Hash: sha256.Sum256([]byte(token + "new"))})
		if err != nil || row.Subject != "1" || row.RedirectTo != "/after" || !row.CreatedAt.Equal(a.now) || !row.ExpiresAt.Equal(a.now.Add(tt.want)) {
			t.Errorf("stored: %+v, %v", row, err)
		}
		if len(token) < 26 || strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" { // 128 bits in base32
			t.Errorf("the token is %q", token)
		}
	}
	if len(sent) != 2 || sent[0].Text == sent[1].Text {
		t.Errorf("sent: %v", sent)
	}
}

// A link that can't be stored is not sent, and one that can't be sent does not stay.
func TestSendLink_Faults(t *testing.T) {
	for what, tt := range map[string]struct {
		link, send error
		faults     map[string]error
		want       []error
		calls      []string // of the store
		sent       int
	}{
		"message":            {link: errDown, want: []error{errDown}},
		"store":              {faults: map[string]error{"SaveLink": errDown}, want: []error{errDown}, calls: []string{"SaveLink"}},
		"mail":               {send: mail.ErrRejected, want: []error{mail.ErrRejected}, calls: []string{"SaveLink", "TakeLink"}, sent: 1},
		"mail and store":     {send: mail.ErrRejected, faults: map[string]error{"TakeLink": errDown}, want: []error{mail.ErrRejected, errDown}, calls: []string{"SaveLink", "TakeLink"}, sent: 1},
		"mail, used already": {send: mail.ErrRejected, faults: map[string]error{"TakeLink": store.ErrNotFound}, want: []error{mail.ErrRejected}, calls: []string{"SaveLink", "TakeLink"}, sent: 1},
	} {
		ctx, end := context.WithCancel(t.Context())
		sent := 0
		a := newApp(t, func(c *account.Config) {
			c.Mail.Send = func(context.Context, mail.Message) error { sent++; end(); return tt.send }
			if tt.link != nil {
				c.Mail.Link = func(context.Context, mail.Link) (mail.Message, error) { return mail.Message{}, tt.link }
			}
		})
		if tt.faults != nil {
			a.links.faults = tt.faults
		}
		token := ""
		err := a.SendLink(ctx, linkTo(mail.PurposeReset, &token))
		for _, want := range tt.want {
			if !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", what, err, want)
			}
		}
		if errors.Is(err, store.ErrNotFound) || sent != tt.sent || !slices.Equal(a.links.calls, tt.calls) {
			t.Errorf("%s: %v, %d sent, calls %v", what, err, sent, a.links.calls)
		}
		clear(a.links.faults)
		if _, err := a.FindLink(t.Context(), mail.PurposeReset, ada, token); !errors.Is(err, store.ErrNotFound) && what != "mail and store" && what != "mail, used already" {
			t.Errorf("%s: the link works: %v", what, err)
		}
	}
}

func TestSendsLinks(t *testing.T) {
	for what, tt := range map[string]struct {
		change func(*account.Config)
		want   bool
	}{
		"both":          {func(*account.Config) {}, true},
		"without links": {func(c *account.Config) { c.Links = nil }, false},
		"without mail":  {func(c *account.Config) { c.Mail.Send = nil }, false},
	} {
		if got := newApp(t, tt.change).SendsLinks(); got != tt.want {
			t.Errorf("%s: %t", what, got)
		}
	}
}

// Looking at a link spends none, and each is spent once.
func TestTakeLink_Once(t *testing.T) {
	a := newApp(t)
	token := a.send(mail.PurposeReset, "")
	for range 2 {
		if l, err := a.FindLink(t.Context(), mail.PurposeReset, " ADA@Example.com", token); err != nil || l.RedirectTo != "/after" {
			t.Errorf("find: %+v, %v", l, err)
		}
	}
	if l, err := a.TakeLink(t.Context(), mail.PurposeReset, " ADA@Example.com", token); err != nil || l.RedirectTo != "/after" {
		t.Errorf("take: %+v, %v", l, err)
	}
	if l, err := a.TakeLink(t.Context(), mail.PurposeReset, ada, token); l != nil || !errors.Is(err, store.ErrNotFound) {
		t.Errorf("take twice: %+v, %v", l, err)
	}
}

func TestTakeLink_WhatIsNone(t *testing.T) {
	a := newApp(t)
	token := a.send(mail.PurposeReset, "")
	for what, tt := range map[string]struct {
		purpose      mail.Purpose
		email, token string
		calls        int // the store is not asked for what can't be
	}{
		"another purpose": {mail.PurposeVerify, ada, token, 1},
		"another address": {mail.PurposeReset, "eve@example.com", token, 1},
		"another token":   {mail.PurposeReset, ada, token + "A", 1},
		"no address":      {mail.PurposeReset, "Ada <ada@example.com>", token, 0},
		"no token":        {mail.PurposeReset, ada, "", 0},
		"a long token":    {mail.PurposeReset, ada, strings.Repeat("A", 256), 1},
		"too long":        {mail.PurposeReset, ada, strings.Repeat("A", 257), 0},
	} {
		a.links.calls = nil
		if l, err := a.TakeLink(t.Context(), tt.purpose, tt.email, tt.token); l != nil || !errors.Is(err, store.ErrNotFound) || len(a.links.calls) != tt.calls {
			t.Errorf("%s: %+v, %v, calls %v", what, l, err, a.links.calls)
		}
	}
	a.now = a.now.Add(time.Hour)
	if _, err := a.TakeLink(t.Context(), mail.PurposeReset, ada, token); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("expired: %v", err)
	}
}

// Links of an older secret work until it is gone. A fault is no answer.
func TestTakeLink_Secrets(t *testing.T) {
	a := newApp(t)
	token := a.send(mail.PurposeReset, "")
	for what, tt := range map[string]struct {
		secrets []string
		ok      bool
	}{"rotated": {[]string{"new", "secret"}, true}, "gone": {[]string{"new", "newer"}, false}} {
		b := newApp(t, func(c *account.Config) { c.Links, c.LinkSecrets = a.links, tt.secrets })
		if _, err := b.FindLink(t.Context(), mail.PurposeReset, ada, token); (err == nil) != tt.ok || !tt.ok && !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
		a.links.faults["FindLink"] = errDown
		if _, err := b.FindLink(t.Context(), mail.PurposeReset, ada, token); !errors.Is(err, errDown) {
			t.Errorf("%s, a fault: %v", what, err)
		}
		clear(a.links.faults)
	}
}

func TestFindByEmail(t *testing.T) {
	a := newApp(t)
	a.add(store.User{Name: "Ada", Email: ada, Disabled: true})
	if u, err := a.FindByEmail(t.Context(), ada); err != nil || u == nil || u.ID != "Ada" {
		t.Errorf("%+v, %v", u, err)
	}
	if u, err := a.FindByEmail(t.Context(), "eve@example.com"); u != nil || err != nil {
		t.Errorf("no user: %+v, %v", u, err)
	}
	a.store.Fail(true)
	if u, err := a.FindByEmail(t.Context(), ada); u != nil || !errors.Is(err, apptest.ErrDown) {
		t.Errorf("a fault: %+v, %v", u, err)
	}
}

func TestEndLinks(t *testing.T) {
	a := newApp(t)
	token := a.send(mail.PurposeReset, "")
	ctx, end := context.WithCancel(t.Context())
	end() // the client has gone
	a.EndLinks(ctx, ada)
	if _, err := a.FindLink(t.Context(), mail.PurposeReset, ada, token); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the link works: %v", err)
	}
	if a.log.Len() > 0 {
		t.Errorf("the log has %s", a.log.String())
	}
	a.links.faults["DeleteLinks"] = errDown
	a.EndLinks(t.Context(), ada)
	if !strings.Contains(a.log.String(), "links of a user could not be removed") {
		t.Error("the log has no fault")
	}
}

// Which user a link is of, and what it ends.
func TestRedeem(t *testing.T) {
	update := "update Ada verified=true reclaimed=false removed=0"
	reclaimed := []string{"sessions of Ada end", "unlink Ada other 1", "update Ada verified=true reclaimed=true removed=1", "sessions of Ada end", "links of ada@example.com end"}
	ends := []string{"sessions of Ada end", "links of ada@example.com end"}
	for what, tt := range map[string]struct {
		verified bool
		subject  string // of the link
		signedIn string
		reset    bool
		change   func(a *app)

		want      string // the user
		notFound  bool
		err       error
		reclaimed bool
		events    []string
	}{
		"verified":                 {verified: true, want: "Ada", events: []string{update}},
		"unverified":               {want: "Ada", reclaimed: true, events: reclaimed},
		"unverified, signed in":    {signedIn: "Ada", want: "Ada", events: []string{update}},
		"verified, signed in":      {verified: true, signedIn: "Ada", want: "Ada", events: []string{update}},
		"signed in as another":     {signedIn: "Eve", want: "Ada", reclaimed: true, events: reclaimed},
		"reset":                    {verified: true, reset: true, want: "Ada", events: slices.Concat([]string{update}, ends)},
		"reset, unverified":        {reset: true, want: "Ada", reclaimed: true, events: slices.Concat(reclaimed, ends)},
		"reset, signed in":         {reset: true, signedIn: "Ada", want: "Ada", events: slices.Concat([]string{update}, ends)},
		"for the user":             {verified: true, subject: "Ada", want: "Ada", events: []string{update}},
		"for another":              {verified: true, subject: "Eve", notFound: true},
		"disabled":                 {verified: true, change: func(a *app) { a.change("Ada", func(u *store.User) { u.Disabled = true }) }, notFound: true},
		"no user":                  {change: func(a *app) { a.store.Memory.DeleteUser(a.Context(), "Ada") }},
		"no user, signed in":       {signedIn: "Eve", reset: true, change: func(a *app) { a.store.Memory.DeleteUser(a.Context(), "Ada") }},
		"for a user who is gone":   {subject: "Ada", change: func(a *app) { a.store.Memory.DeleteUser(a.Context(), "Ada") }, notFound: true},
		"the address moves":        {verified: true, reset: true, change: func(a *app) { a.store.RunBefore("VerifyEmail", func() { a.give(ada) }) }, notFound: true},
		"the own address moves":    {signedIn: "Ada", reset: true, change: func(a *app) { a.store.RunBefore("UpdateUser", func() { a.give(ada) }) }, notFound: true},
		"a fault, link":            {change: func(a *app) { a.links.faults["TakeLink"] = errDown }, err: errDown},
		"a fault, user":            {change: func(a *app) { a.store.Fail(true) }, err: apptest.ErrDown},
		"a fault, verified":        {verified: true, reset: true, change: func(a *app) { a.store.FailAt(2, false) }, err: apptest.ErrDown},
		"a fault, own":             {signedIn: "Ada", reset: true, change: func(a *app) { a.store.FailAt(2, false) }, err: apptest.ErrDown},
		"a fault, sessions":        {verified: true, reset: true, change: func(a *app) { a.endFails = []error{errDown} }, err: errDown, events: slices.Concat([]string{update}, ends)},
		"a fault, the other links": {verified: true, reset: true, change: func(a *app) { a.links.faults["DeleteLinks"] = errDown }, err: errDown, events: slices.Concat([]string{update}, ends)},
	} {
		a := newApp(t)
		u := store.User{Name: "Ada", Email: ada, PasswordHash: "hash"}
		if tt.verified {
			u.EmailVerified = a.now.Add(-time.Hour)
		}
		a.add(u, "1")
		token := a.send("purpose", tt.subject)
		if tt.change != nil {
			tt.change(a)
		}
		l, got, isReclaimed, err := a.Redeem(a.ctx, "purpose", ada, token, tt.signedIn, tt.reset)
		equal(t, what, a.took(), tt.events...)
		switch {
		case tt.notFound && !errors.Is(err, store.ErrNotFound), tt.err != nil && !errors.Is(err, tt.err), !tt.notFound && tt.err == nil && err != nil:
			t.Errorf("%s: %v", what, err)
		case err != nil && isReclaimed:
			t.Errorf("%s: reclaimed, and %v", what, err)
		}
		if err != nil {
			continue
		}
		if l == nil || l.Email != ada || l.RedirectTo != "/after" || isReclaimed != tt.reclaimed || (got == nil) != (tt.want == "") {
			t.Errorf("%s: %+v, user %+v, reclaimed %t", what, l, got, isReclaimed)
			continue
		}
		if got == nil {
			continue
		}
		if got.ID != tt.want || !got.EmailVerified.Equal(a.now) || !a.user("Ada").EmailVerified.Equal(a.now) {
			t.Errorf("%s: %+v", what, got)
		}
		if stays := a.user("Ada").PasswordHash != ""; stays == tt.reclaimed || (len(a.accounts("Ada")) == 1) == tt.reclaimed {
			t.Errorf("%s: the password stays: %t, and the accounts %v", what, stays, a.accounts("Ada"))
		}
		if _, err := a.TakeLink(t.Context(), "purpose", ada, token); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: the link works again: %v", what, err)
		}
	}
}
