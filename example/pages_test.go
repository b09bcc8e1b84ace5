package main

import (
	"net/http"
	"os"
	"strings"
	"testing"
)

func TestPages_AllowNoScript(t *testing.T) {
	b := newBrowser(t, start(t, nil))
	signedOut := b.get("/")
	b.signIn("ada", "lovelace")
	for _, page := range []response{signedOut, b.get("/"), b.get("/admin"), b.get("/sessions"), b.get("/nowhere")} {
		policy := page.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none';") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "script-src") {
			t.Errorf("%s has the policy %q", page.Request.URL, policy)
		}
		if got := page.Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s may be cached: %q", page.Request.URL, got)
		}
		for _, inline := range []string{"<script", "<style", " style=", " onclick="} {
			if strings.Contains(page.body, inline) {
				t.Errorf("%s has %q, which its policy blocks", page.Request.URL, inline)
			}
		}
	}
	for _, file := range []string{"/style/style.css", "/style/icon.svg", "/avatars/guest.svg"} {
		if res := b.get(file); res.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", file, res.StatusCode)
		}
	}
	for _, file := range []string{"/avatars/", "/avatars/none.svg", "/avatars/..", "/style/%2e%2e%2ftemplates%2fhome.gohtml"} {
		if res := b.get(file); res.StatusCode != http.StatusNotFound && res.StatusCode != http.StatusMovedPermanently {
			t.Errorf("%s: status %d", file, res.StatusCode)
		}
	}
}

func TestHome_CodeOfMain(t *testing.T) {
	b := newBrowser(t, start(t, nil))
	source, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	code := b.shown(b.get("/"), "callback")
	unindented := strings.ReplaceAll(string(source), "\n\t\t\t\t", "\n")
	if !strings.Contains(unindented, code) {
		t.Errorf("main.go does not have this:\n%s", code)
	}
}
