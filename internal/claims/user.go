package claims

import (
	"reflect"
	"strings"
)

// A User has the fields for the name, the email and the image in a user type.
// The zero User has none.
type User struct{ name, email, image []int }

// UserOf finds the string fields with the JSON names "name", "email" and "image"
// in t. A type that is not a struct has none.
func UserOf(t reflect.Type) (u User) {
	if t.Kind() != reflect.Struct {
		return u
	}
	for _, field := range reflect.VisibleFields(t) {
		if field.Type.Kind() != reflect.String || !field.IsExported() || !isMember(t, field.Index) {
			continue
		}
		switch name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name {
		case "name":
			u.name = outer(u.name, field.Index)
		case "email":
			u.email = outer(u.email, field.Index)
		case "image":
			u.image = outer(u.image, field.Index)
		}
	}
	return u
}

// isMember reports whether a field is a member of the JSON object of t itself: it
// is in no embedded struct that has a name of its own there, and in no embedded
// pointer, which may be nil.
func isMember(t reflect.Type, index []int) bool {
	for _, i := range index[:len(index)-1] {
		f := t.Field(i)
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" || f.Type.Kind() == reflect.Pointer {
			return false
		}
		t = f.Type
	}
	return true
}

// outer returns the index of the field that is less deeply embedded, which is
// the one in JSON.
func outer(a, b []int) []int {
	if a != nil && len(a) <= len(b) {
		return a
	}
	return b
}

// Set sets the fields that u has. user is a pointer to the type of u.
func (u User) Set(user any, name, email, image string) {
	v := reflect.ValueOf(user).Elem()
	if u.name != nil {
		v.FieldByIndex(u.name).SetString(name)
	}
	if u.email != nil {
		v.FieldByIndex(u.email).SetString(email)
	}
	if u.image != nil {
		v.FieldByIndex(u.image).SetString(image)
	}
}
