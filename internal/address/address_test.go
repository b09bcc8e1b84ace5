package address_test

import (
	"net/mail"
	"strings"
	"testing"
	"unicode"

	"github.com/nuxtauth/nuxtauth/internal/address"
)

func TestNormalize(t *testing.T) {
	for _, tt := range []struct{ given, want string }{
		{"ada@example.com", "ada@example.com"},
		{" Ada.Lovelace@Example.COM\r\n", "ada.lovelace@example.com"},
		{"ada+news@example.com", "ada+news@example.com"},
		{"o'brien@example.com", "o'brien@example.com"},
		{"a!#$%&'*+-/=?^_`{|}~@example.com", ""},
		{"a#$&'*+-/=^_`{|}~?@example.com", "a#$&'*+-/=^_`{|}~?@example.com"},
		{"a@1.example", "a@1.example"},
		{"a@mail-1.example.com", "a@mail-1.example.com"},

		// NFKC comes first (GHSA-7rqj-j65f-68wh).
		{"ﬁne@example.com", "fine@example.com"},
		{"ada＠example.com", "ada@example.com"},
		{"ada@example．com", "ada@example.com"},
		{"ada@example․com", "ada@example.com"},
		{"ａｄａ@example.com", "ada@example.com"},
		{"ada@evil.example\uff20corp.example", ""},
		{"\u212ay@example.com", "ky@example.com"},
		{"\u3000ada@example.com\u00a0", "ada@example.com"},
		{"a\u1d2cda@example.com", "aada@example.com"},
		{"x\u2100y@example.com", "xa/cy@example.com"},

		// Lower case of two characters.
		{"\u0130an@example.com", "i\u0307an@example.com"},
		{"\u00dcmit@example.com", "\u00fcmit@example.com"},
		{"u\u0308mit@example.com", "\u00fcmit@example.com"},

		// Internationalized domains.
		{"ada@Bücher.example", "ada@xn--bcher-kva.example"},
		{"ada@XN--BCHER-KVA.example", "ada@xn--bcher-kva.example"},
		{"ada@straße.example", "ada@xn--strae-oqa.example"},
		{"ada@例え.テスト", "ada@xn--r8jz45g.xn--zckzah"},
		{"ada@xn--zz.example", ""},
		{"ada@xn--ada-.example", ""},
		{"ada@a\u200db.example", ""},

		// Another mailbox than the one that is stored (accounts that a suffix check accepts).
		{"attacker@evil.example .corp.example", ""},
		{"x,attacker@evil.example", ""},
		{"a b@example.com", ""},
		{"Ada <ada@example.com>", ""},
		{"a@example.com>", ""},
		{"<a@example.com>", ""},
		{"a@b.example,c.example", ""},
		{"a@b.example,c@d.example", ""},                    // GHSA-xv97-c62v-4587
		{`"attacker@evil.example"@corp.example`, ""},       // GHSA-5jpx-9hw9-2fx4
		{`"a b"@example.com`, ""},                          // the same
		{`"ada"@example.com`, ""},                          // the same
		{"ada@example.com;b@example.com", ""},              // a list
		{"friends: ada@example.com;", ""},                  // a group
		{"ada(evil)@example.com", ""},                      // a comment
		{"ada@example.com(evil)", ""},                      // the same
		{"@relay.example:ada@example.com", ""},             // a source route
		{"attacker%evil.example@corp.example", ""},         // a route in the local part
		{"evil.example!attacker@corp.example", ""},         // the same
		{"=?utf-8?q?attacker=40evil?=@corp.example", ""},   // an encoded word
		{"-oq/tmp/x@example.com", ""},                      // an option of sendmail
		{"mailto:ada@example.com", ""},                     //
		{"ada@example.com?bcc=attacker@evil.example", ""},  //
		{"ada@example.com\r\nBcc: attacker@evil.test", ""}, // a header
		{"ada\x00@example.com", ""},
		{"ada\x7f@example.com", ""},
		{"ada\u0085x@example.com", ""},
		{"a\tb@example.com", ""},
		{"ada@exam\u00a0ple.com", ""},
		{"ada@example\u3002com", ""}, // ideographic full stop
		{"ada@example\uff61com", ""}, // its half-width form
		{"ada\u06d4b@example.com", ""},
		{"ada\U000e0040@example.com", ""}, // tag commercial at
		{"ada\u200b@example.com", ""},
		{"ada\u00ad@example.com", ""},
		{"ada\ufe0f@example.com", ""},
		{"ada\u034f@example.com", ""},
		{"ada\u202e@example.com", ""},
		{"ada\ue000@example.com", ""},
		{"ada\xff@example.com", ""},

		// Not an address.
		{"", ""},
		{" ", ""},
		{"@", ""},
		{"ada", ""},
		{"ada@", ""},
		{"@example.com", ""},
		{"a@b@example.com", ""},
		{".ada@example.com", ""},
		{"ada.@example.com", ""},
		{"a..b@example.com", ""},
		{"ada@localhost", ""},
		{"ada@example.com.", ""},
		{"ada@.example.com", ""},
		{"ada@example..com", ""},
		{"ada@-example.com", ""},
		{"ada@example-.com", ""},
		{"ada@exa_mple.com", ""},
		{"ada@exa'mple.com", ""},
		{"ada@127.0.0.1", ""},
		{"ada@[127.0.0.1]", ""},
		{"ada@[IPv6:::1]", ""},
		{strings.Repeat("a", 64) + "@example.com", strings.Repeat("a", 64) + "@example.com"},
		{strings.Repeat("a", 65) + "@example.com", ""},
		{strings.Repeat("é", 33) + "@example.com", ""},
		{"ada@" + strings.Repeat("a", 63) + ".example", "ada@" + strings.Repeat("a", 63) + ".example"},
		{"ada@" + strings.Repeat("a", 64) + ".example", ""},
		{longest, longest},
		{"a" + longest, ""},
		{strings.Repeat("a", 1<<20), ""},
		{strings.Repeat(" ", 1001) + "ada@example.com", "ada@example.com"}, // 1016 octets with the space
		{strings.Repeat(" ", 1002) + "ada@example.com", ""},
	} {
		got, err := address.Normalize(tt.given)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%q: got %q, %v, want %q", cut(tt.given), got, err, tt.want)
		}
	}
}

