package nuxtauth_test

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

// Who may import whom: the root imports the rooms, the rooms do not import the
// root, and gin stays with those that need it.
func TestRoomsImportOnlyWhatTheyMay(t *testing.T) {
	mayImportGin := map[string]bool{".": true, "authtest": true, "store/ginstore": true}
	rooms := map[string][]string{ // packages of ours that a room may import
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
		room := path.Dir(filepath.ToSlash(file))
		allowed, known := rooms[room]
		if !known && room != "." {
			t.Errorf("%s is in no room of the house: say here what it may import", file)
		}
		checked++
		for _, spec := range f.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if strings.HasPrefix(imported, "github.com/gin-") && !mayImportGin[room] {
				t.Errorf("%s imports %s", file, imported)
			}
			if imported == module {
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
