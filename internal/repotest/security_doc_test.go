package repotest_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// required is the number of requirements of each kind in docs/security.md.
var required = map[string]int{"OA": 19, "JW": 11, "SE": 22, "LO": 4, "AC": 15, "ML": 16}

// testsByFolder returns the tests and fuzz targets of the repository and its
// nested modules, each as folder.Name. The folder of the root is nuxtauth.
func testsByFolder(t *testing.T) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && file != "." && (name == "testdata" || name == "node_modules" || name[0] == '.') {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(file, "_test.go") {
			return nil
		}
		folder := "nuxtauth"
		if dir := filepath.Dir(file); dir != "." {
			folder = filepath.Base(dir)
		}
		f, err := parser.ParseFile(gotoken.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range f.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && (strings.HasPrefix(fn.Name.Name, "Test") || strings.HasPrefix(fn.Name.Name, "Fuzz")) {
				names[folder+"."+fn.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil || len(names) < 400 {
		t.Fatalf("%d tests, %v", len(names), err)
	}
	return names
}

// namedTest matches the name of a test in docs/security.md, with or without a
// subtest.
var namedTest = regexp.MustCompile("`([a-z0-9]+\\.(?:Test|Fuzz)\\w*)(?:/[^`]*)?`")

func TestSecurityDoc_NamesExistingTests(t *testing.T) {
	inRoot(t)
	var page []byte
	for _, file := range []string{"docs/security.md", "docs/versioning.md"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		page = append(page, b...)
	}
	tests := testsByFolder(t)
	named := make(map[string]bool)
	for _, m := range namedTest.FindAllStringSubmatch(string(page), -1) {
		if named[m[1]] = true; !tests[m[1]] && m[1] != "flow.TestX" {
			t.Errorf("there is no %s", m[1])
		}
	}
	// Code that contains the name of a test must match namedTest.
	for _, code := range regexp.MustCompile("`[^`\n]*`").FindAllString(string(page), -1) {
		if regexp.MustCompile(`\b(Test|Fuzz)[A-Z]`).MatchString(code) && !namedTest.MatchString(code) && !strings.HasPrefix(code, "`go test ") {
			t.Errorf("%s is not written as folder.Test", code)
		}
	}
	for name := range tests {
		if strings.Contains(name, ".TestAdvisory_") && !named[name] {
			t.Errorf("%s is in no table", name)
		}
	}
}

func TestSecurityDoc_AnswersEveryRequirement(t *testing.T) {
	inRoot(t)
	page, err := os.ReadFile("docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`^\| ([A-Z]{2}-[0-9]{2}) ([MS/]+) \| ([^|]+) \| ([^|]+) \|$`)
	var found []string
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSpace(line)
		if !regexp.MustCompile(`^\| [A-Z]{2}-[0-9]{2} `).MatchString(line) {
			if cells := strings.Count(line, "|"); strings.HasPrefix(line, "| ") && cells != 4 {
				t.Errorf("a row of %d cells: %s", cells-1, line)
			}
			continue
		}
		m := row.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("a row with a wrong form: %s", line)
			continue
		}
		found = append(found, m[1])
		if answer := m[4]; !namedTest.MatchString(answer) && !strings.HasPrefix(answer, "Does not apply: ") {
			t.Errorf("%s names no test, and no reason why it does not apply", m[1])
		}
	}
	for kind, n := range required {
		for i := range n {
			id := fmt.Sprintf("%s-%02d", kind, i+1)
			if rows := len(found) - len(slices.DeleteFunc(slices.Clone(found), func(s string) bool { return s == id })); rows != 1 {
				t.Errorf("%s has %d rows", id, rows)
			}
		}
	}
	if len(found) != 87 {
		t.Errorf("%d rows", len(found))
	}
}

// The example, which users copy, sets the limits that only the server can set.
func TestExample_ServerHasLimits(t *testing.T) {
	inRoot(t)
	f, err := parser.ParseFile(gotoken.NewFileSet(), "example/server.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	servers, set := 0, make(map[string]bool)
	ast.Inspect(f, func(n ast.Node) bool {
		lit, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		if sel, ok := lit.Type.(*ast.SelectorExpr); !ok || sel.Sel.Name != "Server" {
			return true
		}
		servers++
		for _, e := range lit.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok {
				set[kv.Key.(*ast.Ident).Name] = true
			}
		}
		return true
	})
	if servers != 1 {
		t.Fatalf("the example has %d servers", servers)
	}
	for _, field := range []string{"ReadHeaderTimeout", "ReadTimeout", "WriteTimeout", "IdleTimeout", "MaxHeaderBytes"} {
		if !set[field] {
			t.Errorf("the example's server has no %s", field)
		}
	}
}
