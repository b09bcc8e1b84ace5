package docblock_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/docblock"
)

func TestBlocks(t *testing.T) {
	for name, tt := range map[string]struct {
		markdown string
		want     []docblock.Block
		err      string
	}{
		"no block":      {markdown: "# Title\n\nText with `code`.\n"},
		"two":           {markdown: "```go\na\n```\n\n```go\nb\n\nc\n```", want: []docblock.Block{{2, "a\n"}, {6, "b\n\nc\n"}}},
		"other fences":  {markdown: "```sh\ngo run .\n```\n```\ngo\n```\n```go\na\n```\n", want: []docblock.Block{{8, "a\n"}}},
		"in a list":     {markdown: "- item\n\n  ```go\n  if a {\n  \tb()\n  }\n  ```\n", want: []docblock.Block{{4, "if a {\n\tb()\n}\n"}}},
		"tildes":        {markdown: "~~~ go\na\n```\n~~~\n", want: []docblock.Block{{2, "a\n```\n"}}},
		"longer fence":  {markdown: "````go\na\n```go\n````\n", want: []docblock.Block{{2, "a\n```go\n"}}},
		"code span":     {markdown: "```go``` is code\n```go\na\n```\n", want: []docblock.Block{{3, "a\n"}}},
		"golang":        {markdown: "text\n```golang\na\n```\n", err: `line 2: the info string is "golang"`},
		"upper case":    {markdown: "```Go\na\n```\n", err: `line 1: the info string is "Go"`},
		"attribute":     {markdown: "```go title=main.go\na\n```\n", err: `line 1: the info string is "go title=main.go"`},
		"not closed":    {markdown: "text\n\n```go\na\n", err: "line 3: the fence has no end"},
		"sh not closed": {markdown: "```sh\na\n\n````go\nb\n", err: "line 1: the fence has no end"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := docblock.Blocks(tt.markdown)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("got %+v and the error %v, want %q", got, err, tt.err)
				}
				return
			}
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("got %+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
}

// check runs the command for a document in which one line of text precedes each block.
// Its error contains the output.
func check(t *testing.T, blocks ...string) error {
	t.Helper()
	document := filepath.Join(t.TempDir(), "document.md")
	text := ""
	for _, b := range blocks {
		text += "Text:\n```go\n" + b + "```\n"
	}
	if err := os.WriteFile(document, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	args, err := docblock.Command(t.TempDir(), map[string]string{document: "testdata/prelude"})
	if err != nil {
		return err
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

func TestCommand_Forms(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the compiler")
	}
	err := check(t,
		"package prelude\n\nimport \"strconv\"\n\nvar text = strconv.Itoa(limit)\n",
		"type point struct{ x, y int }\n\nfunc show(p point) { fmt.Println(p, text, time.Second) }\n",
		"a, err := os.ReadFile(\"a\")\nvar b, _ = limit, a\n",
		"url := struct{ Host string }{}\nfmt.Println(url.Host)\n", // a variable named like a package
		"func TestLimit(t *testing.T) {\n\tif limit != 10 {\n\t\tt.Error(limit)\n\t}\n}\n",
	)
	if err != nil {
		t.Error(err)
	}
}

func TestCommand_CompileErrors(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the compiler")
	}
	err := check(t,
		"x := 1\n\nfmt.Println(x, y)\n",
		"strconv.Itoa(limit)\n",
		"func f() string {\n\treturn limit\n}\n",
		"if limit > 1 {\n\tz := 1\n}\n",
		"package prelude\n\nfunc g() { y() }\n",
	)
	if err == nil {
		t.Fatal("blocks with errors compile")
	}
	for _, want := range []string{
		"document.md:5:16: undefined: y\n",
		"document.md:9:1: undefined: strconv\n",
		"document.md:14:9: cannot use limit",
		"document.md:20:2: declared and not used: z\n",
		"document.md:27:12: undefined: y\n",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not contain %q:\n%v", want, err)
		}
	}
}

func TestCommand_VetAndTestErrors(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the compiler")
	}
	for code, want := range map[string]string{
		"fmt.Printf(\"%d\\n\", \"a\")\n":                    "document.md:3:13: fmt.Printf format %d has arg",
		"func TestLimit(t *testing.T) { t.Fatal(limit) }\n": "--- FAIL: TestLimit",
	} {
		if err := check(t, code); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not contain %q: %v", want, err)
		}
	}
}

func TestCommand_SyntaxErrors(t *testing.T) {
	for name, tt := range map[string]struct{ code, err string }{
		"statements and a function": {"x := 1\n\nfunc f() int { return 1 }\n", "document.md:5:6: expected '(', found f"},
		"a brace too few":           {"if limit > 1 {\n\tprintln()\n", "document.md:5:"},
		"a brace too many":          {"if limit > 1 {\n\tprintln()\n}\n}\n", "document.md:7:1: expected declaration, found '}'"},
		"a field of a literal":      {"Limit: point{X: 1},\n", "document.md:3:"},
		"an ellipsis":               {"f(…)\n", "document.md:3:3: illegal character"},
		"a wrong file":              {"package prelude\n\nfunc {}\n", "document.md:5:6: expected 'IDENT'"},
		"not formatted":             {"x :=  1\n", "document.md:3: the block is not formatted by gofmt"},
	} {
		if err := check(t, tt.code); err == nil || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: got the error %v, want %q", name, err, tt.err)
		}
	}
	if err := check(t); err == nil || !strings.Contains(err.Error(), "document.md has no Go block") {
		t.Errorf("a document without a Go block: %v", err)
	}
}
