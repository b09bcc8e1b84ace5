package page_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/nuxtauth/nuxtauth/internal/page"
)

func signInPage(t testing.TB, d page.SignIn) document {
	t.Helper()
	return render(t, func(w http.ResponseWriter) { newPages(t, page.Theme{}).SignIn(w, d) })
}

func (d document) classes(class string) (found []*html.Node) {
	for n := range d.root.Descendants() {
		if n.Type == html.ElementNode && slices.Contains(strings.Fields(value(n, "class")), class) {
			found = append(found, n)
		}
	}
	return found
}

// WCAG 2.2: 3.3.1 (the fields are marked), 3.3.7 (the account is there again).
func TestSignIn_WrongCredentials(t *testing.T) {
	other := password
	other.ID = "staff"
	providers := []page.Provider{oauth("github", "GitHub"), other, password}
	for _, test := range []struct {
		form, account string
		focus         string // id of the input
		marked        string // the provider whose inputs are marked
	}{
		{"credentials", "ada", "input-password-for-credentials-provider", "credentials"},
		{"credentials", "", "input-username-for-credentials-provider", "credentials"},
		{"", "", "input-username-for-staff-provider", "staff"},
		{"no such provider", "ada", "input-username-for-staff-provider", "staff"},
	} {
		doc := signInPage(t, page.SignIn{Providers: providers, ErrorCode: "CredentialsSignin", Form: test.form, Account: test.account})
		alert := doc.byID("alert")
		if alert == nil || value(alert, "role") != "alert" || len(doc.alerts()) != 1 {
			t.Fatalf("%+v: no alert with an id", test)
		}
		next := alert.NextSibling
		for next.Type != html.ElementNode {
			next = next.NextSibling
		}
		if !strings.Contains(value(next.FirstChild.NextSibling, "action"), "/callback/") {
			t.Errorf("%+v: the alert is not above a form", test)
		}
		for _, n := range doc.all("input") {
			id := value(n, "id")
			if id == "" {
				continue
			}
			marked := strings.HasSuffix(id, "-for-"+test.marked+"-provider")
			if got := value(n, "aria-invalid") == "true" && value(n, "aria-describedby") == "alert"; got != marked {
				t.Errorf("%+v: %s is marked: %v", test, id, got)
			}
			if _, focus := attr(n, "autofocus"); focus != (id == test.focus) {
				t.Errorf("%+v: %s has the focus: %v", test, id, focus)
			}
			want := ""
			if test.account != "" && id == "input-username-for-"+test.form+"-provider" {
				want = test.account
			}
			if got := value(n, "value"); got != want {
				t.Errorf("%+v: %s has the value %q, want %q", test, id, got, want)
			}
		}
	}
}

func TestSignIn_SecretsAreNotShownAgain(t *testing.T) {
	for _, f := range []page.Field{{Name: "pin"}, {Name: "code"}, {Name: "username", Type: "password"}, {Name: "answer"}, {Name: "id", Type: "password", Autocomplete: "username"}} {
		form := password
		form.Fields = []page.Field{f}
		doc := signInPage(t, page.SignIn{Providers: []page.Provider{form}, ErrorCode: "CredentialsSignin", Form: form.ID, Account: "secret"})
		if strings.Contains(doc.source, "secret") {
			t.Errorf("the value of %q is shown again", f.Name)
		}
	}
}

func TestAccountField(t *testing.T) {
	for _, test := range []struct {
		fields []page.Field
		name   string
		public bool
	}{
		{nil, "", false},
		{[]page.Field{{Name: "pin"}, {Name: "Email"}}, "Email", true},
		{[]page.Field{{Name: "contact", Autocomplete: "Email"}, {Name: "id", Autocomplete: "section-a USERNAME"}}, "id", true},
		{[]page.Field{{Name: "contact", Autocomplete: "email"}, {Name: "phone"}}, "contact", true},
		{[]page.Field{{Name: "id", Type: "password", Autocomplete: "username"}, {Name: "tel"}}, "id", false},
		{[]page.Field{{Name: "tenant", Type: "hidden"}, {Name: "pin"}, {Name: "badge"}, {Name: "shift"}}, "badge", false},
		{[]page.Field{{Name: "pin"}, {Name: "password"}}, "", false},
	} {
		if name, public := page.AccountField(test.fields); name != test.name || public != test.public {
			t.Errorf("%+v: the account is in %q, public %t", test.fields, name, public)
		}
	}
}

func TestSignIn_RequiredFields(t *testing.T) {
	form := password
	form.Fields = []page.Field{{Name: "username"}, {Name: "team", Optional: true}}
	doc := signInPage(t, page.SignIn{Providers: []page.Provider{form}})
	for name, want := range map[string]bool{"username": true, "team": false} {
		if _, got := attr(doc.byID("input-"+name+"-for-credentials-provider"), "required"); got != want {
			t.Errorf("%s is required: %v", name, got)
		}
	}
}

