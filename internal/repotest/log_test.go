package repotest_test

import (
	"go/ast"
	"strings"
	"testing"
)

// logs are the functions that write log records, with the place of the message among their
// arguments.
var logs = map[string]int{
	"DebugContext": 1, "InfoContext": 1, "WarnContext": 1, "ErrorContext": 1, // of slog.Logger
	"report": 0, "reject": 2, // of api.Call and session.Manager
	"add": 1, // of api.warnings
}

// The message of each record is constant, so that it can be searched for, and in the table of
// docs/observability.md. Functions that hand a message on have a parameter of this name, or text.
func TestLog_MessagesAreConstantAndListed(t *testing.T) {
	inRoot(t)
	const prefix = "nuxtauth: "
	written := map[string]bool{}
	libraryFiles(t, func(file string, f *ast.File, _ int) {
		if strings.HasPrefix(file, "authtest/") || strings.HasPrefix(file, "internal/apptest/") || strings.HasPrefix(file, "internal/mutate/") {
			return
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			function, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			at, ok := logs[function.Sel.Name]
			if !ok || len(call.Args) <= at {
				return true
			}
			message := stringOf(call.Args[at])
			if name, ok := call.Args[at].(*ast.Ident); strings.HasSuffix(function.Sel.Name, "Context") && message == "" && (!ok || name.Name != "message" && name.Name != "text") {
				t.Errorf("%s: a record whose message is not constant", file)
			}
			if text, ok := strings.CutPrefix(message, prefix); ok {
				written[text] = true
			}
			return true
		})
	})
	_, text, _ := strings.Cut(documentsOf(t)["docs/observability.md"], "\n## Log records")
	text, _, _ = strings.Cut(text, "\n## ")
	listed := map[string]bool{}
	for line := range strings.Lines(text) {
		if cells := strings.Split(line, "|"); len(cells) > 2 && strings.Contains(cells[1], "`") {
			listed[strings.Trim(strings.TrimSpace(cells[1]), "`")] = true
		}
	}
	compareSets(t, "docs/observability.md", listed, written)
}
