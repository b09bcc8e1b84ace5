package mail_test

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"

	"github.com/nuxtauth/nuxtauth/mail"
)

var payloads = []string{
	`"><script>alert(1)</script>`,
	`'><img src=x onerror=alert(1)>`,
	`</title></style><svg onload=alert(1)>`,
	`--><b>`, `<!--`, `{{.URL}}`, `&lt;b&gt;`, `#fff;background:url(//evil.example)`, `red" onclick="x`,
	"a\r\nBcc: attacker@evil.example\r\n\r\n<b>", "a\nb", "\x00\xff\xfe<b>", "a\u2028b\u2029c\u0085d",
	`https://evil.example/"onload="x`, "javascript:alert(1)", `//evil.example`, "http://evil.example/ x",
	strings.Repeat("a", 2000), strings.Repeat("é ", 200), strings.Repeat("ä", 64), strings.Repeat("w w ", 16),
}

// shape is the tree of a document: its elements and the names of their attributes.
func shape(t *testing.T, source string) string {
	t.Helper()
	root, err := html.Parse(strings.NewReader(source))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for n := range root.Descendants() {
		switch n.Type {
		case html.ElementNode:
			b.WriteString("<" + n.Data)
			for _, a := range n.Attr {
				b.WriteString(" " + a.Key)
			}
			b.WriteString(">")
		case html.CommentNode:
			b.WriteString("<!>")
		}
	}
	return b.String()
}

// documentText returns the texts and the values of attributes that are URLs.
func documentText(t *testing.T, source string) (texts, urls []string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(source))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Type == html.TextNode && strings.TrimSpace(n.Data) != "" {
			texts = append(texts, n.Data)
		}
		for _, a := range n.Attr {
			if a.Key == "href" || a.Key == "src" {
				urls = append(urls, a.Val)
			}
		}
	}
	return texts, urls
}

func TestDefault_HostileSite(t *testing.T) {
	whole := mail.Site{Name: "Acme", Host: "www.acme.example", BrandColor: "#4f46e5", ButtonText: "#ffffff", Logo: "https://acme.example/a.png", LogoDark: "https://acme.example/b.png"}
	for field, set := range map[string]func(*mail.Site, string){
		"Name":       func(s *mail.Site, p string) { s.Name = p },
		"Host":       func(s *mail.Site, p string) { s.Host = p },
		"BrandColor": func(s *mail.Site, p string) { s.BrandColor = p },
		"ButtonText": func(s *mail.Site, p string) { s.ButtonText = p },
		"Logo":       func(s *mail.Site, p string) { s.Logo = p },
		"LogoDark":   func(s *mail.Site, p string) { s.LogoDark = p },
	} {
		for _, p := range payloads {
			s := whole
			set(&s, p)
			link, err := mail.Default(mail.Link{Purpose: mail.PurposeSignIn, URL: signInURL, Lifetime: time.Hour, Site: s})
			if err != nil {
				t.Fatal(err)
			}
			checkMessage(t, field+" "+p, link, signInURL)
			n, err := mail.DefaultNotice(mail.Notice{Kind: mail.NoticeLinked, URL: "https://acme.example/account", Method: p, Time: time.Now(), Site: s})
			if err != nil {
				t.Fatal(err)
			}
			checkMessage(t, field+" "+p, n, "https://acme.example/account")
			if field == "Logo" || field == "LogoDark" {
				continue // a bad one is left out
			}
			wantLink, _ := mail.Default(mail.Link{Purpose: mail.PurposeSignIn, URL: signInURL, Lifetime: time.Hour, Site: whole})
			if shape(t, link.HTML) != shape(t, wantLink.HTML) {
				t.Errorf("%s = %q changes the document", field, p)
			}
		}
	}
}

