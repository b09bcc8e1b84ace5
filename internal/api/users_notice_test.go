package api_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/mail"
	"github.com/nuxtauth/nuxtauth/store"
)

// A noticeApp is a usersApp that sends mails. Its provider "idp" vouches for addresses.
type noticeApp struct {
	*usersApp
	post *postOffice
}

func newNoticeApp(t *testing.T, change ...func(*apptest.Config)) *noticeApp {
	t.Helper()
	n := &noticeApp{post: new(postOffice)}
	n.usersApp = newUsersApp(t, append([]func(*apptest.Config){trusting("idp"), func(cfg *apptest.Config) {
		cfg.Mail.Send = n.post.Send
		cfg.Theme.Name = "Acme"
		for i := range cfg.Providers {
			cfg.Providers[i].Name = strings.ToUpper(cfg.Providers[i].ID)
		}
	}}, change...)...)
	n.Router.POST("/unlink", func(c *gin.Context) {
		if err := n.Auth.UnlinkAccount(c, n.Auth.Subject(c), c.PostForm("provider"), c.PostForm("id"), ""); err != nil {
			c.String(http.StatusConflict, err.Error())
		}
	})
	return n
}

// notices returns the recipients, subjects and texts of the mails since the last call.
func (n *noticeApp) notices() (list []string, all []mail.Message) {
	n.Helper()
	if err := n.Auth.Shutdown(n.Context()); err != nil {
		n.Fatal(err)
	}
	n.post.mu.Lock()
	defer n.post.mu.Unlock()
	all = n.post.sent[n.post.next:]
	n.post.next = len(n.post.sent)
	for _, m := range all {
		list = append(list, m.To+": "+m.Subject)
	}
	return list, all
}

// expect checks the mails since the last call.
func (n *noticeApp) expect(what string, want ...string) {
	n.Helper()
	got, _ := n.notices()
	equal(n.T, what, got, want...)
}

const (
	noticeLinked    = "alice@example.com: A way to sign in to Acme was added"
	noticeUnlinked  = "alice@example.com: A way to sign in to Acme was removed"
	noticePassword  = "alice@example.com: Your password for Acme was changed"
	noticeReclaimed = "alice@example.com: Your account at Acme was secured"
)

// unlink removes the account of a user, in a request.
func (n *noticeApp) unlink(id, account string) apptest.Response {
	n.Helper()
	return n.Post("/unlink", url.Values{"provider": {id}, "id": {account}})
}

// redeem sends a link and redeems it.
func (n *noticeApp) redeem(purpose mail.Purpose) {
	n.Helper()
	if err := n.Auth.SendLink(n.Context(), nuxtauth.LinkRequest{Purpose: purpose, Email: "alice@example.com", RedirectTo: "/page"}); err != nil {
		n.Fatal(err)
	}
	_, sent := n.notices()
	form := formOf(n.T, linkIn(n.T, sent[0]), "")
	if _, err := n.Auth.RedeemLink(n.Context(), nuxtauth.LinkProof{Purpose: purpose, Email: form.Get("email"), Token: form.Get("token")}); err != nil {
		n.Fatal(err)
	}
}

