package repotest_test

import (
	"cmp"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode"
)

// wordings are expressions that this repository does not use, in lower case, each
// with what to write. Several are separated by "|".
type wordings map[string]string

// names are home-made names. They are searched for in all files, in identifiers too.
var names = index(wordings{
	"kit|kits":                    "cookieSet, or what it is",
	"held":                        "locked, stored, loaded",
	"settle|settles|settled":      "commit, wait",
	"farewell|farewells":          "logoutState",
	"ticket|tickets":              "check cookie, code, grant",
	"room|rooms|withroom":         "slot, buffer, package",
	"keepsession|keeperror":       "Unavailable",
	"mintsecret":                  "ClientSecretFunc",
	"keepstored|keepours":         "saveToStore, restoreReserved",
	"keepstubbornly|keepretries":  "saveWithRetry, saveRetries",
	"ispassing|givento|unprepare": "isTransient, credential, discardCookies",
	"refusepage|endbefore|endold": "fail, endPrevious",
	"freshen|freshenlate":         "refreshIfDue, refreshNow",
	"ordefault|firstof":           "cmp.Or",
})

// expressions are searched for in prose: Markdown, comments, and the sentences
// among the string literals.
var expressions = index(wordings{
	"nobody|somebody|everybody|whoever": "the request, the client, the user, the store, the caller",
	"so long":                           "a duration: the idle timeout, the lifetime",
	"by heart":                          "what is stored",
	"the word of":                       "the answer, the claim",
	"is told|are told":                  "runs, receives",
	"lets in":                           "accepts",
	"front page":                        "the application's root URL",
	"second wall":                       "defence in depth",
	"passing fault|passing faults":      "temporary",
	"dear":                              "expensive",
	"suppliers":                         "modules",
})

// notYet are the folders and files that still have such words. [TestWords_ListsAreExact]
// fails on an entry that is no longer needed.
var notYet = []string{}

// quoting are the files that have to write such a word, with the reason.
var quoting = map[string]string{
	"internal/repotest/words_test.go": "lists the words",
}

func TestWords_ArePlain(t *testing.T) {
	inRoot(t)
	found, err := repositoryWords()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if quoting[f.file] == "" && !slices.ContainsFunc(notYet, f.in) {
			t.Error(f)
		}
	}
}

func TestWords_ListsAreExact(t *testing.T) {
	inRoot(t)
	found, err := repositoryWords()
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range notYet {
		if !slices.ContainsFunc(found, func(f finding) bool { return f.in(entry) }) {
			t.Errorf("%s has no such word any more: remove it from notYet", entry)
		}
	}
	for file := range quoting {
		if !slices.ContainsFunc(found, func(f finding) bool { return f.file == file }) {
			t.Errorf("%s has no such word any more: remove it from quoting", file)
		}
	}
}

func TestWords_AreFound(t *testing.T) {
	for _, tt := range []struct {
		file, source string
		want         []string
	}{
		{"a.md", "Nobody reads\nwhat somebody's friend writes.", []string{`a.md:1: "nobody"`, `a.md:2: "somebody"`}},
		{"a.md", "It waits for so\nlong.", []string{`a.md:1: "so long"`}},
		{"a.md", "She sold the kitchen, and is untold. So", nil},
		{"a.go", "package a\n\n// f lasts\n// for so\n// long.\nfunc f() {}\n", []string{`a.go:4: "so long"`}},
		{"a.go", "package a\n\nfunc Room() {}\n", []string{`a.go:3: "room"`}},
		{"a.go", "package a\n\nvar nobody = \"nobody\"\n", nil},
		{"a.go", "package a\n\nvar s = \"nobody is here\"\n", []string{`a.go:3: "nobody"`}},
	} {
		found, err := wordsIn(tt.file, tt.source)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range found {
			place, _, _ := strings.Cut(f.String(), ": write ")
			got = append(got, place)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s %q: got %q, want %q", tt.file, tt.source, got, tt.want)
		}
	}
}

// A finding is an expression that a file should not have.
type finding struct {
	file       string
	line       int
	expression string
	write      string
}

// in reports whether the finding is in a folder, or is in this file.
func (f finding) in(entry string) bool {
	return f.file == entry || strings.HasPrefix(f.file, entry+"/")
}

func (f finding) String() string {
	return fmt.Sprintf("%s:%d: %q: write %s", f.file, f.line, f.expression, f.write)
}

// repositoryWords searches all Go and Markdown files outside testdata, in the present
// folder and below.
var repositoryWords = sync.OnceValues(func() (found []finding, err error) {
	files := 0
	err = filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && file != "." && (name == "testdata" || name == "node_modules" || name[0] == '.') {
			return filepath.SkipDir
		}
		if ext := filepath.Ext(file); ext != ".go" && ext != ".md" {
			return nil
		}
		source, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		files++
		more, err := wordsIn(filepath.ToSlash(file), string(source))
		found = append(found, more...)
		return err
	})
	if err == nil && files < 200 {
		err = fmt.Errorf("there are %d files", files)
	}
	return found, err
})

// wordsIn searches one file.
func wordsIn(file, source string) (found []finding, err error) {
	add := func(f finding) {
		f.file = file
		found = append(found, f)
	}
	names.search(source, 1, add)
	if strings.HasSuffix(file, ".go") {
		err = prose(file, source, func(text string, line int) { expressions.search(text, line, add) })
	} else {
		expressions.search(source, 1, add)
	}
	slices.SortStableFunc(found, func(a, b finding) int { return cmp.Compare(a.line, b.line) })
	return found, err
}

// prose calls do with the comments of a Go file and with its string literals that
// have a space, and the lines on which they begin.
func prose(file, source string, do func(text string, line int)) error {
	set := gotoken.NewFileSet()
	f, err := parser.ParseFile(set, file, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, group := range f.Comments {
		do(group.Text(), set.Position(group.Pos()).Line)
	}
	for n := range ast.Preorder(f) {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != gotoken.STRING {
			continue
		}
		text, unquoteErr := strconv.Unquote(lit.Value)
		err = errors.Join(err, unquoteErr)
		if strings.Contains(text, " ") {
			do(text, set.Position(lit.Pos()).Line)
		}
	}
	return err
}

// An expression is a sequence of words, with what to write.
type expression struct {
	words []string
	write string
}

// expressionIndex finds expressions by their first word.
type expressionIndex map[string][]expression

func index(list wordings) expressionIndex {
	i := make(expressionIndex)
	for several, write := range list {
		for words := range strings.SplitSeq(several, "|") {
			e := expression{strings.Fields(words), write}
			i[e.words[0]] = append(i[e.words[0]], e)
		}
	}
	return i
}

// search calls found for each expression in a text, which begins at a line.
func (i expressionIndex) search(text string, line int, found func(finding)) {
	var words []string
	var lines []int
	for text != "" {
		at := strings.IndexFunc(text, isWord)
		if at < 0 {
			break
		}
		line += strings.Count(text[:at], "\n")
		text = text[at:]
		end := strings.IndexFunc(text, func(r rune) bool { return !isWord(r) })
		if end < 0 {
			end = len(text)
		}
		words, lines = append(words, strings.ToLower(text[:end])), append(lines, line)
		text = text[end:]
	}
	for n, word := range words {
		for _, e := range i[word] {
			if end := n + len(e.words); end <= len(words) && slices.Equal(words[n:end], e.words) {
				found(finding{line: lines[n], expression: strings.Join(e.words, " "), write: e.write})
			}
		}
	}
}

func isWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
