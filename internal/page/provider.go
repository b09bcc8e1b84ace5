package page

import (
	"strings"
	"unicode"
)

// Provider is one way to sign in on the page. Type "email" is a form with an e-mail
// address, "credentials" a form with Fields (left out if there are none); every other
// type is a button.
type Provider struct {
	ID     string
	Name   string // empty means ID
	Type   string
	Action string // absolute URL to post to: BASE/signin/<id>, or BASE/callback/<id> for credentials

	// Logo is the image on the button: an http(s) URL or an absolute path. Any
	// other value means the built-in mark of the vendor, or the first letter of
	// the name.
	Logo string

	// Brand is the colour behind that letter, in the syntax of
	// [Theme].BrandColor. Any other value means a neutral grey.
	Brand string

	Fields []Field
}

// Field is one input of a credentials form.
type Field struct {
	Name         string // key in the posted form
	Label        string // empty means Name
	Type         string // text, password, email, tel, url, number, search or date; any other value means text
	Placeholder  string
	Autocomplete string // empty means the value for Type and Name
}

// entry is a provider with the data of the template.
type entry struct {
	Provider
	Fields    []input // covers the Fields of Provider
	Kind      string  // "button", "email" or "credentials"
	Or        bool    // a divider precedes it
	Autofocus bool    // its first input has the focus
	SubmitID  bool    // its button is #submitButton
	Mark      string  // a built-in mark, when there is no Logo
	Letter    string  // without a Logo and a Mark
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
			e.Autofocus = first     // otherwise the focus would skip the buttons
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

// complete sets the defaults of a field.
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
		f.Autocomplete = autocompleteFor(f)
	}
	return f
}

// autocompleteFor returns the autocomplete value of a field, for password managers.
func autocompleteFor(f Field) string {
	if f.Type == "password" {
		return "current-password"
	}
	switch strings.ToLower(f.Name) {
	case "username", "user", "login", "email":
		return "username"
	}
	return ""
}
