package password

import (
	"fmt"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// The lengths of NIST SP 800-63B-4, section 3.1.1.2, in characters: of a password that is
// the only factor, and of one that is used with a second factor.
const (
	minSingleFactor = 15
	minMultiFactor  = 8
)

// A Reason is why a password is refused.
type Reason string

// The reasons of a [PolicyError].
const (
	TooShort Reason = "too-short" // fewer characters than Limit
	TooLong  Reason = "too-long"  // more bytes than Limit
	Common   Reason = "common"    // often used, or a pattern such as a row of keys
	Personal Reason = "personal"  // one of the words that Check got
)

// PolicyError says why a password is refused. NIST SP 800-63B-4 requires that the user
// learns the reason: a page has a text of its own for each. The error has no part of the
// password.
type PolicyError struct {
	_ [0]func()

	Reason Reason
	Limit  int // of TooShort in characters, of TooLong in bytes
}

func (e *PolicyError) Error() string {
	switch e.Reason {
	case TooShort:
		return fmt.Sprintf("password: shorter than %d characters", e.Limit)
	case TooLong:
		return fmt.Sprintf("password: longer than %d bytes", e.Limit)
	case Common:
		return "password: one of the passwords that are tried first"
	case Personal:
		return "password: made of the name of the user or of the service"
	}
	return "password: " + string(e.Reason)
}

// Policy is a policy for new passwords. The zero value is that of NIST SP 800-63B-4 for
// passwords that are the only factor.
type Policy struct {
	_ [0]func()

	// MinLength is the least number of characters. Zero means 15. Write 8 if a second
	// factor is required of every user; less than 8 counts as 8.
	MinLength int
}

// Check is [Policy.Check] of the zero Policy: at least 15 characters.
func Check(password string, words ...string) error {
	return Policy{}.Check(password, words...)
}

// Check returns nil for a password that a user may choose, and otherwise a [*PolicyError],
// by the rules of NIST SP 800-63B-4, section 3.1.1.2:
//
//   - the length, in code points of the normal form NFC, is at least MinLength, and at most
//     [MaxBytes] bytes as typed;
//   - the whole password is none of about 10,000 common ones, nor one of them in another case,
//     repeated, or with digits and signs around it, nor made of sequences such as
//     "abcdefgh12345678" or "qwertyuiop";
//   - neither is it one of words, changed in the same ways. These are what an attacker knows:
//     the user's name, the e-mail address, the name of the service. The parts of each, such
//     as the local part of an address, count as words too.
//
// There are no rules on the kinds of characters, which the standard forbids. Check is for
// new passwords: those that exist are not checked at a sign-in.
func (p Policy) Check(password string, words ...string) error {
	if len(password) > MaxBytes {
		return &PolicyError{Reason: TooLong, Limit: MaxBytes}
	}
	least := minSingleFactor
	if p.MinLength != 0 {
		least = max(p.MinLength, minMultiFactor)
	}
	if utf8.RuneCountInString(norm.NFC.String(password)) < least {
		return &PolicyError{Reason: TooShort, Limit: least}
	}
	if reason := guess(fold(password), wordsOf(words)); reason != "" {
		return &PolicyError{Reason: reason}
	}
	return nil
}
