package repotest_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var updateAPI = flag.Bool("api", false, "write the listing of the exported API anew")

// listing is the exported API of all modules, without comments. Its first line is the
// hash of the section of the changelog that describes it.
const listing = "testdata/api.txt"

// The exported API changes only together with the changelog: make api writes the listing
// anew, unless the section [Unreleased] is that of before. Package authtest/hostile is
// outside of the promise.
func TestAPI_IsListed(t *testing.T) {
	inRoot(t)
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(unreleased(t))))
	api := exportedAPI(t)
	old, err := os.ReadFile(listing)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	oldSum, oldAPI, _ := strings.Cut(string(old), "\n")
	if api == oldAPI {
		return
	}
	if !*updateAPI {
		t.Fatalf("the exported API is not that of %s: describe the change in CHANGELOG.md, and run make api\n%s", listing, firstDifference(oldAPI, api))
	}
	if oldSum == sum {
		t.Fatalf("the exported API has changed, and CHANGELOG.md has not: describe the change in [Unreleased]\n%s", firstDifference(oldAPI, api))
	}
	if err := os.WriteFile(listing, []byte(sum+"\n"+api), 0o600); err != nil {
		t.Fatal(err)
	}
}

// unreleased returns the first section of the changelog.
func unreleased(t *testing.T) string {
	b, err := os.ReadFile("CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, ok := strings.Cut(string(b), "\n## ")
	if !ok {
		t.Fatal("CHANGELOG.md has no section")
	}
	section, _, _ := strings.Cut(after, "\n## ")
	return section
}

// firstDifference returns the first line that two listings do not share.
func firstDifference(old, api string) string {
	before, after := strings.Split(old, "\n"), strings.Split(api, "\n")
	for i := range min(len(before), len(after)) {
		if before[i] != after[i] {
			return fmt.Sprintf("line %d: %q was %q", i+2, after[i], before[i])
		}
	}
	return fmt.Sprintf("%d lines were %d", len(after), len(before))
}

// exportedAPI lists the exported declarations of all packages that applications import.
func exportedAPI(t *testing.T) string {
	var dirs []string
	err := filepath.WalkDir(".", func(dir string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		switch name := d.Name(); {
		case dir == ".":
		case slices.Contains([]string{"internal", "testdata", "node_modules", "bench", "example", "e2e", "integration", "hostile", "docs", "cmd"}, name), name[0] == '.':
			return filepath.SkipDir
		}
		dirs = append(dirs, dir)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, dir := range dirs {
		writePackage(t, &b, dir)
	}
	return b.String()
}

func writePackage(t *testing.T, b *strings.Builder, dir string) {
	files := token.NewFileSet()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var parsed []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution) // without comments
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, f)
	}
	if len(parsed) == 0 {
		return
	}
	pkg, err := doc.NewFromFiles(files, parsed, module+"/"+filepath.ToSlash(dir))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(b, "\npackage %s // %s\n", pkg.Name, filepath.ToSlash(dir))
	write := func(decl ast.Decl) {
		if f, ok := decl.(*ast.FuncDecl); ok {
			f.Body = nil
		}
		var text bytes.Buffer
		if err := printer.Fprint(&text, files, decl); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(text.String() + "\n") {
			if line = strings.TrimRight(line, " \t\n"); line != "" {
				fmt.Fprintln(b, line)
			}
		}
	}
	values := func(list []*doc.Value) {
		for _, v := range list {
			write(v.Decl)
		}
	}
	funcs := func(list []*doc.Func) {
		for _, f := range list {
			write(f.Decl)
		}
	}
	values(pkg.Consts)
	values(pkg.Vars)
	funcs(pkg.Funcs)
	for _, typ := range pkg.Types {
		write(typ.Decl)
		values(typ.Consts)
		values(typ.Vars)
		funcs(typ.Funcs)
		funcs(typ.Methods)
	}
}
