package repotest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth"
)

const module = "github.com/nuxtauth/nuxtauth"

// The root imports the other packages, they do not import the root, except for those for
// tests and tools, and Gin stays with those that need it. Below internal that is apptest alone, which has the
// applications of the tests and is in no program: go list -deps ./internal/... names
// Gin because of it.
func TestLayout_Imports(t *testing.T) {
	inRoot(t)
	const apptest = "internal/apptest" // for tests only: it may import everything
	mayImportGin := map[string]bool{".": true, "authtest": true, "store/ginstore": true, apptest: true}
	packages := map[string][]string{ // the packages of this module that each may import
		"provider":          nil,
		"password":          nil,
		"token":             {"internal/validity"},
		"internal/account":  {"internal/address", "mail", "provider", "store", "token"},
		"mail":              {"internal/address", "internal/color"},
		"internal/address":  nil,
		"internal/clientip": nil,
		"internal/color":    nil,
		"internal/cookie":   nil,
		"internal/claims":   {"token"},
		"internal/guard":    {"internal/observe", "provider", "store", "token"},
		"internal/memo":     {"internal/guard"},
		"internal/observe":  nil,
		"internal/origin":   nil,
		"internal/validity": nil,
		"internal/page":     {"internal/color"},
		"internal/flow":     {"internal/claims", "internal/observe", "provider"},
		"internal/session": {"internal/clientip", "internal/cookie", "internal/flow", "internal/guard", "internal/memo", "internal/observe",
			"internal/validity", "provider", "store", "token"},
		"internal/api": {"internal/account", "internal/address", "internal/clientip", "internal/cookie", "internal/flow", "internal/guard", "internal/observe", "internal/origin", "internal/page",
			"internal/session", "internal/validity", "mail", "provider", "store", "token"},
		"authtest":         {"authtest/hostile", "provider", "typescript"},
		"authtest/hostile": nil,
		"store":            nil,
		"store/storetest":  {"store"},
		"store/ginstore":   {"store"},
		"store/sqlstore":   {"store"},
		"typescript":       {"token"}, // and the root, for its constraints

		"internal/docblock": nil, // for tests alone
		"internal/modproxy": nil, // for tests alone
		"internal/mutate":   nil, // a command
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
			if imported == module && pkg != apptest && pkg != "authtest" && pkg != "typescript" {
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

// libraryFiles calls do with each Go file of the library, parsed: no tests, and no
// other modules.
func libraryFiles(t *testing.T, do func(file string, f *ast.File, lines int)) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && file != "." {
			_, err := os.Stat(filepath.Join(file, "go.mod"))
			if name := d.Name(); err == nil || name == "testdata" || name == "node_modules" || name[0] == '.' {
				return filepath.SkipDir
			}
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files++
		do(filepath.ToSlash(file), f, set.File(f.Package).LineCount())
		return nil
	})
	if err != nil || files < 100 {
		t.Fatalf("%d files: %v", files, err)
	}
}

// A file is one subject.
func TestLayout_FilesAreShort(t *testing.T) {
	inRoot(t)
	libraryFiles(t, func(file string, _ *ast.File, lines int) {
		if lines > 450 {
			t.Errorf("%s has %d lines: split it by subject", file, lines)
		}
	})
}

// Only the root knows the application's types, and has little of its own: the
// methods of generic types are in the root, but for caches and lists of any type.
func TestLayout_GenericsStayInTheRoot(t *testing.T) {
	inRoot(t)
	containers := map[string]bool{"internal/memo": true, "store": true, "store/storetest": true}
	methods := 0
	libraryFiles(t, func(file string, f *ast.File, _ int) {
		for _, decl := range f.Decls {
			d, ok := decl.(*ast.FuncDecl)
			if !ok || d.Recv == nil || !isGeneric(d.Recv.List[0].Type) {
				continue
			}
			if dir := path.Dir(file); dir == "." {
				methods++
			} else if !containers[dir] {
				t.Errorf("%s: %s has a generic receiver", file, d.Name)
			}
		}
	})
	if methods == 0 || methods > 65 {
		t.Errorf("%d methods of generic types in the root", methods)
	}
}

// isGeneric reports whether the type of a receiver has type parameters.
func isGeneric(t ast.Expr) bool {
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	switch t.(type) {
	case *ast.IndexExpr, *ast.IndexListExpr:
		return true
	}
	return false
}

// Auth is a shell over components with a package of their own.
func TestLayout_AuthHasFewFields(t *testing.T) {
	fields := reflect.TypeFor[nuxtauth.Auth[nuxtauth.DefaultJWT, nuxtauth.DefaultSession[nuxtauth.DefaultUser]]]()
	if n := fields.NumField(); n == 0 || n > 7 {
		t.Errorf("Auth has %d fields", n)
	}
}
