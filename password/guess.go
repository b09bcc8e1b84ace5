package password

import (
	_ "embed"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// common is a list of common passwords in lower case, one on each line, after the licence.
//
//go:embed common.txt
var common string

// maxAffix is the number of characters around a word that add little to it: "2026!".
const maxAffix = 6

// minWord is the number of characters of the shortest word of the caller that counts.
const minWord = 3

// Keys that lie beside one another on the keyboards of several countries, and other
// sequences. They count in both directions.
var sequences = bothWays(
	"123456789012345678901234567890",
	"0123456789",
	"abcdefghijklmnopqrstuvwxyz",
	"qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./",
	"qwertzuiopü+", "asdfghjklöä#", "yxcvbnm,.-",
	"azertyuiop^$", "qsdfghjklmù*", "wxcvbn,;:!",
	"йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю.",
	"1q2w3e4r5t6y7u8i9o0p", "q1w2e3r4t5y6u7i8o9p0",
	"1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/", "1qazxsw23edcvfr45tgbnhy67ujm",
	"qazwsxedcrfvtgbyhnujmikolp", "zaq1xsw2cde3vfr4bgt5nhy6mju7",
	"a1s2d3f4g5h6j7k8l9", "z1x2c3v4b5n6m7",
	"!@#$%^&*()_+", "!\"§$%&/()=?",
)

// guess returns why a password, folded, is among those that are tried first, or "". words
// are folded too.
func guess(password string, words map[string]bool) Reason {
	switch {
	case words[squeeze(password)]:
		return Personal
	case isCommon(password), isSequences(password):
		return Common
	}
	if unit := repeated(password); unit != "" {
		if reason := guess(unit, words); reason != "" {
			return reason
		}
		if utf8.RuneCountInString(unit) <= 4 {
			return Common
		}
	}
	core := strings.TrimFunc(password, notLetter)
	if core == "" || core == password {
		return ""
	}
	before, after, _ := strings.Cut(password, core)
	if unguessed(before)+unguessed(after) > maxAffix {
		return ""
	}
	return guess(core, words)
}

// isCommon reports whether a password is a line of the list.
func isCommon(password string) bool {
	return !strings.Contains(password, "\n") && strings.Contains(common, "\n"+password+"\n")
}

// unguessed returns the number of characters before or after a word, 0 if they are among
// those that are tried first.
func unguessed(s string) int {
	if isCommon(s) || isSequences(s) {
		return 0
	}
	return utf8.RuneCountInString(s)
}

// isSequences reports whether s consists of up to four sequences of at least three
// characters each.
func isSequences(s string) bool {
	for range 4 {
		s = s[leadingSequence(s):]
		if s == "" {
			return true
		}
	}
	return false
}

// leadingSequence returns the number of bytes of the longest sequence at the beginning of s:
// one character at least three times, or at least three of [sequences].
func leadingSequence(s string) int {
	first, size := utf8.DecodeRuneInString(s)
	longest := len(s) - len(strings.TrimLeft(s, string(first)))
	if longest < 3*size {
		longest = 0
	}
	for _, sequence := range sequences {
		for rest := sequence; len(rest) > longest; {
			n := commonPrefix(s, rest)
			if n > longest && utf8.RuneCountInString(s[:n]) >= 3 {
				longest = n
			}
			_, size := utf8.DecodeRuneInString(rest)
			rest = rest[size:]
		}
	}
	return longest
}

// commonPrefix returns the length of the longest common prefix in bytes, of whole runes.
func commonPrefix(a, b string) int {
	for n, r := range b {
		if !strings.HasPrefix(a[n:], string(r)) {
			return n
		}
	}
	return len(b)
}

// repeated returns the string that s begins with at least twice and repeats to its end,
// such as "abc" of "abcabcab", or "".
func repeated(s string) string {
	for n := 1; n <= len(s)/2; n++ {
		if s[n:] == s[:len(s)-n] {
			return s[:n]
		}
	}
	return ""
}

// wordsOf returns, folded and without separators, the words, their letters without what is
// around them, and their parts.
func wordsOf(words []string) map[string]bool {
	all := make(map[string]bool)
	add := func(word string) {
		for _, form := range []string{squeeze(word), squeeze(strings.TrimFunc(word, notLetter))} {
			if utf8.RuneCountInString(form) >= minWord {
				all[form] = true
			}
		}
	}
	for _, word := range words {
		word = fold(word)
		local, domain, _ := strings.Cut(word, "@")
		add(local)
		add(domain)
		for _, part := range slices.Concat(strings.Fields(word), strings.FieldsFunc(word, isSeparator)) {
			add(part)
		}
	}
	return all
}

// fold returns s in the form in which passwords are compared.
func fold(s string) string { return strings.ToLower(norm.NFKC.String(s)) }

// squeeze returns s without separators.
func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if isSeparator(r) {
			return -1
		}
		return r
	}, s)
}

func isSeparator(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
}

func notLetter(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) }

func bothWays(list ...string) []string {
	for _, s := range list {
		var reversed []rune
		for _, r := range s {
			reversed = append([]rune{r}, reversed...)
		}
		list = append(list, string(reversed))
	}
	return list
}
