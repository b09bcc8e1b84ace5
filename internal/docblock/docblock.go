// Package docblock compiles the Go blocks of Markdown documents, for the tests
// of this repository.
//
// A block is a fenced code block with the info string "go", formatted by gofmt.
// All blocks of a document are compiled as one package. A block has one of
// three forms:
//
//   - a whole file, with the clause of that package and its imports;
//   - declarations, to which the imports are added from a fixed table;
//   - statements, which become the body of a function, with the imports.
//     Variables declared at its top level may be unused.
//
// The package is a directory below testdata with the prelude: Go source that declares
// the identifiers that the document does not, and tests that run the functions of the
// blocks.
package docblock

import (
	"fmt"
	"strings"
)

// Block is one Go block of a Markdown document.
type Block struct {
	Line int    // line of the document with the first line of code, from 1
	Code string // without the fences and their indentation
}

// Blocks returns the Go blocks of a Markdown document in their order. The error says
// that a fence has no end, or that an info string begins with "go" but is another word
// or has attributes, so that the block would not be compiled.
func Blocks(markdown string) ([]Block, error) {
	var (
		blocks []Block
		fence  string // of the open block, "" outside
		indent string
		isGo   bool
		opened int
		code   strings.Builder
	)
	number := 0
	for line := range strings.Lines(markdown) {
		number++
		text := strings.TrimLeft(line, " \t")
		run := fenceOf(text)
		info := strings.TrimSpace(text[len(run):])
		switch {
		case fence == "" && run != "" && !(run[0] == '`' && strings.Contains(info, "`")): // else a code span
			fence, indent, opened = run, line[:len(line)-len(text)], number
			isGo = info == "go"
			if !isGo && strings.HasPrefix(strings.ToLower(info), "go") {
				return nil, fmt.Errorf("docblock: line %d: the info string is %q: write \"go\"", number, info)
			}
			code.Reset()
		case fence != "" && strings.HasPrefix(run, fence) && info == "":
			if isGo {
				blocks = append(blocks, Block{opened + 1, code.String()})
			}
			fence = ""
		case fence != "":
			code.WriteString(strings.TrimPrefix(line, indent))
		}
	}
	if fence != "" {
		return nil, fmt.Errorf("docblock: line %d: the fence has no end", opened)
	}
	return blocks, nil
}

// fenceOf returns the three or more backticks or tildes at the beginning of text, ""
// if there are none.
func fenceOf(text string) string {
	for _, mark := range []string{"`", "~"} {
		if n := len(text) - len(strings.TrimLeft(text, mark)); n >= 3 {
			return text[:n]
		}
	}
	return ""
}
