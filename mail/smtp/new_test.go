package smtp_test

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/mail/smtp"
)

func TestNew_Refuses(t *testing.T) {
	for want, change := range map[string]func(*smtp.Options){
		"Options.Host is empty":         func(o *smtp.Options) { o.Host = "" },
		`Host "a b"`:                    func(o *smtp.Options) { o.Host = "a b" },
		`Host "a\r\nb"`:                 func(o *smtp.Options) { o.Host = "a\r\nb" },
		"Options.Port is -1":            func(o *smtp.Options) { o.Port = -1 },
		"Options.Port is 65536":         func(o *smtp.Options) { o.Port = 65536 },
		"Options.Timeout is 11s":        func(o *smtp.Options) { o.Timeout = 11 * time.Second },
		"Options.Timeout is -1ns":       func(o *smtp.Options) { o.Timeout = -1 },
		"Options.From is empty":         func(o *smtp.Options) { o.From = "" },
		`From "login"`:                  func(o *smtp.Options) { o.From = "login" },
		`From "a@x.example,b@`:          func(o *smtp.Options) { o.From = "a@x.example,b@x.example" },
		`From "\"a b\"@x.example"`:      func(o *smtp.Options) { o.From = `"a b"@x.example` },
		`From "é@x.example"`:            func(o *smtp.Options) { o.From = "é@x.example" },
		`From "a@é.example"`:            func(o *smtp.Options) { o.From = "a@é.example" },
		`From "a@[127.0.0.1]"`:          func(o *smtp.Options) { o.From = "a@[127.0.0.1]" },
		`From "=?utf-8?q?a=0Ab?= <a@x.`: func(o *smtp.Options) { o.From = "=?utf-8?q?a=0Ab?= <a@x.example>" },
		`From "a@x.example\r\nBcc: b@x`: func(o *smtp.Options) { o.From = "a@x.example\r\nBcc: b@x.example" },
		"set both":                      func(o *smtp.Options) { o.Username = "user" },
		"set both Options.Username and": func(o *smtp.Options) { o.Password = "secret" },
		"has a zero byte":               func(o *smtp.Options) { o.Username, o.Password = "user", "secret\x00x" },
		"would send the password":       func(o *smtp.Options) { o.Username, o.Password, o.DangerouslySkipTLS = "user", "secret", true },
		"contradicts ImplicitTLS":       func(o *smtp.Options) { o.ImplicitTLS, o.DangerouslySkipTLS = true, true },
		"contradicts ImplicitTLS, port": func(o *smtp.Options) { o.Port, o.DangerouslySkipTLS = 465, true },
		"465 and TLSConfig":             func(o *smtp.Options) { o.TLSConfig, o.DangerouslySkipTLS = &tls.Config{}, true },
	} {
		o := smtp.Options{Host: "mail.example.com", From: "login@example.com"}
		change(&o)
		_, err := smtp.New(o)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "smtp: ") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v, want %s", err, want)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("several problems: %v", err)
		}
	}
}

func TestNew_ReportsAllProblems(t *testing.T) {
	_, err := smtp.New(smtp.Options{Port: -1, Timeout: -1})
	if err == nil || strings.Count(err.Error(), "smtp: ") != 4 {
		t.Errorf("%v", err)
	}
}

func TestParseURL(t *testing.T) {
	for _, tt := range []struct {
		url, addr string
		want      smtp.Options // without From
	}{
		{"smtp://user:p%40ss%2F%3A@mail.example.com:2525", "mail.example.com:2525", smtp.Options{Host: "mail.example.com", Port: 2525, Username: "user", Password: "p@ss/:"}},
		{"smtp://user%40example.com:p+w@mail.example.com/", "mail.example.com:587", smtp.Options{Host: "mail.example.com", Username: "user@example.com", Password: "p+w"}},
		{"smtps://mail.example.com", "mail.example.com:465", smtp.Options{Host: "mail.example.com", ImplicitTLS: true}},
		{"smtps://mail.example.com:587", "mail.example.com:587", smtp.Options{Host: "mail.example.com", Port: 587, ImplicitTLS: true}},
		{"smtp://localhost:1025", "localhost:1025", smtp.Options{Host: "localhost", Port: 1025}},
		{"smtp://[::1]:1025", "[::1]:1025", smtp.Options{Host: "::1", Port: 1025}},
		{"smtp://mailpit:1025?tls=none", "mailpit:1025", smtp.Options{Host: "mailpit", Port: 1025, DangerouslySkipTLS: true}},
	} {
		for _, from := range []string{"login@example.com", "Acme <login@example.com>"} {
			sep := "?"
			if strings.Contains(tt.url, "?") {
				sep = "&"
			}
			o, err := smtp.ParseURL(tt.url + sep + "from=" + strings.NewReplacer(" ", "%20", "<", "%3C", ">", "%3E").Replace(from))
			if err != nil {
				t.Errorf("%s: %v", tt.url, err)
				continue
			}
			if o.Host != tt.want.Host || o.Port != tt.want.Port || o.Username != tt.want.Username || o.Password != tt.want.Password ||
				o.ImplicitTLS != tt.want.ImplicitTLS || o.DangerouslySkipTLS != tt.want.DangerouslySkipTLS || o.From != from {
				t.Errorf("%s: %+v", tt.url, o)
			}
			s, err := smtp.New(o)
			if err != nil || s.Addr() != tt.addr {
				t.Errorf("%s: %v, want the address %s", tt.url, err, tt.addr)
			}
		}
	}
}

func TestParseURL_Refuses(t *testing.T) {
	for url, want := range map[string]string{
		"":                                    `must start with "smtp://"`,
		"mail.example.com:587":                "smtp: the URL",
		"http://user:secret@example.com":      `must start with "smtp://"`,
		"smtp:mail.example.com":               "more than a user",
		"smtp://user:sec#ret@example.com":     "smtp: the URL",
		"smtp://user:sec/ret@example.com":     "smtp: the URL",
		"smtp://user:secret%zz@example.com":   "malformed",
		"smtp://user:secret@example.com/x":    "more than a user",
		"smtp://user:secret@example.com#x":    "more than a user",
		"smtp://user:secret@example.com:0":    "the port",
		"smtp://user:secret@example.com:x":    "malformed",
		"smtp://example.com:99999":            "the port",
		"smtp://example.com?from=a&from=b":    `"from" is more than once`,
		"smtp://example.com?tls=off":          `"none"`,
		"smtp://example.com?secure=true":      `unknown parameter "secure"`,
		"smtp://example.com?from=%zz":         "parameters",
		"smtp://example.com?requireTLS":       `unknown parameter "requireTLS"`,
		"smtp://user:secret\r\n@example.com/": "malformed",
	} {
		_, err := smtp.ParseURL(url)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "smtp: ") || strings.Contains(err.Error(), "sec") && !strings.Contains(url, "?sec") {
			t.Errorf("%q: %v, want %s", url, err, want)
		}
	}
}
