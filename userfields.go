package nuxtauth

import (
	"reflect"
	"strings"
)

// userFields are the places of name, email and image in the user's own type,
// nil where it has none.
type userFields struct{ name, email, image []int }

// userFieldsOf looks the places up by JSON name, once.
func userFieldsOf[S Session]() (f userFields) {
	withDefaults, ok := any(new(S)).(interface{ defaultSession() (any, *ISOTime) })
	if !ok || checkEmbedding(reflect.TypeFor[S](), nil) != nil {
		return f // New reports why
	}
	user, _ := withDefaults.defaultSession()
	t := reflect.TypeOf(user).Elem()
	if t.Kind() != reflect.Struct {
		return f
	}
	for _, field := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Type.Kind() != reflect.String || !field.IsExported() || throughPointer(t, field.Index) {
			continue
		}
		switch name {
		case "name":
			f.name = field.Index
		case "email":
			f.email = field.Index
		case "image":
			f.image = field.Index
		}
	}
	return f
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

func (f userFields) set(user any, d *DefaultJWT) {
	v := reflect.ValueOf(user).Elem()
	if f.name != nil {
		v.FieldByIndex(f.name).SetString(d.Name)
	}
	if f.email != nil {
		v.FieldByIndex(f.email).SetString(d.Email)
	}
	if f.image != nil {
		v.FieldByIndex(f.image).SetString(d.Picture)
	}
}
