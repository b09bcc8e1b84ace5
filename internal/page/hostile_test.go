package page_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/page"
)

var payloads = []string{
	`"><script>alert(1)</script>`,
	`'><img src=x onerror=alert(1)>`,
	`</title></style></form><svg onload=alert(1)>`,
	`" autofocus onfocus="alert(1)`,
	`' onmouseover='alert(1)`,
	"` onclick=`alert(1)",
	`x onclick=alert(1) y=`,
	`javascript:alert(1)`,
	"java\tscript:alert(1)",
	"\x01javascript:alert(1)",
	`data:text/html,<script>alert(1)</script>`,
	`vbscript:msgbox(1)`,
	`//evil.example`,
	`\\evil.example`,
	`{{.CSRFToken}}{{printf "%s" .}}`,
	`<!--`,
	`--><script>alert(1)</script>`,
	`]]><script>`,
	`&lt;script&gt;&#x3c;script&#62;&quot;`,
	`</svg><style>*{display:none}</style>`,
	`red;background:url(//evil.example)`,
	`#fff" onload="alert(1)`,
	"a\r\nSet-Cookie: x=1\r\n\r\n<script>",
	"\x00\xff\xfe<script>",
	"\u2028\u202e<b>",
	`<base href=//evil.example><meta http-equiv=refresh content=0>`,
}

// fields are functions that set one field of a sign-in page.
var fields = map[string]func(*page.SignIn, string){
	"Site":                  func(d *page.SignIn, s string) { d.Site = s },
	"Site host":             func(d *page.SignIn, s string) { d.Site = "https://" + s },
	"CSRFToken":             func(d *page.SignIn, s string) { d.CSRFToken = s },
	"CallbackURL":           func(d *page.SignIn, s string) { d.CallbackURL = s },
	"Email":                 func(d *page.SignIn, s string) { d.Email = s },
	"ErrorCode":             func(d *page.SignIn, s string) { d.ErrorCode = s },
	"Provider.ID":           func(d *page.SignIn, s string) { d.Providers[7].ID = s },
	"Provider.Name":         func(d *page.SignIn, s string) { d.Providers[6].Name = s },
	"Provider.Type":         func(d *page.SignIn, s string) { d.Providers[6].Type = s },
	"Provider.Action":       func(d *page.SignIn, s string) { d.Providers[6].Action = s },
	"Provider.Logo":         func(d *page.SignIn, s string) { d.Providers[7].Style.Logo = s },
	"Provider.Text":         func(d *page.SignIn, s string) { d.Providers[6].Style.Text = s },
	"Account":               func(d *page.SignIn, s string) { d.Form, d.Account = "credentials", s },
	"User.Name":             func(d *page.SignIn, s string) { d.User.Name = s },
	"User.Picture":          func(d *page.SignIn, s string) { d.User.Picture = s },
	"ForgotPasswordURL":     func(d *page.SignIn, s string) { d.ForgotPasswordURL = s },
	"SignUpURL":             func(d *page.SignIn, s string) { d.SignUpURL = s },
	"Provider.Brand":        func(d *page.SignIn, s string) { d.Providers[6].Style.Brand = s },
	"email Provider.ID":     func(d *page.SignIn, s string) { d.Providers[8].ID = s },
	"email Provider.Name":   func(d *page.SignIn, s string) { d.Providers[8].Name = s },
	"email Provider.Action": func(d *page.SignIn, s string) { d.Providers[8].Action = s },
	"form Provider.ID":      func(d *page.SignIn, s string) { d.Providers[9].ID = s },
	"form Provider.Name":    func(d *page.SignIn, s string) { d.Providers[9].Name = s },
	"form Provider.Action":  func(d *page.SignIn, s string) { d.Providers[9].Action = s },
	"Field.Name":            func(d *page.SignIn, s string) { d.Providers[9].Fields[0].Name = s },
	"Field.Label":           func(d *page.SignIn, s string) { d.Providers[9].Fields[0].Label = s },
	"Field.Type":            func(d *page.SignIn, s string) { d.Providers[9].Fields[0].Type = s },
	"Field.Placeholder":     func(d *page.SignIn, s string) { d.Providers[9].Fields[0].Placeholder = s },
	"Field.Autocomplete":    func(d *page.SignIn, s string) { d.Providers[9].Fields[0].Autocomplete = s },
}

// ordinary returns a sign-in page with ordinary values.
func ordinary() page.SignIn {
	d := fullSignIn()
	d.User = &page.User{Name: "Ada Lovelace", Picture: "https://cdn.example.com/ada.png"}
	d.Account = "" // the focus depends on it
	d.Providers[6].Style.Text = "Work account"
	form := &d.Providers[9]
	form.Fields = append([]page.Field(nil), form.Fields...)
	form.Fields[0].Autocomplete = "username"
	return d
}