// checkMessage checks what is true of each message, whatever its data.
func checkMessage(t *testing.T, name string, m mail.Message, link string) {
	t.Helper()
	if strings.ContainsFunc(m.Subject, unicode.IsControl) || m.Subject == "" || utf8.RuneCountInString(m.Subject) > 128 {
		t.Errorf("%s: subject %q", name, m.Subject)
	}
	if !utf8.ValidString(m.Subject+m.Text+m.HTML) || strings.ContainsAny(m.Text+m.HTML, "\r\x00") {
		t.Errorf("%s: control characters or invalid UTF-8", name)
	}
	lines := strings.Split(m.Text, "\n")
	if link != "" && !slices.Contains(lines, link) {
		t.Errorf("%s: the link is not on a line of its own:\n%s", name, m.Text)
	}
	for _, line := range lines {
		if line != link && (utf8.RuneCountInString(line) > 78 || strings.TrimSpace(line) != line) {
			t.Errorf("%s: line %q of %d", name, line, utf8.RuneCountInString(line))
		}
	}
	tree := shape(t, m.HTML)
	for _, bad := range []string{"<script", "<svg", "<b>", "<!>", " on", "<iframe", "<link", "<base", "<form"} {
		if strings.Contains(tree, bad) {
			t.Errorf("%s: the document has %q: %s", name, bad, tree)
		}
	}
	_, urls := documentText(t, m.HTML)
	links := 0
	for _, u := range urls {
		if !strings.HasPrefix(u, "https://") && !strings.HasPrefix(u, "http://") {
			t.Errorf("%s: URL %q", name, u)
		}
		if u == link {
			links++
		}
	}
	if link != "" && links != 2 {
		t.Errorf("%s: %d links to %q", name, links, link)
	}
	if strings.Contains(m.HTML, "ZgotmplZ") {
		t.Errorf("%s: the template refused a value", name)
	}
}

func TestDefault_Links(t *testing.T) {
	for _, link := range []string{
		"https://acme.example/x?token=A&email=o'brien%40example.com&a=%22%3Cb%3E#frag",
		"http://localhost:3000/x?a=1&lt=2&copy=3",
		"https://acme.example/" + strings.Repeat("a", 3000),
		"https://[::1]:3000/(a);b,c!d*e$f",
	} {
		m, err := mail.Default(mail.Link{Purpose: "other", URL: link})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(strings.Split(m.Text, "\n"), link) {
			t.Errorf("the text does not have %q:\n%s", link, m.Text)
		}
		texts, urls := documentText(t, m.HTML)
		if !slices.Contains(texts, link) {
			t.Errorf("the HTML does not show %q", link)
		}
		escaped := strings.NewReplacer("'", "%27", "(", "%28", ")", "%29").Replace(link) // the same to a server
		if !slices.Equal(urls, []string{escaped, escaped}) {
			t.Errorf("the HTML links to %q, want twice %q", urls, escaped)
		}
	}
}

