// Package address normalizes e-mail addresses, so that the address that is stored, compared
// and shown is the one that a mail goes to.
package address

import (
	"errors"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

const (
	maxLocal = 64  // octets, RFC 5321 §4.5.3.1.1
	maxAll   = 254 // octets: a path of 256, RFC 5321 §4.5.3.1.3, with its angle brackets
	maxInput = 4 * maxAll
)

// hosts turns the names of an internationalized domain into A-labels (RFC 5890), and refuses
// what is not of letters, digits and hyphens.
var hosts = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.BidiRule(), idna.CheckJoiners(true),
	idna.StrictDomainName(true), idna.CheckHyphens(false), idna.VerifyDNSLength(true))

// Normalize returns the form of an e-mail address in which two spellings of a mailbox are
// equal: NFKC, without space around it, in lower case, and with the domain in A-labels. The
// result is a dot-atom and a domain name (RFC 5321 §4.1.2), which [mail.ParseAddress] reads
// as one address without a name, equal to the result; Normalize returns it unchanged.
//
// It refuses what mail software reads in more than one way: lists, names, quoted local
// parts, domain literals, characters that are invisible or look like a dot, and the
// notations for a route through another host. An error says what is wrong, and never has
// the address.
//
// The mail must go to the result. Without that, an address that Normalize has changed by
// more than the case of ASCII letters is no proof: another party may own the one that was
// given.
func Normalize(s string) (string, error) {
	if len(s) > maxInput {
		return "", errors.New("address: it is longer than 254 octets")
	}
	if !utf8.ValidString(s) {
		return "", errors.New("address: it is not UTF-8")
	}
	s = fold(strings.TrimSpace(norm.NFKC.String(s)))
	if s == "" {
		return "", errors.New("address: it is empty")
	}
	for _, r := range s {
		if err := checkRune(r); err != nil {
			return "", err
		}
	}
	local, domain, found := strings.Cut(s, "@")
	if !found {
		return "", errors.New("address: it has no @")
	}
	if strings.Contains(domain, "@") {
		return "", errors.New("address: it has more than one @")
	}
	if err := checkLocal(local); err != nil {
		return "", err
	}
	domain, err := normalizeDomain(domain)
	if err != nil {
		return "", err
	}
	s = local + "@" + domain
	if len(s) > maxAll {
		return "", errors.New("address: it is longer than 254 octets")
	}
	if a, err := mail.ParseAddress(s); err != nil || a.Name != "" || a.Address != s {
		return "", errors.New("address: it is not a single address")
	}
	return s, nil
}

// fold returns s in lower case, and in NFKC. U+0130 becomes i and a dot above, as in Unicode's
// full mapping: unicode.ToLower makes it the ASCII letter, which is in other addresses.
func fold(s string) string {
	return norm.NFKC.String(strings.ToLower(strings.ReplaceAll(s, "\u0130", "i\u0307")))
}

// checkRune refuses what is neither in a dot-atom nor in a domain name. Beyond ASCII, it
// accepts letters, digits and combining marks that are visible.
func checkRune(r rune) error {
	switch {
	case r < utf8.RuneSelf:
		switch {
		case r == ' ':
			return errors.New("address: it has a space")
		case r < ' ' || r == 0x7f:
			return errors.New("address: it has a control character")
		case strings.ContainsRune(`"<>(),;:\[]`, r):
			return errors.New("address: it has one of the characters \" < > ( ) , ; : \\ [ ]")
		}
		return nil
	case unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
	case unicode.In(r, unicode.Letter, unicode.Mark, unicode.Nd):
		return nil
	}
	return errors.New("address: it has a character beyond ASCII that is no letter or digit")
}

func checkLocal(local string) error {
	switch {
	case local == "":
		return errors.New("address: it has nothing before the @")
	case len(local) > maxLocal:
		return errors.New("address: it has more than 64 octets before the @")
	case local[0] == '-':
		return errors.New("address: it starts with a hyphen, which is an option to some mail software")
	case local[0] == '.' || strings.HasSuffix(local, ".") || strings.Contains(local, ".."):
		return errors.New("address: it has a dot before the @ at the start, at the end or beside another")
	case strings.ContainsAny(local, "%!"):
		return errors.New("address: it has a % or ! before the @, which some mail software takes for a route to another host")
	case strings.Contains(local, "=?"):
		return errors.New("address: it has =? before the @, which some mail software decodes (RFC 2047)")
	}
	return nil
}

func normalizeDomain(domain string) (string, error) {
	if domain == "" {
		return "", errors.New("address: it has no domain")
	}
	domain, err := hosts.ToASCII(domain)
	if err != nil {
		return "", errors.New("address: its domain is not a domain name")
	}
	last := strings.LastIndexByte(domain, '.') + 1
	if last == 0 {
		return "", errors.New("address: its domain has no dot")
	}
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
			return "", errors.New("address: its domain is not a domain name")
		}
	}
	if strings.Trim(domain[last:], "0123456789") == "" {
		return "", errors.New("address: its domain is an IP address")
	}
	return domain, nil
}
