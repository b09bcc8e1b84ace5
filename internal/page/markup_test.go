package page_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/nuxtauth/nuxtauth/internal/page"
)

var voidElements = []string{"meta", "link", "input", "img", "source"}

func TestPage_WellFormed(t *testing.T) {
	theme := page.Theme{Logo: "/logo.svg", LogoDark: "/dark.svg", BrandColor: "#5b5bd6"}
	for name, doc := range everyPage(t, newPages(t, theme)) {
		if !strings.HasPrefix(doc.source, "<!DOCTYPE html>\n<html lang=\"en\" dir=\"ltr\">") {
			t.Errorf("%s: starts with %.40q", name, doc.source)
		}
		var open []string
		z := html.NewTokenizer(strings.NewReader(doc.source))
		for z.Next() != html.ErrorToken {
			switch tok := z.Token(); tok.Type {
			case html.StartTagToken:
				if !slices.Contains(voidElements, tok.Data) {
					open = append(open, tok.Data)
				}
			case html.EndTagToken:
				if len(open) == 0 || open[len(open)-1] != tok.Data {
					t.Fatalf("%s: </%s> closes %v", name, tok.Data, open)
				}
				open = open[:len(open)-1]
			}
		}
		if z.Err() != io.EOF || len(open) != 0 {
			t.Errorf("%s: %v left open, %v", name, open, z.Err())
		}
		if bad := doc.violations(); len(bad) != 0 {
			t.Errorf("%s: %v", name, bad)
		}
	}
}

func TestPage_Accessible(t *testing.T) {
	for name, doc := range everyPage(t, newPages(t, page.Theme{Logo: "/logo.svg"})) {
		for _, element := range []string{"main", "h1", "title"} {
			if n := doc.all(element); len(n) != 1 || strings.TrimSpace(text(n[0])) == "" {
				t.Errorf("%s: %d <%s>, want one with a text", name, len(n), element)
			}
		}
		ids := map[string]bool{}
		labelled := map[string]bool{}
		for n := range doc.root.Descendants() {
			if id, ok := attr(n, "id"); ok {
				if ids[id] {
					t.Errorf("%s: id %q twice", name, id)
				}
				ids[id] = true
			}
		}
		for _, l := range doc.all("label") {
			labelled[value(l, "for")] = true
			if strings.TrimSpace(text(l)) == "" {
				t.Errorf("%s: an empty label", name)
			}
		}
		for _, n := range doc.all("input") {
			if value(n, "type") != "hidden" && !labelled[value(n, "id")] {
				t.Errorf("%s: input %q has no label", name, value(n, "name"))
			}
		}
		for _, n := range doc.all("img") {
			if _, ok := attr(n, "alt"); !ok {
				t.Errorf("%s: an image without alt", name)
			}
		}
		for _, n := range doc.all("svg") {
			if value(n, "aria-hidden") != "true" {
				t.Errorf("%s: an <svg> without aria-hidden", name)
			}
		}
	}
}

func (d document) buttons() []string {
	var texts []string
	for _, b := range d.all("button") {
		for c := range b.ChildNodes() {
			if c.Data == "span" {
				texts = append(texts, text(c))
			}
		}
	}
	return texts
}

func TestSignIn_ButtonTexts(t *testing.T) {
	p := newPages(t, page.Theme{})
	own := password
	own.ID, own.Style.Text = "staff", "Sign in with your staff card"
	github := oauth("github", "GitHub")
	github.Style.Text = "Mit GitHub"
	for _, test := range []struct {
		providers []page.Provider
		want      []string
	}{
		{[]page.Provider{oauth("github", "GitHub"), oauth("acme", ""), password}, []string{"Continue with GitHub", "Continue with acme", "Sign in"}},
		{[]page.Provider{password, emailForm}, []string{"Sign in with Credentials", "Sign in with Email"}},
		{[]page.Provider{password, own, github}, []string{"Sign in with Credentials", "Sign in with your staff card", "Mit GitHub"}},
	} {
		doc := render(t, func(w http.ResponseWriter) { p.SignIn(w, page.SignIn{Providers: test.providers}) })
		if got := doc.buttons(); !slices.Equal(got, test.want) {
			t.Errorf("buttons %q, want %q", got, test.want)
		}
	}
}

