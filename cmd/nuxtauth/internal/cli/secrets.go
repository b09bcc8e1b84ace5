package cli

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/nuxtauth/nuxtauth/cmd/nuxtauth/internal/envfile"
	"github.com/nuxtauth/nuxtauth/cmd/nuxtauth/internal/sealed"
)

// secretVariables have secrets, in the order in which they count. Auth.js v5 has the last
// three too.
var secretVariables = []string{authSecret, nextAuthSecret, "AUTH_SECRET_1", "AUTH_SECRET_2", "AUTH_SECRET_3"}

// A list is a flag that may be repeated.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

// Set adds a value.
func (l *list) Set(value string) error {
	*l = append(*l, value)
	return nil
}

// secretFlags are the flags by which a command finds the secrets.
type secretFlags struct {
	secrets list
	path    string
}

func (s *secretFlags) define(c *call) {
	c.flags.Var(&s.secrets, "secret", "a `secret`, in place of those of the environment; can be repeated. Other users of the\nmachine may see it: prefer AUTH_SECRET or -env")
	c.flags.StringVar(&s.path, "env", "", "read AUTH_SECRET and the other variables from this `file` in place of the environment")
}

// getenv returns the variables of the file, or those of the environment.
func (s *secretFlags) getenv(e *Env) (func(string) string, error) {
	if s.path == "" {
		return e.Getenv, nil
	}
	file, exists, err := envfile.Read(s.path)
	if err != nil {
		return nil, err
	}
	if !exists {
		return nil, fmt.Errorf("there is no file %s", s.path)
	}
	return func(name string) string {
		value, _ := file.Get(name)
		return value
	}, nil
}

// find returns the secrets, the one that seals first.
func (s *secretFlags) find(e *Env) ([]sealed.Secret, error) {
	var all []sealed.Secret
	for i, text := range s.secrets {
		if text == "" {
			return nil, usagef("-secret is empty")
		}
		name := "-secret"
		if i > 0 {
			name = fmt.Sprintf("-secret (number %d)", i+1)
		}
		all = append(all, sealed.Secret{Name: name, Text: text})
	}
	if len(all) > 0 {
		return all, nil
	}
	getenv, err := s.getenv(e)
	if err != nil {
		return nil, err
	}
	for _, name := range secretVariables {
		if text := getenv(name); text != "" {
			if s.path != "" {
				name += " of " + s.path
			}
			all = append(all, sealed.Secret{Name: name, Text: text})
		}
	}
	switch {
	case len(all) > 0:
		return all, nil
	case s.path != "":
		return nil, fmt.Errorf("%s has no AUTH_SECRET", s.path)
	}
	if _, err := os.Stat(".env"); err == nil {
		return nil, errors.New("there is no secret: set AUTH_SECRET, or add -env .env")
	}
	return nil, errors.New("there is no secret: set AUTH_SECRET to that of the server, or name a file that has it by -env")
}

// publicURL is the address of the application in the variables.
func publicURL(getenv func(string) string) string {
	return cmp.Or(getenv("AUTH_URL"), getenv("NEXTAUTH_URL"))
}

// protocolFlag is the flag -protocol.
type protocolFlag struct{ sealed.Protocol }

func (p *protocolFlag) String() string { return string(p.Protocol) }

// Set takes the name of a protocol.
func (p *protocolFlag) Set(value string) error {
	switch value {
	case "next-auth", "nextauth", "next-auth-v4":
		p.Protocol = sealed.NextAuth
	case "authjs", "auth.js", "next-auth-v5":
		p.Protocol = sealed.AuthJS
	default:
		return errors.New("write next-auth or authjs")
	}
	return nil
}