func TestDefault_RefusesURLs(t *testing.T) {
	for _, bad := range []string{
		"", "secret", "/secret", "//acme.example/secret", "javascript:secret()", "ftp://acme.example/secret", "https:///secret",
		"https://acme.example/secret\r\nBcc: x@y.example", "https://acme.example/secret x", `https://acme.example/secret"onload="x`,
		"https://acme.example/secret<b>", "https://acme.example/secret`", `https://acme.example/secret\`, "https://bücher.example/secret",
		"https://acme.example/secret\x7f", "https://acme.example/%zzsecret", "mailto:secret@example.com", "https://acme.example/\u2028secret",
	} {
		_, linkErr := mail.Default(mail.Link{Purpose: mail.PurposeSignIn, URL: bad})
		errs := []error{linkErr}
		if bad != "" { // none is allowed there
			_, noticeErr := mail.DefaultNotice(mail.Notice{Kind: mail.NoticePassword, URL: bad, Site: mail.Site{Name: "Acme"}})
			errs = append(errs, noticeErr)
		}
		for _, err := range errs {
			if err == nil || strings.Contains(err.Error(), "secret") || !strings.HasPrefix(err.Error(), "mail: ") {
				t.Errorf("%q: %v", bad, err)
			}
		}
	}
}

func TestDefaultNotice_Refuses(t *testing.T) {
	for _, n := range []mail.Notice{
		{Kind: "deleted", Site: mail.Site{Name: "Acme"}},
		{Site: mail.Site{Name: "Acme"}},
		{Kind: mail.NoticePassword},
		{Kind: mail.NoticePassword, Site: mail.Site{Name: " \n"}},
	} {
		if m, err := mail.DefaultNotice(n); err == nil {
			t.Errorf("%q, %q: %q", n.Kind, n.Site.Name, m.Subject)
		}
	}
}

func TestDefault_Lifetime(t *testing.T) {
	for _, tt := range []struct {
		lifetime time.Duration
		want     string
	}{
		{0, "It works once."},
		{-time.Minute, "It works once."},
		{time.Nanosecond, "It works once, within 1 minute."},
		{119 * time.Second, "It works once, within 1 minute."},
		{10 * time.Minute, "It works once, within 10 minutes."},
		{time.Hour, "It works once, within 1 hour."},
		{90 * time.Minute, "It works once, within 1 hour and 30 minutes."},
		{24 * time.Hour, "It works once, within 24 hours."},
		{47*time.Hour + 59*time.Minute, "It works once, within 47 hours and 59 minutes."},
		{48 * time.Hour, "It works once, within 2 days."},
		{7*24*time.Hour + time.Hour + time.Minute, "It works once, within 7 days and 1 hour."},
	} {
		m, err := mail.Default(mail.Link{Purpose: mail.PurposeSignIn, URL: signInURL, Lifetime: tt.lifetime})
		if err != nil {
			t.Fatal(err)
		}
		if text := strings.Join(strings.Fields(m.Text), " "); !strings.Contains(text, tt.want) {
			t.Errorf("%v: no %q in\n%s", tt.lifetime, tt.want, m.Text)
		}
		if !strings.Contains(strings.ReplaceAll(m.HTML, "\u00a0", " "), tt.want) {
			t.Errorf("%v: no %q in the HTML", tt.lifetime, tt.want)
		}
	}
}

// Each colour is one that mail clients know, in the button and in the dark.
func TestDefault_Colors(t *testing.T) {
	for _, tt := range []struct {
		brand, text string
		want        []string
		branded     bool
	}{
		{"", "", []string{`bgcolor="#18181b"`, "color:#ffffff;"}, false},
		{"", "#f00", []string{`bgcolor="#18181b"`, "color:#ffffff;"}, false},
		{"oklch(0.7 0.1 200)", "", []string{`bgcolor="#18181b"`}, false},
		{"#FC1", "", []string{`bgcolor="#ffcc11"`, "background-color:#ffcc11;", "color:#000000;"}, true},
		{"rgb(79, 70, 229)", "#eee", []string{`bgcolor="#4f46e5"`, "color:#eeeeee;"}, true},
		{"#4f46e5", "white", []string{`bgcolor="#4f46e5"`, "color:#ffffff;"}, true},
	} {
		m, err := mail.Default(mail.Link{URL: signInURL, Site: mail.Site{BrandColor: tt.brand, ButtonText: tt.text}})
		if err != nil {
			t.Fatal(err)
		}
		_, button, _ := strings.Cut(m.HTML, `<td class="button"`)
		button, _, _ = strings.Cut(button, "</td>")
		for _, want := range tt.want {
			if !strings.Contains(button, want) {
				t.Errorf("%q on %q: no %s in %s", tt.text, tt.brand, want, button)
			}
		}
		if inDark := !strings.Contains(m.HTML, ".button { background-color:"); inDark != tt.branded {
			t.Errorf("%q: the dark button has the brand: %v", tt.brand, inDark)
		}
	}
}

func TestDefault_NamesTheHost(t *testing.T) {
	for _, tt := range []struct {
		site mail.Site
		want string
	}{
		{mail.Site{}, "Sign in to acme.example"},
		{mail.Site{Host: "www.acme.example"}, "Sign in to www.acme.example"},
		{mail.Site{Name: " Acme\r\n Corp ", Host: "www.acme.example"}, "Sign in to Acme Corp"},
		{mail.Site{Name: strings.Repeat("é", 65)}, "Sign in to " + strings.Repeat("é", 63) + "…"},
		{mail.Site{Name: strings.Repeat("é", 64)}, "Sign in to " + strings.Repeat("é", 64)},
	} {
		m, err := mail.Default(mail.Link{Purpose: mail.PurposeSignIn, URL: signInURL, Site: tt.site})
		if err != nil || m.Subject != tt.want {
			t.Errorf("%q, %v, want %q", m.Subject, err, tt.want)
		}
	}
}
