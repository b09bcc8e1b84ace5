package typescript

import (
	"errors"
	"fmt"
	"slices"
)

// fitNextAuth checks that the user is one that next-auth's own types admit: there, a
// session's user has a name, an email and an image, each a string, null or missing, and a
// user has an id, a string. It adds what TypeScript demands of a user that has nothing in
// common with that.
func (f *file) fitNextAuth() error {
	o := f.user.object
	if o == nil || f.user.null {
		return errors.New("the user is not an object: the type argument of DefaultSession has to be a struct, by value, without methods for its JSON")
	}
	common := false
	for _, m := range o.members {
		switch m.name {
		case "name", "email", "image":
			if !m.typ.isString() {
				return fmt.Errorf("%s is not a string in JSON: next-auth declares that the %s of a user is one; give it another name in JSON", m.goName, m.name)
			}
			common = true
		case "id":
			if !m.typ.isString() || m.typ.null {
				return fmt.Errorf("%s is not a string in JSON: next-auth declares that the id of a user is one; write json:\"id,string\" for a number, or give it another name in JSON", m.goName)
			}
		}
	}
	if common {
		return nil
	}
	o.members = append(o.members, member{name: "name", optional: true, typ: tsType{text: "never"}, doc: "It is never there: TypeScript needs a member in common with next-auth's user."})
	return nil
}

// isString reports whether the values of a type are strings, or null.
func (t *tsType) isString() bool {
	return t.text == "string" ||
		t.values != nil && !slices.ContainsFunc(t.values, func(literal string) bool { return literal[0] != '\'' })
}

// nextAuthUser returns the members that next-auth's User gets: those of the session's
// user, without those that would contradict the types which extend User. These inherit them.
func nextAuthUser(user *object) *object {
	o := &object{open: user.open}
	for _, m := range user.members {
		switch m.name {
		case "id": // string, required in version 4, and of an AdapterUser
			if m.optional || m.typ.text != "string" {
				continue
			}
		case "email": // string, of an AdapterUser
			if m.typ.text != "string" {
				continue
			}
		case "emailVerified": // Date | null, of an AdapterUser
			continue
		}
		if m.typ.text != "never" {
			o.members = append(o.members, m)
		}
	}
	return o
}
