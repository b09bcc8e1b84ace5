package api

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/nuxtauth/nuxtauth/internal/page"
)

// Deny answers a request to the application that is not served: a browser that opens a
// page or posts a form gets the error page of a code, which has the same status, a program
// the message in JSON.
func (s *Server) Deny(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	base, err := s.Base(r)
	if err != nil || !wantsPage(r) && !postsForm(r) {
		DenyProgram(w, status, message)
		return
	}
	d := page.Error{Site: base.Origin, Code: code}
	if status == http.StatusForbidden {
		d.SignInURL = base.URL("signin") // as another user
	}
	s.cfg.Pages.Error(w, d)
}

// DenySignedOut answers a request to the application that needs a session: a browser
// that opens a page or posts a form is redirected to the sign-in page, which leads back to
// the page, or to the one with the form; a program gets 401 and a message in JSON, with a challenge (WWW-Authenticate, RFC 9110 §11.6.1) unless that is "". A
// challenge is for a signed-in user, who has to sign in again.
func (s *Server) DenySignedOut(w http.ResponseWriter, r *http.Request, message, challenge string) {
	base, err := s.Base(r)
	posted := postsForm(r)
	if err != nil || !posted && !wantsPage(r) {
		if challenge != "" {
			w.Header().Set("WWW-Authenticate", challenge)
		}
		DenyProgram(w, http.StatusUnauthorized, message)
		return
	}
	status, page := http.StatusFound, base.Origin+r.URL.RequestURI()
	if posted { // the page with the form: its data are lost
		status, page = http.StatusSeeOther, r.Referer()
	}
	back, ok := s.cfg.Site.CallbackURL(base.Base, page)
	if !ok { // such as of a path that begins with two slashes, or of another site
		back = base.Origin
	}
	to := cmp.Or(s.cfg.CustomPages.SignIn, base.URL("signin"))
	to = withQuery(to, "callbackUrl", back)
	if challenge != "" { // the user is signed in
		to = withQuery(to, promptParam, promptLogin)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", to)
	w.WriteHeader(status)
}

// DenyProgram answers a program with a message in JSON, which no cache stores.
func DenyProgram(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Cache-Control", "no-store")
	writeMessage(w, status, message)
}

// wantsPage tells a browser that opens a page from a program that calls an API.
func wantsPage(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// postsForm tells a browser that posts a form, and shows the answer as a page, from a program
// that calls an API.
func postsForm(r *http.Request) bool {
	if r.Method != http.MethodPost {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.Contains(r.Header.Get("Accept"), "text/html") && (kind == "application/x-www-form-urlencoded" || kind == "multipart/form-data")
}
