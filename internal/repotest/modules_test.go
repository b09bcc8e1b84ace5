package repotest_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// modules are those that an application compiles with the library, most of them
// through Gin. Check the licence, the size and the maintainers of a new one.
var modules = []string{
	"github.com/gabriel-vasile/mimetype",
	"github.com/gin-contrib/sessions",
	"github.com/gin-contrib/sse",
	"github.com/gin-gonic/gin",
	"github.com/go-jose/go-jose/v4",
	"github.com/go-json-experiment/json",
	"github.com/go-playground/locales",
	"github.com/go-playground/universal-translator",
	"github.com/go-playground/validator/v10",
	"github.com/goccy/go-yaml",
	"github.com/golang-jwt/jwt/v5",
	"github.com/gorilla/context",
	"github.com/gorilla/securecookie",
	"github.com/gorilla/sessions",
	"github.com/leodido/go-urn",
	"github.com/mattn/go-isatty",
	"github.com/pelletier/go-toml/v2",
	"github.com/quic-go/qpack",
	"github.com/quic-go/quic-go",
	"github.com/ugorji/go/codec",
	"go.mongodb.org/mongo-driver/v2",
	"golang.org/x/crypto",
	"golang.org/x/net",
	"golang.org/x/oauth2",
	"golang.org/x/sync",
	"golang.org/x/sys",
	"golang.org/x/text",
	"google.golang.org/protobuf",
}

func TestModules_AreListed(t *testing.T) {
	inRoot(t)
	out, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", "./...").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	compiled := strings.Fields(string(out))
	slices.Sort(compiled)
	for _, m := range slices.Compact(compiled) {
		if !slices.Contains(modules, m) {
			t.Errorf("%s is compiled into the library, and not listed here", m)
		}
	}
	for _, m := range modules {
		if !slices.Contains(compiled, m) {
			t.Errorf("%s is listed here, and not compiled into the library", m)
		}
	}
}
