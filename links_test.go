package nuxtauth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/mail"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

// The result does not show whether a user has the address.
func TestSendLink_OnlyToUsers(t *testing.T) {
	a := newLinkApp(t)
	a.user("known@example.com", true, false)
	a.user("unproved@example.com", false, false)
	a.user("disabled@example.com", true, true)
	for purpose, want := range map[mail.Purpose]string{
		mail.PurposeReset: "known unproved", mail.PurposeVerify: "known unproved", "invite": "known unproved disabled unknown ambiguous",
	} {
		a.Clock.Advance(time.Hour)
		var sent []string
		for _, name := range []string{"known", "unproved", "disabled", "unknown", "ambiguous"} {
			a.store.fault = ""
			if name == "ambiguous" {
				a.store.fault = name
			}
			err := a.Auth.SendLink(t.Context(), nuxtauth.LinkRequest{Purpose: purpose, Email: " " + strings.ToUpper(name) + "@example.com", RedirectTo: "/page"})
			if err != nil {
				t.Errorf("%s to %s: %v", purpose, name, err)
			}
			for _, m := range a.mails() {
				if m.To != name+"@example.com" {
					t.Errorf("sent to %s", m.To)
				}
				sent = append(sent, name)
			}
		}
		if got := strings.Join(sent, " "); got != want {
			t.Errorf("%s: sent to %s, want %s", purpose, got, want)
		}
	}
}

func TestSendLink_URL(t *testing.T) {
	a := newLinkApp(t)
	for to, want := range map[string]string{
		"/reset":                                a.URL + "/reset?email=ada%40example.com&token=",
		"/reset?lang=de&email=x&token=y":        a.URL + "/reset?email=ada%40example.com&lang=de&token=",
		"/zurück/a|b?a=ü|":                      a.URL + "/zur%C3%BCck/a%7Cb?a=%C3%BC%7C&email=ada%40example.com&token=",
		"//evil.example/reset":                  a.URL + "//evil.example/reset?email=ada%40example.com&token=",
		"https://front.example/reset?step=2":    "https://front.example/reset?email=ada%40example.com&step=2&token=",
		"http://localhost:5173/a/../b?x=%20%2B": "http://localhost:5173/a/../b?email=ada%40example.com&x=+%2B&token=",
	} {
		a.Clock.Advance(time.Hour)
		if err := a.Auth.SendLink(t.Context(), nuxtauth.LinkRequest{Purpose: "invite", Email: "ada@example.com", RedirectTo: to, Lifetime: 2 * time.Hour}); err != nil {
			t.Errorf("%s: %v", to, err)
			continue
		}
		m := a.mails()[0]
		link := linkOf(t, m)
		if !strings.HasPrefix(link, want) || strings.ContainsAny(link[len(want):], "&=/?#.") || len(link) != len(want)+26 {
			t.Errorf("%s: the link is %s, want %s…", to, link, want)
		}
		if !strings.Contains(m.Text, "within 2 hours") {
			t.Errorf("the text is %s", m.Text)
		}
		if _, err := a.redeem(a.App, "invite", query(t, link)); err != nil {
			t.Errorf("%s: %v", to, err)
		}
	}
}