// marks returns the mark of each button: the URL of an image, "drawing", or the letter
// of the name.
func (d document) marks() []string {
	var marks []string
	for _, n := range d.all("img", "svg") {
		if value(n, "class") != "mark" {
			continue
		}
		switch letter := strings.TrimSpace(text(n)); {
		case n.Data == "img":
			marks = append(marks, value(n, "src"))
		case letter == "":
			marks = append(marks, "drawing")
		default:
			marks = append(marks, letter)
		}
	}
	return marks
}

func TestSignIn_Marks(t *testing.T) {
	with := func(id, name, logo string) page.Provider {
		p := oauth(id, name)
		p.Style.Logo = logo
		return p
	}
	for _, test := range []struct {
		provider page.Provider
		want     string
	}{
		{oauth("github", "GitHub"), "drawing"},
		{oauth("google", "Google"), "drawing"},
		{oauth("gitlab", "GitLab"), "drawing"},
		{oauth("discord", "Discord"), "drawing"},
		{oauth("apple", "Apple"), "drawing"},
		{oauth("microsoft-entra-id", "Microsoft Entra ID"), "drawing"},
		{oauth("azure-ad", "Azure"), "drawing"},
		{oauth("keycloak", "keycloak"), "K"},
		{oauth("osu", "«osu!»"), "O"},
		{oauth("yandex", "Яндекс"), "Я"},
		{oauth("none", "!!!"), "·"},
		{with("github", "GitHub", "https://cdn.example.com/gh.svg"), "https://cdn.example.com/gh.svg"},
		{with("acme", "Acme", "/img/acme.svg"), "/img/acme.svg"},
		{with("acme", "Acme", "javascript:alert(1)"), "A"},
		{with("acme", "Acme", "//cdn.example.com/acme.svg"), "A"},
		{with("acme", "Acme", `/\cdn.example.com/acme.svg`), "A"},
		{with("acme", "Acme", "data:image/svg+xml,<svg/>"), "A"},
	} {
		p := newPages(t, page.Theme{})
		doc := render(t, func(w http.ResponseWriter) { p.SignIn(w, page.SignIn{Providers: []page.Provider{test.provider}}) })
		if got := doc.marks(); len(got) != 1 || got[0] != test.want {
			t.Errorf("%s %q: marks %q, want %q", test.provider.Name, test.provider.Style.Logo, got, test.want)
		}
	}
}

func TestSignIn_BrandColors(t *testing.T) {
	for brand, want := range map[string][2]string{ // fill of the disc, fill of the letter
		"#1d2125":               {"#1d2125", "#ffffff"},
		"#ffcc00":               {"#ffcc00", "#000000"},
		"rgb(255, 204, 0)":      {"rgb(255, 204, 0)", "#000000"},
		"":                      {"", ""},
		"url(//evil.example/x)": {"", ""},
		"#12":                   {"", ""},
	} {
		acme := oauth("acme", "Acme")
		acme.Style.Brand = brand
		p := newPages(t, page.Theme{})
		doc := render(t, func(w http.ResponseWriter) { p.SignIn(w, page.SignIn{Providers: []page.Provider{acme}}) })
		got := [2]string{value(doc.all("circle")[0], "fill"), value(doc.all("text")[0], "fill")}
		if got != want {
			t.Errorf("brand %q: fills %q, want %q", brand, got, want)
		}
	}
}