func TestSignIn_StandardFields(t *testing.T) {
	for _, test := range []struct {
		field                                string
		label, kind, autocomplete, inputmode string
	}{
		{"username", "Username", "text", "username", ""},
		{"Email", "Email", "email", "username", ""},
		{"password", "Password", "password", "current-password", ""},
		{"code", "One-time code", "text", "one-time-code", "numeric"},
		{"otp", "One-time code", "text", "one-time-code", "numeric"},
		{"pin", "PIN", "password", "current-password", "numeric"},
		{"phone", "Phone number", "tel", "tel", ""},
		{"team", "team", "text", "", ""},
	} {
		form := password
		form.Fields = []page.Field{{Name: test.field}}
		doc := signInPage(t, page.SignIn{Providers: []page.Provider{form}})
		n := doc.byID("input-" + test.field + "-for-credentials-provider")
		got := [4]string{text(doc.all("label")[0]), value(n, "type"), value(n, "autocomplete"), value(n, "inputmode")}
		if want := [4]string{test.label, test.kind, test.autocomplete, test.inputmode}; got != want {
			t.Errorf("%s: label, type, autocomplete, inputmode %q, want %q", test.field, got, want)
		}
	}
}

func TestSignIn_ManyProviders(t *testing.T) {
	for n, want := range map[int]string{1: "providers", 3: "providers", 4: "providers columns", 6: "providers columns", 7: "providers icons", 12: "providers icons"} {
		var providers []page.Provider
		for i := range n {
			providers = append(providers, oauth("p"+string(rune('a'+i)), "Provider"))
		}
		doc := signInPage(t, page.SignIn{Providers: append(providers, password)})
		if got := doc.classes("providers"); len(got) != 1 || value(got[0], "class") != want {
			t.Errorf("%d: %d lists, want one with %q", n, len(got), want)
		}
		for i, name := range doc.buttons()[:n] { // read aloud, also where they are not visible
			if name != "Continue with Provider" {
				t.Errorf("%d: button %d is named %q", n, i, name)
			}
		}
		if title, _ := attr(doc.all("button")[0], "title"); (title == "Provider") != strings.HasSuffix(want, "icons") {
			t.Errorf("%d: the tooltip is %q", n, title)
		}
	}
}

func TestSignIn_Links(t *testing.T) {
	doc := signInPage(t, page.SignIn{Providers: []page.Provider{password}, ForgotPasswordURL: "/forgot", SignUpURL: "/signup"})
	links := map[string]string{}
	for _, a := range doc.all("a") {
		links[text(a)] = value(a, "href")
	}
	if len(links) != 2 || links["Forgot password?"] != "/forgot" || links["Sign up"] != "/signup" {
		t.Errorf("links %v", links)
	}
	if doc := signInPage(t, page.SignIn{Providers: []page.Provider{password}}); len(doc.all("a")) != 0 {
		t.Error("links without a URL")
	}
}

func TestSignIn_SignedIn(t *testing.T) {
	d := page.SignIn{Site: site, CallbackURL: site + "/orders", Providers: []page.Provider{password}, User: &page.User{Name: "Ada Lovelace", Picture: "javascript:1"}}
	doc := signInPage(t, d)
	if a := doc.all("a"); len(a) != 1 || text(a[0]) != "Continue as Ada Lovelace" || value(a[0], "href") != d.CallbackURL {
		t.Error("no link to continue")
	}
	if !strings.Contains(doc.mainText(t), "Signed in as Ada Lovelace") || len(doc.all("img")) != 0 {
		t.Error("the user is not named, or has an unsafe picture")
	}
	d.Again = true // to continue would lead here again
	doc = signInPage(t, d)
	if len(doc.all("a")) != 0 || len(doc.alerts()) != 1 || !strings.Contains(doc.alerts()[0], "sign in again") {
		t.Errorf("links %d, alerts %q", len(doc.all("a")), doc.alerts())
	}
}

func TestSignIn_Information(t *testing.T) {
	for code, want := range map[string]string{"SessionRequired": "status", "Cancelled": "status", "CredentialsSignin": "alert", "Whatever": "alert"} {
		doc := signInPage(t, page.SignIn{Providers: []page.Provider{password}, ErrorCode: code})
		if got := value(doc.byID("alert"), "role"); got != want {
			t.Errorf("%s: role %q, want %q", code, got, want)
		}
		if failed := strings.HasPrefix(text(doc.all("title")[0]), "Error: "); failed != (want == "alert") {
			t.Errorf("%s: title %q", code, text(doc.all("title")[0]))
		}
	}
}

func TestSignOut_User(t *testing.T) {
	p := newPages(t, page.Theme{})
	doc := render(t, func(w http.ResponseWriter) {
		p.SignOut(w, page.SignOut{Site: site, Action: base + "/signout", User: &page.User{Name: "Ada", Picture: "http://localhost/ada.png"}})
	})
	if !strings.Contains(doc.mainText(t), "Signed in as Ada") || value(doc.all("img")[0], "src") != "http://localhost/ada.png" {
		t.Error("the page does not say who signs out")
	}
	if got := doc.directives(t)["img-src"]; got != "'self' https: http:" {
		t.Errorf("img-src %q blocks the picture", got)
	}
	doc = render(t, func(w http.ResponseWriter) {
		p.SignOut(w, page.SignOut{Site: site, Action: base + "/signout", SignedOut: true, SignInURL: base + "/signin"})
	})
	if len(doc.all("form")) != 0 || value(doc.all("a")[0], "href") != base+"/signin" {
		t.Error("a browser without a session is asked to sign out")
	}
}