func TestSendLink_Errors(t *testing.T) {
	a := newLinkApp(t)
	ok := nuxtauth.LinkRequest{Purpose: mail.PurposeReset, Email: "ada@example.com", RedirectTo: "/reset"}
	for want, change := range map[string]func(*nuxtauth.LinkRequest){
		`Purpose is ""`:            func(r *nuxtauth.LinkRequest) { r.Purpose = "" },
		`Purpose is "signin"`:      func(r *nuxtauth.LinkRequest) { r.Purpose = mail.PurposeSignIn },
		"address: it has no @":     func(r *nuxtauth.LinkRequest) { r.Email = "ada" },
		"address: it is empty":     func(r *nuxtauth.LinkRequest) { r.Email = "" },
		`RedirectTo is ""`:         func(r *nuxtauth.LinkRequest) { r.RedirectTo = "" },
		`RedirectTo is "reset"`:    func(r *nuxtauth.LinkRequest) { r.RedirectTo = "reset" },
		`RedirectTo is "/a#b"`:     func(r *nuxtauth.LinkRequest) { r.RedirectTo = "/a#b" },
		`RedirectTo is "app://a"`:  func(r *nuxtauth.LinkRequest) { r.RedirectTo = "app://a" },
		`RedirectTo is "https:/a"`: func(r *nuxtauth.LinkRequest) { r.RedirectTo = "https:/a" },
		`RedirectTo is "https://ü`: func(r *nuxtauth.LinkRequest) { r.RedirectTo = "https://ü.example/a" },
		`RedirectTo is "https://<`: func(r *nuxtauth.LinkRequest) { r.RedirectTo = "https://<b>/a" },
		`RedirectTo is "https://%`: func(r *nuxtauth.LinkRequest) { r.RedirectTo = "https://%zz/a" },
		`RedirectTo is "https://[`: func(r *nuxtauth.LinkRequest) { r.RedirectTo = "https://[fe80::1%25a%20b]/a" }, // with a space
		`RedirectTo is "/aaaa`:     func(r *nuxtauth.LinkRequest) { r.RedirectTo = "/" + strings.Repeat("a", 2048) },
		`Purpose is "aaaa`:         func(r *nuxtauth.LinkRequest) { r.Purpose = mail.Purpose(strings.Repeat("a", 65)) },
		"Lifetime is 59s":          func(r *nuxtauth.LinkRequest) { r.Lifetime = 59 * time.Second },
		"Lifetime is 24h0m1s":      func(r *nuxtauth.LinkRequest) { r.Lifetime = 24*time.Hour + time.Second },
		"Lifetime is -1s":          func(r *nuxtauth.LinkRequest) { r.Lifetime = -time.Second },
	} {
		r := ok
		change(&r)
		err := a.Auth.SendLink(t.Context(), r)
		if err == nil || !strings.HasPrefix(err.Error(), "nuxtauth: SendLink: ") || !strings.Contains(err.Error(), want) || errors.Is(err, nuxtauth.ErrUnavailable) {
			t.Errorf("%s: %v", want, err)
		}
	}
	a.store.fault = "FindUserByEmail"
	if err := a.Auth.SendLink(t.Context(), ok); !errors.Is(err, nuxtauth.ErrUnavailable) {
		t.Errorf("the store is down: %v", err)
	}
	if n := len(a.mails()); n != 0 {
		t.Errorf("%d mails", n)
	}

	mailless := apptest.NewAuth(t, func(cfg *apptest.Config) { cfg.Accounts.Store = a.store })
	if err := mailless.SendLink(t.Context(), ok); !errors.Is(err, store.ErrUnsupported) {
		t.Errorf("without mails: %v", err)
	}
	if _, err := mailless.RedeemLink(t.Context(), nuxtauth.LinkProof{Purpose: mail.PurposeReset}); !errors.Is(err, store.ErrUnsupported) {
		t.Errorf("without mails: %v", err)
	}
	without := apptest.NewAuth(t)
	if err := without.SendLink(t.Context(), ok); !errors.Is(err, store.ErrUnsupported) {
		t.Errorf("without users: %v", err)
	}
	if _, err := without.RedeemLink(t.Context(), nuxtauth.LinkProof{Purpose: mail.PurposeReset}); !errors.Is(err, store.ErrUnsupported) {
		t.Errorf("without users: %v", err)
	}
}

// The limits of what is no mistake.
func TestSendLink_Limits(t *testing.T) {
	a := newLinkApp(t)
	for _, r := range []nuxtauth.LinkRequest{
		{Purpose: mail.Purpose(strings.Repeat("a", 64)), RedirectTo: "/page"},
		{Purpose: "invite", RedirectTo: "/page", Lifetime: time.Minute},
		{Purpose: "invite", RedirectTo: "/page", Lifetime: 24 * time.Hour},
		{Purpose: "invite", RedirectTo: "https://example.com/" + strings.Repeat("a", 2048-len("https://example.com/"))},
		{Purpose: "invite", RedirectTo: "https://a!b~.example/page"},
	} {
		a.Clock.Advance(time.Hour)
		r.Email = "ada@example.com"
		if err := a.Auth.SendLink(t.Context(), r); err != nil || len(a.mails()) != 1 {
			t.Errorf("%.80q, %q, %v: %v", r.RedirectTo, r.Purpose, r.Lifetime, err)
		}
	}
}

func TestSendLink_OutageOfMails(t *testing.T) {
	a := newLinkApp(t, func(cfg *apptest.Config) {
		cfg.Mail.Send = func(context.Context, mail.Message) error { return apptest.ErrDown }
	})
	r := nuxtauth.LinkRequest{Purpose: "invite", Email: "ada@example.com", RedirectTo: "/page"}
	if err := a.Auth.SendLink(t.Context(), r); err != nil {
		t.Error(err)
	}
	a.mails()
	if err := a.Auth.SendLink(t.Context(), r); !errors.Is(err, nuxtauth.ErrUnavailable) {
		t.Errorf("after a mail that could not be sent: %v", err)
	}
}

