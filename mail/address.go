package mail

import "github.com/nuxtauth/nuxtauth/internal/address"

// NormalizeAddress returns an e-mail address as the library stores and compares it: in lower
// case, in Unicode's form NFKC, without space around it, and with the domain in A-labels. Use
// it for what a user typed, before a user is looked for or created. The error says what is
// wrong, and does not have the address: a name, a list, a quoted local part and all else
// that mail software may read in two ways is refused.
func NormalizeAddress(s string) (string, error) { return address.Normalize(s) }