func TestPage_Titles(t *testing.T) {
	p := newPages(t, page.Theme{Name: "Acme"})
	for want, write := range map[string]func(http.ResponseWriter){
		"Sign in – Acme":              func(w http.ResponseWriter) { p.SignIn(w, page.SignIn{Site: site}) },
		"Error: Sign in – Acme":       func(w http.ResponseWriter) { p.SignIn(w, page.SignIn{Site: site, ErrorCode: "OAuthCallback"}) },
		"Sign out – Acme":             func(w http.ResponseWriter) { p.SignOut(w, page.SignOut{Site: site}) },
		"Check your email – Acme":     func(w http.ResponseWriter) { p.VerifyRequest(w, page.VerifyRequest{Site: site}) },
		"Error: Access denied – Acme": func(w http.ResponseWriter) { p.Error(w, page.Error{Site: site, Code: "AccessDenied"}) },
		"Error: Server error – Acme":  func(w http.ResponseWriter) { p.Error(w, page.Error{Site: site, Code: "Configuration"}) },
	} {
		if got := text(render(t, write).all("title")[0]); got != want {
			t.Errorf("title %q, want %q", got, want)
		}
	}
	doc := render(t, func(w http.ResponseWriter) { newPages(t, page.Theme{}).SignIn(w, page.SignIn{Site: site}) })
	if got := text(doc.all("title")[0]); got != "Sign in – app.example.com" {
		t.Errorf("without a name: title %q", got)
	}
}

// Without the style an image has the size of its attributes, or fills the page.
func TestPage_ImagesHaveSizes(t *testing.T) {
	for name, doc := range everyPage(t, newPages(t, page.Theme{Logo: "/logo.svg"})) {
		for _, n := range doc.all("svg", "img") {
			_, width := attr(n, "width")
			_, height := attr(n, "height")
			if !height || !width && value(n, "class") != "logo" {
				t.Errorf("%s: <%s class=%q> has no size", name, n.Data, value(n, "class"))
			}
		}
	}
}

func TestPage_ForeignTextsHaveTheirDirection(t *testing.T) {
	d := page.SignIn{Site: site, Providers: []page.Provider{oauth("x", "شركة"), password}, User: &page.User{Name: "مريم"}}
	d.Providers[1].Fields = []page.Field{{Name: "u", Label: "اسم"}}
	doc := signInPage(t, d)
	seen := 0
	for n := range doc.root.Descendants() {
		if n.Type == html.TextNode && strings.ContainsAny(n.Data, "شم") && n.Parent.Data != "title" && value(n.Parent, "class") != "letter" {
			seen++
			if value(n.Parent, "dir") != "auto" {
				t.Errorf("<%s> with %q has no dir", n.Parent.Data, n.Data)
			}
		}
	}
	if seen < 4 {
		t.Errorf("only %d texts compared", seen)
	}
}

func TestTheme_LogoDark(t *testing.T) {
	for scheme, want := range map[string][2]string{"": {"/light.svg", "/dark.svg"}, "light": {"/light.svg", ""}, "dark": {"/dark.svg", ""}} {
		p := newPages(t, page.Theme{ColorScheme: scheme, Logo: "/light.svg", LogoDark: "/dark.svg"})
		doc := render(t, func(w http.ResponseWriter) { p.VerifyRequest(w, page.VerifyRequest{Site: site}) })
		got := [2]string{value(doc.all("img")[0], "src")}
		for _, n := range doc.all("source") {
			got[1] = value(n, "srcset")
		}
		if got != want {
			t.Errorf("%q: images %q, want %q", scheme, got, want)
		}
		if icon := doc.all("link"); len(icon) != 1 || value(icon[0], "rel") != "icon" || value(icon[0], "href") != "/light.svg" {
			t.Errorf("%q: the tab has no icon", scheme)
		}
	}
	for _, bad := range []page.Theme{{LogoDark: "/dark.svg"}, {Logo: "/light.svg", LogoDark: "dark.svg"}} {
		if _, err := page.New(bad); err == nil || !strings.Contains(err.Error(), "Theme.LogoDark") {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// Sizes follow the font size of the browser, and sides the direction of the text.
func TestTheme_StyleIsRelative(t *testing.T) {
	style := signInPage(t, page.SignIn{}).style(t)
	for _, bad := range []string{"margin-left", "margin-right", "padding-left", "padding-right", "border-left", "border-right", "text-align: left", "text-align: right"} {
		if strings.Contains(style, bad) {
			t.Errorf("the style has %s", bad)
		}
	}
	for _, want := range []string{"max-width: 25rem", "min-height: 2.75rem", "align-content: center", "prefers-contrast: more", "forced-colors: active"} {
		if !strings.Contains(style, want) {
			t.Errorf("the style has no %s", want)
		}
	}
}