// A message of the application's own gets what the default one has.
func TestSendLink_OwnMessage(t *testing.T) {
	for what, configured := range map[string]bool{"URL": true, "no URL": false} {
		var got mail.Link
		a := newLinkApp(t, func(cfg *apptest.Config) {
			if !configured {
				cfg.URL, cfg.TrustHost, cfg.TrustedOrigins = "", true, []string{cfg.URL, "https://other.example"}
			}
			cfg.Theme = nuxtauth.Theme{Name: "Acme", Logo: "/logo.png", LogoDark: "https://cdn.example/dark.png", BrandColor: "#336699"}
			cfg.Mail.Link = func(_ context.Context, l mail.Link) (mail.Message, error) {
				got = l
				return mail.Message{Subject: "Our own", Text: l.URL}, nil
			}
		})
		if err := a.Auth.SendLink(t.Context(), nuxtauth.LinkRequest{Purpose: "invite", Email: "ada@example.com", RedirectTo: "https://app.example/page", Lifetime: time.Hour}); err != nil {
			t.Fatal(err)
		}
		sent := a.mails()
		if len(sent) != 1 || sent[0].Subject != "Our own" || sent[0].To != "ada@example.com" || got.Purpose != "invite" || got.Lifetime != time.Hour {
			t.Errorf("%s: %+v, of %+v", what, sent, got)
		}
		origin, host := a.URL, strings.TrimPrefix(a.URL, "http://")
		if !configured {
			origin, host = "", ""
		}
		if s := got.Site; s.Name != "Acme" || s.Host != host || s.Logo != origin+"/logo.png" || s.LogoDark != "https://cdn.example/dark.png" || s.BrandColor != "#336699" {
			t.Errorf("%s: the site is %+v", what, s)
		}
	}
}

// A request decides nothing about where a mail leads.
func TestSendLink_PathNeedsURL(t *testing.T) {
	a := newLinkApp(t, func(cfg *apptest.Config) {
		cfg.URL, cfg.TrustHost, cfg.TrustedOrigins = "", true, []string{cfg.URL, "https://other.example"}
	})
	r := nuxtauth.LinkRequest{Purpose: "invite", Email: "ada@example.com", RedirectTo: "/page"}
	if err := a.Auth.SendLink(t.Context(), r); err == nil || !strings.Contains(err.Error(), "Config.URL is not set") {
		t.Errorf("a path: %v", err)
	}
	r.RedirectTo = "https://front.example/page"
	if err := a.Auth.SendLink(t.Context(), r); err != nil || len(a.mails()) != 1 {
		t.Errorf("a URL: %v", err)
	}
}

func TestSendLink_LimitOfTheNetwork(t *testing.T) {
	a := newLinkApp(t)
	n := 0
	a.Router.POST("/invite", func(c *gin.Context) {
		n++
		if err := a.Auth.SendLink(c, nuxtauth.LinkRequest{Purpose: "invite", Email: fmt.Sprintf("user%d@example.com", n), RedirectTo: "/page"}); err != nil {
			t.Error(err)
		}
	})
	for range 25 {
		a.Post("/invite", nil)
	}
	if sent := len(a.mails()); sent != 20 {
		t.Errorf("%d mails", sent)
	}
}

// Gin uses its context for another request while the mail is being sent.
func TestSendLink_LeavesTheContextOfGin(t *testing.T) {
	contexts := make(chan context.Context, 1)
	a := newLinkApp(t, func(cfg *apptest.Config) {
		cfg.Mail.Send = func(ctx context.Context, _ mail.Message) error { contexts <- ctx; return nil }
	})
	type key struct{}
	a.Router.POST("/invite", func(c *gin.Context) {
		c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), key{}, "a trace"))
		if err := a.Auth.SendLink(c, nuxtauth.LinkRequest{Purpose: "invite", Email: "ada@example.com", RedirectTo: "/page"}); err != nil {
			t.Error(err)
		}
	})
	a.Post("/invite", nil)
	if ctx := <-contexts; ctx.Value(gin.ContextKey) != nil || ctx.Value(key{}) != "a trace" {
		t.Errorf("the context has %v and %v", ctx.Value(gin.ContextKey), ctx.Value(key{}))
	}
}

