// want: cannot define new methods on instantiated type
package main

import "github.com/nuxtauth/nuxtauth"

type User struct{ Role string }

// An alias is the type itself. With methods, embed it in a struct: right.go.
type Session = nuxtauth.DefaultSession[User]

func (s *Session) IsAdmin() bool { return s != nil && s.User.Role == "admin" }

func main() {}
