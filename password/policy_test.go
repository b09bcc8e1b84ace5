package password_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/password"
)

func TestCheck_Length(t *testing.T) {
	const fifteen = "vucilemotagisud"
	for _, tt := range []struct {
		name, password string
		policy         password.Policy
		want           password.Reason
		limit          int
	}{
		{"empty", "", password.Policy{}, password.TooShort, 15},
		{"14", fifteen[:14], password.Policy{}, password.TooShort, 15},
		{"15", fifteen, password.Policy{}, "", 0},
		{"64", strings.Repeat("vucilemo tagisud", 3) + "qwmndbvhxzplfrto", password.Policy{}, "", 0},
		{"second factor, 7", fifteen[:7], password.Policy{MinLength: 8}, password.TooShort, 8},
		{"second factor, 8", fifteen[:8], password.Policy{MinLength: 8}, "", 0},
		{"below the standard", fifteen[:7], password.Policy{MinLength: 1}, password.TooShort, 8},
		{"negative", fifteen[:7], password.Policy{MinLength: -1}, password.TooShort, 8},
		{"above the standard", fifteen, password.Policy{MinLength: 16}, password.TooShort, 16},
		{"15 characters of 4 bytes", "𝄞𝄢𝄪𝄫𝅘𝅥𝅮𝆒𝆓𝇐𝇑𝇒𝇓𝇔𝇕", password.Policy{}, "", 0},
		{"14 characters, 28 code points as typed", strings.Repeat("a\u0308o\u0308u\u0308e\u0300i\u0300o\u0301n\u0303", 2), password.Policy{}, password.TooShort, 15},
		{"1,024 bytes", strings.Repeat(fifteen, 100)[:1022] + "zk", password.Policy{}, "", 0},
		{"1,025 bytes", strings.Repeat(fifteen, 100)[:1023] + "zk", password.Policy{}, password.TooLong, 1024},
		{"1 MB", strings.Repeat("x", 1<<20), password.Policy{}, password.TooLong, 1024},
		{"no UTF-8", "\xff\xfe" + fifteen, password.Policy{}, "", 0},
	} {
		reason, limit := refusal(t, tt.policy.Check(tt.password))
		if reason != tt.want || limit != tt.limit {
			t.Errorf("%s: %q, limit %d, want %q, %d", tt.name, reason, limit, tt.want, tt.limit)
		}
	}
}

// refusal returns the reason of a PolicyError, and fails the test on any other error.
func refusal(t *testing.T, err error) (password.Reason, int) {
	t.Helper()
	if err == nil {
		return "", 0
	}
	p, ok := errors.AsType[*password.PolicyError](err)
	if !ok || !strings.HasPrefix(p.Error(), "password: ") {
		t.Fatalf("error %v", err)
	}
	return p.Reason, p.Limit
}

// The whole password is compared, as the standard requires, and never a part of it.
func TestCheck_CommonPasswords(t *testing.T) {
	for _, tt := range []struct {
		password string
		want     password.Reason
	}{
		{"password", password.Common},
		{"PASSWORD", password.Common},
		{"Password1!", password.Common},
		{"ｐａｓｓｗｏｒｄ", password.Common}, // full width
		{"passwordpassword", password.Common},
		{"passwordpasswordpass", password.Common},
		{"PasswordPassword2026!", password.Common},
		{"dragon123456789", password.Common},
		{"123456789dragon", password.Common},
		{"!!!monkey2026!!", password.Common},
		{"dragon147258369", password.Common},
		{"asd789zxc", password.Common},
		{"qwertyu1111", password.Common}, // of the longer row
		{"qwerty123456789", password.Common},
		{"123456789qwerty", password.Common},
		{"1q2w3e4r5t6y7u8i9o0p", password.Common},
		{"aaaaaaaaaaaaaaa", password.Common},
		{"ééééééééééééééé", password.Common},
		{"111222333444", password.Common},
		{"abababababababa", password.Common},
		{"xy7!xy7!xy7!xy7!", password.Common},
		{"123456789012345", password.Common},
		{"543210987654321", password.Common},
		{"abcdefghijklmno", password.Common},
		{"zyxwvutsrqponml", password.Common},
		{"abcdefgh12345678", password.Common},
		{"qwertyuiopasdfgh", password.Common},
		{"QWERTZUIOPASDFGH", password.Common},
		{"йцукенгшщзфывап", password.Common},
		{"1qaz2wsx3edc4rfv", password.Common},
		{"!@#$%^&*()123456", password.Common},
		{"               ", password.Common},
		{"kk1234567890", password.Common},
		{"qwertyuiopasdfzxcvabcd", password.Common}, // four sequences, the first of the longest row

		{"correct horse battery staple", ""},
		{"password dragon monkey shadow", ""}, // a passphrase of common words
		{"my password is long enough", ""},
		{"dragon7190453862", ""},
		{"4815162342 dragon", ""},
		{"vucilemovucilemo", ""}, // a word that is not guessed, twice
		{"onlylowercaseletters", ""},
		{"719045386261947", ""},
		{"abcdefxkwvzmqpt", ""},
		{"abcwertsdfxcvkjh", ""}, // five sequences
		{"719046719046719046", ""},
		{"123456789dragon7190453", ""},
		{"kkwwmmpp", ""},
		{"ééääööüü", ""},
		{"xy7!kxy7!kxy7!k", ""},
		{"qwasopbn", ""},
		{"kbcdefghijklmn", ""},
		{"correct\npassword", ""},
		{"password\nmonkeys", ""},
		{"密码是一个很长的句子而且没有人知道", ""},
	} {
		if got, _ := refusal(t, password.Policy{MinLength: 8}.Check(tt.password)); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.password, got, tt.want)
		}
	}
}

