package origin

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"slices"
)

// hexSize is the length of a token, and of its hash, in hex digits.
const hexSize = 2 * sha256.Size

// A CSRF issues and checks the CSRF tokens of next-auth and Auth.js: the cookie
// has a random token and sha256(token + secret), and the form repeats the token.
// It is safe for concurrent use. Make one with [NewCSRF].
type CSRF struct {
	secrets []string
}

// NewCSRF returns a CSRF. The first secret signs new tokens, and tokens of all
// secrets are accepted. An empty secret verifies nothing.
func NewCSRF(secrets ...string) *CSRF {
	return &CSRF{slices.Clone(secrets)}
}

// Issue returns a new token, and the value of the cookie that proves it.
func (c *CSRF) Issue() (token, cookieValue string) {
	random := make([]byte, sha256.Size)
	rand.Read(random) // never fails, see crypto/rand
	token = hex.EncodeToString(random)
	var secret string
	if len(c.secrets) > 0 {
		secret = c.secrets[0]
	}
	hash := sign(token, secret)
	return token, token + "|" + string(hash[:])
}

// Check returns the token of a cookie value if one of the secrets signed it. If
// not, the caller issues a new one. Parts after a second "|" are ignored.
func (c *CSRF) Check(cookieValue string) (token string, ok bool) {
	if len(cookieValue) < hexSize+1+hexSize || cookieValue[hexSize] != '|' {
		return "", false
	}
	token, rest := cookieValue[:hexSize], cookieValue[hexSize+1:]
	if len(rest) > hexSize && rest[hexSize] != '|' {
		return "", false
	}
	got := []byte(rest[:hexSize])
	valid := 0
	for _, secret := range c.secrets {
		if secret != "" {
			want := sign(token, secret)
			valid |= subtle.ConstantTimeCompare(got, want[:])
		}
	}
	if valid == 0 {
		return "", false
	}
	return token, true
}

// Equal compares the token of the cookie with the one in the body, in constant
// time. An empty token equals none.
func Equal(cookieToken, bodyToken string) bool {
	return cookieToken != "" && subtle.ConstantTimeCompare([]byte(cookieToken), []byte(bodyToken)) == 1
}

// sign returns the hash of a token, in lower-case hexadecimal.
func sign(token, secret string) (hash [hexSize]byte) {
	var buf [256]byte
	sum := sha256.Sum256(append(append(buf[:0], token...), secret...))
	hex.Encode(hash[:], sum[:])
	return hash
}

// SameOrigin reports whether r proves that a page of the application itself made the
// browser send it: by an Origin that is that of b, and by Sec-Fetch-Site, of which one may
// be absent.
func (s *Site) SameOrigin(b Base, r *http.Request) bool {
	site, origins := r.Header["Sec-Fetch-Site"], r.Header["Origin"]
	if len(site) == 0 && len(origins) == 0 {
		return false
	}
	other := func(want string) func(string) bool { return func(v string) bool { return v != want } }
	return !slices.ContainsFunc(site, other("same-origin")) && !slices.ContainsFunc(origins, other(b.Origin))
}

// CrossSite reports whether another site made the browser send r. It is defence
// in depth beside the token, for requests that change something.
//
// A request is cross-site if it has an Origin that is not [Site.Trusted], or no
// Origin and a Sec-Fetch-Site other than same-origin and none. A request without
// both headers is not from a current browser, and the token alone decides.
//
// Origin: null is untrusted, with one exception: browsers send it for the forms
// of pages with Referrer-Policy: no-referrer, together with
// Sec-Fetch-Site: same-origin, which no page can forge.
func (s *Site) CrossSite(b Base, r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	origins := r.Header["Origin"]
	if len(origins) == 0 {
		return site != "" && site != "same-origin" && site != "none"
	}
	for _, origin := range origins {
		noReferrer := origin == "null" && site == "same-origin"
		if !noReferrer && !s.Trusted(b, origin) {
			return true
		}
	}
	return false
}
