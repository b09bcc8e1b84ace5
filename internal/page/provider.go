package page

import (
	"unicode"

	"github.com/nuxtauth/nuxtauth/internal/color"
)

// Provider is one way to sign in on the page. Type "email" is a form with an e-mail
// address, "credentials" a form with Fields (left out if there are none); every other
// type is a button.
type Provider struct {
	ID     string
	Name   string // empty means ID
	Type   string
	Action string // absolute URL to post to: BASE/signin/<id>, or BASE/callback/<id> for credentials

	Style  Style
	Fields []Field
}

// Style is the look of the button of a provider.
type Style struct {
	// Logo is the image on the button: an http(s) URL or an absolute path. Any
	// other value means the built-in mark of the vendor, or the first letter of
	// the name.
	Logo string

	// Brand is the colour behind that letter, in the syntax of
	// [Theme].BrandColor. Any other value means a neutral grey.
	Brand string

	// Text is the text of the button. Empty means one with the name.
	Text string
}

// entry is a provider with the data of the template.
type entry struct {
	Provider
	Fields   []input // covers the Fields of Provider
	Kind     string  // "button", "email" or "credentials"
	SubmitID bool    // its button is #submitButton
	Icon     bool    // its button shows no text
	Text     phrase  // of the button
	Email    input   // of kind "email"
	Mark     string  // a built-in mark, when there is no Logo
	Letter   string  // without a Logo and a Mark
	Ink      string  // colour of Letter on Brand
}

// group is a form, or the buttons between two forms.
type group struct {
	Entries []entry
	Buttons string // class of the list of buttons, "" for a form
	Or      bool   // a divider precedes it
	Alert   notice // what was wrong with the form; without a text there is none
}

// The numbers of buttons from which they are in two columns, and without their texts.
const (
	columnsFrom = 4
	iconsFrom   = 7
)

// groups returns the forms and buttons of a sign-in page.
func groups(d SignIn, alert notice) (list []group) {
	for _, p := range d.Providers {
		if p.Type == "credentials" && len(p.Fields) == 0 {
			continue
		}
		e := newEntry(p, d)
		if e.Kind == "button" && len(list) > 0 && list[len(list)-1].Buttons != "" {
			last := &list[len(list)-1]
			last.Entries = append(last.Entries, e)
			continue
		}
		g := group{Entries: []entry{e}, Or: len(list) > 0}
		if e.Kind == "button" {
			g.Buttons = "providers"
		}
		list = append(list, g)
	}
	forms := 0
	for i := range list {
		g := &list[i]
		switch n := len(g.Entries); {
		case g.Buttons == "":
			forms++
			g.Entries[0].SubmitID = forms == 1 // an id is unique in a page
		case n >= iconsFrom:
			g.Buttons += " icons"
			for j := range g.Entries {
				g.Entries[j].Icon = true
			}
		case n >= columnsFrom:
			g.Buttons += " columns"
		}
	}
	for i := range list {
		if g := &list[i]; g.Buttons == "" && g.Entries[0].Style.Text == "" {
			e := &g.Entries[0]
			e.Text = phrase{Before: english.SignIn}
			if forms > 1 {
				e.Text = around(english.SignInWith, e.Name)
			}
		}
	}
	setFocus(list, concerned(list, d, alert), alert)
	return list
}

// concerned returns the form that an alert is about, nil if it is about none.
func concerned(list []group, d SignIn, alert notice) (found *group) {
	for i := range list {
		g := &list[i]
		if g.Buttons != "" || g.Entries[0].Kind != alert.Form {
			continue
		}
		if g.Entries[0].ID == d.Form {
			return g
		}
		if found == nil {
			found = g
		}
	}
	return found
}

// setFocus puts the alert above the form that it is about, and the focus into that form:
// to the first field without a value. Without an alert the first form has the focus, but
// not one below buttons, which the focus would skip.
func setFocus(list []group, failed *group, alert notice) {
	g := failed
	switch {
	case failed != nil:
		failed.Alert = alert
	case len(list) > 0 && list[0].Buttons == "":
		g = &list[0]
	default:
		return
	}
	e := &g.Entries[0]
	if e.Kind == "email" {
		e.Email.Autofocus, e.Email.Invalid = true, failed != nil
		return
	}
	focus := 0
	for i := range e.Fields {
		e.Fields[i].Invalid = failed != nil
		if focus == i && e.Fields[i].Value != "" && i+1 < len(e.Fields) {
			focus++
		}
	}
	e.Fields[focus].Autofocus = true
}

func newEntry(p Provider, d SignIn) entry {
	if p.Name == "" {
		p.Name = p.ID
	}
	if !isImage(p.Style.Logo) {
		p.Style.Logo = ""
	}
	if !isColor(p.Style.Brand) {
		p.Style.Brand = ""
	}
	e := entry{Provider: p, Kind: "button", Text: around(english.ContinueWith, p.Name)}
	switch p.Type {
	case "email", "credentials":
		e.Kind = p.Type
	}
	if p.Style.Text != "" {
		e.Text = phrase{Name: p.Style.Text}
	}
	if p.Style.Logo == "" {
		e.Mark = vendorMarks[p.ID]
	}
	e.Letter = firstLetter(p.Name)
	if p.Style.Brand != "" {
		e.Ink = color.TextOn(p.Style.Brand)
	}
	e.Email.Value = d.Email
	if p.ID == d.Form {
		e.Email.Value = d.Account
	}
	account, public := AccountField(p.Fields)
	forgot := d.ForgotPasswordURL
	for _, f := range p.Fields {
		in := newInput(f)
		if p.ID == d.Form && f.Name == account && public {
			in.Value = d.Account
		}
		if in.Type == "password" {
			in.Forgot, forgot = forgot, ""
		}
		e.Fields = append(e.Fields, in)
	}
	return e
}

// vendorMarks maps providers to the marks of the template "mark".
var vendorMarks = map[string]string{
	"apple":              "apple",
	"azure-ad":           "microsoft",
	"azure-ad-b2c":       "microsoft",
	"discord":            "discord",
	"github":             "github",
	"gitlab":             "gitlab",
	"google":             "google",
	"microsoft-entra-id": "microsoft",
}

func firstLetter(name string) string {
	for _, r := range name {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return string(unicode.ToUpper(r))
		}
	}
	return "·"
}
