package page

import (
	"slices"
	"strings"
)

// Field is one input of a credentials form.
type Field struct {
	Name         string // key in the posted form
	Label        string // empty means that of a standard Name, or Name
	Type         string // text, password, email, tel, url, number, search or date; any other value means that of a standard Name, or text
	Placeholder  string
	Autocomplete string // empty means the value for Type and Name
	Optional     bool   // browsers send the form also if it is empty
}

// AccountField returns the name of the field that says which account a form is for, "" if
// there is none: the one with the autocomplete value username, or else email, or else the
// first that is neither a password nor hidden, which is the same for all users. public
// reports that its value is no secret, and can be shown again.
func AccountField(fields []Field) (name string, public bool) {
	for _, purpose := range []string{"username", "email"} {
		for _, f := range fields {
			f = Complete(f)
			if slices.Contains(strings.Fields(strings.ToLower(f.Autocomplete)), purpose) {
				return f.Name, f.Type != "password"
			}
		}
	}
	for _, f := range fields {
		if f.Type != "hidden" && Complete(f).Type != "password" { // "pin" without a type is a password
			return f.Name, false
		}
	}
	return "", false
}

// standard is what follows from the name of a field.
type standard struct {
	label        string // key in texts.Fields
	kind         string // type
	autocomplete string
	numeric      bool // a keyboard with digits
}

// standards has the names in lower case.
var standards = map[string]standard{
	"username": {label: "username", kind: "text", autocomplete: "username"},
	"user":     {label: "username", kind: "text", autocomplete: "username"},
	"login":    {label: "username", kind: "text", autocomplete: "username"},
	"email":    {label: "email", kind: "email", autocomplete: "username"},
	"password": {label: "password", kind: "password", autocomplete: "current-password"},
	"tel":      {label: "tel", kind: "tel", autocomplete: "tel"},
	"phone":    {label: "tel", kind: "tel", autocomplete: "tel"},
	"code":     oneTimeCode,
	"otp":      oneTimeCode,
	"totp":     oneTimeCode,
	"pin":      {label: "pin", kind: "password", autocomplete: "current-password", numeric: true},
}

// oneTimeCode is text: an input for numbers would drop the zeros at the beginning.
var oneTimeCode = standard{label: "code", kind: "text", autocomplete: "one-time-code", numeric: true}

// Complete sets the defaults of a field.
func Complete(f Field) Field {
	known, ok := standards[strings.ToLower(f.Name)]
	if f.Label == "" {
		f.Label = f.Name
		if ok {
			f.Label = english.Fields[known.label]
		}
	}
	switch f.Type {
	case "text", "password", "email", "tel", "url", "number", "search", "date":
	default:
		f.Type = "text"
		if ok {
			f.Type = known.kind
		}
	}
	switch {
	case f.Autocomplete != "":
	case f.Type == "password":
		f.Autocomplete = "current-password"
	case ok && known.kind != "password":
		f.Autocomplete = known.autocomplete
	}
	return f
}

// input is a field with the data of the template.
type input struct {
	Field
	Numeric   bool // inputmode
	Value     string
	Invalid   bool   // the alert of the page is about it
	Forgot    string // URL of the link beside its label
	Autofocus bool
}

func newInput(f Field) input {
	f = Complete(f)
	numeric := standards[strings.ToLower(f.Name)].numeric || f.Autocomplete == "one-time-code"
	return input{Field: f, Numeric: numeric && (f.Type == "text" || f.Type == "password")}
}
