package page_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/page"
)

func errorPage(t testing.TB, code string) document {
	t.Helper()
	p := newPages(t, page.Theme{})
	return render(t, func(w http.ResponseWriter) {
		p.Error(w, page.Error{Site: site, Code: code, SignInURL: base + "/signin"})
	})
}

func TestError_CodesOfAuthJS(t *testing.T) {
	unknown := errorPage(t, "NoSuchCode").mainText(t)
	listed := map[string]bool{}
	for _, code := range page.ErrorCodes() {
		listed[code] = true
	}
	for _, code := range []string{
		// v4
		"Configuration", "AccessDenied", "Verification", "Signin", "OAuthSignin", "OAuthCallback", "OAuthCreateAccount", "EmailCreateAccount",
		"Callback", "OAuthAccountNotLinked", "EmailSignin", "CredentialsSignin", "SessionRequired",
		// v5
		"OAuthCallbackError", "OAuthSignInError", "EmailSignInError", "MissingCSRF", "AccountNotLinked", "WebAuthnVerificationError",
	} {
		if errorPage(t, code).mainText(t) == unknown {
			t.Errorf("%s: the text for unknown codes", code)
		}
		delete(listed, strings.ToLower(code))
	}
	for code := range listed { // codes that Auth.js does not have
		if errorPage(t, code).mainText(t) == unknown {
			t.Errorf("%s: listed, but not found", code)
		}
	}
}

func TestError_Message(t *testing.T) {
	for _, code := range append(page.ErrorCodes(), "Whatever") {
		message := ""
		for _, n := range errorPage(t, code).all("div") {
			if value(n, "class") == "message" {
				message = strings.TrimSpace(text(n))
			}
		}
		if !strings.HasSuffix(message, ".") {
			t.Errorf("%s: message %q, want a sentence", code, message)
		}
	}
}

func TestError_Status(t *testing.T) {
	want := map[string]int{
		"Configuration": 500, "configuration": 500, "AccessDenied": 403, "accessdenied": 403, "Verification": 403, "VERIFICATION": 403,
		"": 200, "Default": 200, "OAuthCallback": 200, "CredentialsSignin": 200, "Whatever": 200,
		"__proto__": 200, "constructor": 200, "toString": 200,
	}
	for code, status := range want {
		if got := errorPage(t, code).status; got != status {
			t.Errorf("%q: status %d, want %d", code, got, status)
		}
	}
}

func TestError_UnknownCodeIsNotShown(t *testing.T) {
	const code = "Account-locked-call-555-0100"
	if strings.Contains(errorPage(t, code).source, code) {
		t.Error("the error page shows the code")
	}
	p := newPages(t, page.Theme{})
	doc := render(t, func(w http.ResponseWriter) { p.SignIn(w, page.SignIn{ErrorCode: code}) })
	if strings.Contains(doc.source, code) {
		t.Error("the sign-in page shows the code")
	}
	if len(doc.alerts()) != 1 {
		t.Error("the sign-in page has no error message")
	}
}

func TestSignIn_Alert(t *testing.T) {
	p := newPages(t, page.Theme{})
	codes := append(page.ErrorCodes(), "Whatever")
	for _, code := range codes {
		doc := render(t, func(w http.ResponseWriter) { p.SignIn(w, page.SignIn{ErrorCode: code}) })
		if a := doc.alerts(); len(a) != 1 || strings.TrimSpace(a[0]) == "" {
			t.Errorf("%s: alerts %q, want one with a text", code, a)
		}
		if doc.status != http.StatusOK {
			t.Errorf("%s: status %d, want 200", code, doc.status)
		}
	}
	doc := render(t, func(w http.ResponseWriter) { p.SignIn(w, page.SignIn{}) })
	if a := doc.alerts(); len(a) != 0 {
		t.Errorf("alerts %q without an error", a)
	}
}

func (d document) alerts() []string {
	var texts []string
	for _, n := range d.all("div") {
		if role := value(n, "role"); role == "alert" || role == "status" {
			texts = append(texts, text(n))
		}
	}
	return texts
}

func TestError_SignInLink(t *testing.T) {
	for code, want := range map[string]bool{"AccessDenied": true, "Verification": true, "": true, "Configuration": false} {
		found := false
		for _, a := range errorPage(t, code).all("a") {
			found = found || value(a, "href") == base+"/signin"
		}
		if found != want {
			t.Errorf("%q: link to sign in %v, want %v", code, found, want)
		}
	}
}
