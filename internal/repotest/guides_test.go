package repotest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth"
)

// documentsOf returns the Markdown files of the repository, by path.
func documentsOf(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/decisions/*.md", "example/*.md", "example/*/*.md", "bench/*.md", "e2e/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all[filepath.ToSlash(file)] = string(text)
		}
	}
	return all
}

var (
	codeBlock = regexp.MustCompile("(?ms)^```.*?^```")
	codeSpan  = regexp.MustCompile("`[^`\n]*`")
	link      = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	heading   = regexp.MustCompile(`(?m)^#+ +(.+)$`)
)

// anchors returns the anchors of the headings of a document, as GitHub makes them.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(codeBlock.ReplaceAllString(text, ""), -1) {
		title := strings.ToLower(regexp.MustCompile(`[^\pL\pN _-]`).ReplaceAllString(m[1], ""))
		all[strings.ReplaceAll(strings.TrimSpace(title), " ", "-")] = true
	}
	return all
}

// Each link within the repository leads to a file, and to a heading of it.
func TestGuides_LinksLead(t *testing.T) {
	inRoot(t)
	documents := documentsOf(t)
	checked := 0
	for file, text := range documents {
		for _, m := range link.FindAllStringSubmatch(codeSpan.ReplaceAllString(codeBlock.ReplaceAllString(text, ""), ""), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			checked++
			to, anchor, _ := strings.Cut(m[1], "#")
			target := file
			if to != "" {
				target = filepath.ToSlash(filepath.Join(filepath.Dir(file), to))
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: the link %s leads to no file", file, m[1])
				continue
			}
			if anchor != "" && !anchors(documents[target])[anchor] {
				t.Errorf("%s: the link %s leads to no heading", file, m[1])
			}
		}
	}
	if checked < 100 {
		t.Errorf("%d links", checked)
	}
}

// The index of the guides lists all of them.
func TestGuides_IndexListsAll(t *testing.T) {
	inRoot(t)
	documents := documentsOf(t)
	for file := range documents {
		if name, ok := strings.CutPrefix(file, "docs/"); ok && name != "README.md" && !strings.Contains(name, "/") && !strings.Contains(documents["docs/README.md"], "]("+name+")") {
			t.Errorf("docs/README.md does not list %s", name)
		}
	}
}

// firstColumn returns the code spans in the first column of the tables of a document.
func firstColumn(text string) []string {
	var names []string
	for line := range strings.Lines(text) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 || strings.TrimSpace(cells[0]) != "" {
			continue
		}
		for _, span := range codeSpan.FindAllString(cells[1], -1) {
			names = append(names, strings.Trim(span, "`"))
		}
	}
	return names
}

// parseGo returns the syntax tree of a file.
func parseGo(t *testing.T, file string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// stringOf returns the value of a string literal, "" for anything else.
func stringOf(e ast.Expr) string {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return ""
	}
	s, _ := strconv.Unquote(lit.Value)
	return s
}

// The table of codes has those that the pages know and those of the API, and no other.
func TestGuides_ErrorCodes(t *testing.T) {
	inRoot(t)
	known := map[string]bool{}
	ast.Inspect(parseGo(t, "internal/page/notice.go"), func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && spec.Names[0].Name == "notices" {
			for _, e := range spec.Values[0].(*ast.CompositeLit).Elts {
				known[stringOf(e.(*ast.KeyValueExpr).Key)] = true
			}
		}
		return true
	})
	ast.Inspect(parseGo(t, "types.go"), func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Code") && len(spec.Values) == 1 {
			known[strings.ToLower(stringOf(spec.Values[0]))] = true
		}
		return true
	})
	text, _, _ := strings.Cut(documentsOf(t)["docs/errors.md"], "\n## ")
	listed := map[string]bool{}
	for _, code := range firstColumn(text) {
		listed[strings.ToLower(code)] = true
	}
	compareSets(t, "docs/errors.md", listed, known)
}

// The table of variables has those that the library reads, and no other.
func TestGuides_Environment(t *testing.T) {
	inRoot(t)
	read := map[string]bool{}
	for _, file := range []string{"reader.go", "routes.go"} {
		ast.Inspect(parseGo(t, file), func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && len(call.Args) == 1 {
				if f, ok := call.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Getenv" {
					read[stringOf(call.Args[0])] = true
				}
			}
			return true
		})
	}
	ast.Inspect(parseGo(t, "provider/validate.go"), func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && len(call.Args) == 1 {
			if f, ok := call.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "env" && stringOf(call.Args[0]) != "" {
				read["AUTH_<ID>_"+stringOf(call.Args[0])] = true
			}
		}
		return true
	})
	text, _, _ := strings.Cut(documentsOf(t)["docs/environment.md"], "These belong to others")
	listed := map[string]bool{}
	for _, name := range firstColumn(text) {
		listed[name] = true
	}
	compareSets(t, "docs/environment.md", listed, read)
}

// The table of the API has each row of the tables in routes.go, and no other.
func TestGuides_HTTPAPI(t *testing.T) {
	inRoot(t)
	served, constants := map[string]bool{}, map[string]string{}
	ast.Inspect(parseGo(t, "routes.go"), func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if ok && len(spec.Values) == 1 && stringOf(spec.Values[0]) != "" {
			constants[spec.Names[0].Name] = stringOf(spec.Values[0])
		}
		if !ok || spec.Names[0].Name != "routes" && spec.Names[0].Name != "localRoutes" {
			return true
		}
		for _, row := range spec.Values[0].(*ast.CompositeLit).Elts {
			method, action := "", ""
			for _, e := range row.(*ast.CompositeLit).Elts {
				switch kv := e.(*ast.KeyValueExpr); kv.Key.(*ast.Ident).Name {
				case "Method":
					method = strings.ToUpper(strings.TrimPrefix(kv.Value.(*ast.SelectorExpr).Sel.Name, "Method"))
				case "Action":
					action = stringOf(kv.Value)
					if name, ok := kv.Value.(*ast.Ident); ok {
						action = constants[name.Name]
					}
				}
			}
			served[method+" "+action] = true
		}
		return false
	})
	text, _, _ := strings.Cut(documentsOf(t)["docs/http-api.md"], "\n## ")
	listed := map[string]bool{}
	for _, name := range firstColumn(text) {
		if strings.Contains(name, " ") {
			listed[strings.TrimSuffix(name, "/<p>")] = true
		}
	}
	compareSets(t, "docs/http-api.md", listed, served)
}

// The table of operations has those of the API, and no other.
func TestGuides_Operations(t *testing.T) {
	inRoot(t)
	known := map[string]bool{}
	ast.Inspect(parseGo(t, "observe.go"), func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Operation") {
			known[stringOf(spec.Values[0])] = true
		}
		return true
	})
	_, text, _ := strings.Cut(documentsOf(t)["docs/observability.md"], "\n## Operations")
	text, _, _ = strings.Cut(text, "\n## ")
	listed := map[string]bool{}
	for _, name := range firstColumn(text) {
		listed[name] = true
	}
	compareSets(t, "docs/observability.md", listed, known)
}

// The table of events has those of Events, and no other.
func TestGuides_Events(t *testing.T) {
	inRoot(t)
	known := map[string]bool{}
	events := reflect.TypeFor[nuxtauth.Events[nuxtauth.DefaultJWT, nuxtauth.DefaultSession[nuxtauth.DefaultUser]]]()
	for i := range events.NumField() {
		known[events.Field(i).Name] = true
	}
	_, text, _ := strings.Cut(documentsOf(t)["docs/observability.md"], "\n## Events")
	text, _, _ = strings.Cut(text, "\n## ")
	listed := map[string]bool{}
	for _, name := range firstColumn(text) {
		listed[name] = true
	}
	compareSets(t, "docs/observability.md", listed, known)
}

// compareSets reports what only one of two sets has.
func compareSets(t *testing.T, file string, listed, want map[string]bool) {
	t.Helper()
	if len(want) < 5 {
		t.Errorf("%s: there are %d: %v", file, len(want), want)
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if !listed[name] {
			t.Errorf("%s does not list %q", file, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(listed)) {
		if !want[name] {
			t.Errorf("%s lists %q", file, name)
		}
	}
}
