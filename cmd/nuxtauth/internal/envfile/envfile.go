// Package envfile reads files of environment variables, such as .env, and changes one
// variable in them: all other bytes stay as they are.
//
// The syntax is that of the npm package dotenv: lines NAME=value, with an optional
// "export", values in single, double or backward quotes that may have line breaks, and
// comments after "#". Values are read as they are written: nothing in them is expanded.
package envfile

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A File is the content of a file, and where its variables are. The zero File is empty.
type File struct {
	data      []byte
	variables []variable
}

// A variable is one assignment.
type variable struct {
	name       string
	start, end int    // of the value in the data, without quotes
	after      string // what has to follow a value that is written here
}

// Parse finds the variables of a file. It skips lines that assign none. The error says
// that data is no text.
func Parse(data []byte) (*File, error) {
	if bytes.IndexByte(data, 0) >= 0 {
		return nil, errors.New("it is no text in UTF-8")
	}
	f := &File{data: data}
	p := len(data) - len(bytes.TrimPrefix(data, []byte("\ufeff"))) // behind the byte order mark
	for p < len(data) {
		p = f.line(p)
	}
	return f, nil
}

// Get returns the value of a variable, and how many assignments it has. The last one
// counts, as for dotenv and for a shell.
func (f *File) Get(name string) (value string, assignments int) {
	for _, v := range f.variables {
		if v.name == name {
			value = string(f.data[v.start:v.end])
			assignments++
		}
	}
	return value, assignments
}

// With returns the content of the file with another value of a variable: in place of the
// value that counts, within its quotes, or else in a new line at the end. The value is
// one that needs no quotes: the error says that it is not.
func (f *File) With(name, value string) ([]byte, error) {
	if value == "" || strings.ContainsFunc(value, notPlain) {
		return nil, fmt.Errorf("the value for %s would need quotes", name)
	}
	for _, v := range slices.Backward(f.variables) {
		if v.name == name {
			return bytes.Join([][]byte{f.data[:v.start], []byte(value + v.after), f.data[v.end:]}, nil), nil
		}
	}
	eol := f.lineEnd()
	line := name + "=" + value
	switch last := len(f.data) - 1; {
	case last < 0, f.data[last] == '\n', f.data[last] == '\r':
		line += eol
	default: // the last line stays one without a line break
		line = eol + line
	}
	return append(bytes.Clone(f.data), line...), nil
}

func notPlain(r rune) bool {
	return !('0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || strings.ContainsRune("+/=_-", r))
}

// lineEnd returns the line break of the file, "\n" if it has none.
func (f *File) lineEnd() string {
	i := bytes.LastIndexAny(f.data, "\r\n")
	switch {
	case i > 0 && f.data[i] == '\n' && f.data[i-1] == '\r':
		return "\r\n"
	case i >= 0:
		return string(f.data[i])
	}
	return "\n"
}

// line reads the line that begins at p, with the variable that it assigns, and returns
// where the next line begins. A value in quotes makes it several lines.
func (f *File) line(p int) (next int) {
	name, p, ok := f.name(p)
	if !ok {
		return f.nextLine(p)
	}
	v := variable{name: name, start: f.skip(p)}
	switch c := f.at(v.start); c {
	case '#': // no value, and a comment
		if v.start == p {
			v.after = " "
		}
		v.start, v.end = p, p
	case '"', '\'', '`':
		if end := f.closing(v.start+1, c); end >= 0 {
			v.start, v.end = v.start+1, end
			break
		}
		v.end = f.plainEnd(v.start) // an opening quote alone is a part of the value
	default:
		v.end = f.plainEnd(v.start)
	}
	f.variables = append(f.variables, v)
	return f.nextLine(v.end)
}

// name reads the part of an assignment before its value, and returns where that part
// ends.
func (f *File) name(p int) (name string, end int, ok bool) {
	p = f.skip(p)
	if rest, found := bytes.CutPrefix(f.data[p:], []byte("export")); found && bytes.IndexAny(rest, " \t") == 0 {
		p = f.skip(p + len("export"))
	}
	end = p
	for isNameByte(f.at(end)) {
		end++
	}
	name = string(f.data[p:end])
	p = f.skip(end)
	switch f.at(p) {
	case '=':
		return name, p + 1, name != ""
	case ':':
		if c := f.at(p + 1); c == ' ' || c == '\t' {
			return name, p + 1, name != ""
		}
	}
	return "", p, false
}

func isNameByte(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '.' || c == '-'
}

// at returns the byte at p, and 0 at the end.
func (f *File) at(p int) byte {
	if p >= len(f.data) {
		return 0
	}
	return f.data[p]
}

// skip returns the first position from p on that is no space.
func (f *File) skip(p int) int {
	for f.at(p) == ' ' || f.at(p) == '\t' {
		p++
	}
	return p
}

// closing returns the position of the closing quote, -1 if there is none.
func (f *File) closing(p int, quote byte) int {
	for ; p < len(f.data); p++ {
		switch f.data[p] {
		case '\\':
			if f.at(p+1) == quote {
				p++
			}
		case quote:
			return p
		}
	}
	return -1
}

// plainEnd returns where a value without quotes ends: before a comment, which begins
// with a space, and before the spaces at the end of the line. A # that follows a letter
// is a comment for dotenv and a part of the value for a shell: it counts as the value, so
// that nothing of an old value is left.
func (f *File) plainEnd(p int) int {
	text := f.data[p:]
	if i := bytes.IndexAny(text, "\r\n"); i >= 0 {
		text = text[:i]
	}
	for i := 1; i < len(text); i++ {
		if text[i] == '#' && (text[i-1] == ' ' || text[i-1] == '\t') {
			text = text[:i]
			break
		}
	}
	return p + len(bytes.TrimRight(text, " \t"))
}

// nextLine returns where the line after that of p begins. Between the two bytes of a line
// break there is an empty line.
func (f *File) nextLine(p int) int {
	i := bytes.IndexAny(f.data[p:], "\r\n")
	if i < 0 {
		return len(f.data)
	}
	return p + i + 1
}