func TestConfig_Mail(t *testing.T) {
	send := func(context.Context, mail.Message) error { return nil }
	email := func(id string) provider.Provider {
		return provider.Email(func(p *provider.Provider) { p.ID = id })
	}
	users := func() store.Accounts { return store.NewMemory(store.MemoryOptions{}) }
	noName := func(c *apptest.Config) {
		c.URL, c.TrustHost, c.TrustedOrigins = "", true, []string{"https://app.example.com"}
		c.Accounts.Store, c.Mail.Send = users(), send
	}
	for _, test := range []struct {
		name   string
		change func(*apptest.Config)
		want   []string
	}{
		{"complete", func(c *apptest.Config) {
			c.Accounts.Store, c.Mail.Send, c.Providers = users(), send, []provider.Provider{email("email")}
		}, nil},
		{"no e-mail provider", func(c *apptest.Config) { c.Accounts.Store, c.Mail.Send = users(), send }, nil},
		{"no Accounts", func(c *apptest.Config) { c.Mail.Send, c.Providers = send, []provider.Provider{email("email")} },
			[]string{`provider "email" signs users in by e-mail: set Mail.Send, and Accounts.Store`}},
		{"no Send", func(c *apptest.Config) {
			c.Accounts.Store, c.Providers = users(), []provider.Provider{email("email")}
		}, []string{`provider "email" signs users in by e-mail: set Mail.Send`}},
		{"no Links", func(c *apptest.Config) {
			c.Accounts.Store, c.Mail.Send, c.Providers = struct{ store.Accounts }{users()}, send, []provider.Provider{email("email")}
			c.Session.DenyList = store.NewMemory(store.MemoryOptions{})
		}, []string{"that is a store.Links"}},
		{"Link without Send", func(c *apptest.Config) {
			c.Mail.Link = func(context.Context, mail.Link) (mail.Message, error) { return mail.Message{}, nil }
		}, []string{"Mail.Link and Mail.Notice make messages that nothing sends"}},
		{"Notice without Send", func(c *apptest.Config) {
			c.Mail.Notice = func(context.Context, mail.Notice) (mail.Message, error) { return mail.Message{}, nil }
		}, []string{"Mail.Link and Mail.Notice make messages that nothing sends"}},
		{"notices without a name", noName, []string{"nothing names the application: set URL or Theme.Name, or Mail.SkipNotices"}},
		{"notices with a name", func(c *apptest.Config) { noName(c); c.Theme.Name = "Acme" }, nil},
		{"no notices", func(c *apptest.Config) { noName(c); c.Mail.SkipNotices = true }, nil},
		{"notices of the application", func(c *apptest.Config) {
			noName(c)
			c.Mail.Notice = func(context.Context, mail.Notice) (mail.Message, error) { return mail.Message{}, nil }
		}, nil},
		{"Link with Send", func(c *apptest.Config) {
			c.Accounts.Store, c.Mail.Send = users(), send
			c.Mail.Link = func(context.Context, mail.Link) (mail.Message, error) { return mail.Message{}, nil }
		}, nil},
		{"a URL that is none", func(c *apptest.Config) {
			c.Accounts.Store, c.Mail.Send, c.Providers, c.URL = users(), send, []provider.Provider{email("email")}, "app.example.com"
		}, []string{"URL"}},
		{"two e-mail providers", func(c *apptest.Config) {
			c.Accounts.Store, c.Mail.Send, c.Providers = users(), send, []provider.Provider{email("email"), email("nodemailer")}
		}, []string{`providers "email" and "nodemailer" both sign users in by e-mail`}},
		{"one e-mail provider twice", func(c *apptest.Config) {
			c.Accounts.Store, c.Mail.Send, c.Providers = users(), send, []provider.Provider{email("email"), email("email")}
		}, []string{`two providers have the id "email"`}},
		{"no URL", func(c *apptest.Config) {
			c.URL, c.TrustHost, c.TrustedOrigins = "", true, []string{"https://app.example.com"}
			c.Accounts.Store, c.Mail.Send, c.Providers = users(), send, []provider.Provider{email("email")}
		}, []string{`provider "email" signs users in by e-mail: set URL`}},
		{"lifetime", func(c *apptest.Config) {
			c.Accounts.Store, c.Mail.Send, c.Providers = users(), send, []provider.Provider{email("email")}
			c.Providers[0].LinkLifetime = 25 * time.Hour
		}, []string{"LinkLifetime is 25h0m0s"}},
	} {
		cfg := apptest.Config{Secret: apptest.Secret, URL: "https://app.example.com"}
		test.change(&cfg)
		_, err := nuxtauth.New(cfg)
		all := slices.Collect(nuxtauth.ConfigErrors(err))
		if len(all) != len(test.want) || err != nil && len(all) == 0 {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		for i, want := range test.want {
			if !strings.Contains(all[i].Error(), want) {
				t.Errorf("%s: %v, want %s", test.name, all[i], want)
			}
		}
	}
}

func TestSignInForm_EMail(t *testing.T) {
	a := newLinkApp(t, func(cfg *apptest.Config) {
		cfg.Pages.SignIn = "/login"
		cfg.Providers = append(cfg.Providers, provider.Email())
	})
	a.Router.GET("/login", func(c *gin.Context) {
		f, err := a.Auth.SignInForm(c)
		if err != nil || len(f.Providers) != 2 {
			t.Fatalf("%+v, %v", f, err)
		}
		p := f.Providers[1]
		if len(p.Fields) != 1 || p.Fields[0].Name != "email" || p.Fields[0].Label != "Email" || p.Fields[0].Type != "email" || p.Fields[0].Autocomplete != "email" || p.Action != a.URL+"/api/auth/signin/email" {
			t.Errorf("the form is %+v", p)
		}
		c.Status(http.StatusNoContent)
	})
	a.Get("/login")
}
