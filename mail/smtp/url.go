package smtp

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
)

// ParseURL reads the address of a server, and with it the sender.
//
//	smtp://user:password@smtp.example.com      STARTTLS, port 587
//	smtps://user:password@smtp.example.com     implicit TLS, port 465
//	smtp://localhost:1025                      a server on this host, without TLS
//	smtp://mailpit:1025?tls=none               Options.DangerouslySkipTLS
//	smtp://…?from=Acme <login@example.com>     Options.From
//
// Special characters of user, password and from are percent-encoded. Other parameters are
// errors: their settings are fields of the result. An error does not contain the URL.
func ParseURL(rawURL string) (Options, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return Options{}, errors.New("smtp: the URL is malformed") // err would quote the password
	}
	if u.Scheme != "smtp" && u.Scheme != "smtps" {
		return Options{}, errors.New(`smtp: the URL must start with "smtp://" or "smtps://"`)
	}
	if u.Opaque != "" || (u.Path != "" && u.Path != "/") || u.Fragment != "" {
		return Options{}, errors.New("smtp: the URL has more than a user, a password, a host, a port and parameters: percent-encode the special characters of the password")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Options{}, errors.New("smtp: the parameters of the URL are malformed")
	}
	o := Options{Host: u.Hostname(), ImplicitTLS: u.Scheme == "smtps", Username: u.User.Username()}
	o.Password, _ = u.User.Password()
	if port := u.Port(); port != "" {
		if o.Port, err = strconv.Atoi(port); err != nil || o.Port < 1 || o.Port > 65535 {
			return Options{}, errors.New("smtp: the port of the URL is not a number from 1 to 65535")
		}
	}
	for name, values := range query {
		switch {
		case len(values) > 1:
			return Options{}, fmt.Errorf("smtp: parameter %q is more than once in the URL", name)
		case name == "from":
			o.From = values[0]
		case name == "tls" && values[0] == "none":
			o.DangerouslySkipTLS = true
		case name == "tls":
			return Options{}, errors.New(`smtp: the only value of the parameter "tls" is "none"`)
		default:
			return Options{}, fmt.Errorf("smtp: unknown parameter %q in the URL", name)
		}
	}
	return o, nil
}
