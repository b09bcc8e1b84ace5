package repotest_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/nuxtauth/nuxtauth"

// The root imports the other packages, they do not import the root, and Gin
// stays with those that need it.
func TestLayout_Imports(t *testing.T) {
	const apptest = "internal/apptest" // for tests only: it may import everything
	mayImportGin := map[string]bool{".": true, "authtest": true, "store/ginstore": true, apptest: true}
	packages := map[string][]string{ // the packages of this module that each may import
		"provider":        nil,
		"token":           nil,
		"internal/cookie": nil,
		"internal/fields": {"token"},
		"internal/memo":   nil,
		"internal/origin": nil,
		"internal/page":   nil,
		"internal/flow":   {"provider"},
		"authtest":        {"provider"},
		"store":           nil,
		"store/storetest": {"store"},
		"store/ginstore":  {"store"},
		"store/sqlstore":  {"store"},

		"internal/docblock": nil, // for tests alone
	}
	checked := 0
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && file != "." {
			_, err := os.Stat(filepath.Join(file, "go.mod")) // another module
			if name := d.Name(); err == nil || name == "testdata" || name == "node_modules" || name[0] == '.' {
				return filepath.SkipDir
			}
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pkg := path.Dir(filepath.ToSlash(file))
		allowed, known := packages[pkg]
		if !known && pkg != "." && pkg != apptest {
			t.Errorf("%s is in a package that is not listed here, with what it may import", file)
		}
		checked++
		for _, spec := range f.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if strings.HasPrefix(imported, "github.com/gin-") && !mayImportGin[pkg] {
				t.Errorf("%s imports %s", file, imported)
			}
			if imported == module+"/"+apptest {
				t.Errorf("%s imports %s outside a test", file, imported)
			}
			if imported == module && pkg != apptest {
				t.Errorf("%s imports the root", file)
			}
			if ours, ok := strings.CutPrefix(imported, module+"/"); ok && known {
				if !slices.Contains(allowed, ours) {
					t.Errorf("%s imports %s", file, imported)
				}
			}
		}
		return nil
	})
	if err != nil || checked < 20 {
		t.Fatalf("checked %d files: %v", checked, err)
	}
}