// These are the name, the address and the service, and what users make of them.
func TestCheck_Words(t *testing.T) {
	words := []string{"", "Zoë Vanterpool-Ngata", "z.vanterpool85@Mail.Quoxbridge.example", "Quoxbridge & Sons", "X", "विवेकानन्द"}
	for _, tt := range []struct {
		password string
		want     password.Reason
	}{
		{"vanterpool", password.Personal},
		{"Vanterpool2026!", password.Personal},
		{"1985vanterpool", password.Personal},
		{"VANTERPOOL-NGATA", password.Personal},
		{"vanterpoolngata", password.Personal},
		{"Zoë Vanterpool-Ngata", password.Personal},
		{"zoe\u0308vanterpoolngata", password.Personal},
		{"Zoë.Vanterpool.Ngata.1", password.Personal},
		{"z.vanterpool85", password.Personal},
		{"zvanterpool85", password.Personal},
		{"z.vanterpool85@mail.quoxbridge.example", password.Personal},
		{"vanterpool12345678", password.Personal},
		{"vanterpoolvanterpool", password.Personal},
		{"zoëzoëzoëzoëzoë", password.Personal},
		{"quoxbridge123", password.Personal},
		{"Quoxbridge&Sons", password.Personal},
		{"mail.quoxbridge.example", password.Personal},
		{"विवेकानन्द2026", password.Personal},

		{"quoxbridges", ""},
		{"विवेकानन्दा2026", ""}, // vowel signs count as letters do
		{"ववकननद2026", ""},
		{"correct vanterpool battery", ""},
		{"vanterpool7190453862", ""},
		{"12345678x9", ""}, // a word of one character counts for nothing
	} {
		if got, _ := refusal(t, password.Policy{MinLength: 8}.Check(tt.password, words...)); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.password, got, tt.want)
		}
		if got, _ := refusal(t, password.Policy{MinLength: 8}.Check(tt.password)); got != "" {
			if !strings.Contains(tt.password, "zoë") {
				t.Errorf("%q without words: %q", tt.password, got)
			}
		}
	}
}

func TestCheck_ListIsUsable(t *testing.T) {
	licence, list, ok := strings.Cut(password.CommonPasswords(), "SOFTWARE.\n\n")
	if !ok || !strings.Contains(licence, "Permission is hereby granted") {
		t.Fatal("the list has no licence")
	}
	lines := strings.Split(strings.TrimSuffix(list, "\n"), "\n")
	if len(lines) < 10_000 || !slices.IsSorted(lines) {
		t.Errorf("%d lines, sorted: %t", len(lines), slices.IsSorted(lines))
	}
	for i, line := range lines {
		if i%100 == 1 && len(line) >= 8 && len(lines[i-1]) >= 8 && strings.Trim(line, "abcdefghijklmnopqrstuvwxyz") == "" {
			if got, _ := refusal(t, password.Check(lines[i-1]+"\n"+line)); got != "" {
				t.Errorf("%q and %q in one password: %q", lines[i-1], line, got)
			}
		}
		if line != strings.ToLower(line) || len(line) < 4 || strings.TrimSpace(line) != line {
			t.Errorf("%q is never found", line)
		}
		if i%10 == 0 && len(line) >= 8 {
			if got, _ := refusal(t, password.Policy{MinLength: 8}.Check(line)); got != password.Common {
				t.Errorf("%q: %q", line, got)
			}
		}
	}
}

func TestPolicyError_TellsNoPassword(t *testing.T) {
	for _, p := range []string{"vucilemo", "monkey2026monkey2026", strings.Repeat("vucilemo", 200), "quoxbridge123456"} {
		err := password.Check(p, "quoxbridge")
		if err == nil || strings.Contains(err.Error(), p[:6]) {
			t.Errorf("%.20q: error %v", p, err)
		}
	}
}

func FuzzCheck(f *testing.F) {
	f.Add("Password2026!Password2026!", "ada@example.com")
	f.Add("qwertyuiop123456\xff", "Zoë \xff")
	f.Add(strings.Repeat("ab1", 340), "ab")
	f.Fuzz(func(t *testing.T, typed, word string) {
		reason, _ := refusal(t, password.Check(typed, word))
		for _, same := range []string{strings.ToUpper(typed), typed + typed} {
			got, _ := refusal(t, password.Check(same, word))
			if isASCII(typed) && len(same) <= password.MaxBytes && (reason == password.Common || reason == password.Personal) && got == "" {
				t.Fatalf("%q is refused (%s), %q is not", typed, reason, same)
			}
		}
	})
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0
}

func BenchmarkCheck(b *testing.B) {
	for _, p := range []string{"correct horse battery staple", strings.Repeat("7abc9", 204)} {
		b.Run(p[:5], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				password.Check(p, "ada@example.com", "Ada Lovelace", "Example")
			}
		})
	}
}