// longest is an address of 254 octets.
var longest = strings.Repeat("a", 60) + "@" + strings.Repeat(strings.Repeat("b", 60)+".", 3) + strings.Repeat("c", 10)

func cut(s string) string { return s[:min(len(s), 300)] }

func TestNormalize_LongestIsLongest(t *testing.T) {
	if len(longest) != 254 {
		t.Errorf("the longest address of the test has %d octets", len(longest))
	}
}

// An error says what is wrong, and by that what to write instead.
func TestNormalize_ErrorSaysWhatIsWrong(t *testing.T) {
	for _, tt := range []struct{ given, want string }{
		{"", "it is empty"},
		{" \t\n", "it is empty"},
		{"ada\xff@example.com", "it is not UTF-8"},
		{strings.Repeat(" ", 1002) + "ada@example.com", "longer than 254 octets"},
		{"a" + longest, "longer than 254 octets"},
		{"ada lovelace@example.com", "a space"},
		{"ada\x00@example.com", "a control character"},
		{"ada\x1f@example.com", "a control character"},
		{"ada\x7f@example.com", "a control character"},
		{"ada\t@example.com", "a control character"},
		{"ada\u0080x@example.com", "a character beyond ASCII"},
		{"ada\u200b@example.com", "a character beyond ASCII"},
		{"ada", "no @"},
		{"ada@eve@example.com", "more than one @"},
		{"@example.com", "nothing before the @"},
		{strings.Repeat("a", 65) + "@example.com", "more than 64 octets before the @"},
		{"-ada@example.com", "a hyphen"},
		{".ada@example.com", "a dot before the @"},
		{"ada.@example.com", "a dot before the @"},
		{"ada..eve@example.com", "a dot before the @"},
		{"ada%evil@example.com", "% or !"},
		{"ada!evil@example.com", "% or !"},
		{"a=?b@example.com", "=?"},
		{"ada@", "no domain"},
		{"ada@localhost", "no dot"},
		{"ada@exa_mple.com", "not a domain name"},
		{"ada@-example.com", "not a domain name"},
		{"ada@example.com.", "not a domain name"},
		{"ada@127.0.0.1", "an IP address"},
	} {
		if got, err := address.Normalize(tt.given); got != "" || err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: got %q, %v, want %q", cut(tt.given), got, err, tt.want)
		}
	}
	for _, r := range `"<>(),;:\[]` {
		if _, err := address.Normalize("a" + string(r) + "b@example.com"); err == nil || !strings.Contains(err.Error(), "one of the characters") {
			t.Errorf("%q: %v", r, err)
		}
	}
}

