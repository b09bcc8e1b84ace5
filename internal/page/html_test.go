package page_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/nuxtauth/nuxtauth/internal/page"
)

func newPages(t testing.TB, theme page.Theme) *page.Pages {
	t.Helper()
	p, err := page.New(theme)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// document is a response, parsed as HTML.
type document struct {
	status int
	header http.Header
	source string
	root   *html.Node
}

func render(t testing.TB, write func(http.ResponseWriter)) document {
	t.Helper()
	rec := httptest.NewRecorder()
	write(rec)
	res := rec.Result()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	return document{res.StatusCode, res.Header, string(body), root}
}

// all returns the elements with one of the names, in document order.
func (d document) all(names ...string) []*html.Node {
	var found []*html.Node
	for n := range d.root.Descendants() {
		if n.Type == html.ElementNode && slices.Contains(names, n.Data) {
			found = append(found, n)
		}
	}
	return found
}

func (d document) byID(id string) *html.Node {
	for n := range d.root.Descendants() {
		if v, ok := attr(n, "id"); ok && v == id {
			return n
		}
	}
	return nil
}

func (d document) style(t testing.TB) string {
	t.Helper()
	styles := d.all("style")
	if len(styles) != 1 {
		t.Fatalf("%d <style> elements, want 1", len(styles))
	}
	return text(styles[0])
}

func attr(n *html.Node, key string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val, true
		}
	}
	return "", false
}

func value(n *html.Node, key string) string {
	v, _ := attr(n, key)
	return v
}

func text(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return b.String()
}

// mainText returns the text of the page, without the style.
func (d document) mainText(t testing.TB) string {
	t.Helper()
	m := d.all("main")
	if len(m) != 1 {
		t.Fatalf("%d <main> elements, want 1", len(m))
	}
	return text(m[0])
}

// The elements and the attributes that a page may have.
var (
	allowedElements = strings.Fields(`html head meta link title style body div main h1 p strong span form input label button a picture source img
		svg g path circle rect text`)
	allowedAttributes = strings.Fields(`lang dir charset name content class role id for action method type value placeholder
		autocomplete autocapitalize spellcheck inputmode required autofocus rel href src srcset media alt title width height
		aria-hidden aria-invalid aria-describedby
		viewBox d fill fill-rule stroke stroke-width cx cy r x y rx`)
	urlAttributes = []string{"href", "src", "srcset", "action"}
)

// violations lists elements, comments, attributes and URLs that no page may have.
func (d document) violations() []string {
	var bad []string
	for n := range d.root.Descendants() {
		switch n.Type {
		case html.ElementNode:
			if !slices.Contains(allowedElements, n.Data) {
				bad = append(bad, "element <"+n.Data+">")
			}
		case html.CommentNode:
			bad = append(bad, "comment "+n.Data)
		}
		for _, a := range n.Attr {
			if n.Type == html.ElementNode && !slices.Contains(allowedAttributes, a.Key) {
				bad = append(bad, fmt.Sprintf("attribute %s of <%s>", a.Key, n.Data))
			}
			if slices.Contains(urlAttributes, a.Key) && !safeURL(a.Val) {
				bad = append(bad, fmt.Sprintf("%s=%q of <%s>", a.Key, a.Val, n.Data))
			}
		}
	}
	return bad
}

// safeURL reports whether a URL is http, https or relative. html/template replaces all
// others by "#ZgotmplZ".
func safeURL(s string) bool {
	s = strings.ToLower(s)
	scheme, _, found := strings.Cut(s, ":")
	return !found || scheme == "http" || scheme == "https" || strings.ContainsAny(scheme, "/?#")
}

// shape returns the names of elements and attributes, without texts and values.
func (d document) shape() string {
	var b strings.Builder
	for n := range d.root.Descendants() {
		if n.Type == html.ElementNode {
			b.WriteString(n.Data)
			for _, a := range n.Attr {
				b.WriteString(" " + a.Key)
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}
