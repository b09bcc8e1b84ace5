package claims

import "strings"

// A scanner is the JSON that has not been read yet.
type scanner string

// take reads a text if it comes next.
func (s *scanner) take(text string) bool {
	ok := strings.HasPrefix(string(*s), text)
	if ok {
		*s = (*s)[len(text):]
	}
	return ok
}

// text reads a string without escapes.
func (s *scanner) text() (string, bool) {
	if len(*s) == 0 || (*s)[0] != '"' {
		return "", false
	}
	end := strings.IndexByte(string((*s)[1:]), '"')
	if end < 0 {
		return "", false
	}
	text := string((*s)[1 : 1+end])
	*s = (*s)[end+2:]
	return text, isPlain(text)
}

// skip reads white space.
func (s *scanner) skip() { *s = scanner(strings.TrimLeft(string(*s), whiteSpace)) }

// quoted reads a string, with its quotes and escapes, that is valid JSON.
func (s *scanner) quoted() string {
	for i := 1; i < len(*s); i++ {
		switch (*s)[i] {
		case '\\':
			i++
		case '"':
			text := string((*s)[:i+1])
			*s = (*s)[i+1:]
			return text
		}
	}
	return ""
}

// list reads a list of such strings.
func (s *scanner) list() ([]string, bool) {
	list := []string{}
	if !s.take("[") {
		return nil, false
	}
	for first := true; !s.take("]"); first = false {
		if !first && !s.take(",") {
			return nil, false
		}
		text, ok := s.text()
		if !ok {
			return nil, false
		}
		list = append(list, text)
	}
	return list, true
}

// value reads up to the end of a member. The result need not be valid JSON.
func (s *scanner) value() (string, bool) {
	depth, quoted := 0, false
	for i := 0; i < len(*s); i++ {
		switch b := (*s)[i]; {
		case quoted && b == '\\':
			i++
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '{', b == '[':
			depth++
		case depth == 0 && (b == ',' || b == '}'):
			value := string((*s)[:i])
			*s = (*s)[i:]
			return value, true
		case b == '}', b == ']':
			depth--
		}
	}
	return "", false
}

// integer reads an integer of at most 15 digits, which is exact in a float64 too.
func (s *scanner) integer() (n int64, ok bool) {
	const maxDigits = 15
	digits := strings.TrimPrefix(string(*s), "-")
	i := 0
	for i < len(digits) && '0' <= digits[i] && digits[i] <= '9' {
		n = 10*n + int64(digits[i]-'0')
		if i++; i > maxDigits {
			return 0, false
		}
	}
	if i == 0 || digits[0] == '0' && i > 1 {
		return 0, false
	}
	if len(digits) < len(*s) {
		n = -n
	}
	*s = scanner(digits[i:])
	return n, true
}
