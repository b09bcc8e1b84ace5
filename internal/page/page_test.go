package page_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/nuxtauth/nuxtauth/internal/page"
)

const (
	site = "https://app.example.com"
	base = site + "/api/auth"
)

func oauth(id, name string) page.Provider {
	return page.Provider{ID: id, Name: name, Type: "oauth", Action: base + "/signin/" + id}
}

var (
	emailForm = page.Provider{ID: "email", Name: "Email", Type: "email", Action: base + "/signin/email"}
	password  = page.Provider{
		ID: "credentials", Name: "Credentials", Type: "credentials", Action: base + "/callback/credentials",
		Fields: []page.Field{
			{Name: "username", Label: "Username", Type: "text", Placeholder: "jsmith"},
			{Name: "password", Label: "Password", Type: "password"},
		},
	}
)

// fullSignIn sets all fields of the sign-in page.
func fullSignIn() page.SignIn {
	return page.SignIn{
		Site: site, CSRFToken: "csrf-token", CallbackURL: site + "/dashboard", Email: "ada@example.com", ErrorCode: "CredentialsSignin",
		Form: "credentials", Account: "ada", ForgotPasswordURL: "/forgot", SignUpURL: site + "/signup",
		User: &page.User{Name: "Ada Lovelace", Picture: site + "/ada.png"},
		Providers: []page.Provider{
			oauth("github", "GitHub"), oauth("google", "Google"), oauth("gitlab", "GitLab"), oauth("discord", "Discord"),
			oauth("apple", "Apple"), oauth("microsoft-entra-id", "Microsoft Entra ID"),
			{ID: "keycloak", Name: "Keycloak", Type: "oidc", Action: base + "/signin/keycloak", Style: page.Style{Brand: "#428bca"}},
			{ID: "acme", Name: "Acme", Type: "oidc", Action: base + "/signin/acme", Style: page.Style{Logo: "https://cdn.example.com/acme.svg"}},
			emailForm, password,
		},
	}
}

// everyPage renders each page, with all of its fields set.
func everyPage(t testing.TB, p *page.Pages) map[string]document {
	t.Helper()
	return map[string]document{
		"signin":       render(t, func(w http.ResponseWriter) { p.SignIn(w, fullSignIn()) }),
		"signin empty": render(t, func(w http.ResponseWriter) { p.SignIn(w, page.SignIn{}) }),
		"signout": render(t, func(w http.ResponseWriter) {
			p.SignOut(w, page.SignOut{Site: site, Action: base + "/signout", User: &page.User{Name: "Ada Lovelace"}})
		}),
		"signed out": render(t, func(w http.ResponseWriter) {
			p.SignOut(w, page.SignOut{Site: site, SignedOut: true, SignInURL: base + "/signin"})
		}),
		"verify-request": render(t, func(w http.ResponseWriter) { p.VerifyRequest(w, page.VerifyRequest{Site: site}) }),
		"confirm":        render(t, func(w http.ResponseWriter) { p.Confirm(w, fullConfirm()) }),
		"error": render(t, func(w http.ResponseWriter) {
			p.Error(w, page.Error{Site: site, Code: "AccessDenied", SignInURL: base + "/signin"})
		}),
	}
}

type goldenInput struct {
	Type string `json:"type"`
	Name string `json:"name"`
	ID   string `json:"id"`
}

type goldenForm struct {
	Action string        `json:"action"`
	Method string        `json:"method"`
	Inputs []goldenInput `json:"inputs"`
}

type goldenExchange struct {
	ID       string `json:"id"`
	Scenario string `json:"scenario"`
	Step     string `json:"step"`
	BaseURL  string `json:"baseUrl"`
	Response *struct {
		Status int `json:"status"`
		HTML   *struct {
			Title string       `json:"title"`
			Forms []goldenForm `json:"forms"`
		} `json:"html"`
	} `json:"response"`
}