func TestAC11_OwnerIsToldOfChanges(t *testing.T) {
	for name, tt := range map[string]struct {
		change []func(*apptest.Config)
		do     func(n *noticeApp)
		want   []string
	}{
		"sign-in and sign-up": {do: func(n *noticeApp) { n.another().mustSignIn("idp", "alice") }},
		"linked":              {do: func(n *noticeApp) { n.link("idp2", "carol") }, want: []string{noticeLinked}},
		"linked again": {do: func(n *noticeApp) {
			n.link("idp2", "carol")
			n.expect("linked", noticeLinked)
			n.link("idp2", "carol")
		}},
		"refused": {do: func(n *noticeApp) {
			n.another().mustSignIn("idp2", "carol")
			n.link("idp2", "carol")
		}},
		"linked by e-mail": {
			change: []func(*apptest.Config){trusting("idp2"), func(cfg *apptest.Config) { cfg.Accounts.LinkByEmail = true }},
			do:     func(n *noticeApp) { n.another().mustSignIn("idp2", "dave") },
			want:   []string{noticeLinked},
		},
		"linked after proof": {
			change: []func(*apptest.Config){trusting("idp2"), afterProof},
			do: func(n *noticeApp) {
				n.signIn("idp2", "dave")
				n.expect("waiting")
				n.mustSignIn("idp", "alice")
			},
			want: []string{noticeLinked},
		},
		"unlinked": {do: func(n *noticeApp) {
			n.link("idp2", "carol")
			n.expect("linked", noticeLinked)
			if res := n.unlink("idp2", "carol"); res.StatusCode != http.StatusOK {
				n.Errorf("%d %s", res.StatusCode, res.Text)
			}
		}, want: []string{noticeUnlinked}},
		"last way in": {do: func(n *noticeApp) { n.unlink("idp", "alice") }},
		"password":    {do: func(n *noticeApp) { n.redeem(mail.PurposeReset) }, want: []string{noticePassword}},
		"verified":    {do: func(n *noticeApp) { n.redeem(mail.PurposeVerify) }},
		"reclaimed, password": {do: func(n *noticeApp) {
			n.change(n.subject(), func(u *store.User) {
				u.EmailVerified, u.PasswordHash = store.User{}.EmailVerified, "of another person"
			})
			n.redeem(mail.PurposeReset)
		}, want: []string{noticeReclaimed}},
		"reclaimed, accounts": {do: func(n *noticeApp) {
			n.change(n.subject(), func(u *store.User) { u.EmailVerified = store.User{}.EmailVerified })
			n.redeem(mail.PurposeVerify)
		}, want: []string{noticeReclaimed}},
		"nothing to reclaim": {do: func(n *noticeApp) {
			if err := n.Auth.DeleteUser(n.Context(), n.subject()); err != nil {
				n.Fatal(err)
			}
			n.add(&store.User{Email: "alice@example.com"}) // whom the application has invited
			n.another().mustSignIn("idp", "alice")
		}},
		"switched off": {
			change: []func(*apptest.Config){func(cfg *apptest.Config) { cfg.Mail.SkipNotices = true }},
			do:     func(n *noticeApp) { n.link("idp2", "carol") },
		},
		"without mails": {
			change: []func(*apptest.Config){func(cfg *apptest.Config) { cfg.Mail.Send = nil }},
			do:     func(n *noticeApp) { n.link("idp2", "carol") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNoticeApp(t, tt.change...)
			n.mustSignIn("idp", "alice")
			n.expect("signed up")
			tt.do(n)
			n.expect(name, tt.want...)
		})
	}
}

// The address of a user who has not proved it may be that of another person.
func TestAC11_UnprovedAddressIsToldNothing(t *testing.T) {
	n := newNoticeApp(t)
	id := n.mustSignIn("idp2", "alice")
	n.link("idp2", "carol")
	n.unlink("idp2", "carol")
	equal(t, "accounts", n.accounts(id), "idp2 alice")
	n.expect("an address that is not proved")
	b := n.another()
	b.mustSignIn("idp2", "carol") // without an address
	b.link("idp", "bob")
	n.expect("no address")
}

func TestAC11_NoticeHasNoLinkAndNothingOfTheRequest(t *testing.T) {
	contexts := make(chan context.Context, 2)
	n := newNoticeApp(t)
	n.post.use(func(ctx context.Context, _ mail.Message) error { contexts <- ctx; return nil })
	n.mustSignIn("idp", "alice")
	n.link("idp2", "carol")
	_, sent := n.notices()
	n.unlink("idp2", "carol")
	_, removed := n.notices()
	sent = append(slices.Clone(sent), removed...)
	if len(sent) != 2 {
		t.Fatalf("%d notices", len(sent))
	}
	if text := sent[0].Text; !strings.Contains(text, "with IDP2") {
		t.Errorf("the notice does not name the provider:\n%s", text)
	}
	for _, m := range sent {
		if all := m.Text + m.HTML; strings.Contains(all, "http://") || strings.Contains(all, "token") || strings.Contains(strings.ToLower(all), "carol") || strings.Contains(m.HTML, "href") {
			t.Errorf("the notice is\n%s\n%s", m.Text, m.HTML)
		}
	}
	for range sent {
		ctx := <-contexts
		if ctx.Value(gin.ContextKey) != nil {
			t.Error("the mail has the gin.Context of a request that is over")
		}
		if _, ok := ctx.Deadline(); !ok {
			t.Error("the mail has no deadline")
		}
	}
}

