// Package fields knows the fields of an application's own types: it looks at a
// type once, so that requests need not.
package fields

import (
	"reflect"
	"strings"
)

// A User knows where a user type has its name, email and image. The zero User
// is that of a type without them.
type User struct{ name, email, image []int }

// UserOf finds the string fields with these JSON names in t, a struct or not.
func UserOf(t reflect.Type) (u User) {
	if t.Kind() != reflect.Struct {
		return u
	}
	for _, field := range reflect.VisibleFields(t) {
		if field.Type.Kind() != reflect.String || !field.IsExported() || throughPointer(t, field.Index) {
			continue
		}
		switch name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name {
		case "name":
			u.name = field.Index
		case "email":
			u.email = field.Index
		case "image":
			u.image = field.Index
		}
	}
	return u
}

// throughPointer tells whether the way to a field leads through an embedded pointer.
func throughPointer(t reflect.Type, index []int) bool {
	for _, i := range index[:len(index)-1] {
		if t = t.Field(i).Type; t.Kind() == reflect.Pointer {
			return true
		}
	}
	return false
}

// Set fills the fields of user, a pointer to the type of u, that it has.
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