func TestSignIn_HostileValues(t *testing.T) {
	p := newPages(t, page.Theme{})
	shape := render(t, func(w http.ResponseWriter) { p.SignIn(w, ordinary()) }).shape()
	for name, set := range fields {
		for _, payload := range payloads {
			d := ordinary()
			set(&d, payload)
			doc := render(t, func(w http.ResponseWriter) { p.SignIn(w, d) })
			if bad := doc.violations(); len(bad) != 0 {
				t.Errorf("%s = %q: %v", name, payload, bad)
			}
			if doc.status != http.StatusOK {
				t.Errorf("%s = %q: status %d, want 200", name, payload, doc.status)
			}
			assertStyleUnchanged(t, doc)
			switch name {
			case "Site", "Site host", "Provider.Logo", "Provider.Brand", "User.Picture":
				continue // an invalid value is replaced
			case "ErrorCode", "Account":
				continue // the alert, or the focus, is elsewhere
			}
			if doc.shape() != shape {
				t.Errorf("%s = %q changes the tree", name, payload)
			}
		}
	}
}

func TestSignIn_FormValues(t *testing.T) {
	p := newPages(t, page.Theme{})
	for _, payload := range payloads {
		if strings.ContainsAny(payload, "\x00\r") {
			continue // an attribute in HTML can't contain these
		}
		d := ordinary()
		d.CSRFToken, d.CallbackURL, d.Email = payload, payload, payload
		doc := render(t, func(w http.ResponseWriter) { p.SignIn(w, d) })
		for _, n := range doc.all("input") {
			switch name := value(n, "name"); name {
			case "csrfToken", "callbackUrl", "email":
				if value(n, "value") != payload {
					t.Errorf("%s: %q became %q", name, payload, value(n, "value"))
				}
			}
		}
	}
}

func TestPage_HostileValues(t *testing.T) {
	p := newPages(t, page.Theme{})
	for _, payload := range payloads {
		for name, write := range map[string]func(http.ResponseWriter){
			"signout": func(w http.ResponseWriter) {
				p.SignOut(w, page.SignOut{Site: payload, Action: payload, CSRFToken: payload})
			},
			"signout, user": func(w http.ResponseWriter) {
				p.SignOut(w, page.SignOut{User: &page.User{Name: payload, Picture: payload}})
			},
			"signed out":        func(w http.ResponseWriter) { p.SignOut(w, page.SignOut{SignedOut: true, SignInURL: payload}) },
			"signout, host":     func(w http.ResponseWriter) { p.SignOut(w, page.SignOut{Site: "https://" + payload}) },
			"verify-request":    func(w http.ResponseWriter) { p.VerifyRequest(w, page.VerifyRequest{Site: payload}) },
			"verify-host":       func(w http.ResponseWriter) { p.VerifyRequest(w, page.VerifyRequest{Site: "https://" + payload}) },
			"error":             func(w http.ResponseWriter) { p.Error(w, page.Error{Site: payload, Code: payload, SignInURL: payload}) },
			"error, known code": func(w http.ResponseWriter) { p.Error(w, page.Error{Code: "AccessDenied", SignInURL: payload}) },
		} {
			doc := render(t, write)
			if bad := doc.violations(); len(bad) != 0 {
				t.Errorf("%s with %q: %v", name, payload, bad)
			}
			assertStyleUnchanged(t, doc)
		}
	}
}

// assertStyleUnchanged checks that the style is the one that the policy allows,
// and that the policy is one line.
func assertStyleUnchanged(t testing.TB, doc document) {
	t.Helper()
	sum := sha256.Sum256([]byte(doc.style(t)))
	policy := doc.header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"';") {
		t.Errorf("the policy %q does not allow the page's style", policy)
	}
}

func FuzzSignInPage(f *testing.F) {
	f.Add("csrf-token", site+"/dashboard", "ada@example.com", "CredentialsSignin", "acme", "Acme", "/logo.svg", "#1d2125")
	for _, s := range payloads {
		f.Add(s, s, s, s, s, s, s, s)
	}
	p := newPages(f, page.Theme{Logo: "/logo.svg", LogoDark: "/dark.svg", BrandColor: "#5b5bd6"})
	f.Fuzz(func(t *testing.T, csrf, callback, email, code, id, name, logo, brand string) {
		d := page.SignIn{
			Site: "https://" + name, CSRFToken: csrf, CallbackURL: callback, Email: email, ErrorCode: code,
			Form: id, Account: email, ForgotPasswordURL: callback, SignUpURL: logo, User: &page.User{Name: name, Picture: logo},
		}
		for _, kind := range []string{"oauth", "email", "credentials", name} {
			d.Providers = append(d.Providers, page.Provider{
				ID: id, Name: name, Type: kind, Action: callback, Style: page.Style{Logo: logo, Brand: brand, Text: brand},
				Fields: []page.Field{{Name: id, Label: name, Type: code, Placeholder: email, Autocomplete: csrf}},
			})
		}
		doc := render(t, func(w http.ResponseWriter) { p.SignIn(w, d) })
		if bad := doc.violations(); len(bad) != 0 {
			t.Errorf("%v in:\n%s", bad, doc.source)
		}
		if doc.status != http.StatusOK || len(doc.all("form")) < 3 {
			t.Errorf("status %d with %d forms", doc.status, len(doc.all("form")))
		}
		assertStyleUnchanged(t, doc)
	})
}