// A fault changes nothing but the log: neither the answer, nor whether links are sent.
func TestAC11_FaultIsLogged(t *testing.T) {
	for name, tt := range map[string]struct {
		send   func(context.Context, mail.Message) error
		notice func(context.Context, mail.Notice) (mail.Message, error)
	}{
		"outage": {send: func(context.Context, mail.Message) error { return errors.New("the server is down") }},
		"panic":  {send: func(context.Context, mail.Message) error { panic("the server is down") }},
		"message": {notice: func(context.Context, mail.Notice) (mail.Message, error) {
			return mail.Message{}, errors.New("the server is down")
		}},
	} {
		n := newNoticeApp(t, func(cfg *apptest.Config) { cfg.Mail.Notice = tt.notice })
		n.post.use(tt.send)
		id := n.mustSignIn("idp", "alice")
		if res := n.link("idp2", "carol"); res.Header.Get("Location") != n.URL+"/linked" {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.Header.Get("Location"))
		}
		equal(t, name, n.accounts(id), "idp alice", "idp2 carol")
		n.notices()
		if !strings.Contains(n.Log.String(), "could not be sent") || !strings.Contains(n.Log.String(), "the server is down") {
			t.Errorf("%s: the log is\n%s", name, n.Log)
		}
		n.post.use(nil)
		if err := n.Auth.SendLink(t.Context(), nuxtauth.LinkRequest{Purpose: "own", Email: "alice@example.com", RedirectTo: "/page"}); err != nil {
			t.Errorf("%s: a link afterwards: %v", name, err)
		}
	}
}

// The answer does not wait for the mail, and Shutdown does.
func TestAC11_NoticeIsSentAfterTheAnswer(t *testing.T) {
	n := newNoticeApp(t)
	n.mustSignIn("idp", "alice")
	release := make(chan struct{})
	n.post.use(func(context.Context, mail.Message) error { <-release; return nil })
	n.link("idp2", "carol") // returns
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.Auth.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown during a notice: %v", err)
	}
	close(release)
	n.expect("linked", noticeLinked)
}

// Links, for which any client can ask, do not use up the notices, and neither does an outage
// that they have shown.
func TestAC11_LinksSuppressNoNotice(t *testing.T) {
	n := newNoticeApp(t)
	n.mustSignIn("idp", "alice")
	ask := func(i int) {
		t.Helper()
		if err := n.Auth.SendLink(t.Context(), nuxtauth.LinkRequest{Purpose: "own", Email: "alice@example.com", RedirectTo: fmt.Sprint("/page", i)}); err != nil {
			t.Fatal(err)
		}
		n.notices()
	}
	for i := range 4 {
		ask(i)
	}
	n.link("idp2", "carol")
	n.expect("above the limit of links", noticeLinked)

	n.Clock.Advance(10 * time.Minute)
	n.post.use(func(context.Context, mail.Message) error { return apptest.ErrDown })
	ask(0)
	n.post.use(nil)
	n.unlink("idp2", "carol")
	n.expect("in an outage", noticeUnlinked)
}

func TestAC11_Limit(t *testing.T) {
	n := newNoticeApp(t)
	id := n.mustSignIn("idp", "alice")
	sent := 0
	change := func() {
		t.Helper()
		key := store.AccountKey{Provider: "idp2", ProviderAccountID: "carol"}
		err := n.store.Memory.LinkAccount(t.Context(), &store.Account{AccountKey: key, UserID: id})
		if err == nil {
			err = n.Auth.UnlinkAccount(t.Context(), id, "idp2", "carol", "")
		}
		if err != nil {
			t.Fatal(err)
		}
		list, _ := n.notices()
		sent += len(list)
	}
	for range 22 {
		change()
	}
	if sent != 20 {
		t.Errorf("%d notices in a day", sent)
	}
	n.Clock.Advance(24 * time.Hour)
	if change(); sent != 21 {
		t.Error("no notice on the next day")
	}
}

// More mails than a hundred are not sent at once: what is left out is in the log.
func TestAC11_TooManyAtOnce(t *testing.T) {
	n := newNoticeApp(t)
	n.mustSignIn("idp", "alice")
	release := make(chan struct{})
	n.post.use(func(context.Context, mail.Message) error { <-release; return nil })
	for i := range 100 {
		if err := n.Auth.SendLink(t.Context(), nuxtauth.LinkRequest{Purpose: "own", Email: fmt.Sprintf("user%d@example.com", i), RedirectTo: "/own"}); err != nil {
			t.Fatal(err)
		}
	}
	n.link("idp2", "carol")
	close(release)
	if list, _ := n.notices(); len(list) != 100 || !strings.Contains(n.Log.String(), "too many mails are being sent") {
		t.Errorf("%d mails, the log is\n%s", len(list), n.Log)
	}
}