// Of ASCII, a local part has the characters of a dot-atom (RFC 5322, section 3.2.3), and a
// domain letters, digits and hyphens.
func TestNormalize_CharactersOfASCII(t *testing.T) {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	for r := range rune(0x80) {
		lower := strings.ToLower(string(r))
		for _, tt := range []struct{ before, after, accepted string }{
			{"", "a@example.com", letters + "#$&'*+/=?^_`{|}~"}, // also spaces, which go
			{"a", "a@example.com", letters + "#$&'*+/=?^_`{|}~-."},
			{"ada@a", "a.example", letters + "-."},
			{"ada@", "a.example", letters},
			{"ada@a.", "", "abcdefghijklmnopqrstuvwxyz"},
		} {
			given := tt.before + string(r) + tt.after
			if strings.TrimSpace(given) != given {
				continue
			}
			got, err := address.Normalize(given)
			if want := strings.Contains(tt.accepted, lower); (err == nil) != want || want && got != tt.before+lower+tt.after {
				t.Errorf("%q: got %q, %v, want %t", given, got, err, want)
			}
		}
	}
}

func TestNormalize_ErrorsHaveNoAddress(t *testing.T) {
	for _, given := range []string{
		"secretname", "secretname@x@y.example", "secretname b@example.com", "secretname@secretname", "secretname%a@b.example",
		"secretname@[1.2.3.4]", "Secretname <secretname@example.com>", "secretname@secretname.secretname.1", "secretname@-secretname.example",
		"secretname@xn--secretname-zz.example", "secretname\u200b@example.com", "secretname..@example.com", "secretname\n@example.com",
	} {
		_, err := address.Normalize(given)
		if err == nil || strings.Contains(strings.ToLower(err.Error()), "secretname") || !strings.HasPrefix(err.Error(), "address: ") {
			t.Errorf("%q: %v", given, err)
		}
	}
}

func FuzzNormalize(f *testing.F) {
	for _, s := range []string{
		"ada@example.com", " Ada@Example.COM ", "ﬁne＠bücher.example", "\u0130@x.example", "Ada <ada@example.com>", `"a b"@example.com`,
		"x,attacker@evil.example", "a@[::1]", "=?utf-8?q?a?=@b.example", "a@xn--bcher-kva.example", "\u1e9e@\u1e9e.example", "a@ͅ.example",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, given string) {
		got, err := address.Normalize(given)
		if err != nil {
			if got != "" {
				t.Fatalf("%q: an error, and %q", given, got)
			}
			return
		}
		a, err := mail.ParseAddress(got)
		if err != nil || a.Name != "" || a.Address != got {
			t.Fatalf("%q: %q is read as %v, %v", given, got, a, err)
		}
		if list, err := mail.ParseAddressList(got); err != nil || len(list) != 1 {
			t.Fatalf("%q: %q is a list of %d, %v", given, got, len(list), err)
		}
		// The way to the mail: the header, and what the receiver reads of it.
		if a, err := mail.ParseAddress((&mail.Address{Address: got}).String()); err != nil || a.Name != "" || a.Address != got {
			t.Fatalf("%q: %q is read from a header as %v, %v", given, got, a, err)
		}
		if again, err := address.Normalize(got); err != nil || again != got {
			t.Fatalf("%q: %q becomes %q, %v", given, got, again, err)
		}
		local, domain, _ := strings.Cut(got, "@")
		if strings.Count(got, "@") != 1 || len(local) > 64 || len(got) > 254 || !strings.Contains(domain, ".") {
			t.Fatalf("%q: %q", given, got)
		}
		if strings.ContainsFunc(got, func(r rune) bool {
			return unicode.IsControl(r) || unicode.IsSpace(r) || unicode.IsUpper(r) && unicode.ToLower(r) != r
		}) {
			t.Fatalf("%q: %q has a control character, a space or a capital letter", given, got)
		}
		if strings.Trim(domain, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" {
			t.Fatalf("%q: the domain of %q has other characters than letters, digits and hyphens", given, got)
		}
	})
}