// goldenPages returns the recorded exchanges whose response is a page.
func goldenPages(t *testing.T, file string) []goldenExchange {
	t.Helper()
	data, err := os.ReadFile("../../testdata/golden/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var pages []goldenExchange
	for line := range bytes.Lines(data) {
		var e goldenExchange
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		if e.Response != nil && e.Response.HTML != nil && e.Response.HTML.Title != "" {
			pages = append(pages, e)
		}
	}
	return pages
}

func (d document) forms() []goldenForm {
	forms := []goldenForm{}
	for _, f := range d.all("form") {
		form := goldenForm{Action: value(f, "action"), Method: value(f, "method")}
		for n := range f.Descendants() {
			if n.Type == html.ElementNode && n.Data == "input" {
				form.Inputs = append(form.Inputs, goldenInput{value(n, "type"), value(n, "name"), value(n, "id")})
			}
		}
		forms = append(forms, form)
	}
	return forms
}

// ownTitles are the titles of the pages without a site, by those that were recorded.
var ownTitles = map[string]string{
	"Sign In": "Sign in", "Sign Out": "Sign out", "Verify Request": "Check your email", "Error": "Error: Something went wrong",
}

func TestPage_RecordedForms(t *testing.T) {
	p := newPages(t, page.Theme{})
	seen := map[string]int{}
	for _, file := range []string{"v4.jsonl", "v5.jsonl"} {
		for _, e := range goldenPages(t, file) {
			if e.ID == "v5/signout/2" {
				continue // v5 posts to the URL of the page, with "?csrf=true"; this one to BASE/signout
			}
			want := e.Response.HTML
			auth := e.BaseURL + "/api/auth"
			var got document
			switch want.Title {
			case "Sign In":
				d := page.SignIn{CSRFToken: "t", Providers: []page.Provider{
					password,
					{ID: "fakeoauth", Name: "Fake", Type: "oauth", Action: auth + "/signin/fakeoauth"},
					{ID: "fakeoidc", Name: "Fake", Type: "oidc", Action: auth + "/signin/fakeoidc"},
				}}
				d.Providers[0].Action = auth + "/callback/credentials"
				if len(want.Forms[1].Inputs) == 2 { // the recorded page has the field only with a callbackUrl
					d.CallbackURL = e.BaseURL
				}
				got = render(t, func(w http.ResponseWriter) { p.SignIn(w, d) })
			case "Sign Out":
				got = render(t, func(w http.ResponseWriter) { p.SignOut(w, page.SignOut{Action: auth + "/signout", CSRFToken: "t"}) })
			case "Verify Request":
				got = render(t, func(w http.ResponseWriter) { p.VerifyRequest(w, page.VerifyRequest{}) })
			case "Error":
				got = render(t, func(w http.ResponseWriter) { p.Error(w, page.Error{SignInURL: auth + "/signin"}) })
			default:
				t.Fatalf("%s: a page titled %q", e.ID, want.Title)
			}
			seen[want.Title]++
			if diff := cmp.Diff(want.Forms, got.forms()); diff != "" {
				t.Errorf("%s: forms (-recorded +got):\n%s", e.ID, diff)
			}
			// The title is that of the page's heading, in the case of the other texts, and
			// the recorded one is the same for all errors: see TestPage_Titles.
			if title := text(got.all("title")[0]); title != ownTitles[want.Title] {
				t.Errorf("%s: title %q, recorded %q", e.ID, title, want.Title)
			}
		}
	}
	for _, title := range []string{"Sign In", "Sign Out", "Verify Request", "Error"} {
		if seen[title] < 2 {
			t.Errorf("%d recorded %q pages compared, want some of both versions", seen[title], title)
		}
	}
}

func TestError_RecordedStatus(t *testing.T) {
	p := newPages(t, page.Theme{})
	compared := 0
	for _, e := range goldenPages(t, "v4.jsonl") {
		code, ok := strings.CutPrefix(e.Step, "error=")
		if e.Scenario != "error-page" || !ok {
			continue
		}
		if code == "null" {
			code = ""
		}
		compared++
		got := render(t, func(w http.ResponseWriter) { p.Error(w, page.Error{Code: code}) })
		if got.status != e.Response.Status {
			t.Errorf("code %q: status %d, recorded %d", code, got.status, e.Response.Status)
		}
	}
	if compared < 10 {
		t.Fatalf("only %d recorded error pages compared", compared)
	}
}

func TestSignIn_EmailForm(t *testing.T) {
	p := newPages(t, page.Theme{})
	d := page.SignIn{CSRFToken: "t", CallbackURL: site, Email: "ada@example.com", Providers: []page.Provider{emailForm}}
	doc := render(t, func(w http.ResponseWriter) { p.SignIn(w, d) })
	want := []goldenForm{{Action: base + "/signin/email", Method: "POST", Inputs: []goldenInput{
		{Type: "hidden", Name: "csrfToken"},
		{Type: "email", Name: "email", ID: "input-email-for-email-provider"},
	}}}
	if diff := cmp.Diff(want, doc.forms()); diff != "" {
		t.Errorf("forms (-want +got):\n%s", diff)
	}
	input := doc.byID("input-email-for-email-provider")
	if _, ok := attr(input, "required"); !ok || value(input, "value") != "ada@example.com" {
		t.Error("the email input is not required, or has another value than the address")
	}
}

func TestSignIn_HiddenFields(t *testing.T) {
	p := newPages(t, page.Theme{})
	doc := render(t, func(w http.ResponseWriter) { p.SignIn(w, fullSignIn()) })
	tokens, callbacks := 0, 0
	for _, n := range doc.all("input") {
		switch value(n, "name") {
		case "csrfToken":
			tokens++
			if value(n, "value") != "csrf-token" {
				t.Errorf("csrfToken %q", value(n, "value"))
			}
		case "callbackUrl":
			callbacks++
			if value(n, "value") != site+"/dashboard" {
				t.Errorf("callbackUrl %q", value(n, "value"))
			}
		}
	}
	if tokens != 10 || callbacks != 8 {
		t.Errorf("%d csrfToken and %d callbackUrl fields, want 10 (each form) and 8 (each button)", tokens, callbacks)
	}
}

func TestPage_SubmitButtonID(t *testing.T) {
	p := newPages(t, page.Theme{})
	for name, doc := range everyPage(t, p) {
		n := doc.byID("submitButton")
		wanted := name == "signin" || name == "signout" || name == "confirm"
		if wanted && (n == nil || n.Data != "button" || value(n, "type") != "submit") {
			t.Errorf("%s: no #submitButton", name)
		}
		if !wanted && n != nil {
			t.Errorf("%s: a #submitButton on a page without a form", name)
		}
	}
}

func TestPage_Headers(t *testing.T) {
	for name, doc := range everyPage(t, newPages(t, page.Theme{})) {
		referrer := "same-origin"
		if name == "confirm" {
			referrer = "strict-origin" // its URL is a secret
		}
		for key, want := range map[string]string{
			"Content-Type":           "text/html; charset=utf-8",
			"Cache-Control":          "private, no-cache, no-store",
			"Pragma":                 "no-cache",
			"Expires":                "0",
			"Referrer-Policy":        referrer,
			"X-Content-Type-Options": "nosniff",
			"X-Frame-Options":        "DENY",
		} {
			if got := doc.header.Values(key); len(got) != 1 || got[0] != want {
				t.Errorf("%s: %s %q, want %q", name, key, got, want)
			}
		}
	}
}

// directives splits the policy of a page.
func (d document) directives(t *testing.T) map[string]string {
	t.Helper()
	policies := d.header.Values("Content-Security-Policy")
	if len(policies) != 1 {
		t.Fatalf("%d policies, want 1", len(policies))
	}
	m := map[string]string{}
	for part := range strings.SplitSeq(policies[0], "; ") {
		name, sources, _ := strings.Cut(part, " ")
		if _, twice := m[name]; twice {
			t.Errorf("directive %s twice", name)
		}
		m[name] = sources
	}
	return m
}

func TestPolicy_Sources(t *testing.T) {
	for _, theme := range []page.Theme{{}, {ColorScheme: "light"}, {ColorScheme: "dark", BrandColor: "oklch(62% 0.19 260)", ButtonText: "white"}} {
		for name, doc := range everyPage(t, newPages(t, theme)) {
			sum := sha256.Sum256([]byte(doc.style(t)))
			form := "'none'"
			if name == "signin" || name == "signout" || name == "confirm" {
				form = "'self' https:"
			}
			want := map[string]string{
				"default-src":     "'none'",
				"style-src":       "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'",
				"img-src":         "'self' https:",
				"form-action":     form,
				"base-uri":        "'none'",
				"frame-ancestors": "'none'",
			}
			if diff := cmp.Diff(want, doc.directives(t)); diff != "" {
				t.Errorf("%s with %+v: policy (-want +got):\n%s", name, theme, diff)
			}
		}
	}
}

func TestPolicy_FormActionOverHTTP(t *testing.T) {
	p := newPages(t, page.Theme{})
	github := oauth("github", "GitHub")
	github.Action = "http://localhost:3000/api/auth/signin/github"
	in := render(t, func(w http.ResponseWriter) { p.SignIn(w, page.SignIn{Providers: []page.Provider{github}}) })
	out := render(t, func(w http.ResponseWriter) {
		p.SignOut(w, page.SignOut{Action: "http://localhost:3000/api/auth/signout"})
	})
	for name, doc := range map[string]document{"signin": in, "signout": out} {
		if got := doc.directives(t)["form-action"]; got != "'self' https: http:" {
			t.Errorf("%s: form-action %q: browsers would block the redirect", name, got)
		}
	}
}

func TestPolicy_ImagesOverHTTP(t *testing.T) {
	const want = "'self' https: http:"
	p := newPages(t, page.Theme{Logo: "http://localhost:3000/logo.svg"})
	doc := render(t, func(w http.ResponseWriter) { p.VerifyRequest(w, page.VerifyRequest{}) })
	if got := doc.directives(t)["img-src"]; got != want {
		t.Errorf("logo of the theme: img-src %q, want %q", got, want)
	}
	acme := oauth("acme", "Acme")
	acme.Style.Logo = "http://localhost:3000/acme.svg"
	doc = render(t, func(w http.ResponseWriter) {
		newPages(t, page.Theme{}).SignIn(w, page.SignIn{Providers: []page.Provider{acme}})
	})
	if got := doc.directives(t)["img-src"]; got != want {
		t.Errorf("logo of a provider: img-src %q, want %q", got, want)
	}
}

func TestPage_TemplateError(t *testing.T) {
	p := newPages(t, page.Theme{})
	p.BreakTemplates()
	for name, doc := range everyPage(t, p) {
		if doc.status != http.StatusInternalServerError {
			t.Errorf("%s: status %d, want 500", name, doc.status)
		}
		if got := doc.header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
			t.Errorf("%s: Content-Type %q", name, got)
		}
		if strings.Contains(doc.source, "<") || strings.Contains(doc.source, "template") {
			t.Errorf("%s: the response has a part of the page, or the error: %q", name, doc.source)
		}
		if !strings.Contains(doc.header.Get("Cache-Control"), "no-store") {
			t.Errorf("%s: the response can be cached", name)
		}
	}
}
