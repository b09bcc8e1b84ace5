package page

import (
	"fmt"
	"strings"
)

// texts are the fixed texts of the pages, so that the templates have none. %s is a name
// that is shown. The texts about errors are notices.
type texts struct {
	Lang, Dir string // of <html>

	Title, ErrorTitle string // of the tab: a heading and the site; with an error before them
	SignIn            string
	SignInWith        string // the button of one of several forms
	ContinueTo        string // the site, below the heading
	ContinueWith      string // the button of a provider
	ContinueAs        string // the link of a signed-in user
	SignedInAs        string
	SignInAgain       string // to a signed-in user whose sign-in is too long ago
	Or                string
	NoProviders       string
	ForgotPassword    string
	NoAccount, SignUp string

	SignOut, ConfirmSignOut, Cancel string
	SignedOut, SignedOutAlready     string

	CheckEmail, LinkSent, LookInSpam string

	SignInAs string // the address of a link, on the page that it opens
	SignsOut string // there, to another user who is signed in

	Fields map[string]string // labels, by the standard name of the field
}

var english = texts{
	Lang: "en", Dir: "ltr",

	Title: "%s – %s", ErrorTitle: "Error: %s",
	SignIn:         "Sign in",
	SignInWith:     "Sign in with %s",
	ContinueTo:     "to continue to %s",
	ContinueWith:   "Continue with %s",
	ContinueAs:     "Continue as %s",
	SignedInAs:     "Signed in as %s",
	SignInAgain:    "Please sign in again to continue.",
	Or:             "or",
	NoProviders:    "There is no way to sign in on this page.",
	ForgotPassword: "Forgot password?",
	NoAccount:      "No account?", SignUp: "Sign up",

	SignOut: "Sign out", ConfirmSignOut: "Are you sure you want to sign out?", Cancel: "Cancel",
	SignedOut: "You are signed out", SignedOutAlready: "There is no session to end in this browser.",

	CheckEmail: "Check your email",
	LinkSent:   "You have been sent a link. Open it to sign in.",
	LookInSpam: "If it does not arrive within a few minutes, look in your spam folder. At most 3 links are sent in 10 minutes.",

	SignInAs: "Sign in as %s",
	SignsOut: "Another user is signed in here, and will be signed out.",

	Fields: map[string]string{
		"username": "Username", "email": "Email", "password": "Password", "tel": "Phone number",
		"code": "One-time code", "pin": "PIN",
	},
}

// A phrase is a text around a name, which stands in an element of its own.
type phrase struct{ Before, Name, After string }

// around returns a text with a name in the place of %s.
func around(text, name string) phrase {
	before, after, _ := strings.Cut(text, "%s")
	return phrase{before, name, after}
}

// title is the title of the tab for a page of a site, which may be "".
func (t *texts) title(heading, site string, failed bool) string {
	if site != "" {
		heading = fmt.Sprintf(t.Title, heading, site)
	}
	if failed {
		return fmt.Sprintf(t.ErrorTitle, heading)
	}
	return heading
}
