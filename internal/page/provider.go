package page

import (
	"strings"
	"unicode"
)

// Provider is one way to sign in, as the page shows it. Type "email" is a form
// that asks for an address, "credentials" a form with Fields (left out when
// there are none); every other type is a button.
type Provider struct {
	ID     string
	Name   string // empty means ID
	Type   string
	Action string // absolute URL to post to: BASE/signin/<id>, or BASE/callback/<id> for credentials

	// Logo is the image on the button: an http(s) URL or an absolute path.
	// Anything else, or nothing, means the page's own mark of a well-known
	// vendor, or the first letter of the name.
	Logo string

	// Brand is the colour behind that letter. It has the syntax of
	// [Theme].BrandColor; anything else means a neutral grey.
	Brand string

	Fields []Field
}

// A Field is one input of a credentials form.
type Field struct {
	Name         string // key in the posted form
	Label        string // empty means Name
	Type         string // text, password, email, tel, url, number, search or date; anything else means text
	Placeholder  string
	Autocomplete string // empty means a guess by Type and Name
}

// An entry is a provider, worked out for the template.
type entry struct {
	Provider
	Fields    []input // covers the Fields of Provider
	Kind      string  // "button", "email" or "credentials"
	Or        bool    // a divider stands before it
	Autofocus bool    // its first input has the focus
	SubmitID  bool    // its button is #submitButton
	Mark      string  // a built-in mark, when there is no Logo
	Letter    string  // what stands for a Logo and a Mark
	Ink       string  // colour of Letter on Brand
}

type input struct {
	Field
	Autofocus bool
}

func entries(providers []Provider) []entry {
	var list []entry
	forms := 0
	for _, p := range providers {
		if p.Type == "credentials" && len(p.Fields) == 0 {
			continue
		}
		e := newEntry(p)
		first := len(list) == 0
		isForm := e.Kind != "button"
		e.Or = !first && (isForm || list[len(list)-1].Kind != "button")
		if isForm {
			forms++
			e.SubmitID = forms == 1 // an id is unique in a page
			e.Autofocus = first     // further down it would jump over the buttons
		}
		if e.Autofocus && e.Kind == "credentials" {
			e.Fields[0].Autofocus = true
		}
		list = append(list, e)
	}
	return list
}

func newEntry(p Provider) entry {
	if p.Name == "" {
		p.Name = p.ID
	}
	if !isImage(p.Logo) {
		p.Logo = ""
	}
	if !isColor(p.Brand) {
		p.Brand = ""
	}
	e := entry{Provider: p, Kind: "button"}
	switch p.Type {
	case "email", "credentials":
		e.Kind = p.Type
	}
	if p.Logo == "" {
		e.Mark = vendorMarks[p.ID]
	}
	e.Letter = firstLetter(p.Name)
	if p.Brand != "" {
		e.Ink = textOn(p.Brand)
	}
	for _, f := range p.Fields {
		e.Fields = append(e.Fields, input{Field: complete(f)})
	}
	return e
}

// vendorMarks has the providers whose mark the template "mark" draws.
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

// complete fills what the field leaves open.
func complete(f Field) Field {
	if f.Label == "" {
		f.Label = f.Name
	}
	switch f.Type {
	case "text", "password", "email", "tel", "url", "number", "search", "date":
	default:
		f.Type = "text"
	}
	if f.Autocomplete == "" {
		f.Autocomplete = guessAutocomplete(f)
	}
	return f
}

// guessAutocomplete names the field for password managers.
func guessAutocomplete(f Field) string {
	if f.Type == "password" {
		return "current-password"
	}
	switch strings.ToLower(f.Name) {
	case "username", "user", "login", "email":
		return "username"
	}
	return ""
}
