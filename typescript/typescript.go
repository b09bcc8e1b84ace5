// Package typescript writes the TypeScript declarations of an application's session from
// its Go types, so that the editor of a front-end developer knows data.user.role:
//
//	err := typescript.Write[app.Token, app.Session](file, typescript.Options{})
//
// The file augments the package that the front end uses: see [Target]. Package authtest
// keeps such a file true: authtest.TypeScript fails when the Go types have changed since.
// Use one of the two in tests and tools: a server has no need of this package.
//
// # How Go types are declared
//
// A declared type admits what the server writes, and nothing else:
//
//   - Strings, time.Time, []byte and types with a method MarshalText are string; numbers
//     are number, and string with the json option "string". An int64 beyond 2^53 is
//     a number too, which loses digits when JavaScript reads it: give it that option.
//   - Structs are objects, with the json tags and the embedded fields as JSON has them. A
//     struct type with a name becomes an interface of that name, in a namespace of the
//     name of its package.
//   - Slices are arrays, arrays tuples, and maps objects with an index signature. They are
//     never null: the library writes nil slices as [] and nil maps as {}.
//   - A pointer is T | null, and required.
//   - A member with omitzero is optional, and a pointer with it is T. A member with
//     omitempty is optional if its JSON can be null, "", [] or {}; numbers, booleans and
//     times never are, and stay required.
//   - The fields of a struct that is embedded by pointer are optional.
//   - A type with known values is the union of these: see [Enum].
//   - Interfaces, and types with a method MarshalJSON or MarshalJSONTo, are unknown.
//
// What JSON refuses, such as a channel or a time.Duration, is an error. The same types
// give the same bytes each time.
package typescript

import (
	"bytes"
	"fmt"
	"io"
	"reflect"

	"github.com/nuxtauth/nuxtauth"
)

// Options are the options of [Write]. The zero value is for next-auth.
type Options struct {
	// Target is what the front end imports the session's type from.
	Target Target

	// Enums are types with known values, for types without a method Values.
	Enums []Enum

	// Doc returns the comment of a field of a struct type, or of the type itself if field
	// is empty; "" for none. Nil means no comments.
	Doc func(t reflect.Type, field string) string
}

// Target is the package whose types a front end uses. The zero value is [NextAuth].
type Target int

const (
	// NextAuth augments next-auth, of version 4 and 5: Session, User and JWT. It is also
	// for @sidebase/nuxt-auth in an application that has next-auth installed.
	NextAuth Target = iota

	// AuthCore augments @auth/core, for the packages of Auth.js other than next-auth, such
	// as @auth/sveltekit. With pnpm, @auth/core must be in the application's package.json.
	AuthCore

	// NuxtAuth is for @sidebase/nuxt-auth with its provider authjs in an application
	// without next-auth, which nuxt-auth imports the session's type from: the file
	// declares that module instead of augmenting it.
	NuxtAuth

	// NuxtAuthLocal augments #auth, for @sidebase/nuxt-auth with its provider local.
	NuxtAuthLocal

	// Plain augments nothing. The file exports Session, User and JWT, for front ends
	// that fetch the session themselves.
	Plain
)

// String returns the name of the constant.
func (t Target) String() string {
	if l, ok := layouts[t]; ok {
		return l.name
	}
	return fmt.Sprintf("Target(%d)", int(t))
}

// An Enum is a type with known values: see [EnumOf].
//
// A type with a method "Values() []T", T being the type itself, needs no Enum. A member
// of such a type is the union of the values in JSON. The zero value is not one of them
// unless it is listed: an application that leaves the field empty gives it the option
// omitzero, which makes the member optional, and leaves a zero value out of the union too.
type Enum struct {
	typ    reflect.Type
	values reflect.Value // a slice
}

// EnumOf returns V as an enum of these values. The JSON of each must be a string, a number
// or a boolean.
func EnumOf[V any](values ...V) Enum {
	return Enum{reflect.TypeFor[V](), reflect.ValueOf(values)}
}

// Write writes the declarations of the session type S, of its user, and of the token
// type T. It returns an error for types that JSON refuses, for users that the target does
// not admit, and of w.
//
// next-auth and @auth/core declare that the user is an object whose name, email and image
// are strings or null, and whose id is a string. Another type for one of these is an
// error: write json:"id,string" for a number. If the user has neither name, email nor
// image, the session's user also gets a name that is never there, because TypeScript
// admits no type without a member in common. The other targets admit any user.
func Write[T nuxtauth.TokenType, S nuxtauth.SessionType](w io.Writer, o Options) error {
	var b bytes.Buffer
	if err := write(&b, reflect.TypeFor[T](), reflect.TypeFor[S](), o); err != nil {
		return fmt.Errorf("typescript: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func write(b *bytes.Buffer, token, session reflect.Type, o Options) (err error) {
	defer func() {
		if p := recover(); p != nil { // of a method of the application: Values, MarshalText
			err = fmt.Errorf("a method of %v, %v or their fields panics: %v", token, session, p)
		}
	}()
	l, ok := layouts[o.Target]
	if !ok {
		return fmt.Errorf("Options.Target is %v: write typescript.NextAuth, or one of the other constants", o.Target)
	}
	g := newGenerator(session, o)
	for _, e := range o.Enums {
		if err := g.addEnum(e); err != nil {
			return err
		}
	}
	if hasMethods(session) {
		return fmt.Errorf("%v has a method that writes its JSON, so that its members are not known", session)
	}
	s, err := g.object(session)
	if err != nil {
		return err
	}
	user, ok := s.member("user")
	if !ok {
		return fmt.Errorf("%v has no member \"user\" in JSON", session)
	}
	f := file{layout: l, session: s, user: user.typ, sessionDoc: g.doc(session, "")}
	if f.user.object != nil {
		f.userDoc = g.doc(f.user.from, "")
	}
	if l.asNextAuth {
		if err := f.fitNextAuth(); err != nil {
			return fmt.Errorf("%w, for the target %v", err, o.Target)
		}
	}
	if l.hasJWT() && !hasMethods(token) {
		if f.jwt, err = g.object(token); err != nil {
			return err
		}
		f.jwtDoc = g.doc(token, "")
	}
	if f.namespaces, err = g.declared(); err != nil {
		return err
	}
	f.print(b)
	return nil
}
