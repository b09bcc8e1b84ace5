package mail_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/mail"
)

var update = flag.Bool("update", false, "write the messages in testdata anew")

const signInURL = "https://acme.example/api/auth/callback/email?token=4YB2QSWUJ3K7TTFKHPKXSBUAQ5&email=ada%40example.com"

// messages are the built-in messages, by the name of their files in testdata.
var messages = map[string]func() (mail.Message, error){
	"signin": func() (mail.Message, error) {
		return mail.Default(mail.Link{Purpose: mail.PurposeSignIn, URL: signInURL, Lifetime: 10 * time.Minute, Site: mail.Site{Name: "Acme"}})
	},
	"signin-brand": func() (mail.Message, error) {
		return mail.Default(mail.Link{Purpose: mail.PurposeSignIn, URL: signInURL, Lifetime: 10 * time.Minute, Site: mail.Site{
			Name: "Acme", Host: "www.acme.example", BrandColor: "#4f46e5",
			Logo: "https://acme.example/logo.png", LogoDark: "https://acme.example/logo-dark.png",
		}})
	},
	"reset": func() (mail.Message, error) {
		return mail.Default(mail.Link{Purpose: mail.PurposeReset, URL: "https://acme.example/reset?token=4YB2QSWUJ3K7TTFKHPKXSBUAQ5", Lifetime: time.Hour, Site: mail.Site{Name: "Acme"}})
	},
	"verify": func() (mail.Message, error) {
		return mail.Default(mail.Link{Purpose: mail.PurposeVerify, URL: "https://acme.example/verify?token=4YB2QSWUJ3K7TTFKHPKXSBUAQ5", Lifetime: 24 * time.Hour, Site: mail.Site{Name: "Acme"}})
	},
	"other": func() (mail.Message, error) {
		return mail.Default(mail.Link{Purpose: "invitation", URL: "https://acme.example/invitation?token=4YB2QSWUJ3K7TTFKHPKXSBUAQ5"})
	},
	"linked":   notice(mail.NoticeLinked, "GitHub"),
	"unlinked": notice(mail.NoticeUnlinked, "GitHub"),
	"password": notice(mail.NoticePassword, ""),
	"email":    notice(mail.NoticeEmail, ""),

	"reclaimed": notice(mail.NoticeReclaimed, ""),
	"linked-short": func() (mail.Message, error) {
		return mail.DefaultNotice(mail.Notice{Kind: mail.NoticeLinked, Site: mail.Site{Name: "Acme"}})
	},
	"unlinked-short": func() (mail.Message, error) {
		return mail.DefaultNotice(mail.Notice{Kind: mail.NoticeUnlinked, Site: mail.Site{Host: "acme.example"}})
	},
}

func notice(kind mail.NoticeKind, method string) func() (mail.Message, error) {
	return func() (mail.Message, error) {
		return mail.DefaultNotice(mail.Notice{
			Kind: kind, Method: method, URL: "https://acme.example/account", Site: mail.Site{Name: "Acme"},
			Time: time.Date(2026, time.November, 26, 9, 13, 0, 0, time.FixedZone("CET", 3600)),
		})
	}
}

// Look at a change of the built-in messages, in light and dark, before you commit it:
// go test ./mail -update writes them anew.
func TestDefault_Golden(t *testing.T) {
	for name, message := range messages {
		m, err := message()
		if err != nil {
			t.Fatal(err)
		}
		if m.To != "" {
			t.Errorf("%s: the recipient is %q", name, m.To)
		}
		golden(t, name+".txt", "Subject: "+m.Subject+"\n\n"+m.Text)
		golden(t, name+".html", m.HTML)
	}
	files, err := os.ReadDir("testdata")
	if err != nil || len(files) != 2*len(messages) {
		t.Errorf("testdata has %d files, %v, for %d messages", len(files), err, len(messages))
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s has changed: go test ./mail -update\n%s", file, got)
	}
}
