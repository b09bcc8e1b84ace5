package page_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/page"
)

// fullConfirm sets all fields of the page.
func fullConfirm() page.Confirm {
	return page.Confirm{
		Site: site, Action: base + "/callback/email", CSRFToken: "csrf-token", Email: "ada@example.com", Token: "the-token", CallbackURL: "https://app.example.com/after?a=b&c=d",
		User: &page.User{Name: "Grace Hopper", Picture: "https://cdn.example.com/grace.png"},
	}
}

func confirm(t testing.TB, p *page.Pages, d page.Confirm) document {
	t.Helper()
	return render(t, func(w http.ResponseWriter) { p.Confirm(w, d) })
}

func TestConfirm_PostsTheLink(t *testing.T) {
	doc := confirm(t, newPages(t, page.Theme{Name: "Acme"}), fullConfirm())
	forms := doc.all("form")
	if len(forms) != 1 || value(forms[0], "method") != "POST" || value(forms[0], "action") != base+"/callback/email" {
		t.Fatalf("the forms are in\n%s", doc.source)
	}
	got := make(map[string]string)
	for _, n := range doc.all("input") {
		if value(n, "type") != "hidden" {
			t.Errorf("an input of type %s", value(n, "type"))
		}
		got[value(n, "name")] = value(n, "value")
	}
	if len(got) != 4 || got["callbackUrl"] != "https://app.example.com/after?a=b&c=d" || got["csrfToken"] != "csrf-token" || got["email"] != "ada@example.com" || got["token"] != "the-token" {
		t.Errorf("the form has %v", got)
	}
	buttons := doc.all("button")
	if len(buttons) != 1 || text(buttons[0]) != "Sign in as ada@example.com" || value(buttons[0], "id") != "submitButton" {
		t.Errorf("the buttons are in\n%s", doc.source)
	}
	main := doc.mainText(t)
	for _, want := range []string{"to continue to Acme", "Signed in as Grace Hopper", "Another user is signed in here, and will be signed out."} {
		if !strings.Contains(main, want) {
			t.Errorf("%q is not in %q", want, main)
		}
	}
	if len(doc.all("script")) != 0 || doc.status != http.StatusOK {
		t.Errorf("status %d\n%s", doc.status, doc.source)
	}
}

func TestConfirm_Users(t *testing.T) {
	p := newPages(t, page.Theme{})
	for name, test := range map[string]struct {
		user        *page.User
		alert, name bool
	}{
		"none":           {nil, false, false},
		"with a name":    {&page.User{Name: "Grace Hopper"}, true, true},
		"without a name": {&page.User{}, true, false},
	} {
		d := fullConfirm()
		d.User = test.user
		main := confirm(t, p, d).mainText(t)
		if strings.Contains(main, "Another user is signed in here") != test.alert || strings.Contains(main, "Signed in as") != test.name {
			t.Errorf("%s: %q", name, main)
		}
	}
}

func TestConfirm_HostileValues(t *testing.T) {
	p := newPages(t, page.Theme{})
	shape := confirm(t, p, fullConfirm()).shape()
	for name, set := range map[string]func(*page.Confirm, string){
		"Site":         func(d *page.Confirm, s string) { d.Site = s },
		"Site host":    func(d *page.Confirm, s string) { d.Site = "https://" + s },
		"Action":       func(d *page.Confirm, s string) { d.Action = s },
		"CSRFToken":    func(d *page.Confirm, s string) { d.CSRFToken = s },
		"Email":        func(d *page.Confirm, s string) { d.Email = s },
		"Token":        func(d *page.Confirm, s string) { d.Token = s },
		"CallbackURL":  func(d *page.Confirm, s string) { d.CallbackURL = s },
		"User.Name":    func(d *page.Confirm, s string) { d.User.Name = s },
		"User.Picture": func(d *page.Confirm, s string) { d.User.Picture = s },
	} {
		for _, payload := range payloads {
			d := fullConfirm()
			set(&d, payload)
			doc := confirm(t, p, d)
			if bad := doc.violations(); len(bad) != 0 {
				t.Errorf("%s = %q: %v", name, payload, bad)
			}
			assertStyleUnchanged(t, doc)
			switch name {
			case "Site", "Site host", "User.Picture":
				continue // an invalid value is replaced
			}
			if doc.shape() != shape {
				t.Errorf("%s = %q changes the tree", name, payload)
			}
		}
	}
}
