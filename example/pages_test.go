package main

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestPages_AllowNoScript(t *testing.T) {
	b := newBrowser(t, start(t, nil))
	signedOut := b.get("/")
	b.signIn("ada", "lovelace")
	for _, page := range []response{signedOut, b.get("/"), b.get("/admin"), b.get("/sessions"), b.get("/nowhere"),
		b.get("/signup"), b.get("/reset?email=a@example.com&token=t"), b.get("/sent"), b.get("/outbox"), b.get("/account"), b.get("/account/delete")} {
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
		res := b.get(file)
		if res.StatusCode != http.StatusNotFound && res.StatusCode != http.StatusMovedPermanently {
			t.Errorf("%s: status %d", file, res.StatusCode)
		}
		if res.StatusCode == http.StatusNotFound && (res.Header.Get("X-Content-Type-Options") != "nosniff" || res.Header.Get("Cache-Control") != "no-store") {
			t.Errorf("%s: headers %v", file, res.Header)
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

func TestAPI_IsNotCached(t *testing.T) {
	b := newBrowser(t, start(t, nil))
	b.signIn("ada", "lovelace")
	for _, path := range []string{"/api/me", "/api/users"} {
		res := b.api("GET", path)
		if res.StatusCode != http.StatusOK || res.Header.Get("Cache-Control") != "no-store" || res.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: status %d, headers %v", path, res.StatusCode, res.Header)
		}
	}
}

func TestHome_Notices(t *testing.T) {
	b := newBrowser(t, start(t, nil))
	for key, want := range map[string]string{
		"signed-out": `class="notice info" id="notice" role="status"`, "ended": `class="notice problem" id="notice" role="alert"`,
		"renamed": `class="notice done" id="notice" role="status"`,
	} {
		if page := b.get("/?notice=" + key).body; !strings.Contains(page, want) {
			t.Errorf("%s: no notice with %s", key, want)
		}
	}
	b.signIn("ada", "lovelace")
	if strings.Contains(b.get("/?notice=signed-out").body, "You are signed out") {
		t.Error("a link says to a signed-in user that the session has ended")
	}
}

func TestHome_SaysWhatTheSessionsPageCanDo(t *testing.T) {
	for mode, want := range map[string]string{"": "can’t be listed", "memory": "with a button to end each"} {
		b := newBrowser(t, start(t, map[string]string{"SESSIONS": mode}))
		b.signIn("ada", "lovelace")
		page := b.get("/").body
		if !strings.Contains(page, want) {
			t.Errorf("SESSIONS=%s: the page does not say %q", mode, want)
		}
		for _, link := range []string{"nuxtauth#readme", "/tree/main/docs", "pkg.go.dev/"} {
			if !strings.Contains(page, link) {
				t.Errorf("no link to %s", link)
			}
		}
	}
}

func TestAdmin_OffersAnotherUser(t *testing.T) {
	site := start(t, nil)
	b := newBrowser(t, site)
	b.signIn("alan", "turing")
	res := b.get("/admin")
	link := `href="` + site + `/api/auth/signin?callbackUrl=%2Fadmin&amp;prompt=login">Sign in as `
	if res.StatusCode != http.StatusForbidden || !strings.Contains(res.body, link) {
		t.Errorf("status %d, without %s", res.StatusCode, link)
	}
}

func TestPages_Markup(t *testing.T) {
	site := start(t, map[string]string{"SESSIONS": "memory"})
	b := newBrowser(t, site)
	signedOut := b.get("/")
	b.signIn("ada", "lovelace")
	newBrowser(t, site).signIn("ada", "lovelace")
	pages := []response{signedOut, b.get("/"), b.get("/admin"), b.get("/sessions"), b.get("/nowhere"), b.get("/account"), b.get("/outbox")}
	for _, page := range pages {
		for _, tag := range regexp.MustCompile(`<(ul|ol|pre|svg)\b[^>]*>`).FindAllStringSubmatch(page.body, -1) {
			want := map[string][]string{
				"ul": {`role="list"`}, "ol": {`role="list"`}, "pre": {`tabindex="0"`, `role="region"`, "aria-label"}, "svg": {"width=", "height=", `aria-hidden="true"`},
			}[tag[1]]
			for _, attribute := range want {
				if !strings.Contains(tag[0], attribute) {
					t.Errorf("%s: %s has no %s", page.Request.URL, tag[0], attribute)
				}
			}
		}
		if !strings.Contains(page.body, " – nuxtauth example</title>") {
			t.Errorf("%s: the title does not name the site", page.Request.URL)
		}
	}
	described := regexp.MustCompile(`aria-label="Sign out [^"]*" aria-describedby="(device-[0-9]+)"`).FindStringSubmatch(pages[3].body)
	if described == nil || !strings.Contains(pages[3].body, `id="`+described[1]+`"`) {
		t.Error("the buttons of two like browsers have the same name and no description")
	}
	style := b.get("/style/style.css").body
	for _, bad := range []string{"margin-left", "margin-right", "padding-left", "padding-right", "border-left", "border-right"} {
		if strings.Contains(style, bad) {
			t.Errorf("the style has %s", bad)
		}
	}
}