func TestSignIn_Dividers(t *testing.T) {
	gh, gl := oauth("github", "GitHub"), oauth("gitlab", "GitLab")
	p := newPages(t, page.Theme{})
	for _, test := range []struct {
		name      string
		providers []page.Provider
		want      int
	}{
		{"buttons", []page.Provider{gh, gl}, 0},
		{"one form", []page.Provider{password}, 0},
		{"buttons, form", []page.Provider{gh, gl, emailForm}, 1},
		{"form, buttons", []page.Provider{emailForm, gh, gl}, 1},
		{"button, form, form, button", []page.Provider{gh, emailForm, password, gl}, 3},
	} {
		doc := render(t, func(w http.ResponseWriter) { p.SignIn(w, page.SignIn{Providers: test.providers}) })
		got := 0
		for _, n := range doc.all("p") {
			if value(n, "class") == "or" {
				got++
			}
		}
		if got != test.want {
			t.Errorf("%s: %d dividers, want %d", test.name, got, test.want)
		}
	}
}

func TestSignIn_Autofocus(t *testing.T) {
	p := newPages(t, page.Theme{})
	for _, test := range []struct {
		name      string
		providers []page.Provider
		want      string // name of the focused input
	}{
		{"credentials first", []page.Provider{password, oauth("github", "GitHub")}, "username"},
		{"email first", []page.Provider{emailForm, password}, "email"},
		{"buttons first", []page.Provider{oauth("github", "GitHub"), password, emailForm}, ""},
	} {
		doc := render(t, func(w http.ResponseWriter) { p.SignIn(w, page.SignIn{Providers: test.providers}) })
		var got []string
		for _, n := range doc.all("input") {
			if _, ok := attr(n, "autofocus"); ok {
				got = append(got, value(n, "name"))
			}
		}
		if strings.Join(got, ",") != test.want {
			t.Errorf("%s: focus in %q, want %q", test.name, got, test.want)
		}
	}
}

func TestSignIn_Autocomplete(t *testing.T) {
	form := password
	form.Fields = []page.Field{
		{Name: "Username"},
		{Name: "password", Type: "password"},
		{Name: "code", Label: "Code", Type: "number", Autocomplete: "one-time-code"},
		{Name: "team", Type: "image"},
	}
	p := newPages(t, page.Theme{})
	doc := render(t, func(w http.ResponseWriter) { p.SignIn(w, page.SignIn{Providers: []page.Provider{form}}) })
	for name, want := range map[string][2]string{ // type and autocomplete
		"Username": {"text", "username"},
		"password": {"password", "current-password"},
		"code":     {"number", "one-time-code"},
		"team":     {"text", ""},
	} {
		n := doc.byID("input-" + name + "-for-credentials-provider")
		if n == nil {
			t.Fatalf("no input for %s", name)
		}
		if got := [2]string{value(n, "type"), value(n, "autocomplete")}; got != want {
			t.Errorf("%s: type and autocomplete %q, want %q", name, got, want)
		}
	}
	if !strings.Contains(doc.mainText(t), "Username") {
		t.Error("a field without a label does not show its name")
	}
}

func TestSignIn_NoProviders(t *testing.T) {
	noFields := password
	noFields.Fields = nil
	p := newPages(t, page.Theme{})
	doc := render(t, func(w http.ResponseWriter) { p.SignIn(w, page.SignIn{Providers: []page.Provider{noFields}}) })
	if len(doc.all("form")) != 0 {
		t.Error("a form without fields")
	}
	if !strings.Contains(doc.mainText(t), "no way to sign in") {
		t.Error("an empty page")
	}
}

func TestPage_LinksSite(t *testing.T) {
	p := newPages(t, page.Theme{})
	for name, doc := range everyPage(t, p) {
		if name == "signin empty" {
			continue
		}
		linked := slices.ContainsFunc(doc.all("a"), func(n *html.Node) bool { return value(n, "href") == site })
		if name == "signin" {
			linked = strings.Contains(doc.mainText(t), "app.example.com")
		}
		if !linked {
			t.Errorf("%s: no link to the site", name)
		}
	}
	for _, bad := range []string{"", "javascript:alert(1)", "app.example.com", "https://"} {
		doc := render(t, func(w http.ResponseWriter) { p.VerifyRequest(w, page.VerifyRequest{Site: bad}) })
		if links := doc.all("a"); len(links) != 0 {
			t.Errorf("site %q: a link to %q", bad, value(links[0], "href"))
		}
	}
}
